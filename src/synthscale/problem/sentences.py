"""Where a sentence ends: at a full stop, question or exclamation mark before white space and a new beginning.

Rules and short word lists, as English solutions of word problems need them. A missed end joins two steps, a false one
cuts a step in half, so a doubtful stop ends nothing. Every rule looks at a few characters around the stop.
"""

from __future__ import annotations

import re

MAX_LOOK_BACK = 24  # characters before the white space; longer than any abbreviation or label with its marks
ENDS_SENTENCE = re.compile(r"([.!?]+)[\"'”’)\]}*_]{0,4}\Z")
BEGINS_SENTENCE = re.compile(r"[\"'“‘(\[{*_]{0,4}(?:(?P<letter>[a-z](?= ?[-+*/=^(]|[.)] ))|[^\W\d_]|\d|[$\\#])")
NEXT_WORD = re.compile(r"[\"'“‘(\[{*_]{0,4}([^\W\d_]{1,24})")
LAST_WORD = re.compile(r"(?<![^\W\d_])(?<![&*/+=-])((?:[^\W\d_]+\.)*[^\W\d_]+)\.\Z")
DOTTED = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
FACTORIAL = re.compile(r"(?:[\d)]|(?<![^\W\d_])[^\W\d_])!\Z")
SPACED_ELLIPSIS = re.compile(r"\.\s\.\Z")
LABEL = re.compile(
    r"[\s*#>(\[_-]{0,6}(?:\\[a-z]{1,12}\{)?"
    r"(?:(?:Step|Case|Part|Method|Way|Solution|Option|Example|Claim|Fact|Lemma|Question|Problem)\s)?"
    r"(?:\d{1,3}|[^\W\d_]|[ivx]{1,5}|[IVX]{1,5})\)?\.[)*}_]{0,4}"
)


def words(text: str) -> frozenset[str]:
    """The text's words as a set."""
    return frozenset(text.split())


NEVER_LAST = words(
    "Mr Mrs Ms Mx Dr Prof Gen Col Capt Lt Sgt Rev Hon Gov Messrs Mt vs cf viz approx resp incl e.g i.e E.g I.e"
)
SOMETIMES_LAST = words("St Ave Rd Blvd Jr Sr Inc Ltd Co Corp Bros al Ph.D")
BEFORE_NUMBERS = words(
    "No Nos Fig Figs Eq Eqs Eqn Thm Prop Lem Cor Def Sec Ch Vol Ex Art p pp "
    "Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec ft yd mi lb lbs oz gal hr hrs min mins sec yr yrs"
)
OPENERS = words(  # begin sentences, and follow no initial and no "5 a.m."
    "A An The Then This That These Those There They Their He She It Its His Her We Our You Your I If In So Since Thus "
    "Therefore Hence Because But And Or Now Next Finally First Second Third Last Let For From After Before When While "
    "Each Every Both All Also However To At On As By With Not No Once Given Using Adding Subtracting Multiplying "
    "Dividing Substituting Simplifying Solving Meanwhile What How Which"
)


def ends_sentence(text: str, start: int, stop: int, coming: int) -> bool:
    """Whether the sentence that begins at `start` ends at `stop`, with white space from there to `coming`."""
    if text[stop - 1].isalnum():  # by far the most frequent case
        return False
    tail = text[max(start, stop - MAX_LOOK_BACK) : stop]
    ends = ENDS_SENTENCE.search(tail)
    if not ends or not begins_sentence(text, coming) or is_label(text, start, stop):
        return False
    mark, before = ends[1], tail[: ends.end(1)]
    if mark == ".":
        return not is_inner_stop(before, text, coming)
    if mark == "!":
        return not (text[coming].isdigit() and FACTORIAL.search(before))
    return mark.strip(".") != ""  # an ellipsis ends nothing


def begins_sentence(text: str, coming: int) -> bool:
    """Whether a sentence can begin here: with a capital, a digit, mathematics such as `x +`, or a label as `b)`."""
    begins = BEGINS_SENTENCE.match(text, coming)
    return begins is not None and (begins["letter"] is not None or not begins[0][-1].islower())


def is_label(text: str, start: int, stop: int) -> bool:
    """Whether all that the line or the sentence holds so far is `1.` or `Step 2.` or `(b).`, the label of a list."""
    line = max(start, text.rfind("\n", max(start, stop - MAX_LOOK_BACK - 1), stop) + 1)
    return stop - line <= MAX_LOOK_BACK and LABEL.fullmatch(text, line, stop) is not None


def is_inner_stop(before: str, text: str, coming: int) -> bool:
    """Whether the single full stop that `before` ends with belongs to an abbreviation, an initial or an ellipsis."""
    if SPACED_ELLIPSIS.search(before):
        return True
    found = LAST_WORD.search(before)
    if not found:
        return False
    word = found[1]
    if word in NEVER_LAST:
        return True
    if word in BEFORE_NUMBERS:
        return text[coming].isdigit() or text[coming] in "($\\"
    if word in SOMETIMES_LAST or (DOTTED.fullmatch(word) and (len(word) > 1 or word.isupper())):
        return is_name(text, coming)
    return False


def is_name(text: str, coming: int) -> bool:
    """Whether what comes is a capitalised word that does not usually begin a sentence."""
    word = NEXT_WORD.match(text, coming)
    return word is not None and word[1] not in OPENERS
