"""Problems as words, the one form in which the teacher's filters compare them.

Case, punctuation, the way characters are composed, apostrophes and commas between thousands do not count. `masked`
reads every number as the same word, so that a problem in which only the numbers were changed has the words of the
one that it was made from.
"""

from __future__ import annotations

import re
import unicodedata

MASK = "0"
_APOSTROPHE = re.compile(r"(?<=\w)['\u2019](?=\w)")
_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
_WORD = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+|[^\W0-9_]+")


def words_of(text: str) -> list[str]:
    """Numbers and runs of letters, in their order."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(_THOUSANDS.sub("", _APOSTROPHE.sub("", plain)))


def masked(words: list[str]) -> list[str]:
    """The words with every number as `MASK`."""
    return [MASK if word[-1].isdecimal() else word for word in words]


def runs(words: list[str], length: int) -> list[str]:
    """All runs of so many words, joined; none where there are fewer words."""
    return [" ".join(words[i : i + length]) for i in range(len(words) - length + 1)]
