"""The benchmark of speed: what its numbers are made of, what it writes, and that a duel of it runs."""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from rich.console import Console

from benchmarks import duel as duel_module
from benchmarks import grading_duel, speed
from benchmarks.duel import Duel, Outcome, Turn
from benchmarks.made_pairs import MadePair, Style
from benchmarks.speed_output import median_rate, readable, speed_figure, speed_table, write_speed

OURS = [Turn(30.0, 1.0), Turn(80.0, 2.0), Turn(90.0, 3.0)]  # 30, 40 and 30 a second
THEIRS = [Turn(10.0, 1.0), Turn(10.0, 2.0), Turn(45.0, 3.0)]  # 10, 5 and 15 a second
TOYS = Outcome("toys:race", "racing toys", "laps", "a peer 1.0", 4.0, 1, OURS, THEIRS)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes by a second each time that somebody looks, so that each turn takes a second."""
    seconds = count()
    monkeypatch.setattr(duel_module.time, "perf_counter", lambda: float(next(seconds)))


def test_the_ratio_is_the_median_rounds() -> None:
    assert TOYS.ratios == [3.0, 8.0, 2.0]
    assert TOYS.ratio == 3.0, "not the ratio of the median rates, which come from different rounds"
    assert (median_rate(TOYS, ours=True), median_rate(TOYS, ours=False)) == (30.0, 10.0)


def test_turns_alternate_and_the_first_round_warms_up(clock: None, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []

    def turn(side: str, amount: float) -> float:
        turns.append(side)
        return amount * len(turns)

    @contextmanager
    def race() -> Iterator[Duel]:
        yield Duel("racing toys", "laps", "a peer", lambda: turn("ours", 2.0), lambda: turn("theirs", 1.0), bar=1.5)
        turns.append("closed")

    monkeypatch.setattr(grading_duel, "race", race, raising=False)
    outcome = duel_module._fight_here("grading_duel:race", num_rounds=2, num_threads=1)
    assert turns == ["ours", "theirs"] * 3 + ["closed"]
    assert outcome.ours == [Turn(6.0, 1.0), Turn(10.0, 1.0)]
    assert outcome.theirs == [Turn(4.0, 1.0), Turn(6.0, 1.0)]
    assert (outcome.work, outcome.bar, outcome.num_threads) == ("racing toys", 1.5, 1)


def test_the_table_has_medians_and_ranges() -> None:
    console = Console(width=160, file=io.StringIO())
    console.print(speed_table([TOYS]))
    text = console.file.getvalue()
    for cell in ("racing toys", "a peer 1.0", "laps", "30", "10", "3.00 [2.00, 8.00]", " 4 "):
        assert cell in text


@pytest.mark.parametrize(("rate", "text"), [(0.1234, "0.123"), (99.94, "99.9"), (1234.5, "1,234"), (5.0, "5")])
def test_rates_are_readable(rate: float, text: str) -> None:
    assert readable(rate) == text


def test_the_file_holds_every_round_with_machine_and_versions(tmp_path) -> None:
    write_speed([TOYS], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"speed.json", "speed.png", "speed.svg"}
    content = json.loads((tmp_path / "speed.json").read_text())
    assert {"processor", "cores", "python", "torch", "transformers"} <= set(content["machine"])
    (row,) = content["duels"]
    assert (row["ratio"], row["ratios"], row["bar"]) == (3.0, [3.0, 8.0, 2.0], 4.0)
    assert row["ours"][1] == {"amount": 80.0, "seconds": 2.0}


def test_the_figure_shows_ratios_and_what_was_asked_for() -> None:
    other = Outcome("toys:walk", "walking toys", "steps", "a peer", None, 1, OURS, OURS)
    figure = speed_figure([TOYS, other])
    (axes,) = figure.axes
    FigureCanvasAgg(figure).draw()
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["median, with the range of rounds"].get_xdata()) == [3.0, 1.0]
    assert list(lines["asked for"].get_xdata()) == [4.0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "racing toys\nvs a peer 1.0",
        "walking toys\nvs a peer",
    ]
    assert not axes.get_window_extent().overlaps(figure.legends[0].get_window_extent())


def test_every_duel_of_the_command_is_there() -> None:
    for name in speed.DUELS.values():
        module, _, function = name.partition(":")
        path = (speed.OUT.parents[1] / "benchmarks" / f"{module}.py").read_text()
        assert f"def {function}(" in path or f"\n{function} = " in path, name


def test_the_grading_duel_gives_both_the_same_texts_and_new_ones_each_turn() -> None:
    lists = [[MadePair(f"{i}", f"{i}", True)] * (i + 1) for i in range(2)]
    seen: list[list[str]] = []

    def rewards(predictions, references):
        seen.append(list(predictions))
        return [True] * len(predictions)

    sides = [grading_duel.turns(rewards, lists) for _ in range(2)]
    assert [side() for _ in range(3) for side in sides] == [1, 1, 2, 2, 1, 1]
    assert seen[0::2] == seen[1::2] == [["0"], ["1", "1"], ["0"]]


def test_the_grading_duel_runs_in_small(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(grading_duel, "NUM_PAIRS", {style: 4 for style in Style})
    monkeypatch.setattr(speed, "fight", duel_module._fight_here)
    assert speed.main(["--only", "grading-gsm8k", "--rounds", "1", "--out", str(tmp_path)]) == 0
    assert "grading 4 GSM8K-style solutions" in capsys.readouterr().out
    (row,) = json.loads((tmp_path / "speed.json").read_text())["duels"]
    assert [turn["amount"] for turn in (*row["ours"], *row["theirs"])] == [4.0, 4.0]


@pytest.mark.parametrize(
    ("name", "argv", "said"),
    [
        ("speed", ["--rounds", "0"], "'0' is not a whole number of 1 or more"),
        ("speed", ["--threads", "-1"], "'-1' is not a whole number of 1 or more"),
        ("speed", ["--out", "/dev/null/x"], "/dev/null/x cannot be made"),
        ("cores", ["--rounds", "x"], "'x' is not a whole number of 1 or more"),
        ("growth", ["--sizes", "--points"], "nothing to measure"),
        ("growth", ["--sizes", "0"], "'0' is not a whole number of 1 or more"),
        ("credit_search", ["--rollouts", "0"], "'0' is not a whole number of 1 or more"),
    ],
)
def test_what_cannot_be_measured_is_refused_at_once(name, argv, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(f"benchmarks.{name}").parsed(argv)
    assert stopped.value.code == 2 and said in capsys.readouterr().err
