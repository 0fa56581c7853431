"""From a whole solution to its final answer, and by which rule it was found.

The rules, the first that finds one wins: `hash` (a last `####` line, GSM8K's own form), `box` (the last \\boxed or
\\fbox), `phrase` (the last "the answer is", "Answer:", "A:"), `plain` (the text is an answer itself), `bold`, `math`
(the last displayed or inline formula, in the last paragraph), and for prose that marks none what `Unmarked` says.
Every pattern here is bounded or without alternatives, so that the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from synthscale.problem.answer.policy import Unmarked
from synthscale.problem.answer.reading import MAX_CHARACTERS, NUMBER, readings
from synthscale.problem.answer.tree import Answer, Several, Words
from synthscale.problem.answer.units import OPERATIVE

TAIL_CHARACTERS = 20_000  # of a text in which prose, phrases and formulas are looked for
CACHE_SIZE = 4_096
MAX_TRIES = 30  # of boxes, phrases, … counted from the end


class Extraction(NamedTuple):
    """A final answer and the rule that found it; None where there is none."""

    answer: str | None
    rule: str


_BLANKS = re.compile(r"[^\S\n]{4,}")  # patterns that begin with white space would go over it again and again
_HEADING = re.compile(r"[A-Za-z]{3,}(?: [A-Za-z]+)*:?$|(?:[Ss]tep|[Pp]art|[Cc]ase) \d")
_TOKENS = re.compile(r"(?:\s{0,4}(?:<\|[^|<>\s]{1,30}\|>|</?s>|<eos>|<end_of_turn>)){1,20}\s{0,4}$")
_DENIAL = re.compile(r"\b(?:not|never|cannot|wrong|incorrect|neither|nor)\b|n't\b", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:wrong|incorrect|not an?|not the)\s*(?:final\s*)?$", re.IGNORECASE)  # before `answer`
_CHANGED = re.compile(  # after a number
    r"[A-Za-z]\d|\s?[-+*/^](?:\s|$)|\s(?:half|halves|third|quarter|dozens?|score|grand|hundreds?|thousands?|millions?|billions?"
    r"|lakh|crore|gross|reciprocal|inverse|times|plus|minus|point|negative|squared|cubed|factorial|and a half)\b",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(r"\W{0,9}(?:or|and|maybe|perhaps|possibly|plus|minus|times|to)\b", re.IGNORECASE)
_PROSE = re.compile(
    r"\b(?:we|have|has|hence|thus|so|therefore|then|since|let|get|obtain|because|he|she|they|it|means)\b", re.IGNORECASE
)
_BOX = re.compile(r"\\(?:boxed|fbox|framebox)\s*")
_JOINED = re.compile(
    r"""\\(?:boxed|fbox)\s?\{[^{}]{0,100}\}[\s$]{0,4}
        (?:,|(?:,\s?)?(?:or|and)|\\text\{\s?(?:or|and)\s?\})[\s$]{0,4}$""",
    re.VERBOSE,
)
_PHRASE = re.compile(
    r"""(?:\bsolutions?\s(?:is|are)\b|\b(?:answers?|result)\b(?P<between>[^.\n:=]{0,60}?)
        (?:\bis\b|\bare\b|\bwas\b|:|=|\bequals\b|\bwould\ be\b|\bwill\ be\b|\bmust\ be\b|\bshould\ be\b)\s*:?
      | ^[ \t]*\**(?:A|Ans\.?|Answer)[ \t]*:\**(?=\s))[ \t]*\**[ \t]*:?[ \t]*""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_BOLD = re.compile(r"\*\*([^*\n]{1,300})\*\*")
