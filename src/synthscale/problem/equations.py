"""The equations of a solution, written one way: what two solutions share that reason alike in other words.

RFT (Yuan et al. 2023, arXiv 2308.01825) tells reasoning paths apart by the list of their equations, which GSM8K marks
as `<<48/2=24>>`. Where nothing is marked, formulas and running text are read: `$x + 3 = 7$`, `48 / 2 = 24 clips`. It
is a fingerprint and not a parse: unit words, currency and brackets that close nothing are dropped, nothing is computed,
and no equation is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from synthscale.problem.formulas import FormulaKind, formulas
from synthscale.problem.prose import equations_in_prose

MARKED = re.compile(r"<<([^<>\n]*)>>")
EQUALS = re.compile(r"(?<![<>!:=])=(?!=)")
THOUSANDS = re.compile(r"(?<=\d)(?:,(?:\\!)?|\{,\}|\\[,!])(?=\d{3}(?!\d))")
DECIMAL = re.compile(r"(?<![\d.])(\d*)\.(\d+)(?![\d.])")
CURRENCY = re.compile(r"\\?[$€£¥]")
TIMES = re.compile(r"\\(?:cdot|times)(?![a-zA-Z])|[×·⋅∙∗]")
DIVIDE = re.compile(r"\\div(?![a-zA-Z])|÷")
MINUS = re.compile("[−–—]")

CONNECTIVE = re.compile(
    r"\\(?:text|mbox|textrm)\{\s{0,4}(?:and|or|so|thus|then|where|if|hence|therefore|for|when)\b[^{}]*\}"
    r"|\\q?quad(?![a-zA-Z])|\\(?:implies|iff|Rightarrow|Longrightarrow|Leftrightarrow)(?![a-zA-Z])"
)
UNIT = re.compile(r"\\(?:text|mbox|textrm|mathrm)\{[^{}]*\}")
SILENT = re.compile(
    r"\\(?:left|right|displaystyle|[bB]igg?[lr]?)(?![a-zA-Z])|\\[,;:! ]|\\(?:begin|end)\{[^{}]{0,40}\}|[&~]"
)
FRACTION = re.compile(r"\\[dt]?frac\{([\w.]+)\}\{([\w.]+)\}")
BOXED = re.compile(r"\\(?:boxed|fbox)\{((?>[^{}]+|\{[^{}]*\})*)\}")
SEPARATOR = re.compile(r"\\\\(?:\[[^\[\]]{0,20}\])?|\\.|[()\[\]{},;]")


def equations(solution: str) -> tuple[str, ...]:
    """The solution's equations in order: those marked as in GSM8K, or, where none is, those that its text holds."""
    marked = MARKED.findall(solution)
    found = map(normalised, marked) if marked else equations_in_text(solution)
    return tuple(equation for equation in found if equation)


def normalised(equation: str) -> str:
    """The equation without spaces, thousands separators and currency, with `*`, `/` and `-`, and 2.50 as 2.5."""
    plain = CURRENCY.sub("", THOUSANDS.sub("", equation))
    plain = MINUS.sub("-", DIVIDE.sub("/", TIMES.sub("*", plain)))
    return DECIMAL.sub(shortest, "".join(plain.split()))


def shortest(number: re.Match[str]) -> str:
    """A decimal without what its value does not need: 2.50 is 2.5, 24.00 is 24, .5 is 0.5."""
    whole, fraction = number[1] or "0", number[2].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def equations_in_text(solution: str) -> Iterator[str]:
    """The equations of the formulas and of the prose between them."""
    end = 0
    for formula in formulas(solution):
        yield from map(normalised, equations_in_prose(solution[end : formula.start]))
        if formula.kind is not FormulaKind.drawing:
            yield from equations_in_formula(solution[formula.content_start : formula.content_end])
        end = formula.end
    yield from map(normalised, equations_in_prose(solution[end:]))


def equations_in_formula(content: str) -> Iterator[str]:
    """The equations of one formula's LaTeX; a row of an alignment that begins with `=` goes on with the row before."""
    if not EQUALS.search(content):
        return
    chain = ""
    for part in parts(CONNECTIVE.sub(";", THOUSANDS.sub("", content))):
        plain = FRACTION.sub(r"\1/\2", BOXED.sub(r"\1", SILENT.sub("", UNIT.sub("", part))))
        plain = normalised(plain).strip(".,;:")
        if plain.startswith("="):
            chain += plain
            continue
        if has_sides(chain):
            yield chain
        chain = plain
    if has_sides(chain):
        yield chain


def has_sides(text: str) -> bool:
    """Whether something stands on both sides of an equals sign."""
    sides = EQUALS.split(text)
    return len(sides) > 1 and all(sides)


def parts(content: str) -> Iterator[str]:
    """The formula cut at its line breaks, and at commas and semicolons outside of all brackets."""
    depth, start = 0, 0
    for mark in SEPARATOR.finditer(content):
        is_row = mark[0].startswith(r"\\")
        if is_row or (depth <= 0 and mark[0] in ",;"):
            yield content[start : mark.start()]
            depth, start = 0, mark.end()
        else:  # \, and other commands change nothing, \{ is a bracket
            depth += (mark[0][-1] in "([{") - (mark[0][-1] in ")]}")
    yield content[start:]
