"""An option written as Hydra writes it is the option itself; what is none is refused in one sentence."""

import argparse
from pathlib import Path

import pytest

from synthscale.study.error import UserError
from synthscale_analysis.fit.options import parse_options
from synthscale_analysis.options import as_options
from synthscale_analysis.report.command import main


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    made.add_argument("folder")
    made.add_argument("--bootstrap", type=int, default=1000)
    made.add_argument("--seed-column")
    made.add_argument("--wandb", action="store_true")
    return made


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["runs/quick"], ["runs/quick"]),
        (["runs/a=b"], ["runs/a=b"]),
        (["report.bootstrap=500"], ["--bootstrap=500"]),
        (["++report.bootstrap=-1"], ["--bootstrap=-1"]),
        (["report.seed_column=my seed=1"], ["--seed-column=my seed=1"]),
        (["report.wandb=true", "report.wandb=True"], ["--wandb", "--wandb"]),
        (["report.wandb=false", "report.seed_column=null"], []),
        (["fit.bootstrap=500"], ["fit.bootstrap=500"]),
        (["--wandb", "report.bootstrap=5", "runs"], ["--wandb", "--bootstrap=5", "runs"]),
    ],
)
def test_keys_become_options(written: list[str], meant: list[str]) -> None:
    assert as_options(written, "report", parser()) == meant


def test_the_last_one_counts() -> None:
    options = parser().parse_args(as_options(["x", "--bootstrap", "5", "report.bootstrap=7"], "report", parser()))
    assert options.bootstrap == 7


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (
            "report.bootstap=5",
            "there is no report.bootstap; there are report.bootstrap, report.seed_column, report.wandb",
        ),
        ("report.help=true", "there is no report.help"),
        ("report.bootstrap", "report.bootstrap has no value"),
        ("report.bootstrap=", "report.bootstrap has no value"),
        ("report.wandb=yes", "report.wandb is true or false, not yes"),
        ("report.=1", "there is no report.;"),
    ],
)
def test_what_is_no_option_is_said(written: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        as_options([written], "report", parser())
    assert str(caught.value).startswith(sentence)


def test_the_command_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "report.bootstap=5"]) == 2
    error = capsys.readouterr().err
    assert "there is no report.bootstap" in error and "report.bootstrap" in error and error.count("\n") == 1
    assert main([str(tmp_path), "report.bootstrap=1"]) == 2
    assert "at least 2 draws" in capsys.readouterr().err


def test_fit_takes_them_too() -> None:
    options = parse_options(
        ["results.csv", "fit.x=data_size", "fit.y=test_error", "fit.seed_column=seed", "--seed", "3"]
    )
    assert (options.x, options.y, options.seed_column, options.seed) == (["data_size"], "test_error", "seed", 3)
