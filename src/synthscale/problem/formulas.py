"""Where a solution's formulas stand: what no step may end inside of, and where equations are looked for.

Formulas are written as in MATH (`$…$`, `\\(…\\)`, `$$…$$`, `\\[…\\]`, environments, `[asy]` drawings, braces) and as in
GSM8K (`<<48/2=24>>`). A dollar sign is money in one and mathematics in the other, and a teacher mixes the two: by
pandoc's rule (its manual, tex_math_dollars) an opening sign touches what follows, a closing one what precedes, and no
digit follows it; of two that could open, the later does, and what begins with an amount ends on its line. An opening
that nothing closes is plain text, so that one slip of the policy does not turn the rest of its solution into one step.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

MARK = re.compile(
    r"<<[^<>\n]*>>"
    r"|\\(?:begin|end)\{[^{}\n]{1,40}\}"
    r"|\\."  # with \\ as one mark, so that \\[2pt] opens no display
    r"|\$\$?|[{}]|\[/?asy\]"
    r"|\n(?:[ \t\r]*\n)?"  # a line or a paragraph ends, and with it some kinds of formula
)
CLOSES = {r"\)": r"\(", r"\]": r"\[", "[/asy]": "[asy]"}
AMOUNT = re.compile(r"\.?\d")
END_WITH_PARAGRAPH = (r"\(", "$", "$$")


class FormulaKind(Enum):
    """What a formula is to the text around it."""

    inline = "inline"  # a part of its sentence
    display = "display"  # set apart on lines of its own: completes the sentence before it
    drawing = "drawing"  # asy code
    markup = "markup"  # GSM8K's calculator annotation


class Formula(NamedTuple):
    """The formula text[start:end], with text[content_start:content_end] between its marks."""

    start: int
    content_start: int
    content_end: int
    end: int
    kind: FormulaKind


def formulas(text: str) -> list[Formula]:
    """The outermost formulas, left to right, none overlapping another; in time linear in the text's length."""
    reader = Reader(text)
    for mark in MARK.finditer(text):
        reader.read(mark)
    found: list[Formula] = []
    for formula in sorted(reader.closed):  # no two start at one mark
        if not found or formula.start >= found[-1].end:
            found.append(formula)
    return found


@dataclass(slots=True)
class Reader:
    """What is open and what was closed after the marks read so far."""

    text: str
    closed: list[Formula] = field(default_factory=list)
    opened: dict[str, re.Match[str]] = field(default_factory=dict)  # the last of each kind that does not nest
    braces: list[re.Match[str]] = field(default_factory=list)
    environments: list[re.Match[str]] = field(default_factory=list)
    num_open: dict[str, int] = field(default_factory=dict)  # environments by name

    def read(self, mark: re.Match[str]) -> None:
        """Take in the next mark."""
        name = mark[0]
        if name[0] == "\n":
            self.end_line(is_paragraph=len(name) > 1)
        elif name[0] == "<":
            self.closed.append(Formula(mark.start(), mark.start() + 2, mark.end() - 2, mark.end(), FormulaKind.markup))
        elif name[0] == "$":
            self.read_dollar(mark)
        elif name == "{":
            self.braces.append(mark)
        elif name == "}" and self.braces:
            self.close(FormulaKind.inline, self.braces.pop(), mark)
        elif name.startswith(r"\begin{"):
            self.environments.append(mark)
            self.num_open[name[7:-1]] = self.num_open.get(name[7:-1], 0) + 1
        elif name.startswith(r"\end{"):
            self.end_environment(name[5:-1], mark)
        elif name in CLOSES.values():
            self.opened[name] = mark
        elif opening := self.opened.pop(CLOSES.get(name, ""), None):
            self.close(kind_of(opening[0]), opening, mark)

    def close(self, kind: FormulaKind, opening: re.Match[str], closing: re.Match[str]) -> None:
        """Note a formula between two marks."""
        self.closed.append(Formula(opening.start(), opening.end(), closing.start(), closing.end(), kind))

    def end_line(self, is_paragraph: bool) -> None:
        """Forget what cannot go on: after a blank line all but the largest formulas, after any line `$15` of money."""
        if is_paragraph:
            self.braces.clear()
            for name in END_WITH_PARAGRAPH:
                self.opened.pop(name, None)
        elif "$" in self.opened and AMOUNT.match(self.text, self.opened["$"].end()):
            del self.opened["$"]

    def read_dollar(self, mark: re.Match[str]) -> None:
        """Close what the sign can close, else open with it if it can."""
        name, before, after = (
            mark[0],
            self.text[mark.start() - 1 : mark.start()],
            self.text[mark.end() : mark.end() + 1],
        )
        if after == "<" and self.text.startswith("<<", mark.end()):
            return  # money before GSM8K's markup
        can_close = name == "$$" or not (before.isspace() or AMOUNT.match(self.text, mark.end()))
        if can_close and (opening := self.opened.pop(name, None)):
            self.close(kind_of(name), opening, mark)
        elif name == "$$" or (after and not after.isspace() and not before.isdigit()):
            self.opened[name] = mark

    def end_environment(self, name: str, mark: re.Match[str]) -> None:
        """Close the innermost environment of that name; those opened inside of it and left open are text."""
        if not self.num_open.get(name):
            return
        while True:
            opening = self.environments.pop()
            inner = opening[0][7:-1]
            self.num_open[inner] -= 1
            if inner == name:
                break
        self.close(FormulaKind.drawing if name == "asy" else FormulaKind.display, opening, mark)


def kind_of(opening: str) -> FormulaKind:
    """What a formula that begins with this mark is."""
    if opening == "[asy]":
        return FormulaKind.drawing
    return FormulaKind.display if opening in ("$$", r"\[") else FormulaKind.inline
