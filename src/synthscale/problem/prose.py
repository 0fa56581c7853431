"""Equations in running text: `She sold 48 / 2 = 24 clips` holds 48/2=24.

One walk over a line's words keeps a chain of operands, operators and equals signs. A word ends the chain, unless it is
a unit: `5 apples + 3 apples = 8 apples` is 5+3=8. A symbol that stands alone between two operands is an operator, as
punctuation never does; so a step `p0 4 : 3 = 2 | 2 + 1` of the embedded world is kept whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

TOKEN = re.compile(
    r"(?P<number>\d+(?:,\d{3})+(?!\d)(?:\.\d+)?|\d*\.\d+|\d+)"
    r"|(?P<word>[^\W\d_]\w*)"
    r"|(?P<equals>=)"
    r"|(?P<operator>[-+*/^×·⋅∙÷−–—|])"
    r"|(?P<percent>%)"
    r"|(?P<open>\()"
    r"|(?P<close>\))"
    r"|(?P<other>\S)"
)
VARIABLE = re.compile(r"[^\W\d_]\d*")  # one letter, or one with a number: x, p0
TIMES_NUMBER = re.compile(r"[xX](\d+)")  # 2x3
MAX_UNIT_WORDS = 4  # 5 dollars per working hour
NO_UNIT = re.compile(
    "and|are|but|equals|for|gives|has|have|he|if|is|it|let|means|or|she|so|that|the|then|therefore|they|thus|was|we|were"
    "|where|which"
)
OPERANDS = ("number", "variable", "percent", "close")


class Token(NamedTuple):
    """A word or sign of a line, and the white space around it."""

    kind: str
    text: str
    touches_last: bool = False
    touches_next: bool = False


END_OF_LINE = Token("end", "")
TIMES = Token("operator", "*")


def equations_in_prose(text: str) -> Iterator[str]:
    """The equations of each line, as they are written but for units and spaces."""
    for line in text.split("\n"):
        if "=" in line:
            chain = Chain(tokens_of(line))
            for i in range(len(chain.line) - 1):
                yield from chain.read(i)
            yield from chain.finish()


def tokens_of(line: str) -> list[Token]:
    """The line's words, numbers and signs, and a mark for its end."""
    matches = list(TOKEN.finditer(line))
    starts, ends = [m.start() for m in matches], [m.end() for m in matches]
    found = []
    for match, end_before, start_after in zip(matches, [-1, *ends], [*starts[1:], -1], strict=False):
        kind = str(match.lastgroup)
        if kind == "word" and VARIABLE.fullmatch(match[0]):
            kind = "variable"
        found.append(Token(kind, match[0], end_before == match.start(), start_after == match.end()))
    return [*found, END_OF_LINE]


def is_times(token: Token, coming: Token) -> bool:
    """Whether the token is an `x` that multiplies what comes."""
    return token.text in ("x", "X") and (coming.kind in ("number", "open") or coming.text == "$")


@dataclass(slots=True)
class Chain:
    """The operands, operators and equals signs of a line that may become an equation."""

    line: list[Token]
    tokens: list[Token] = field(default_factory=list)
    num_open: int = 0

    @property
    def last(self) -> Token:
        """The last token of the chain."""
        return self.tokens[-1] if self.tokens else END_OF_LINE

    @property
    def has_operand(self) -> bool:
        """Whether the chain ends with an operand, so that an operator can follow."""
        return self.last.kind in OPERANDS

    def read(self, i: int) -> Iterator[str]:
        """Take in the line's token i; give the equation that it ends."""
        token, coming = self.line[i], self.line[i + 1]
        match token.kind:
            case "number":
                yield from self.read_number(token)
            case "variable":
                yield from self.read_variable(token, coming)
            case "word":
                yield from self.read_word(i)
            case "equals" | "percent" if self.has_operand:
                self.tokens.append(token)
            case "operator" if self.has_operand or token.text == "|" or (token.text in "-−–" and token.touches_next):
                self.tokens.append(token)
            case "open":
                yield from self.read_open(token, coming)
            case "close" if self.num_open:
                self.num_open -= 1
                self.tokens.append(token)
            case "close" | "other":
                yield from self.read_other(token, coming)

    def read_number(self, token: Token) -> Iterator[str]:
        """A number after an operator goes on with the chain, one beside an operand begins another: `day 2 3 + 4`."""
        if self.last.kind == "variable" and len(self.last.text) > 1:
            self.tokens.append(TIMES)  # p0 4 / 3: a step of the embedded world
        elif self.has_operand and self.last.kind != "percent":  # 4 % 3
            yield from self.finish()
        self.tokens.append(token)

    def read_variable(self, token: Token, coming: Token) -> Iterator[str]:
        """A letter is an `x` for times, a factor as in 8m, a unit as in 8 m + 3 m, or an operand."""
        times = TIMES_NUMBER.fullmatch(token.text)
        if times and self.last.kind == "number" and token.touches_last:
            self.tokens += [TIMES, Token("number", times[1])]
        elif self.has_operand and is_times(token, coming):
            self.tokens.append(TIMES)
        elif self.has_operand and not token.touches_last:
            if coming.kind not in ("operator", "equals"):
                yield from self.finish()
                self.tokens.append(token)
        else:
            self.tokens.append(token)

    def read_word(self, i: int) -> Iterator[str]:
        """A word ends the chain, unless it is a unit (5 miles/hour * 3 =) or the `of` of a percentage."""
        if self.line[i].text == "of" and self.last.kind == "percent":
            self.tokens.append(TIMES)
        elif not self.is_unit(i):
            yield from self.finish()
        elif self.last.text == "/":
            self.tokens.pop()

    def is_unit(self, i: int) -> bool:
        """Whether an operand, perhaps with a slash, stands before the word, and an operator or equals sign follows."""
        if not (self.has_operand or (self.last.text == "/" and len(self.tokens) > 1)):
            return False
        for token, coming in pairwise(self.line[i : i + MAX_UNIT_WORDS + 2]):
            if token.kind in ("operator", "equals") or is_times(token, coming):
                return True
            if token.kind not in ("word", "variable") or NO_UNIT.fullmatch(token.text):
                return False
        return False

    def read_open(self, token: Token, coming: Token) -> Iterator[str]:
        """A bracket multiplies what it touches, groups after an operator, and otherwise begins a remark."""
        if self.has_operand and (not token.touches_last or coming.kind == "word"):
            yield from self.finish()
        self.num_open += 1
        self.tokens.append(token)

    def read_other(self, token: Token, coming: Token) -> Iterator[str]:
        """Currency is passed over; a sign alone between two operands is an operator; punctuation ends the chain."""
        alone = not token.touches_last and not token.touches_next
        if alone and self.has_operand and coming.kind in ("number", "variable", "open"):
            self.tokens.append(Token("operator", token.text))
        elif token.text not in "$€£¥":
            yield from self.finish()

    def finish(self) -> Iterator[str]:
        """The chain as an equation, if it is one; begin another."""
        while self.last.kind in ("operator", "equals", "open") and self.last.text != "|":
            self.tokens.pop()
        text = "".join(token.text for token in self.tokens)
        self.tokens, self.num_open = [], 0
        if text.count("(") != text.count(")"):
            text = text.lstrip("(")
        if "=" in text:
            yield text
