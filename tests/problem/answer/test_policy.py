"""Each convention changes what its table says and nothing else; a policy survives JSON; wrong arguments are refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from typing import get_type_hints

import pytest

from synthscale.problem import Verdict
from synthscale.problem.answer import AnswerPolicy, Grader

# convention -> its values, the default first -> verdicts on the pairs below, one a letter: c, w, u
PAIRS = {
    "percent": [(r"50\%", "50"), (r"50\%", "0.5"), (r"50\%", "50 percent"), ("0.5", r"50\%"), (r"50\%", "5")],
    "units": [("5 cm", "5"), ("5 cm", "5 centimeters"), ("5 cm", "5 inches"), ("18 eggs", "18"), ("5 cm", "6 cm")],
    "left_hand_sides": [("x = 5", "5"), ("x = 5", "x=5"), ("x = 5", "y = 5"), ("x = 5", "6"), ("x > 3", r"(3,\infty)")],
    "ordering": [
        ("(1,2)", "(2,1)"),
        (r"\{1,2\}", r"\{2,1\}"),
        ("1, 2", "2, 1"),
        ("(1,2)", "( 1, 2 )"),
        ("1, 2", "3, 1"),
    ],
    "interval_ends": [("[0,1)", "(0,1)"), (r"x \ge 3", r"x > 3"), ("[0,1]", "[ 0, 1 ]"), ("[0,1)", "[0,2)")],
    "letter_case": [("b", "B"), ("(b)", "(B)"), ("B", "(B)"), ("Yes", "yes"), ("a", "B")],
    "unmarked": [("He has 18 stickers left.", "18"), ("He had 30 and kept 18.", "18"), ("The answer is 18.", "18")],
    "relative_tolerance": [
        ("3.14", r"\pi"),
        ("99.5", "100"),
        ("98", "100"),
        ("(99.5, 1)", "(100, 1)"),
        ("-100", "100"),
    ],
}
VERDICTS = {
    "percent": {"either": "ccccw", "value": "wcccw", "ignore": "cwcww"},
    "units": {"optional": "ccwcw", "required": "wcwcw", "ignore": "ccccw"},
    "left_hand_sides": {"optional": "ccwwc", "required": "wcwwc", "ignore": "cccwc"},
    "ordering": {"by_brackets": "wcccw", "strict": "wwwcw", "ignore": "ccccw"},
    "interval_ends": {"strict": "wwcw", "ignore": "cccw"},
    "letter_case": {"strict": "wwccw", "ignore": "ccccw"},
    "unmarked": {"last_sentence": "cuc", "none": "uuc", "last_number": "ccc"},
    "relative_tolerance": {0.0: "wwwww", 0.01: "ccwcw"},
}
LETTERS = {"c": Verdict.CORRECT, "w": Verdict.WRONG, "u": Verdict.UNPARSEABLE}
CASES = [(convention, value) for convention, values in VERDICTS.items() for value in values]


def verdicts(grader: Grader) -> dict[str, list[Verdict]]:
    """The verdicts on all pairs of all conventions."""
    pairs = [pair for part in PAIRS.values() for pair in part]
    found = iter(grader.grade_batch([pair[0] for pair in pairs], [pair[1] for pair in pairs]))
    return {convention: [next(found).verdict for _ in part] for convention, part in PAIRS.items()}


@pytest.mark.parametrize(("convention", "value"), CASES)
def test_convention_changes_its_own_pairs_alone(grader_of, convention: str, value: str | float) -> None:
    """The other conventions' pairs are judged as by default."""
    expected = {name: next(iter(values.values())) for name, values in VERDICTS.items()}
    expected[convention] = VERDICTS[convention][value]
    found = verdicts(grader_of(AnswerPolicy.from_plain({convention: value})))
    assert found == {name: [LETTERS[letter] for letter in letters] for name, letters in expected.items()}


def test_the_table_is_complete() -> None:
    """Every convention with every value; the default first."""
    types = get_type_hints(AnswerPolicy)
    assert set(VERDICTS) == set(PAIRS) == {field.name for field in fields(AnswerPolicy)}
    for name, values in VERDICTS.items():
        if issubclass(types[name], Enum):
            assert set(values) == {member.value for member in types[name]}
        assert next(iter(values)) == AnswerPolicy().to_plain()[name]


def policies() -> Iterator[AnswerPolicy]:
    yield from (AnswerPolicy.from_plain({convention: value}) for convention, value in CASES)
    yield AnswerPolicy.from_plain({name: list(values)[-1] for name, values in VERDICTS.items()})


def test_plain_form_is_json_and_comes_back() -> None:
    for policy in policies():
        assert AnswerPolicy.from_plain(json.loads(json.dumps(policy.to_plain()))) == policy


@pytest.mark.parametrize("tolerance", [-0.1, -1e-300, 1.0, 2.0, math.nan, math.inf, -math.inf])
def test_bad_tolerance_is_refused(tolerance: float) -> None:
    with pytest.raises(ValueError, match="relative_tolerance"):
        AnswerPolicy(relative_tolerance=tolerance)


def test_unknown_names_and_values_are_refused() -> None:
    with pytest.raises(TypeError):
        AnswerPolicy.from_plain({"percents": "value"})
    with pytest.raises(ValueError, match="sometimes"):
        AnswerPolicy.from_plain({"percent": "sometimes"})
    with pytest.raises(AttributeError):
        AnswerPolicy().percents = None  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        AnswerPolicy("value")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"jobs": 0}, "jobs"),
        ({"jobs": -1}, "jobs"),
        *(({"time_limit_seconds": seconds}, "time_limit_seconds") for seconds in (0, -1, 3_601, math.nan, math.inf)),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, float], names: str) -> None:
    with pytest.raises(ValueError, match=names):
        Grader(**arguments)  # type: ignore[arg-type]


def test_texts_without_partners_are_refused() -> None:
    with Grader() as grader, pytest.raises(ValueError, match="2 predictions and 1 references"):
        grader.grade_batch(["1", "2"], ["1"])


def test_stream_is_lazy() -> None:
    """It may be endless: a batch at a time is taken."""

    def pairs() -> Iterator[tuple[str, str]]:
        number = 0
        while True:
            number += 1
            yield str(number), str(number + number % 2)

    with Grader() as grader:
        stream = grader.grade_stream(pairs())
        assert [next(stream).correct for _ in range(3_000)] == [False, True] * 1_500
        assert list(grader.grade_stream([])) == grader.grade_batch([], []) == []