_DELIMITER = re.compile(r"\\[\[\]()]|(?<!\\)\$\$?|\\(begin|end)\{(?:equation|align|gather)\*?\}")
_CLOSING = {r"\[": r"\]", r"\(": r"\)", "$$": "$$", "$": "$", "begin": "end"}
_SENTENCE_END = re.compile(r"(?<=[.!?。])[\"')*]*\s+(?=[A-Z\\$*(\d\"'])|\n")
_CUT = re.compile(
    r"[,;]?\s+(?:because|since|so|as|which|when|where|for|after|from|in\s+total|and\s+(?:so|the|then)|hence|thus)\b"
    r"|\s+\(|[,;]\s"
)
_LAST_IS = re.compile(r"(=|≈|\b(?:is|are|equals|was|costs?|be|has|have|makes?|gets?|takes?|need(?:s|ed)?)\b)\s*:?\s*")
_FIGURE = re.compile(
    r"-?\\?[$€£]?\d+(?:,\d{3})*(?:\.\d+)?(?:\s?/\s?\d+)?(?:\\?%)?|\\[dt]?frac\{[^{}]{1,20}\}\{[^{}]{1,20}\}"
)
_FORMULA = re.compile(r"\\(?![$%,! ])|[\^_{}]")
_GLUED = re.compile(r"[A-Za-z_^]$|[<>≤≥≠]\s{0,2}$")


def extract(text: str, unmarked: Unmarked = Unmarked.last_sentence) -> Extraction:
    """The final answer of a text, and the rule by which it was found."""
    if text.endswith((">", ">\n")):
        text = text[:-200] + _TOKENS.sub("", text[-200:])
    if "####" in text and (answer := _after_hashes(text)) is not None:
        return Extraction(answer or None, "hash")
    if len(text) <= 200 and NUMBER.fullmatch(stripped := text.strip()):
        return Extraction(stripped, "plain")
    text = text[-TAIL_CHARACTERS:] if len(text) > TAIL_CHARACTERS else text
    return _extract(_BLANKS.sub("   ", text), unmarked)


@lru_cache(maxsize=CACHE_SIZE)
def _extract(text: str, unmarked: Unmarked) -> Extraction:
    if "\\" in text and (answer := _in_box(text)) is not None:
        return Extraction(answer, "box") if readings(answer) else Extraction(None, "box")
    announced = _after_phrase(text)
    if announced is not None:
        return Extraction(announced or None, "phrase")
    for rule, find in (("plain", _plain), ("bold", _in_bold), ("math", _in_math)):
        if (answer := find(text)) is not None:
            return Extraction(answer, rule)
    if unmarked is not Unmarked.none and (answer := _in_prose(text, unmarked)) is not None:
        return Extraction(answer, unmarked.value)
    return Extraction(None, "none")


def _after_hashes(text: str) -> str | None:
    """What follows the last `####` that is no heading; an empty text where that is no answer."""
    at = text.rfind("####")
    while at >= 0:
        line_end = text.find("\n", at)
        rest = (text[at + 4 :] if line_end < 0 else text[at + 4 : line_end])[: MAX_CHARACTERS + 1].strip(" #*\t\r")
        if NUMBER.fullmatch(rest):
            return rest
        last_line = line_end < 0 or not text[line_end:].strip()
        answer = _first_readable([rest, *_trimmed(rest)] if last_line and "####" not in text[at + 4 :] else [rest])
        if answer is None and last_line and rest and not _HEADING.match(rest):
            return ""
        if answer is not None and (last_line or re.match(r"[-+$\\(\[{.\d]", answer)):
            return answer
        at = text.rfind("####", 0, at)
        if len(text) - at > TAIL_CHARACTERS:
            return None
    return None


def _in_box(text: str) -> str | None:
    r"""What the last closed, not empty \boxed holds."""
    for found in reversed(list(_BOX.finditer(text))[-MAX_TRIES:]):
        if found.end() >= len(text):
            continue
        if text[found.end()] != "{":
            token = re.match(r"\s*(\\[A-Za-z]+|\S)", text[found.end() :])
            return token[1] if token else None
        inside = _braced(text, found.end())
        if inside is not None and inside.strip():
            return _with_box_before(text, found.start(), inside.strip())
    return None


