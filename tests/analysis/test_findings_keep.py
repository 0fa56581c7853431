"""Keeping a study's records: a finished one whole, an unfinished one only where it is asked for, and said."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from fabricated_study import fabricate
from synthscale_analysis.findings.card import BEGIN, END
from synthscale_analysis.findings.keep import main
from synthscale_analysis.findings.origin import artifacts_of, wall_seconds


def finished(folder: Path) -> Path:
    """The fabricated study without its failed point, and the command that it was run with."""
    study = fabricate(folder)
    path = study / "points" / "one.json"
    content = json.loads(path.read_text())
    content["members"] = [one for one in content["members"] if one["algorithm"] != "my_method"]
    path.write_text(json.dumps(content))
    (study / "hydra" / "one").mkdir(parents=True)
    words = {"hydra": ["hydra.mode=MULTIRUN"], "task": ["study=made_up", "runs_dir=/home/somebody/secret/runs"]}
    (study / "hydra" / "one" / "multirun.yaml").write_text(json.dumps({"hydra": {"overrides": words}}))
    return study


def keep(study: Path, results: Path, *more: str) -> int:
    return main([str(study), "--results", str(results), *more])


def test_records_are_copied_as_they_are_with_how_they_were_made(tmp_path: Path) -> None:
    study, results = finished(tmp_path), tmp_path / "results"
    assert keep(study, results) == 0
    assert (results / "study" / "results.csv").read_bytes() == (study / "results.csv").read_bytes()
    readme = (results / "study" / "README.md").read_text()
    assert "| command | `synthscale run -m study=made_up` |" in readme
    assert "commit ccccccc" in readme and "torch 2.0" in readme and "computed on cpu" in readme
    assert "| points | 5 records of 5 points that were asked for |" in readme and "| left out | nothing |" in readme
    assert "27 seconds (27.0 s) summed over 18 stages" in readme
    assert "/home" not in readme
    assert sorted(path.name for path in (results / "study").iterdir()) == ["README.md", "results.csv"]


def test_an_unfinished_study_is_refused_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, results = fabricate(tmp_path), tmp_path / "results"
    assert keep(study, results) == 2
    error = capsys.readouterr().err.strip()
    assert "\n" not in error and "1 of 6 points is missing, the first my_method N=12 seed=1" in error
    assert not results.exists()


def test_an_unfinished_study_is_kept_where_asked_and_says_so(tmp_path: Path) -> None:
    study, results = fabricate(tmp_path), tmp_path / "results"
    assert keep(study, results, "--unfinished", "--left-out", "seed 2 | seed 3", "--name", "other") == 0
    readme = (results / "other" / "README.md").read_text()
    assert "5 records of 6 points" in readme
    assert "| left out | 1 point that is not finished: my_method N=12 seed=1; seed 2 \\| seed 3 |" in readme


def test_text_around_the_card_stays(tmp_path: Path) -> None:
    study, results = finished(tmp_path), tmp_path / "results"
    readme = results / "study" / "README.md"
    readme.parent.mkdir(parents=True)
    readme.write_text("# A page of its own\n\nWritten by hand.\n")
    for _ in range(2):
        assert keep(study, results) == 0
    text = readme.read_text()
    assert text.startswith("# A page of its own\n\nWritten by hand.\n") and text.count(BEGIN) == 1
    readme.write_text(f"{text}\nMore.\n")
    assert keep(study, results) == 0
    assert readme.read_text() == f"{text}\nMore.\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [(f"Mine.\n{BEGIN}\nNo end.\n".encode(), "no <!-- end of the origin -->"), (b"\xff\xfe", "is not UTF-8")],
    ids=["a card without end", "another encoding"],
)
def test_a_readme_that_cannot_be_kept_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text, told
) -> None:
    study, folder = finished(tmp_path), tmp_path / "results" / "study"
    folder.mkdir(parents=True)
    (folder / "README.md").write_bytes(text)
    assert keep(study, folder.parent) == 2
    assert told in capsys.readouterr().err
    assert (folder / "README.md").read_bytes() == text and not (folder / "results.csv").exists()


@pytest.mark.parametrize("name", ["../away", "a/b", "", ".hidden"])
def test_a_name_is_no_path(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert keep(finished(tmp_path), tmp_path / "results", "--name", name) == 2
    assert "--name is a folder's name" in capsys.readouterr().err
    assert not (tmp_path / "away").exists()


def test_a_text_cannot_end_the_card(tmp_path: Path) -> None:
    study, results = finished(tmp_path), tmp_path / "results"
    for _ in range(2):
        assert keep(study, results, "--left-out", f"all {END} of it") == 0
    assert (results / "study" / "README.md").read_text().count(END) == 1


def test_no_study_no_points_and_no_artifacts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "results"
    assert keep(tmp_path / "absent", results) == 2
    assert "holds no results.csv" in capsys.readouterr().err
    study = finished(tmp_path)
    (tmp_path / "artifacts").rename(tmp_path / "elsewhere")
    assert keep(study, results) == 0
    text = (results / "study" / "README.md").read_text()
    assert "without the stages of 5 records, whose artifacts are not here" in text
    (study / "points" / "one.json").unlink()
    assert keep(study, results) == 2
    assert "has no list of its points" in capsys.readouterr().err


@pytest.mark.parametrize(
    "damage", [{"inputs": {"policy": 5}}, {"inputs": {"policy": ["a"]}}, {"seconds": math.nan}, {"seconds": math.inf}]
)
def test_a_manifest_with_impossible_values_counts_for_nothing(tmp_path: Path, damage: dict[str, object]) -> None:
    study, results = finished(tmp_path), tmp_path / "results"
    for path in (tmp_path / "artifacts").glob("*/manifest.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    assert keep(study, results) == 0
    text = (results / "study" / "README.md").read_text()
    assert "nan" not in text and "inf " not in text


def test_wall_seconds_are_those_with_a_stage_at_work(tmp_path: Path) -> None:
    finished(tmp_path)
    folder = tmp_path / "artifacts"
    times = ["2026-01-02T03:04:10+00:00", "2026-01-02T03:04:12+00:00", "2026-01-02T04:00:00+00:00"]
    keys = [path.name for path in sorted(folder.iterdir())][:3]
    for key, created in zip(keys, times, strict=True):
        path = folder / key / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"created": created, "seconds": 5.0, "inputs": {}}))
    assert wall_seconds(artifacts_of(keys, folder)) == 7.0 + 5.0
    assert wall_seconds([]) is None
