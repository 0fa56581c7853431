"""From the text of an answer, LaTeX or plain, to tokens, in one linear pass."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from synthscale.problem.answer.units import POWERS, SINGLE_LETTERS, known

MAX_TOKENS = 1_000
MAX_DIGITS = 4_000  # below Python's own limit on reading integers


class Unreadable(ValueError):
    """The text is no answer that the grammar knows."""


class Kind(Enum):
    """What a token is."""

    NUMBER = auto()
    SYMBOL = auto()  # a variable, one letter or a Greek letter's name
    NAME = auto()  # a function or constant: sin, pi
    WORD = auto()  # a noun, a unit, a word of text
    COMMAND = auto()  # \frac and the like, without the backslash
    SIGN = auto()  # operators, brackets, relations
    SEPARATOR = auto()  # between the values of a list: , ; and or


class Token(NamedTuple):
    """A piece of the text."""

    kind: Kind
    text: str
    spaced: bool = False  # whether a space stands before it


def words(text: str) -> frozenset[str]:
    """The words of a table."""
    return frozenset(text.split())


_PIECES = re.compile(
    r"""
    (?P<space>(?:\s|~|\\[,;:!\ >]|\\(?:q?quad|thinspace|medspace|displaystyle|textstyle|limits|left\s*\.|right\s*\.
              |left|right|[bB]igg?[lr]?|hfill|hspace\{[^{}]{0,20}\}|mathstrut|strut|nolimits|rm|bf|it)(?![A-Za-z]))+)
  | (?P<number>(?:\d{1,3}(?:(?:,|\{,\}|,\\!|\\!,|\\,|\\\s|\{\\,\}|,\\,)\d{3})+(?!\d)|\d+)
              (?:\.\d+|\.(?=\\(?:overline|bar)))?(?:[eE][+-]?\d+(?![\d.]))?
            |\.\d+(?:[eE][+-]?\d+(?![\d.]))?|\.(?=\\overline))
  | (?P<text>\\(?:text|textrm|textbf|textit|textnormal|mbox|hbox|mathrm|mathbf|mathit|mathsf|mathtt|mathbb|mathcal
              |boldsymbol|bm|operatorname\*?|textsf|texttt|emph|underline|rm|bf|vec|hat|mathring|widehat)\s*
              (?:\{(?P<content>[^{}]*(?:\{[^{}]*\}[^{}]*)*)\}|\s(?P<letter>[A-Za-z])(?![A-Za-z])))
  | (?P<environment>\\(?:begin|end)\s*\{[A-Za-z]+\*?\}(?:\s*\{[|clr\s]*\})?)
  | (?P<command>\\[A-Za-z]+|\\.)
  | (?P<letters>[A-Za-zÀ-ÿ]{3,}(?:[’'\-][A-Za-zÀ-ÿ]{2,})*|[A-Za-zÀ-ÿ]+)
  | (?P<sign>\*\*|<=|>=|!=|==|.)
    """,
    re.VERBOSE | re.DOTALL,
)
FUNCTIONS = words("""
sin cos tan cot sec csc arcsin arccos arctan asin acos atan arccot sinh cosh tanh log ln lg exp sqrt
cbrt abs floor ceil gcd lcm max min det
""")
NAMES = {"pi": "pi", "infinity": "infinity", "inf": "infinity", "infty": "infinity", "oo": "infinity"}
GREEK = words("""
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho
varrho sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi
Psi Omega ell hbar
""")
SHORT_WORDS = words("""
yes no not none true false even odd both all real is are of the to at in on an per and or for
""")
SEPARATORS = frozenset({"and", "or", "&", "as well as", "and also"})
SIGN_OF_COMMAND = {
    **{"cdot": "*", "times": "*", "ast": "*", "div": "/", "le": "≤", "leq": "≤", "leqslant": "≤", "ge": "≥"},
    **{"geq": "≥", "geqslant": "≥", "lt": "<", "gt": ">", "ne": "≠", "neq": "≠", "in": "∈", "cup": "∪", "equiv": "="},
    **{"approx": "≈", "simeq": "≈", "pm": "±", "mp": "∓", "{": "\\{", "}": "\\}", "lbrace": "\\{", "rbrace": "\\}"},
    **{"%": "%", "$": "$", "#": "#", "&": "&", "_": "_", "|": "‖", "lbrack": "[", "rbrack": "]", "colon": ":"},
    **{"langle": "⟨", "rangle": "⟩", "lvert": "|", "rvert": "|", "vert": "|", "mid": "|", "circ": "°", "degree": "°"},
    **{"pounds": "£", "euro": "€", "textdollar": "$", "lparen": "(", "rparen": ")", "to": "→", "backslash": "∖"},
    **{"setminus": "∖", "cap": "∩", "land": "and", "lor": "or", "vee": "or", "wedge": "and", "infin": "∞"},
}
LOWER_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
    *("xi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
_UNICODE = str.maketrans(
    {
        **dict.fromkeys("−–﹣", "-"),
        **dict.fromkeys("×·⋅∗•", "*"),
        **{"÷": "/", "⁄": "/", "√": r"\sqrt ", "π": r"\pi ", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge "},
        **{"≠": r"\ne ", "∈": r"\in ", "∪": r"\cup ", "∩": r"\cap ", "±": r"\pm ", "∓": r"\mp ", "°": r"^\circ "},
        **{"≈": r"\approx ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "…": r"\ldots ", "º": r"^\circ "},
        **{"⟨": r"\langle ", "⟩": r"\rangle ", "∛": r"\sqrt[3]", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil "},
        **{"⌉": r"\rceil ", "≡": r"\equiv ", "‘": "'", "’": "'", "“": "", "”": "", "℃": "°C", "℉": "°F"},
        **dict.fromkeys("\u200b\ufeff", ""),
        **{chr(8304 + 4 + i): f"^{{{4 + i}}}" for i in range(6)},
        **{letter: f"\\{name} " for letter, name in zip("αβγδεζηθικλμνξρστυφχψω", LOWER_GREEK, strict=True)},
        **dict.fromkeys("\u202f\u2009\u00a0\u2007", r"\,"),
        **{"Δ": r"\Delta ", "Ω": r"\Omega ", "Σ": r"\Sigma ", "Φ": r"\Phi "},
        **{"½": r"\frac{1}{2}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}"},
        **{"⅕": r"\frac{1}{5}", "⅖": r"\frac{2}{5}", "⅗": r"\frac{3}{5}", "⅘": r"\frac{4}{5}", "⅙": r"\frac{1}{6}"},
        **{"⅚": r"\frac{5}{6}", "⅛": r"\frac{1}{8}", "⅜": r"\frac{3}{8}", "⅝": r"\frac{5}{8}", "⅞": r"\frac{7}{8}"},
    }
)  # fmt: skip
_SUPERSCRIPTS = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ]+")
_SUPERSCRIPT_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")


def to_ascii(text: str) -> str:
    """Unicode's mathematics as LaTeX, full-width characters as ordinary ones."""
    if text.isascii():
        return text
    text = _SUPERSCRIPTS.sub(lambda found: "^{" + found.group().translate(_SUPERSCRIPT_DIGITS) + "}", text)
    return unicodedata.normalize("NFKC", text.translate(_UNICODE))


def tokenise(text: str, *, nouns: bool) -> tuple[list[Token], bool]:
    """The tokens, and whether some letters could be nouns or units as well as variables.

    Args:
        text: an answer, already `to_ascii`.
        nouns: read such letters as words; else as a product of variables.

    Raises:
        Unreadable: with more tokens or digits than an answer has.
    """
    tokens: list[Token] = []
    depth, spaced, ambiguous = 0, False, False
    for found in _PIECES.finditer(text):
        kind, piece = found.lastgroup, found.group()
        if kind in ("content", "letter"):
            kind = "text"
        if len(tokens) > MAX_TOKENS:
            raise Unreadable("it is too long")
        match kind:
            case "space":
                spaced = True
                continue
            case "number":
                tokens += _number(piece, spaced, inside=depth > 0)
            case "text":
                tokens += _styled(piece, found["content"] or found["letter"] or "", spaced)
            case "letters":
                new, either = _letters(piece, spaced, nouns, after=tokens[-1] if tokens else None)
                tokens += new
                ambiguous |= either
            case "environment":
                tokens.append(Token(Kind.COMMAND, re.sub(r"\s", "", piece[1:]), spaced))
            case "command":
                tokens += _command(piece[1:], spaced)
            case _:
                tokens += _sign(piece, spaced)
        spaced = False
        if tokens and tokens[-1].kind is Kind.SIGN:
            depth += (tokens[-1].text in ("(", "[", "\\{")) - (tokens[-1].text in (")", "]", "\\}"))
    return tokens, ambiguous


def _number(piece: str, spaced: bool, *, inside: bool) -> Iterator[Token]:
    if len(piece) > MAX_DIGITS:
        raise Unreadable("a number has too many digits")
    if inside and re.fullmatch(r"\d{1,3}(,\d{3})+", piece):  # (1,234) is a point
        for i, part in enumerate(piece.split(",")):
            if i:
                yield Token(Kind.SEPARATOR, ",")
            yield Token(Kind.NUMBER, part, spaced and i == 0)
        return
    yield Token(Kind.NUMBER, re.sub(r"[^\d.eE+-]", "", piece), spaced)


def _styled(piece: str, content: str, spaced: bool) -> Iterator[Token]:
    """Text inside \\text, \\mathrm and the like: a separator, a letter, a function, or words."""
    content = content.strip()
    if re.match(r"\\mathbb|\\Bbb", piece) and content == "R":
        yield Token(Kind.NAME, "reals", spaced)
    elif content.lower().strip(" ,;") in SEPARATORS or content in (",", ";"):
        yield Token(Kind.SEPARATOR, content.lower().strip(" ,;") or ",", spaced)
    elif content in FUNCTIONS or content in NAMES:
        yield Token(Kind.NAME, NAMES.get(content, content), spaced)
    elif re.fullmatch(r"\(?[A-Za-z]\)?", content):
        letter = content.strip("()")
        is_unit = letter in SINGLE_LETTERS and re.match(r"\\(text|mathrm|mbox|rm)", piece)
        yield Token(Kind.WORD if is_unit else Kind.SYMBOL, letter, spaced)
    elif re.match(r"\\(vec|hat|mathbf|boldsymbol|bm|widehat|underline|mathit|mathsf|textbf|emph|text)\b", piece) and (
        not re.search(r"[A-Za-z]{2}", content)
    ):
        yield from tokenise(content, nouns=False)[0]
    else:
        for word in re.findall(r"[A-Za-zÀ-ÿ$¢£€][\w'’.$-]*|\^\{?\d+\}?|/|\d+(?:\.\d+)?|[,;]|\S", content):
            if word.lower() in SEPARATORS or word in (",", ";"):
                yield Token(Kind.SEPARATOR, word.lower(), True)
            elif word[0].isdigit():
                yield Token(Kind.NUMBER, word, True)
            elif (word[0].isalpha() and len(word) > 1) or word.isalpha():
                yield Token(Kind.WORD, word, True)
            elif word.startswith("^") and len(word) > 1:
                yield Token(Kind.SIGN, "^")
                yield Token(Kind.NUMBER, word.strip("^{}"))
            else:
                yield from _sign(word, True)


def _letters(piece: str, spaced: bool, nouns: bool, after: Token | None) -> tuple[list[Token], bool]:
    """What a run of letters is, and whether it could be read in the other way."""
    if piece.lower() in SEPARATORS:
        return [Token(Kind.SEPARATOR, piece.lower(), spaced)], False
    if piece in NAMES or piece in FUNCTIONS:
        return [Token(Kind.NAME, NAMES.get(piece, piece), spaced)], False
    if piece.lower() in ("infinity",):
        return [Token(Kind.NAME, "infinity", spaced)], False
    if len(piece) > 1 and spaced and after is not None and after.kind is Kind.SYMBOL and after.text not in "xyz":
        return [Token(Kind.WORD, piece, spaced)], False  # prose: words with nothing but spaces between them
    after_value = after is not None and (
        after.kind in (Kind.NUMBER, Kind.WORD) or after.text in (")", "}", "/", "°", "$")
    )
    if len(piece) == 1:
        could_be_unit = after_value and spaced and piece in SINGLE_LETTERS
        could_be_unit |= after is not None and after.text in ("°", "/") and piece in "CFhs"
        return [Token(Kind.WORD if nouns and could_be_unit else Kind.SYMBOL, piece, spaced)], could_be_unit
    if len(piece) >= 4 or not piece.isascii() or not piece.isalpha() or piece.lower() in SHORT_WORDS:
        prefix = re.match(r"(sqrt|sin|cos|tan|log|ln|pi)(?=[a-rt-z]$|[a-z](?:sin|cos|tan)$)", piece)
        if prefix is None:
            return [Token(Kind.WORD, piece, spaced)], False
        rest, _ = _letters(piece[prefix.end() :], False, False, None)
        return [Token(Kind.NAME, prefix.group(), spaced), *rest], False
    if piece.isupper() and known(piece) is None:  # ABC names something, and is not CAB
        return [Token(Kind.SYMBOL, piece, spaced)], False
    could_be_noun = (
        known(piece) is not None or piece in POWERS or (spaced and len(piece) == 3 and after_value) or after is None
    )
    if nouns and could_be_noun:
        return [Token(Kind.WORD, piece, spaced)], True
    if piece.startswith("pi"):
        return [Token(Kind.NAME, "pi", spaced), *(Token(Kind.SYMBOL, letter) for letter in piece[2:])], could_be_noun
    return [Token(Kind.SYMBOL, letter, spaced and i == 0) for i, letter in enumerate(piece)], could_be_noun


def _command(name: str, spaced: bool) -> Iterator[Token]:
    if name in ("and", "or") or SIGN_OF_COMMAND.get(name) in ("and", "or"):
        yield Token(Kind.SEPARATOR, "and" if name in ("and", "land", "wedge") else "or", spaced)
    elif name in SIGN_OF_COMMAND:
        yield Token(Kind.SIGN, SIGN_OF_COMMAND[name], spaced)
    elif name in ("dfrac", "tfrac", "cfrac"):
        yield Token(Kind.COMMAND, "frac", spaced)
    elif name in FUNCTIONS or name in NAMES:
        yield Token(Kind.NAME, NAMES.get(name, name), spaced)
    elif name in GREEK:
        yield Token(Kind.SYMBOL, name.removeprefix("var"), spaced)
    elif name in ("R", "Reals"):
        yield Token(Kind.NAME, "reals", spaced)
    else:
        yield Token(Kind.COMMAND, name, spaced)


def _sign(piece: str, spaced: bool) -> Iterator[Token]:
    match piece:
        case "," | ";":
            yield Token(Kind.SEPARATOR, piece, spaced)
        case "**":
            yield Token(Kind.SIGN, "^", spaced)
        case "<=" | ">=" | "!=" | "==":
            yield Token(Kind.SIGN, {"<=": "≤", ">=": "≥", "!=": "≠", "==": "="}[piece], spaced)
        case _:
            yield Token(Kind.SIGN, piece, spaced)
