"""Decontamination: no problem of the teacher's may hold a piece of one that the study is judged by.

Two rules. A problem that shares `num_words` words in a row with a held-out one is contaminated: 13 of them in GPT-3
(Brown et al. 2020, appendix C), here with every number read as the same word, so that a test problem with other
numbers is found too. (Of GSM8K's 7,473 training problems the rule finds 8 in the 1,319 test problems, and 4 with
numbers as they are; the further four are copies with other numbers.) Where one of the two has fewer words, it
contaminates if all its words stand in a row in the other, numbers included: with so few words a number is much of
what there is.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from synthscale.synthesis.words import masked, runs, words_of


class HeldOut:
    """The words of the test and validation problems."""

    def __init__(self, texts: Iterable[str], num_words: int) -> None:
        self.num_words = num_words
        self._runs: set[bytes] = set()  # digests of eight bytes: texts of 13 words take ten times the room
        self._short: dict[int, set[str]] = defaultdict(set)  # by the number of words
        everything = []
        for text in texts:
            words = words_of(text)
            if not words:  # nothing but signs, which would stand in every problem
                continue
            everything.append(" ".join(words))
            self._runs.update(map(digest, runs(masked(words), num_words)))
            if len(words) < num_words:
                self._short[len(words)].add(everything[-1])
        self._everything = f" {' | '.join(everything)} "  # no word has a bar, so no run goes from one to the next

    def shared(self, text: str) -> str | None:
        """The words that the text shares with a held-out problem by one of the rules; None where it is clean."""
        words = words_of(text)
        if 0 < len(words) < self.num_words and f" {' '.join(words)} " in self._everything:
            return " ".join(words)
        for length, short in self._short.items():
            for run in runs(words, length):
                if run in short:
                    return run
        for run, seen in zip(runs(words, self.num_words), runs(masked(words), self.num_words), strict=True):
            if digest(seen) in self._runs:
                return run
        return None


def digest(text: str) -> bytes:
    """Eight bytes, the same in every process."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
