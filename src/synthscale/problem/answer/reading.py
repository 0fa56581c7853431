"""What the text of an answer can mean: one reading as a rule, two where letters may be a unit as well as variables."""

from __future__ import annotations

import re
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache

from synthscale.problem.answer.exact import rational
from synthscale.problem.answer.syntax import AnswerParser
from synthscale.problem.answer.tokens import Token, Unreadable, to_ascii, tokenise
from synthscale.problem.answer.tree import REALS, Answer, Based, Choice, Clock, Quantity, Ratio, Several, Symbol, Words
from synthscale.problem.answer.units import MULTIPLIERS, OPERATIVE, PARTS

MAX_CHARACTERS = 2_000  # of an answer; a longer one is a text
MAX_WORDS = 8
MAX_DIGITS = 4_000
CACHE_SIZE = 20_000

NUMBER = re.compile(r"([-+]?)(\\?\$)?(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?(\\?%)?\.?")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::\d\d)?\s*([ap]\.?\s?m\.?)?", re.IGNORECASE)
_DOLLAR = re.compile(r"(?<!\\)\$")
_HOUR = re.compile(r"(\d{1,2})\s*([ap])\.?\s?m\.?", re.IGNORECASE)
_CHOICE = re.compile(
    r"(?:(?i:option|choice)\s+)?(?:\(([A-J])\)|([A-J])\)|([A-J])\.|([A-J]):|([A-J]))(?=\s|$)\s*(.*)", re.DOTALL
)
_BASED = re.compile(r"([0-9A-Z]{1,64})_\{?(\d{1,2})\}?")
_WRAPPERS = [
    ("$$", "$$"),
    ("$", "$"),
    (r"\(", r"\)"),
    (r"\[", r"\]"),
    ("**", "**"),
    ("`", "`"),
    ("<", ">"),
    ('"', '"'),
    (r"\boxed{", "}"),
    (r"\fbox{", "}"),
    (r"\text{", "}"),
    (r"\textbf{", "}"),
    (r"\mathbf{", "}"),
    (r"\mathrm{", "}"),
    (r"\textrm{", "}"),
    (r"\mbox{", "}"),
    (r"\displaystyle", ""),
    ("{", "}"),
]  # fmt: skip
_COUNTED = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
_NUMBER_WORDS = {word: Fraction(number) for number, word in enumerate(_COUNTED)}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_WORDS = re.compile(r"[A-Za-zÀ-ÿ][\w'’.-]*(?:,? [A-Za-zÀ-ÿ0-9(][\w'’.)-]*)*")


@lru_cache(maxsize=CACHE_SIZE)
def readings(text: str) -> tuple[Answer, ...]:
    """What the text can mean, the likeliest first; nothing where it is no answer."""
    if (quick := NUMBER.fullmatch(text)) is not None and len(text) < MAX_DIGITS:
        return (_plain_number(quick),)
    if len(text) > MAX_CHARACTERS:
        return ()
    text = to_ascii(text)
    if "\\\\" in text and r"\begin" not in text:
        text = re.sub(r"\\\\(?=[A-Za-z])", r"\\", text)  # escaped once too often
    text = unwrap(text)
    if (quick := NUMBER.fullmatch(text)) is not None:
        found: list[Answer] = [_plain_number(quick)]
        if "," in text and "." not in text:  # 100,200 may be two numbers
            found.append(Several("list", tuple(Quantity(Fraction(part)) for part in re.findall(r"\d+", text))))
        return tuple(found)
    if (based := _BASED.fullmatch(text.replace(" ", ""))) is not None and is_based(based[1], based[2]):
        return (Based(based[1], based[2]),)
    spoken = re.sub(r"\\(?:text|mathrm|textrm)\s*\{([^{}]*)\}", r" \1", text) if "{" in text else text
    if (clock := _CLOCK.fullmatch(spoken.strip())) is not None:
        half = re.sub(r"[.\s]", "", clock[3]).lower() if clock[3] else None
        ratio = Ratio((Quantity(Fraction(int(clock[1]))), Quantity(Fraction(int(clock[2])))))
        return (Clock(f"{int(clock[1])}:{clock[2]}", half, None if half or clock[2][0] == "0" else ratio),)
    if (hour := _HOUR.fullmatch(spoken.strip())) is not None:
        return (Clock(f"{int(hour[1])}:00", f"{hour[2].lower()}m", Quantity(Fraction(int(hour[1])))),)
    return _chosen(text) or _parsed(text)


def is_based(digits: str, base: str) -> bool:
    """Whether it is a number in that base, and not the variable A_1."""
    return digits[0].isdigit() and base[0] != "0" and 2 <= int(base) <= 36


