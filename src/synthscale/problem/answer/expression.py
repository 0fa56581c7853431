r"""The grammar of formulas, LaTeX and plain, which never evaluates anything.

sum := term + term          term := power * power, power power          power := primary ^ power, primary !
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from synthscale.problem.answer.brackets import bracketed, multiple, must_be_expression, must_be_expression_of
from synthscale.problem.answer.cursor import Cursor
from synthscale.problem.answer.tokens import Kind, Token, Unreadable
from synthscale.problem.answer.tree import (
    EULER,
    IMAGINARY,
    INFINITY,
    PI,
    REALS,
    Answer,
    Based,
    Call,
    Expression,
    Matrix,
    Several,
    Symbol,
    negative,
)

CLOSING = {"(": (")", "]"), "[": ("]", ")"), "\\{": ("\\}",), "{": ("}",), "⟨": ("⟩",)}
INVERSES = {"ceil": "ceiling", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot"}
RECIPROCAL_FREE = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})  # sin^{-1} is the inverse function


class FormulaParser(Cursor):
    """Reads formulas; what stands between brackets is left to `items` of the grammar of answers.

    Raises:
        Unreadable: where the tokens are not of the grammar.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        super().__init__(tokens)
        self.inside_bars = 0

    def items(self) -> list[Answer]:
        """One or more answers between separators."""
        raise NotImplementedError

    def item(self) -> Answer:
        """One answer."""
        raise NotImplementedError

    def sum(self) -> Expression | Answer:
        self.enter()
        value = self.signed_term()
        while self.next.text in ("+", "-", "±", "∓") and self.next.kind is Kind.SIGN:
            sign = self.take().text
            self.operate()
            right = self.expression(self.term)
            left = must_be_expression(value)
            match sign:
                case "+":
                    value = Call("+", (left, right))
                case "-":
                    value = Call("+", (left, negative(right)))
                case _:
                    value = Call(sign, (left, right))
        if self.next.kind is Kind.COMMAND and self.next.text in ("over", "choose"):
            name = {"over": "/", "choose": "binomial"}[self.take().text]
            value = Call(name, (must_be_expression(value), self.expression(self.sum)))
        self.depth -= 1
        return value

    def signed_term(self) -> Expression | Answer:
        if self.accept("+"):
            return self.signed_term_again()
        if self.accept("-"):
            return negative(must_be_expression(self.signed_term_again()))
        if self.next.text in ("±", "∓"):
            sign = self.take().text
            return Call(sign, (Fraction(0), self.expression(self.term)))
        return self.term()

    def signed_term_again(self) -> Expression | Answer:
        self.enter()
        value = self.signed_term()
        self.depth -= 1
        return value

    def term(self) -> Expression | Answer:
        value = self.power()
        while True:
            self.operate()
            if self.next.text in ("*", "/") and self.next.kind is Kind.SIGN:
                if self.next.text == "/" and self.word_follows():
                    return value
                name = self.take().text
                right = self.expression(self.factor_after_sign)
                value = Call(name, (must_be_expression(value), right))
            elif isinstance(value, Call) and value.name == "degrees" and self.next.text in ("C", "F"):
                return value
            elif self.starts_factor() and isinstance(value, (Fraction, Symbol, Call)):
                value = self.juxtaposed(value)
            else:
                return value

    def word_follows(self) -> bool:
        """Whether the token after the next is a word: 5/hour, 5 (cm)."""
        after = self.tokens[self.position + 1 : self.position + 2]
        return bool(after) and after[0].kind is Kind.WORD

    def factor_after_sign(self) -> Expression | Answer:
        if self.accept("-"):
            self.enter()
            value = negative(must_be_expression(self.factor_after_sign()))
            self.depth -= 1
            return value
        self.accept("+")
        factor = self.power()
        if isinstance(factor, Fraction) and self.before.kind is Kind.NUMBER:
            return factor + (self.proper_fraction() or 0)  # 2 · 3 1/2
        return factor

    def juxtaposed(self, left: Expression) -> Expression | Answer:
        """A product without a sign, a mixed number, or a multiple of a matrix."""
        if self.next.text.startswith("begin{"):
            return multiple(left, self.environment(self.take().text))
        before = self.tokens[self.position - 1]
        if before.kind is Kind.NUMBER and isinstance(left, Fraction) and (part := self.proper_fraction()) is not None:
            return self.postfixed(left + part)
        if self.next.kind is Kind.NUMBER and before.kind is Kind.NUMBER:
            raise Unreadable("two numbers stand side by side")
        if self.next.kind is Kind.NUMBER and before.kind is Kind.SYMBOL and not self.next.spaced:
            raise Unreadable("a number is glued to a letter before it")
        applied = self.next.text == "(" and is_function_name(left)
        return Call("apply" if applied else "*", (left, self.expression(self.power)))

    def proper_fraction(self) -> Fraction | None:
        r"""The a/b of the mixed number 1\frac{a}{b} or 1 a/b; None, with nothing taken, where there is none."""
        texts = [token.text for token in self.tokens[self.position : self.position + 8]]
        if texts[:2] == ["frac", "{"] and texts[3:5] == ["}", "{"] and texts[6:7] == ["}"]:
            above, below, length = texts[2], texts[5], 7
        elif texts[:1] == ["frac"] and re.fullmatch(r"\d\d", "".join(texts[1:2])):
            above, below, length = texts[1][0], texts[1][1], 2
        elif len(texts) > 2 and texts[1] == "/" and self.next.spaced:
            above, below, length = texts[0], texts[2], 3
        else:
            return None
        if above.isdecimal() and below.isdecimal() and 0 < int(above) < int(below):
            self.position += length
            return Fraction(int(above), int(below))
        return None

    def starts_factor(self) -> bool:
        token = self.next
        if token.kind in (Kind.NUMBER, Kind.SYMBOL, Kind.NAME):
            return not (token.text == "U" and token.spaced)
        if token.kind is Kind.COMMAND:
            return token.text in COMMANDS or token.text.startswith("begin")
        if token.text == "(":  # 5 (cm) is a unit
            return not self.word_follows()
        return token.text in ("{", "[", "|") and (token.text != "|" or not self.inside_bars)

    def power(self) -> Expression | Answer:
        self.enter()
        value = self.postfixed(self.primary())
        if self.next.text == "^":
            self.take()
            base = must_be_expression(value)
            value = self.postfixed(Call("^", (base, self.exponent())))
        self.depth -= 1
        return value

    def exponent(self) -> Expression:
        if self.accept("-"):
            return negative(self.expression(self.power))
        self.accept("+")
        return self.expression(self.power)

    def postfixed(self, value: Expression | Answer) -> Expression | Answer:
        """Factorials, percent and degree signs, primes."""
        while True:
            self.operate()
            ahead = [token.text for token in self.tokens[self.position : self.position + 4]]
            if ahead[:1] == ["!"]:
                self.take()
                value = Call("factorial", (must_be_expression(value),))
            elif ahead[:1] == ["%"]:
                self.take()
                value = Call("percent", (must_be_expression(value),))
            elif ahead[:2] == ["^", "°"] or ahead[:1] == ["°"]:
                self.position += 2 if ahead[0] == "^" else 1
                value = Call("degrees", (must_be_expression(value),))
            elif ahead == ["^", "{", "°", "}"]:
                self.position += 4
                value = Call("degrees", (must_be_expression(value),))
            elif ahead[:1] == ["'"] and isinstance(value, Symbol):
                self.take()
                value = Symbol(value.name + "'")
            else:
                return value

    def primary(self) -> Expression | Answer:
        self.enter()
        value = self.primary_of(self.take())
        self.depth -= 1
        return value

    def primary_of(self, token: Token) -> Expression | Answer:
        match token.kind:
            case Kind.NUMBER:
                return self.number(token)
            case Kind.SYMBOL:
                return self.symbol(token.text)
            case Kind.NAME:
                return self.named(token.text)
            case Kind.COMMAND if token.text in COMMANDS:
                return COMMANDS[token.text](self)
            case Kind.COMMAND if token.text.startswith("begin{"):
                return self.environment(token.text)
            case Kind.SIGN if token.text in CLOSING and token.text != "<":
                return self.bracket(token.text)
            case Kind.SIGN if token.text in ("|", "‖"):
                return self.bars(token.text)
        raise Unreadable(f"nothing starts with {token.text!r}" if token.text else "it ends too early")

    def number(self, token: Token) -> Expression | Answer:
        text = token.text
        if self.next.text in ("overline", "bar") and self.next.kind is Kind.COMMAND:
            self.take()
            return repeating(text, self.digits())
        if self.next.text == "_":
            self.take()
            return Based(text, self.base())
        mantissa, _, exponent = text.lower().partition("e")
        value = decimal(mantissa)
        if exponent:
            if abs(int(exponent)) > 5_000:
                raise Unreadable("an exponent is too large")
            value *= Fraction(10) ** int(exponent)
        return value

    def digits(self) -> str:
        """The digits in braces, or the one digit without."""
        braces = self.accept("{")
        token = self.take()
        if not token.text.isdecimal():
            raise Unreadable("a bar stands over no digits")
        if braces:
            self.expect("}")
        elif len(token.text) > 1:
            raise Unreadable("more than one digit follows a bar without braces")
        return token.text

    def base(self) -> str:
        braces = self.accept("{")
        token = self.take()
        base = {"two": "2", "three": "3", "eight": "8", "ten": "10", "sixteen": "16"}.get(token.text, token.text)
        if braces:
            self.expect("}")
        if not (base.isdecimal() and base[0] != "0" and 2 <= int(base) <= 36):
            raise Unreadable("a base is no number from 2 to 36")
        return base

    def symbol(self, name: str) -> Expression:
        if name == "i":
            return IMAGINARY
        if name == "e":
            return EULER
        if self.next.text == "_":
            self.take()
            return Symbol(f"{name}_{self.subscript()}")
        return Symbol(name)

    def subscript(self) -> str:
        if not self.accept("{"):
            return self.take().text
        inside = []
        while not self.accept("}"):
            if self.at_end():
                raise Unreadable("a subscript does not end")
            inside.append(self.take().text)
        return "".join(inside)

    def named(self, name: str) -> Expression | Answer:
        match name:
            case "pi":
                return PI
            case "infinity":
                return INFINITY
            case "reals":
                return REALS
            case "log" | "lg" | "ln":
                return self.logarithm(name)
            case "sqrt":
                return self.root()
            case _:
                return self.function(name)

    def function(self, name: str) -> Expression:
        exponent: Expression | None = None
        if self.accept("^"):
            exponent = self.exponent()
            if exponent == Fraction(-1) and name in RECIPROCAL_FREE:
                name, exponent = f"a{name}", None
        arguments = self.arguments()
        value: Expression = Call(INVERSES.get(name, name), arguments)
        return value if exponent is None else Call("^", (value, exponent))

    def logarithm(self, name: str) -> Expression:
        base: Expression | None = Fraction(10) if name == "lg" else None
        if self.accept("_"):
            base = self.argument()
        exponent = self.exponent() if self.accept("^") else None
        (of, *_) = self.arguments()
        value: Expression = Call("log", (of,))
        if base is not None:
            value = Call("/", (value, Call("log", (base,))))
        return value if exponent is None else Call("^", (value, exponent))

    def arguments(self) -> tuple[Expression, ...]:
        r"""What a function is applied to: (…), {…}, or the factors up to the next sign or function: \sin 2x."""
        if self.next.text in ("(", "{", "["):
            closing = CLOSING[self.take().text]
            values = [must_be_expression_of(item) for item in self.items()]
            if self.take().text not in closing:
                raise Unreadable("a bracket is not closed")
            return tuple(self.postfixed(value) for value in values) if len(values) == 1 else tuple(values)  # type: ignore[misc]
        value = self.expression(self.power)
        while (self.starts_factor() and self.next.kind in (Kind.NUMBER, Kind.SYMBOL)) or (
            self.next.text in ("pi", "frac") and self.starts_factor()
        ):
            value = Call("*", (value, self.expression(self.power)))
        while self.next.text == "/" and self.tokens[self.position - 1].kind in (Kind.NUMBER, Kind.NAME, Kind.SYMBOL):
            self.take()
            value = Call("/", (value, self.expression(self.power)))
        return (value,)

    def root(self) -> Expression:
        degree: Expression | None = None
        if self.next.text == "[":
            self.take()
            degree = self.expression(self.sum)
            self.expect("]")
        of = self.argument()
        return Call("sqrt", (of,)) if degree is None else Call("root", (of, degree))

    def argument(self) -> Expression:
        r"""A command's argument: {…}, (…), or one token, of a number its first digit: \frac12."""
        token = self.next
        if token.kind is Kind.NUMBER and len(token.text) > 1 and token.text.isdecimal() and self.after_command():
            self.tokens[self.position] = Token(Kind.NUMBER, token.text[1:])
            return Fraction(int(token.text[0]))
        if self.accept("{"):
            value = self.expression(self.sum)
            self.expect("}")
            return value
        if self.accept("-"):
            return negative(self.argument())
        value = must_be_expression(self.primary())
        return value

    def after_command(self) -> bool:
        """Whether LaTeX takes single tokens here; sqrt23 without a backslash is the root of 23."""
        before = self.tokens[self.position - 1]
        return before.kind is Kind.COMMAND or before.text == "}" or self.tokens[self.position - 1].kind is Kind.NUMBER

    def fraction(self) -> Expression:
        above = self.argument()
        return Call("/", (above, self.argument()))

    def binomial(self) -> Expression:
        above = self.argument()
        return Call("binomial", (above, self.argument()))

    def enclosed(self, name: str, closing: str) -> Expression:
        r"""\lfloor x \rfloor."""
        value = self.expression(self.sum)
        if self.take().text != closing:
            raise Unreadable(f"{closing} is missing")
        return Call(name, (value,))

    def bars(self, sign: str) -> Expression:
        self.inside_bars += 1
        value = self.expression(self.sum)
        self.expect(sign)
        self.inside_bars -= 1
        return Call("abs", (value,))

    def bracket(self, opening: str) -> Expression | Answer:
        """A grouping, a tuple, an interval, a set, a list in brackets."""
        bars, self.inside_bars = self.inside_bars, 0
        if opening == "\\{" and self.accept("\\}"):
            return Several("set", ())
        if opening == "\\{" and self.condition_follows():
            self.position += 2
        self.enter()
        items = self.items()
        self.depth -= 1
        closing = self.take().text
        if closing not in CLOSING[opening]:
            raise Unreadable("a bracket is not closed")
        self.inside_bars = bars
        return bracketed(opening, closing, items)

    def condition_follows(self) -> bool:
        r"""Whether it is a set by condition, \{x \mid x > 2\} or \{x : x > 2\}."""
        ahead = self.tokens[self.position : self.position + 2]
        return len(ahead) == 2 and ahead[0].kind is Kind.SYMBOL and ahead[1].text in ("|", ":")

    def environment(self, name: str) -> Answer:
        if not re.fullmatch(r"begin\{([pbB]?matrix|smallmatrix|array)\}.*", name):
            raise Unreadable(f"{name} is no matrix")
        rows: list[tuple[Answer, ...]] = []
        row: list[Answer] = []
        while True:
            row.append(self.item())
            token = self.take()
            if token.text == "&":
                continue
            rows.append(tuple(row))
            row = []
            if token.text == "\\" and self.next.text.startswith("end{"):
                token = self.take()
            if token.text.startswith("end{"):
                break
            if token.text != "\\":
                raise Unreadable("a matrix does not end")
        if len({len(row) for row in rows}) != 1:
            raise Unreadable("a matrix has rows of several lengths")
        return Matrix(tuple(rows))

    def empty_set(self) -> Answer:
        return Several("set", ())

    def angle(self) -> Expression:
        r"""\angle ABC, a symbol of its own."""
        token = self.take()
        if token.kind is not Kind.SYMBOL:
            raise Unreadable("an angle has no name")
        return Symbol(f"∠{token.text}")

    def barred(self) -> Expression:
        r"""\overline{AB}: the segment AB, one symbol."""
        self.expect("{")
        return Symbol(self.braced_text())

    def braced_text(self) -> str:
        inside = []
        while not self.accept("}"):
            if self.at_end():
                raise Unreadable("a brace is not closed")
            inside.append(self.take().text)
        return "".join(inside)

    def expression(self, rule: Callable[[], Expression | Answer]) -> Expression:
        self.enter()
        value = must_be_expression(rule())
        self.depth -= 1
        return value


