"""Near duplicates are found where they are, and nowhere else, as comparing all pairs would find them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from synthscale.synthesis import similarity
from synthscale.synthesis.similarity import MISS, NUM_PERMUTATIONS, Band, Near, Neighbours, rows_of_a_band
from synthscale.synthesis.words import masked, runs, words_of

SAMPLE = Path(__file__).parents[1] / "problem" / "gsm8k_sample.jsonl"
TEXTS = [json.loads(line)["question"] for line in SAMPLE.read_text().splitlines()]
WENG = (
    "Weng earns $12 an hour for babysitting. Yesterday, she just did 50 minutes of babysitting. How much did she earn?"
)

LIKE_WENG = [
    (WENG, 1.0),
    (WENG.upper(), 1.0),
    (WENG.replace("12", "17").replace("50", "1,040"), 1.0),  # other numbers
    (WENG.replace(". Y", " and y").replace(",", ""), 16 / 21),  # 18 shingles; with `and` 2 of them go and 3 come
    ("Weng earns money.", None),
    ("", None),
]


def shingles(text: str) -> set[str]:
    return set(runs(masked(words_of(text)), 3))


@pytest.fixture
def sample() -> Neighbours:
    """All problems of the sample."""
    found = Neighbours(0.8, 3)
    for number, text in enumerate(TEXTS):
        found.add(text, f"problem {number}")
    return found


@pytest.mark.parametrize(("text", "share"), LIKE_WENG)
def test_similarity_is_that_of_the_shingles(text, share):
    neighbours = Neighbours(0.75, 3)
    neighbours.add(WENG, "weng")
    near = neighbours.nearest(text)
    if share is None:
        assert near is None
    else:
        union = shingles(text) | shingles(WENG)
        assert near == Near("weng", len(shingles(text) & shingles(WENG)) / len(union))
        assert near.similarity == pytest.approx(share)


def test_unrelated_problems_are_not_near(sample):
    others = Neighbours(0.8, 3)
    for number, text in enumerate(TEXTS):
        assert others.nearest(text) is None
        others.add(text, f"problem {number}")
        assert sample.nearest(text) == Near(f"problem {number}", 1.0)


def test_what_is_found_is_what_comparing_all_pairs_finds(monkeypatch):
    """Texts with up to all of their words replaced: none below the threshold, and hardly one above it is missed."""
    monkeypatch.setattr(similarity, "_NEWEST", 64)  # so that most are in the sorted arrays
    generator = np.random.default_rng(0)
    neighbours, kept = Neighbours(0.6, 3), []
    num_near = num_missed = 0
    for number in range(600):
        words = TEXTS[number % len(TEXTS)].split()
        for place in generator.integers(0, len(words), generator.integers(0, len(words) // 2)):
            words[place] = f"w{'abcdefghij'[generator.integers(10)]}"
        text = " ".join(words)
        own = shingles(text)
        exact = [len(own & other) / len(own | other) for other in kept]
        best = max(exact, default=0.0)
        near = neighbours.nearest(text)
        if best < 0.6:
            assert near is None
        else:
            num_near += 1
            num_missed += near is None
            assert near is None or (near.similarity >= 0.6 and exact[int(near.name)] == pytest.approx(near.similarity))
        neighbours.add(text, str(number))
        kept.append(own)
    assert num_near > 50 and num_missed <= max(1, 2 * MISS * num_near)


def test_the_earliest_of_equals_is_named():
    neighbours = Neighbours(0.8, 3)
    for name in ("first", "second"):
        neighbours.add(WENG, name)
    assert neighbours.nearest(WENG) == Near("first", 1.0)


def test_short_problems_are_one_shingle():
    neighbours = Neighbours(0.8, 3)
    neighbours.add("Compute $2 + 3$", "sum")
    assert neighbours.nearest("compute 5 - 4") == Near("sum", 1.0)  # signs are no words
    assert neighbours.nearest("compute 5") is None


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8, 0.9, 1.0])
def test_bands_miss_hardly_one_at_the_threshold_and_are_as_long_as_that_allows(threshold):
    def missed(rows: int) -> float:
        return (1 - threshold**rows) ** (NUM_PERMUTATIONS // rows)

    rows = rows_of_a_band(threshold)
    assert missed(rows) <= MISS
    assert rows == NUM_PERMUTATIONS or missed(rows + 1) > MISS


def test_a_band_finds_the_same_members_before_and_after_they_are_sorted_in(monkeypatch):
    monkeypatch.setattr(similarity, "_NEWEST", 7)
    generator = np.random.default_rng(1)
    band, members = Band(), {}
    for member in range(100):
        key = int(generator.choice([0, 1, 2**31, 2**32 - 1]))
        band.add(key, member)
        members.setdefault(key, []).append(member)
        assert all(band.find(key) == found for key, found in members.items())
    assert band.find(17) == []


def test_another_process_finds_the_same_bands():
    program = (
        "from synthscale.synthesis.similarity import Neighbours; import sys;"
        "n = Neighbours(0.8, 3); print([key for _, key in n._keys(n._shingles_of(sys.argv[1]))])"
    )
    done = subprocess.run([sys.executable, "-c", program, WENG], capture_output=True, text=True, check=True)
    here = Neighbours(0.8, 3)
    assert done.stdout.strip() == str([key for _, key in here._keys(here._shingles_of(WENG))])