def _chosen(text: str) -> tuple[Answer, ...]:
    """The letter of a choice that is written with its content, (B) 12, or with a word, option B; and the content."""
    plain = re.sub(r"\\(?:text|textbf|mathrm|mathbf|textrm)\s*\{([^{}]*)\}", r"\1 ", text)
    found = _CHOICE.fullmatch(re.sub(r"(?:\\[ ,;:]|\\q?quad(?![a-z])|~|\s)+", " ", plain).strip())
    if found is None:
        return ()
    *letters, content = found.groups()
    letter = next(filter(None, letters))
    if not content:
        return (Quantity(Symbol(letter)),) if re.match(r"option|choice", plain.strip(), re.IGNORECASE) else ()
    contents = () if re.search(r"\([A-J]\)", content) else _parsed(content)
    if letters[-1] is not None or not contents:  # a letter alone before other text is a variable or an article
        return ()
    return (Choice(letter, contents),)


def canonical_form(text: str) -> str:
    """The number that an answer is, as a fraction in lowest terms, with its percent sign; else its text, unwrapped."""
    for answer in readings(text)[:1]:
        if isinstance(answer, Quantity):
            with suppress(ZeroDivisionError):
                value = rational(answer.value)
                if value is not None:
                    return f"{value}%" if answer.percent else str(value)
    return re.sub(r"\s+", "", unwrap(to_ascii(text)))


def unwrap(text: str) -> str:
    """The text without what encloses the whole of it: dollars, boxes, styles, a full stop."""
    if (num_dollars := len(_DOLLAR.findall(text))) >= 4 and num_dollars % 2 == 0:
        text = _DOLLAR.sub(" ", text)  # $x = 3$ and $x = -1$
    while True:
        before = text
        text = text.strip().rstrip(".,;:").strip() if not text.endswith(r"\,") else text[:-2]
        text = text.removeprefix(r"\displaystyle").removesuffix("\\").strip()
        for opening, closing in _WRAPPERS:
            if encloses(opening, closing, text):
                text = text[len(opening) : len(text) - len(closing)]
        if text == before:
            return text


def encloses(opening: str, closing: str, text: str) -> bool:
    r"""Whether the two are the ends of the text and belong together, as they do not in \text{a} or \text{b}."""
    if not (closing and text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening + closing)):
        return False
    inside = text[len(opening) : len(text) - len(closing)]
    if closing != "}":
        return opening not in inside and closing not in inside and not (opening == "<" and "," in inside)
    if opening == "{" and "," in inside:
        return False  # a set
    depth = 0
    for match in re.finditer(r"(?<!\\)[{}]", inside):
        depth += 1 if match.group() == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def _plain_number(found: re.Match[str]) -> Quantity:
    sign, currency, whole, part, percent = found.groups()
    value = Fraction(int(whole.replace(",", "") + (part or "")), 10 ** len(part or ""))
    return Quantity(-value if sign == "-" else value, "dollar" if currency else None, percent is not None)


def _parsed(text: str) -> tuple[Answer, ...]:
    found: list[Answer] = []
    ambiguous = False
    for nouns in (False, True):
        if nouns and found and not ambiguous:
            break
        try:
            tokens, ambiguous = tokenise(text, nouns=nouns)
            answer = _read(tokens)
        except (ValueError, ZeroDivisionError):  # Unreadable, or digits that are no number
            continue
        if answer not in found:
            found.append(answer)
    if (words := _words(text)) is not None and words.text in ("all real numbers", "all reals"):
        return (REALS,)
    if words is not None and not any(isinstance(answer, Words) for answer in found):
        found.append(words)
    numbers = [_number_in_words(answer.text) for answer in found[:1] if isinstance(answer, Words)]
    return tuple(found) + tuple(Quantity(number) for number in numbers if number is not None)


def _number_in_words(words: str) -> Fraction | None:
    """The value of `five` and `five apples`."""
    first, _, noun = words.partition(" ")
    if " " in noun or noun in MULTIPLIERS or noun in PARTS or noun in OPERATIVE or noun in _NUMBER_WORDS:
        return None
    if noun in ("percent", "fourth", "fifth", "sixth", "eighth", "tenth", "hundredth"):
        return None
    tens, _, ones = first.partition("-")
    if tens in _TENS and (not ones or 1 <= _NUMBER_WORDS.get(ones, 0) <= 9):
        return Fraction(_TENS[tens] + _NUMBER_WORDS.get(ones, 0))
    return _NUMBER_WORDS.get(first)


def _read(tokens: list[Token]) -> Answer:
    if not tokens:
        raise Unreadable("it is empty")
    return AnswerParser(tokens).whole()


def _words(text: str) -> Words | None:
    """The text as words, where it is a few of them."""
    plain = re.sub(r"\\(?:text|textbf|mathrm|mbox|textit|emph)\s*\{([^{}]*)\}", r"\1", text)
    plain = re.sub(r"(?:\\[ ,;]|~|\s)+", " ", plain).strip().rstrip(".")
    if (
        len(plain) < 2
        or not _WORDS.fullmatch(plain)
        or plain.count(" ") >= MAX_WORDS
        or not re.search("[A-Za-z]{2}", plain)
    ):
        return None
    return Words(plain.lower())
