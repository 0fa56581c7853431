"""A report is kept while its records stay, and made anew when they change, the options change or a figure is gone."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import synthscale.scaling
import synthscale_analysis
from synthscale_analysis.report.command import main
from synthscale_analysis.report.freshness import digest_of, sources_of

Records = Callable[..., pd.DataFrame]
FIGURES = ("error_vs_size.png", "error_vs_size.svg", "data_multiplier.png", "data_multiplier.svg")


def report(folder: Path, draws: int = 5) -> dict[str, int]:
    """Report on the study; when each figure was written, in nanoseconds."""
    assert main([str(folder), "--bootstrap", str(draws)]) == 0
    return {name: (folder / "report" / name).stat().st_mtime_ns for name in FIGURES}


@pytest.fixture
def study(tmp_path: Path, records: Records) -> Path:
    records({"sft": 1.0, "rft": 1.7}).to_csv(tmp_path / "results.csv", index=False)
    return tmp_path


def test_a_second_report_rewrites_nothing_and_prints_the_same(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = report(study)
    printed = capsys.readouterr().out
    assert report(study) == first
    assert capsys.readouterr().out == printed


def test_changed_records_and_options_give_a_new_report(study: Path) -> None:
    first = report(study)
    table = pd.read_csv(study / "results.csv")
    table.loc[0, "test_error"] *= 0.99
    table.to_csv(study / "results.csv", index=False)
    second = report(study)
    assert all(second[name] > first[name] for name in FIGURES)
    third = report(study, draws=6)
    assert all(third[name] > second[name] for name in FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_a_deleted_figure_comes_back(study: Path, name: str) -> None:
    report(study)
    (study / "report" / name).unlink()
    report(study)


def test_a_report_hangs_on_the_code_and_assets_of_subpackages_too() -> None:
    (package,), (scaling,) = synthscale_analysis.__path__, synthscale.scaling.__path__
    ours = {path.relative_to(package).as_posix() for path in sources_of(Path(package))}
    theirs = {path.relative_to(scaling).as_posix() for path in sources_of(Path(scaling))}
    assert {"report/command.py", "page/section.py", "sections/__init__.py"} <= ours
    assert {"fit.py", "laws/power.py"} <= theirs
    assert not any("__pycache__" in name for name in ours | theirs)


@pytest.mark.parametrize("name", ["figure.py", "page/render.py", "page/assets/page.css", "page/assets/new.js"])
def test_changed_and_new_sources_change_the_digest(
    name: str, tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    for there in ("figure.py", "page/render.py", "page/assets/page.css", "page/__pycache__/render.pyc"):
        (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / there).write_text("before")
    monkeypatch.setattr(synthscale_analysis, "__file__", str(tmp_path / "__init__.py"))
    table = records({"sft": 1.0})
    before = digest_of(table, 10, 0)
    (tmp_path / "page/__pycache__/render.pyc").write_text("compiled again")
    assert digest_of(table, 10, 0) == before
    (tmp_path / name).write_text("after")
    assert digest_of(table, 10, 0) != before
