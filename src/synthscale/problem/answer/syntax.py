"""The grammar of answers: a recursive descent over tokens, bounded in depth, that never evaluates anything.

answer := item, item, …            item := relation ∪ relation        relation := value = value < value
value := sum unit | ratio | words  sum := term + term                 term := power * power, power power
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from synthscale.problem.answer.expression import FormulaParser
from synthscale.problem.answer.relations import chain, constant, expand_signs
from synthscale.problem.answer.tokens import FUNCTIONS, Kind, Token, Unreadable
from synthscale.problem.answer.tokens import words as words_of
from synthscale.problem.answer.tree import (
    Answer,
    Call,
    Expression,
    Interval,
    Quantity,
    Ratio,
    Relation,
    Several,
    Symbol,
    Union,
    Words,
    symbols,
)
from synthscale.problem.answer.units import CURRENCIES, OPERATIVE, read_unit

RELATIONS = {"=": "=", "≠": "≠", "<": "<", ">": ">", "≤": "≤", "≥": "≥", "∈": "in", "≈": "≈"}
OPERATIONS: dict[str, Callable[[Expression], Expression]] = {
    "squared": lambda value: Call("^", (value, Fraction(2))),
    "cubed": lambda value: Call("^", (value, Fraction(3))),
    "factorial": lambda value: Call("factorial", (value,)),
}
FILLERS = words_of("""
about approximately exactly only total around nearly roughly over just a an the of is
""")


def must_not_deny(label: Words) -> Words:
    """The label, unless it says that the value is none: not x = 5."""
    if OPERATIVE & set(label.text.split()):
        raise Unreadable("a label denies its value")
    return label


class AnswerParser(FormulaParser):
    """Reads one text's tokens into an answer.

    Raises:
        Unreadable: where the tokens are not of the grammar.
    """

    def whole(self) -> Answer:
        """The answer that all tokens together are."""
        answer = self.answer()
        if self.position < len(self.tokens):
            raise Unreadable(f"nothing fits at {self.next.text!r}")
        return answer

    def answer(self) -> Answer:
        """One value, or a list without brackets."""
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
            low_end, high_end = constant(low.right), constant(high.right)
            opposed = low.name in ">≥" and high.name in "<≤" and low.left == high.left
            if opposed and low_end is not None and high_end is not None:
                return Relation("in", low.left, Interval(low_end, high_end, low.name == "≥", high.name == "≤"))
        self.position = start
        return None

    def item(self) -> Answer:
        """A value, a relation, or a union of intervals and sets."""
        parts = [self.relation()]
        while self.next.text == "∪" or self.next == Token(Kind.SYMBOL, "U", spaced=True):
            self.take()
            parts.append(self.relation())
        if len(parts) == 1:
            return parts[0]
        first = parts[0]
        if isinstance(first, Relation) and first.name == "in":  # x ∈ A ∪ B
            return Relation("in", first.left, Union((first.right, *parts[1:])))
        return Union(tuple(parts))

    def relation(self) -> Answer:
        """One value, or several with signs of relation between them."""
        if self.accept("≈"):
            return self.value()
        sides, names = [self.value()], []
        if isinstance(sides[0], Words) and self.next.kind is Kind.NUMBER and sides[0].text.endswith((" is", " are")):
            must_not_deny(sides[0])
            names.append("=")  # there are 12 − 5 = 7 apples
            sides.append(self.value())
        while self.next.text in RELATIONS and self.next.kind is Kind.SIGN:
            names.append(RELATIONS[self.take().text])
            sides.append(self.value())
        return chain(sides, names)

    def value(self) -> Answer:
        """A number or formula with what is written beside it, words, a ratio, or something in brackets."""
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
        while self.next.text.lower() in OPERATIONS:
            value = OPERATIONS[self.take().text.lower()](value)
        words = self.unit_words()
        try:
            unit, factor = read_unit(words)
        except ValueError as error:
            raise Unreadable(str(error)) from None
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
        """The unit that a sign before the number stands for: $5, -$5."""
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
            if token.kind is Kind.WORD or token.text in CURRENCIES or (words and self.goes_on_unit(words[-1])):
                words.append(self.take().text)
            elif words and token.text == "^":
                self.take()
                words.append(f"^{self.exponent_of_unit()}")
            elif token.text == "/" and not words:
                words.append(self.take().text)
            elif (words and token.text in ("(", ")")) or (token.text == "(" and self.word_follows()):
                self.take()  # 5 apple(s), 5 (cm)
            else:
                break
        if len(words) > 12:
            raise Unreadable("too many words follow the value")
        return [word for word in words if word not in "{}."]

    def goes_on_unit(self, before: str) -> bool:
        """Whether the next token can stand within the words after a number."""
        kind, text, spaced = self.next
        if kind is Kind.NUMBER:
            return before.lower() in ("per", "every", "each", "/")
        if kind is Kind.SYMBOL:
            return spaced or before in "/*°"
        return text in ("/", "*", "{", "}", ".", "-") or (kind is Kind.NAME and text in FUNCTIONS)

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
        """The rest of a : b : c."""
        parts = [Quantity(first)]
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
        label = Words(" ".join(words).lower())
        if self.accept(":"):
            return Relation("=", must_not_deny(label), self.value())
        if self.next.text in RELATIONS:
            must_not_deny(label)
        return label
