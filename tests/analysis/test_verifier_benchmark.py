"""The verifier's benchmark: well-formed tables, generated labels checked by Fraction, a tiny run from end to end."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import verifier
from benchmarks.accuracy import Scored, count_errors
from benchmarks.contenders import Contender, opened, wrapped
from benchmarks.made_pairs import MadePair, Recipe, Style
from benchmarks.math_answers import MAKERS, draw_answers
from benchmarks.pairs import Label, Pair, read_pairs
from benchmarks.throughput import measure, same_texts

TESTED, HELD_OUT = verifier.TABLES
HEADER = "category\tlabel\tprediction\treference\tpolicy\tnote\n"


@pytest.mark.parametrize("path", verifier.TABLES, ids=lambda path: path.stem)
def test_tables_are_well_formed(path: Path) -> None:
    pairs = read_pairs(path)
    assert {pair.label for pair in pairs} == set(Label)
    assert all(pair.category for pair in pairs)
    repeated = Counter((pair.prediction, pair.reference, pair.policy) for pair in pairs)
    assert [texts for texts, count in repeated.items() if count > 1] == []


def test_held_out_table_has_what_it_promises() -> None:
    pairs = read_pairs(HELD_OUT)
    assert len(pairs) >= 300
    assert sum(not pair.is_correct for pair in pairs) >= 130
    assert not any(pair.policy for pair in pairs)
    assert min(Counter(pair.category for pair in pairs).values()) >= 8


def test_reading_keeps_texts_as_they_are(tmp_path: Path) -> None:
    table = tmp_path / "pairs.tsv"
    table.write_text(f'# a comment\n{HEADER}a\tcorrect\t"1⏎#### \\frac12\t\\$ 1"\tunits=required\tsaid\n')
    assert read_pairs(table) == [Pair("a", Label.CORRECT, '"1\n#### \\frac12', '\\$ 1"', "units=required", "said")]


@pytest.mark.parametrize("line", ["a\tright\t1\t1\t\t", "a\tcorrect\t1\t1"])
def test_malformed_lines_are_named(tmp_path: Path, line: str) -> None:
    table = tmp_path / "pairs.tsv"
    table.write_text(f"{HEADER}{line}\n")
    with pytest.raises(ValueError, match=r"pairs\.tsv:2"):
        read_pairs(table)


def test_errors_are_counted_by_kind() -> None:
    labels_and_rewards = [(Label.CORRECT, False), (Label.WRONG, True), (Label.UNPARSEABLE_PREDICTION, True)]
    labels_and_rewards += [(Label.CORRECT, True), (Label.WRONG, False)]
    scored = [Scored("t", Pair("a", label, "", ""), {Contender.OURS: reward}) for label, reward in labels_and_rewards]
    category, total = count_errors(scored, [Contender.OURS])
    assert (total.false_positives, total.false_negatives, total.num_pairs, total.num_correct) == (2, 1, 5, 2)
    assert replace(category, category="total") == total


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\sqrt{3}", r"$\sqrt{3}$"),
        (r"\$5", r"$\$5$"),
        ("$5", "$5"),
        (r"\boxed{5}", r"\boxed{5}"),
        ("x**2", "$x**2$"),
        ("**5**", "**5**"),
        ("The answer is 5.", "The answer is 5."),
        ("#### 5", "#### 5"),
        (r"\(5\)", r"\(5\)"),
        (" ", " "),
    ],
)
def test_bare_answers_alone_are_wrapped(text: str, expected: str) -> None:
    assert wrapped(text) == expected


RECIPES = [Recipe(Style.GSM8K, 2000), Recipe(Style.MATH, 2000)]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.style)
def test_made_pairs_are_distinct_and_come_again(recipe: Recipe) -> None:
    pairs = recipe.make()
    assert pairs == recipe.make()
    assert len({text for pair in pairs for text in (pair.prediction, pair.reference)}) == 2 * len(pairs)
    assert sum(not pair.is_correct for pair in pairs) / len(pairs) == pytest.approx(1 / 3, abs=0.05)
    assert pairs[0] != replace(recipe, seed=1).make()[0]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.style)
def test_made_labels_agree_with_fractions(recipe: Recipe) -> None:
    checked = [pair for pair in recipe.make() if _values(pair) is not None]
    wrong = [pair for pair in checked if (len(set(_values(pair) or ())) == 1) is not pair.is_correct]
    assert wrong == []
    assert len(checked) > 0.7 * recipe.num_pairs


def _values(pair: MadePair) -> tuple[Fraction, Fraction] | None:
    """Both answers as fractions, where both are numbers; a percentage is read as the other side is written."""
    texts = (_answer(pair.prediction), _answer(pair.reference))
    if texts[1].endswith("%") and "frac" in texts[0]:
        texts = (texts[0], rf"\frac{{{texts[1][:-2]}}}{{100}}")
    prediction, reference = map(_value, texts)
    return None if prediction is None or reference is None else (prediction, reference)


def _answer(solution: str) -> str:
    """The final answer: in a box, or behind `####`."""
    boxed = re.search(r"\\boxed\{(.*)\}", solution)
    return boxed[1] if boxed else solution.rpartition("#### ")[2]


def _value(text: str) -> Fraction | None:
    text = re.sub(r"^(x = |\\?\$)|,|\\%$|\\text\{ dollars\}$", "", text)
    if match := re.fullmatch(r"(-?)(\d*)\\d?frac\{(\d+)\}\{(\d+)\}", text):
        sign, whole, top, bottom = match.groups()
        return int(f"{sign}1") * (int(whole or 0) + Fraction(int(top), int(bottom)))
    if match := re.fullmatch(r"\\frac\{(-\d+)\}\{(\d+)\}", text):
        return Fraction(int(match[1]), int(match[2]))
    if match := re.fullmatch(r"(-?\d+) \+ (\d+)", text):
        return Fraction(match[1]) + Fraction(match[2])
    return Fraction(text) if re.fullmatch(r"-?\d+(\.\d+|/\d+)?", text) else None


def test_every_kind_of_answer_is_drawn_in_three_ways() -> None:
    for maker in MAKERS:
        for seed in range(50):
            answers = maker(random.Random(seed))
            assert len({answers.reference, answers.other_form, answers.wrong}) == 3, maker.__name__
    assert draw_answers(random.Random(3)) == draw_answers(random.Random(3))


def test_real_solutions_are_read_and_varied(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"question": "?", "answer": "1+1=<<1+1=2>>2\\n#### 2"}\n')
    pairs = Recipe(Style.GSM8K, 20, gsm8k=tmp_path).make()
    assert pairs[0].reference == "1+1=<<1+1=2>>2\n#### 2"
    assert all("<<" not in pair.prediction for pair in pairs)
    assert len({_answer(pair.reference) for pair in pairs}) == 20


def test_math_verify_is_called_as_described() -> None:
    pytest.importorskip("math_verify")
    predictions, references = (
        ["$\\sqrt{12}$", "\\sqrt{12}", "2", "$(2,5)$"],
        ["$2\\sqrt{3}$", "2\\sqrt{3}", "", "$2<x<5$"],
    )
    with opened(Contender.README) as readme, opened(Contender.WRAPPED) as best:
        assert readme(predictions, references)[::2] == [True, False]
        assert best(predictions, references) == [True, True, False, True]


def test_measurements_are_of_the_same_texts() -> None:
    pytest.importorskip("math_verify")
    recipe = Recipe(Style.GSM8K, 5)
    first = measure(recipe, Contender.README)
    assert first.wall_seconds > 0
    assert first.cpu_seconds > 0
    assert same_texts([first, measure(recipe, Contender.WRAPPED)])
    assert not same_texts([first, replace(first, digest="other")])


def test_tiny_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("math_verify")
    table, out = tmp_path / "tiny.tsv", tmp_path / "out"
    table.write_text(f"{HEADER}a\tcorrect\t$5$\t$5$\t\t\na\twrong\t6\t5\t\t\na\twrong\t$6$\t5\tunits=required\t\n")
    sizes = ["--num-gsm8k", "6", "--num-math", "6", "--num-scaling", "6"]
    assert verifier.main(["--pairs", str(table), "--out", str(out), *sizes]) == 0
    assert "1 of 3 pairs have other conventions" in capsys.readouterr().out
    accuracy, speed = pd.read_csv(out / "accuracy.csv"), pd.read_csv(out / "throughput.csv")
    assert set(accuracy["contender"]) == set(map(str, Contender))
    assert accuracy["false_positives"].sum() == accuracy["false_negatives"].sum() == 0
    assert list(speed["jobs"]) == [1, 1, 1, 1, *verifier.job_counts()]
    assert {path.name for path in out.iterdir()} >= {"accuracy.png", "accuracy.svg", "disagreements.csv"}


def test_speed_can_be_left_out_but_not_measured_on_fewer_than_no_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    assert verifier.parsed(["--num-math", "0"]).num_math == 0
    with pytest.raises(SystemExit):
        verifier.parsed(["--num-math=-1"])
    assert "'-1' is not a whole number of 0 or more" in capsys.readouterr().err