def _with_box_before(text: str, start: int, inside: str) -> str:
    r"""What a box holds, and the boxes that `or` and the like join to it: \boxed{5} or \boxed{6} is a list."""
    joined = _JOINED.search(text, max(0, start - 200), start)
    if joined is None:
        return inside
    before = _BOX.match(text, joined.start())
    box = None if before is None else _braced(text, before.end())
    return inside if box is None else f"{box}, {inside}"


def _braced(text: str, start: int) -> str | None:
    """What the braces that open at `start` hold, None where they do not close."""
    depth = 0
    for found in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, start, start + 2 * MAX_CHARACTERS):
        if found.group() == "{":
            depth += 1
        elif found.group() == "}":
            depth -= 1
            if depth == 0:
                return text[start + 1 : found.start()]
    return None


def _after_phrase(text: str) -> str | None:
    """What the last phrase that announces an answer announces; an empty text where that cannot be read."""
    is_last_word = False  # whether the text says no more after a phrase that denies, or that cannot be read
    for found in reversed(list(_PHRASE.finditer(text + " "))[-MAX_TRIES:]):
        before = text[max(0, found.start() - 20) : found.start()].rpartition("\n")[2]
        rest = text[found.end() : found.end() + MAX_CHARACTERS].strip()
        if _DENIAL.search(f"{found['between'] or ''} {rest[:16]}") or _DENIED.search(before):
            is_last_word = True
            continue
        answer = _announced(rest)
        if answer is not None:
            return answer
        is_last_word |= "\n" not in rest
    return "" if is_last_word else None


def _announced(rest: str) -> str | None:
    """The answer at the start of a text."""
    if rest.startswith(("$$", r"\[", r"\(")):
        rest = rest.replace("\n", " ")
    line = rest.partition("\n")[0]
    sentence = _SENTENCE_END.split(line, maxsplit=1)[0]
    if sentence.rstrip().endswith("?"):
        return None
    candidates = [line, sentence, *_trimmed(sentence)]
    if not set(re.findall(r"[a-z']+", sentence.lower())) & OPERATIVE:
        candidates += [sentence[start:end] for start, end in _formulas(sentence)[:1]]
        figures = _figures(sentence)
        candidates += figures if len(figures) == 1 else []
    return _first_readable(candidates)


def _plain(text: str) -> str | None:
    """The text itself, where it is short and an answer; several words of prose are none."""
    text = text.strip()
    if (r"\begin{" not in text and "\n" in text) or len(text) > 300 or text.endswith("?") or _PROSE.search(text):
        return None
    return text if _is_answer(text) else None


def _in_bold(text: str) -> str | None:
    last_line = text.rstrip().rfind("\n")
    for found in reversed(list(_BOLD.finditer(text))[-MAX_TRIES:]):
        after = text[found.end() :].partition("\n")[0]
        if _is_answer(found[1], max_words=3 if found.start() > last_line else 0) and not _DENIAL.search(after):
            return found[1].strip()
    return None


def _in_math(text: str) -> str | None:
    """The last formula of the last paragraph."""
    paragraph = text.rstrip().rpartition("\n\n")[2]
    where = text if paragraph.lstrip().startswith((r"\]", "$$")) else paragraph
    for start, end in reversed(_formulas(where)[-MAX_TRIES:]):
        inside, after = where[start:end].strip(), where[end:].strip()
        if len(after) > 200 and _figures(after):
            return None
        candidates = [_last_line(inside)]
        if readings(candidates[0]):
            return candidates[0]
    return None


