"""`synthscale fit` refuses files that it should not write before it fits anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthscale_analysis.fit import command

XY = ["--x", "n", "--y", "loss", "--bootstrap", "5"]
CONTENT = "n,loss\n1,2\n2,1.4\n4,1\n"


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table in the working folder, which holds a folder as well; nothing of it is ever fitted."""
    path = tmp_path / "pow.csv"
    path.write_text(CONTENT)
    (tmp_path / "there.svg").mkdir()
    (tmp_path / "link.json").symlink_to(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "fit_curve", lambda *_, **__: pytest.fail("it was fitted"))
    return path


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--json", "pow.csv"], "--json would overwrite the table that is read; name another file"),
        (["--json", "there.svg/../pow.csv"], "--json would overwrite the table that is read; name another file"),
        (["--json", "link.json"], "--json would overwrite the table that is read; name another file"),
        (["--json", "there.svg"], "--json there.svg is a folder; name a file in it"),
        (["--figure", "there.svg"], "--figure there.svg is a folder; name a file in it"),
        (["--json", "absent/deep/fits.json"], "--json absent/deep/fits.json: there is no folder absent"),
        (["--figure", "absent/deep/fits.svg"], "--figure absent/deep/fits.svg: there is no folder absent"),
        (["--json", "pow.csv/fits.json"], "cannot write pow.csv/fits.json: pow.csv is no folder"),
        (["--json", "fits.svg", "--figure", "fits.svg"], "--json and --figure both name fits.svg; name two files"),
    ],
)
def test_files_that_cannot_be_meant(
    table: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert command.main([str(table), *XY, *options]) == 2
    assert capsys.readouterr().err == f"synthscale: {sentence}\n"
    assert table.read_text() == CONTENT
    assert sorted(path.name for path in table.parent.iterdir()) == ["link.json", "pow.csv", "there.svg"]
