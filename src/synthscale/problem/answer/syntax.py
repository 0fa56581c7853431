"""The grammar of answers: a recursive descent over tokens, bounded in depth, that never evaluates anything.

answer := item, item, …            item := relation ∪ relation        relation := value = value < value
value := sum unit | ratio | words  sum := term + term                 term := power * power, power power
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from synthscale.problem.answer.tokens import FUNCTIONS, Kind, Token, Unreadable
from synthscale.problem.answer.tree import (
    INFINITY,
    Answer,
    Based,
    Call,
    E,
    Expression,
    I,
    Interval,
    Matrix,
    PI,
    Quantity,
    Ratio,
    Relation,
    Several,
    Symbol,
    Union,
    Words,
    negative,
    symbols,
)
from synthscale.problem.answer.units import CURRENCIES, known, read_unit

MAX_DEPTH = 40
RELATIONS = {"=": "=", "≠": "≠", "<": "<", ">": ">", "≤": "≤", "≥": "≥", "∈": "in", "≈": "≈"}
FILLERS = frozenset("about approximately exactly only total around nearly roughly over just a an the of is".split())
CLOSING = {"(": (")", "]"), "[": ("]", ")"), "\\{": ("\\}",), "{": ("}",), "⟨": ("⟩",), "<": (">",)}
INVERSES = {"ceil": "ceiling", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot"}
RECIPROCAL_FREE = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})  # sin^{-1} is the inverse function
END = Token(Kind.SIGN, "")
REALS = Interval(negative(INFINITY), INFINITY, False, False)


class Parser:
    """Reads one text's tokens into an answer.

    Raises:
        Unreadable: where the tokens are not of the grammar.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = list(tokens)
        self.position = 0
        self.depth = 0
        self.inside_bars = 0

    def whole(self) -> Answer:
        """The answer that all tokens together are."""
        answer = self.answer()
        if self.position < len(self.tokens):
            raise Unreadable(f"nothing fits at {self.next.text!r}")
        return answer

    # answers ----------------------------------------------------------------------------------------------------------

    def answer(self) -> Answer:
        items = self.items()
        return items[0] if len(items) == 1 else Several("list", tuple(items))

    def items(self) -> list[Answer]:
        """One or more items between separators; a separator may stand before `and`, or last."""
        items: list[Answer] = []
        while True:
            items += expand_signs(self.item())
            if self.next.kind is not Kind.SEPARATOR:
                return items
            conjunction = self.next.text
            while self.next.kind is Kind.SEPARATOR:
                conjunction = self.take().text
            if self.at_end():
                return items
            if conjunction == "and" and len(items) == 1 and (both := self.intersection(items[0])) is not None:
                items = [both]
                if self.next.kind is not Kind.SEPARATOR:
                    return items

    def intersection(self, first: Answer) -> Answer | None:
        """`x > 3 and x < 5` as one interval; None, with nothing taken, where it is none."""
        if not isinstance(first, Relation) or first.name not in "<>≤≥":
            return None
        start = self.position
        second = self.item()
        if isinstance(second, Relation) and second.name in "<>≤≥":
            low, high = (first, second) if first.name in ">≥" else (second, first)
            if low.left == high.left and low.name in ">≥" and high.name in "<≤":
                ends = (low.right, high.right)
                if all(isinstance(end, Quantity) for end in ends):
                    interval = Interval(ends[0].value, ends[1].value, low.name == "≥", high.name == "≤")  # type: ignore[union-attr]
                    return Relation("in", low.left, interval)
        self.position = start
        return None

    def item(self) -> Answer:
        parts = [self.relation()]
        while self.next.text == "∪" or (self.next == Token(Kind.SYMBOL, "U", self.next.spaced) and len(parts)):
            self.take()
            parts.append(self.relation())
        if len(parts) == 1:
            return parts[0]
        first = parts[0]
        if isinstance(first, Relation) and first.name == "in":  # x ∈ A ∪ B
            return Relation("in", first.left, Union((first.right, *parts[1:])))
        return Union(tuple(parts))

    def relation(self) -> Answer:
        sides, names = [self.value()], []
        while self.next.text in RELATIONS and self.next.kind is Kind.SIGN:
            names.append(RELATIONS[self.take().text])
            sides.append(self.value())
        return chain(sides, names)

    def value(self) -> Answer:
        while self.next.kind is Kind.WORD and self.next.text.lower() in FILLERS and not self.at_last():
            self.take()
        currency = self.currency()
        if self.next.kind is Kind.WORD and currency is None:
            return self.words()
        left = self.sum()
        if self.next.text == ":" and isinstance(left, (Fraction, Symbol, Call)):
            return self.ratio(left)
        if not isinstance(left, (Fraction, Symbol, Call)):
            self.drop_words()
            return left
        return self.quantity(left, currency)

    def quantity(self, value: Expression, currency: str | None) -> Quantity:
        """The value with the unit, percent or degree sign that belongs to it."""
        if isinstance(value, Call) and value.name in ("percent", "degrees") and currency is None:
            inner = value.arguments[0]
            if value.name == "degrees" and self.next.text in ("C", "F", "Celsius", "Fahrenheit"):
                return Quantity(inner, "celsius" if self.take().text.startswith("C") else "fahrenheit")
            self.unit_words()
            return Quantity(inner, percent=True) if value.name == "percent" else Quantity(inner, "degree")
        words = self.unit_words()
        unit, factor = read_unit(words)
        if words and unit is None and symbols(value):
            raise Unreadable("words follow a formula")
        if factor != 1:
            value = value * factor if isinstance(value, Fraction) else Call("*", (value, factor))
        if unit == "percent":
            return Quantity(value, percent=True)
        if currency is not None and unit != currency and words and "/" in (unit or ""):
            unit = None
        return Quantity(value, currency or unit)

    def currency(self) -> str | None:
        if self.next.text in CURRENCIES:
            return CURRENCIES[self.take().text]
        ahead = self.tokens[self.position + 1 : self.position + 2]
        if self.next.text == "-" and ahead and ahead[0].text in CURRENCIES:  # -$5
            self.tokens[self.position], self.tokens[self.position + 1] = ahead[0], self.next
            return CURRENCIES[self.take().text]
        return None

    def unit_words(self) -> list[str]:
        """The words after a number, with / * and powers between them."""
        words: list[str] = []
        while not self.at_end():
            token = self.next
            if token.kind is Kind.WORD or (token.text in CURRENCIES and token.kind is not Kind.NUMBER):
                words.append(self.take().text)
            elif words and token.text == "^":
                self.take()
                words.append(f"^{self.exponent_of_unit()}")
            elif words and token.text in ("/", "*") or token.text == "/" and not words:
                words.append(self.take().text)
            elif words and token.kind is Kind.SYMBOL and (token.spaced or words[-1] in "/*°"):
                words.append(self.take().text)
            elif words and (token.text in ("{", "}", ".", "-") or token.kind is Kind.NAME and token.text in FUNCTIONS):
                words.append(self.take().text)
            elif words and token.text in ("(", ")"):  # 5 apple(s)
                self.take()
            elif token.text == "(" and self.tokens[self.position + 1 :][:1] and (
                self.tokens[self.position + 1].kind is Kind.WORD
            ):  # 5 (cm)
                self.take()
            elif words and token.kind is Kind.NUMBER and words[-1].lower() in ("per", "every", "each", "/"):
                words.append(self.take().text)
            else:
                break
        if len(words) > 12:
            raise Unreadable("too many words follow the value")
        return [word for word in words if word not in "{}."]

    def exponent_of_unit(self) -> int:
        braces = self.accept("{")
        sign = -1 if self.accept("-") else 1
        token = self.take()
        if braces:
            self.expect("}")
        if token.kind is not Kind.NUMBER or not re.fullmatch(r"\d", token.text):
            raise Unreadable("a unit's power is no digit")
        return sign * int(token.text)

    def drop_words(self) -> None:
        while self.next.kind is Kind.WORD:
            self.take()

    def ratio(self, first: Expression) -> Answer:
        parts: list[Answer] = [Quantity(first)]
        while self.accept(":"):
            part = self.sum()
            if not isinstance(part, (Fraction, Symbol, Call)):
                raise Unreadable("a part of a ratio is no number")
            parts.append(Quantity(part))
        return Ratio(tuple(parts))

    def words(self) -> Answer:
        """A text; `Area = 5` and `Total: 5` have it as their label."""
        words: list[str] = []
        while self.next.kind in (Kind.WORD, Kind.SYMBOL, Kind.NAME) or self.next.text == "'":
            words.append(self.take().text)
        if self.accept(":"):
            return Relation("=", Words(" ".join(words).lower()), self.value())
        if self.next.kind is Kind.NUMBER and words[-1].lower() in ("is", "are", "equals"):
            return Relation("=", Words(" ".join(words).lower()), self.value())
        return Words(" ".join(words).lower())

    # expressions ------------------------------------------------------------------------------------------------------

    def sum(self) -> Expression | Answer:
        self.enter()
        value = self.signed_term()
        while self.next.text in ("+", "-", "±", "∓") and self.next.kind is Kind.SIGN:
            sign = self.take().text
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
            if self.next.text in ("*", "/") and self.next.kind is Kind.SIGN:
                if self.next.text == "/" and self.unit_follows():
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

    def unit_follows(self) -> bool:
        """Whether `/` leads to a unit, as in 5/hour or $5 / kg."""
        after = self.tokens[self.position + 1 : self.position + 2]
        return bool(after) and after[0].kind is Kind.WORD

    def factor_after_sign(self) -> Expression | Answer:
        if self.accept("-"):
            self.enter()
            value = negative(must_be_expression(self.factor_after_sign()))
            self.depth -= 1
            return value
        self.accept("+")
        return self.power()

    def juxtaposed(self, left: Expression) -> Expression | Answer:
        """A product without a sign, a mixed number, or a multiple of a matrix."""
        if self.next.text.startswith("begin{"):
            return multiple(left, self.environment(self.take().text))
        before = self.tokens[self.position - 1]
        if before.kind is Kind.NUMBER and isinstance(left, Fraction) and (part := self.proper_fraction()) is not None:
            return self.postfixed(left + part)
        if self.next.kind is Kind.NUMBER and before.kind is Kind.NUMBER:
            raise Unreadable("two numbers stand side by side")
        return Call("*", (left, self.expression(self.power)))

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
            after = self.tokens[self.position + 1 : self.position + 2]
            return not (after and after[0].kind is Kind.WORD)
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
        token = self.take()
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
        if not base.isdecimal():
            raise Unreadable("a base is no number")
        return base

    def symbol(self, name: str) -> Expression:
        if name == "i":
            return I
        if name == "e":
            return E
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
        while self.starts_factor() and self.next.kind in (Kind.NUMBER, Kind.SYMBOL) or (
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
        if not re.fullmatch(r"begin\{([pbvB]?matrix|smallmatrix|array)\}.*", name):
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

    def barred(self) -> Expression:
        r"""\overline{AB}: a symbol of its own."""
        self.expect("{")
        return Symbol(f"overline_{self.braced_text()}")

    def braced_text(self) -> str:
        inside = []
        while not self.accept("}"):
            if self.at_end():
                raise Unreadable("a brace is not closed")
            inside.append(self.take().text)
        return "".join(inside)

    # tokens -----------------------------------------------------------------------------------------------------------

    @property
    def next(self) -> Token:
        """The token that is to be read."""
        return self.tokens[self.position] if self.position < len(self.tokens) else END

    def take(self) -> Token:
        token = self.next
        self.position += 1
        return token

    def at_end(self) -> bool:
        return self.position >= len(self.tokens)

    def at_last(self) -> bool:
        return self.position + 1 >= len(self.tokens)

    def accept(self, text: str) -> bool:
        if self.next.text == text and self.position < len(self.tokens) and self.next.kind is Kind.SIGN:
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise Unreadable(f"{text!r} is missing")

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("it is nested too deeply")

    def expression(self, rule: Callable[[], Expression | Answer]) -> Expression:
        self.enter()
        value = must_be_expression(rule())
        self.depth -= 1
        return value


COMMANDS: dict[str, Callable[[Parser], Expression | Answer]] = {
    "frac": Parser.fraction,
    "sqrt": Parser.root,
    "binom": Parser.binomial,
    "tbinom": Parser.binomial,
    "dbinom": Parser.binomial,
    "lfloor": lambda parser: parser.enclosed("floor", "rfloor"),
    "lceil": lambda parser: parser.enclosed("ceiling", "rceil"),
    "emptyset": Parser.empty_set,
    "varnothing": Parser.empty_set,
    "overline": Parser.barred,
}


def must_be_expression(value: Expression | Answer) -> Expression:
    """The value, where it is a single number or formula."""
    if isinstance(value, (Fraction, Symbol, Call)):
        return value
    raise Unreadable("a formula has a part that is no number")


def must_be_expression_of(item: Answer) -> Expression:
    """An item's expression, where nothing stands beside it."""
    if not isinstance(item, Quantity):
        raise Unreadable("a formula has a part that is no number")
    if item.percent:
        return Call("percent", (item.value,))
    if item.unit == "degree":
        return Call("degrees", (item.value,))
    return item.value


def multiple(factor: Expression, matrix: Answer) -> Answer:
    """A matrix with every entry multiplied."""
    if not isinstance(matrix, Matrix):
        raise Unreadable("it is no matrix")
    rows = [[Quantity(Call("*", (factor, must_be_expression_of(entry)))) for entry in row] for row in matrix.rows]
    return Matrix(tuple(map(tuple, rows)))


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


def bracketed(opening: str, closing: str, items: list[Answer]) -> Expression | Answer:
    """What a pair of brackets and the items within are."""
    if opening == "\\{" and len(items) == 1 and isinstance(items[0], Relation):
        return items[0]  # a set by condition
    if opening == "\\{" or (opening == "{" and len(items) > 1):
        return Several("set", tuple(items))
    if opening == "⟨":
        return Several("tuple", tuple(items))
    if len(items) == 1 and (opening, closing) in (("(", ")"), ("{", "}"), ("[", "]")):
        (item,) = items
        if opening == "[" and not isinstance(item, Quantity):
            return Several("bracketed", (item,))
        return must_be_expression_of(item) if isinstance(item, Quantity) else item
    ends = [item.value for item in items if isinstance(item, Quantity)]
    if len(items) == len(ends) == 2 and (opening, closing) != ("(", ")"):
        return Interval(ends[0], ends[1], opening == "[", closing == "]")
    if opening == "(" and closing == ")":
        return Several("tuple", tuple(items))
    if opening == "[" and closing == "]":
        return Several("bracketed", tuple(items))
    raise Unreadable("the brackets do not match")


FLIPPED = {"<": ">", ">": "<", "≤": "≥", "≥": "≤", "=": "=", "≠": "≠"}


def chain(sides: list[Answer], names: list[str]) -> Answer:
    """a = b = c says what a is: its last value; a < x < b is an interval for x; ≈ gives way to what stands before it."""
    while "≈" in names:
        at = names.index("≈")
        sides, names = (sides[: at + 1], names[:at]) if at or not is_label(sides[0]) else ([sides[0], sides[1]], ["="])
    if not names:
        return sides[0]
    if set(names) == {"="}:
        return Relation("=", sides[0], sides[-1])
    if len(names) == 1:
        return Relation(names[0], sides[0], sides[1])
    if len(names) == 2 and set(names) <= set("<≤") or set(names) <= set(">≥"):
        low, high = (sides[0], sides[2]) if names[0] in "<≤" else (sides[2], sides[0])
        low_name, high_name = (names[0], names[1]) if names[0] in "<≤" else (names[1], names[0])
        if isinstance(low, Quantity) and isinstance(high, Quantity):
            return Relation("in", sides[1], Interval(low.value, high.value, low_name in "≤≥", high_name in "≤≥"))
    raise Unreadable("the chain of relations is no interval")


def is_label(side: Answer) -> bool:
    """Whether it only names what stands on the other side of an equals sign: x, f(x), (x, y), Area."""
    if isinstance(side, Words):
        return True
    if isinstance(side, Several):
        return all(is_label(item) for item in side.items)
    if not isinstance(side, Quantity) or side.unit is not None or side.percent:
        return False
    value = side.value
    if isinstance(value, Symbol):
        return True
    return (
        isinstance(value, Call)
        and value.name == "*"
        and isinstance(value.arguments[0], Symbol)
        and isinstance(value.arguments[1], (Symbol, Fraction))
    )


def expand_signs(item: Answer) -> list[Answer]:
    """Both values of an item with ±."""
    if isinstance(item, Quantity) and has_both_signs(item.value):
        return [item._replace(value=choose_sign(item.value, sign)) for sign in (1, -1)]
    if isinstance(item, Relation) and isinstance(item.right, Quantity) and has_both_signs(item.right.value):
        return [
            item._replace(right=item.right._replace(value=choose_sign(item.right.value, sign))) for sign in (1, -1)
        ]
    return [item]


def has_both_signs(value: Expression) -> bool:
    """Whether there is a ± in it."""
    return isinstance(value, Call) and (value.name in "±∓" or any(has_both_signs(part) for part in value.arguments))


def choose_sign(value: Expression, sign: int) -> Expression:
    """The value with every ± as + (sign 1) or − (sign −1), every ∓ the other way."""
    if not isinstance(value, Call):
        return value
    arguments = tuple(choose_sign(part, sign) for part in value.arguments)
    if value.name in "±∓":
        plus = (value.name == "±") == (sign == 1)
        return Call("+", (arguments[0], arguments[1] if plus else negative(arguments[1])))
    return Call(value.name, arguments)