def _formulas(text: str) -> list[tuple[int, int]]:
    """Where the formulas between delimiters start and end, without these; $ … $ keeps to one line."""
    found: list[tuple[int, int]] = []
    opening, start = "", 0
    for delimiter in _DELIMITER.finditer(text):
        name = delimiter[1] or delimiter.group()
        closes = opening != "" and name == _CLOSING[opening]
        if name == "$":  # money is not; pandoc's rule
            inside, after = text[start : delimiter.start()], text[delimiter.end() : delimiter.end() + 1]
            closes = closes and "\n" not in inside and not inside[-1:].isspace() and not after.isdigit()
            if not closes and (not after.strip() or opening not in ("", "$")):
                continue
        if closes:
            if text[start : delimiter.start()].strip():
                found.append((start, delimiter.start()))
            opening = ""
        elif name in _CLOSING:
            opening, start = name, delimiter.end()
    return found


def _last_line(formula: str) -> str:
    r"""The last line of an aligned formula, without its & signs."""
    if (r"\begin{" in formula and "matrix" in formula) or r"\begin{array" in formula:
        return formula
    lines = [line for line in re.split(r"\\\\", formula) if line.strip()]
    return (lines[-1] if lines else formula).replace("&", " ").strip(" =\n") if "&" in formula else formula


def _in_prose(text: str, unmarked: Unmarked) -> str | None:
    if unmarked is Unmarked.last_number:
        figures = _figures(text)
        return figures[-1] if figures else None
    lines = text.strip().splitlines()
    if not lines:
        return None
    sentences = [sentence for sentence in _SENTENCE_END.split(lines[-1].strip()) if sentence and sentence.strip()]
    if not sentences:
        return None
    sentence = sentences[-1]
    if _DENIAL.search(sentence) or sentence.endswith("?"):
        return None
    candidates = [sentence] if _is_answer(sentence) and not _PROSE.search(sentence) else []
    figures = _figures(sentence)
    for found in list(_LAST_IS.finditer(sentence))[-1:]:
        rest = sentence[found.end() :]
        says = found[1].strip() in ("=", "≈", "is", "are", "equals", "was")
        candidates += [part for part in (rest, *_trimmed(rest)) if _is_answer(part, max_words=3 if says else 0)]
        figure = _FIGURE.match(rest)
        whole_figure = figure is not None and figure.group() in figures
        if figure is not None and whole_figure and (says or len(figures) == 1):
            candidates.append(figure.group())
    if len(figures) == 1:
        candidates.append(figures[0])
    return _first_readable(candidates)


def _figures(text: str) -> list[str]:
    """The numbers in a text, but those that belong to a word or name; none where they are parts of a formula."""
    if _FORMULA.search(text):
        return []
    return [
        found.group()
        for found in _FIGURE.finditer(text)
        if not _GLUED.search(text[max(0, found.start() - 3) : found.start()]) and not _CHANGED.match(text, found.end())
    ]


def _trimmed(text: str) -> Iterator[str]:
    """The text up to words that go on after an answer: because, which, a comma; the longest first."""
    cuts = [found.start() for found in _CUT.finditer(text) if not _OTHERWISE.match(text, found.start())][:6]
    for cut in reversed(cuts):
        yield text[:cut]


def _first_readable(candidates: list[str]) -> str | None:
    for candidate in candidates:
        candidate = candidate.strip().strip("*").strip()
        if candidate.count("**") == 1 and not re.search(r"\w\*\*[\w({]", candidate):
            candidate = candidate.replace("**", "")  # the other half of **B**
        if candidate and _is_answer(candidate):
            return candidate
    return None


def _is_answer(text: str, max_words: int = 3) -> bool:
    """Whether it can be read, and is not a sentence of words."""
    if not text or len(text) > MAX_CHARACTERS or text.endswith(":"):
        return False
    return any(_most_words(answer) <= max_words for answer in readings(text))


def _most_words(answer: Answer) -> int:
    """Words in the longest text that is a part of it; a list of words and other things is prose."""
    if isinstance(answer, Words):
        return answer.text.count(" ") + 1
    if not isinstance(answer, Several) or not answer.items:
        return 0
    if len({isinstance(item, Words) for item in answer.items}) > 1:
        return MAX_CHARACTERS
    return max(map(_most_words, answer.items))