def is_function_name(value: Expression) -> bool:
    """Whether f(x) or f^{-1}(x) may begin with it; what it is applied to is multiplied all the same."""
    if isinstance(value, Call) and value.name == "^" and value.arguments[1] == -1:
        value = value.arguments[0]
    return isinstance(value, Symbol) and len(value.name) == 1


COMMANDS: dict[str, Callable[[FormulaParser], Expression | Answer]] = {
    "frac": FormulaParser.fraction,
    "sqrt": FormulaParser.root,
    "binom": FormulaParser.binomial,
    "tbinom": FormulaParser.binomial,
    "dbinom": FormulaParser.binomial,
    "lfloor": lambda parser: parser.enclosed("floor", "rfloor"),
    "lceil": lambda parser: parser.enclosed("ceiling", "rceil"),
    "emptyset": FormulaParser.empty_set,
    "varnothing": FormulaParser.empty_set,
    "overline": FormulaParser.barred,
    "angle": FormulaParser.angle,
}


def decimal(text: str) -> Fraction:
    """The exact value of digits with a point."""
    whole, _, part = text.partition(".")
    return Fraction(int(whole + part or "0"), 10 ** len(part))


def repeating(text: str, digits: str) -> Fraction:
    r"""0.1\overline{6} = (16 − 1) / 90."""
    whole, point, part = text.partition(".")
    if not point:
        raise Unreadable("a bar stands over digits before the point")
    head = Fraction(int(whole + part or "0"), 10 ** len(part))
    return head + Fraction(int(digits), (10 ** len(digits) - 1) * 10 ** len(part))
