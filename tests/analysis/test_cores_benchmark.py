"""The benchmark of cores: what its numbers are made of, and that it refuses what would say nothing."""

from __future__ import annotations

import json
import os

import pytest

from benchmarks import cores
from benchmarks.cores import Run, summary

RUNS = [Run(2, 60.0, 100.0, 4), Run(1, 90.0, 90.0, 4), Run(2, 50.0, 110.0, 4), Run(1, 110.0, 92.0, 4)]


def test_speed_up_is_of_the_medians_against_the_fewest_cores() -> None:
    one, two = summary(RUNS)
    assert (one["num_cores"], one["num_rounds"], one["speed_up"], one["efficiency"]) == (1, 2, 1.0, 1.0)
    assert two["speed_up"] == pytest.approx(100 / 55)
    assert two["efficiency"] == pytest.approx(100 / 55 / 2)
    assert two["cpu_seconds"] == 105.0


@pytest.mark.parametrize("number", [10_000])
def test_cores_that_are_not_there_are_refused(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cores.main(["--cores", str(number)]) == 2
    assert "--cores must be between 1 and" in capsys.readouterr().err


def test_another_study_does_not_replace_the_published_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cores.main(["algorithm=sft", "--cores", "1"]) == 2
    assert "--out is missing" in capsys.readouterr().err


def test_a_study_that_fails_is_one_sentence(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cores.main(["--cores", "1", "--out", str(tmp_path), "algoritm=sft"]) == 2
    assert "the study failed: There is no key algoritm" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_turns_alternate_and_all_is_written(tmp_path, monkeypatch, capsys) -> None:
    asked = []

    def run_study(num_cores, overrides, scratch):
        asked.append((num_cores, list(overrides)))
        return Run(num_cores, 10.0 / num_cores, 10.0, 1), [{"test_accuracy": "0.5"}]

    monkeypatch.setattr(cores, "run_study", run_study)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert cores.main(["--rounds", "2", "--out", str(tmp_path)]) == 0
    assert asked == [(1, ["study=quick"]), (2, ["study=quick"])] * 2
    content = json.loads((tmp_path / "cores.json").read_text())
    assert content["command"] == ["synthscale", "run", "study=quick"]
    assert [row["speed_up"] for row in content["summary"]] == [1.0, 2.0]
    assert len(content["runs"]) == 4
    assert "100%" in capsys.readouterr().out


def test_results_that_differ_are_told(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(cores, "run_study", lambda n, *_: (Run(n, 1.0, 1.0, 1), [{"test_accuracy": str(n)}]))
    assert cores.main(["--out", str(tmp_path)]) == 2
    assert "differ with the number of cores" in capsys.readouterr().err
