"""`synthscale fit`: planted slopes come out in table and JSON; every mistake is one sentence and exit code 2."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthscale_analysis.fit.command import main
from synthscale_analysis.fit.options import parse_options
from synthscale_analysis.numbers import fitting
from synthscale_analysis.protocol import STUDY_DELTA

Records = Callable[..., pd.DataFrame]
BCA = ["--interval", "bca"]
XY = ["--x", "data_size", "--y", "test_error"]


@pytest.fixture
def table(tmp_path: Path, records: Records) -> Path:
    path = tmp_path / "results.csv"
    records().to_csv(path, index=False)
    return path


def test_json_holds_planted_slopes_with_intervals(table: Path) -> None:
    out = table.parent / "deep" / "fits.json"
    assert main([str(table), *XY, "--group", "algorithm", "--bootstrap", "40", "--json", str(out)]) == 0
    fits = {fit["group"]: fit for fit in json.loads(out.read_text())["fits"]}
    assert set(fits) == {"sft", "sft_matched", "rft", "my_method"}
    slope = fits["rft"]["parameters"]["b"]
    assert slope["low"] <= slope["estimate"] <= slope["high"]
    assert slope["estimate"] == pytest.approx(0.5, abs=0.1)
    assert (fits["rft"]["num_rows"], fits["rft"]["num_sizes"], fits["rft"]["num_seeds"]) == (9, 3, [3, 3, 3])
    assert [path.name for path in out.parent.iterdir()] == ["fits.json"]


def test_delta_is_a_choice_that_the_json_names(table: Path) -> None:
    slopes = []
    for number, options in enumerate(([], ["--delta", "0.1"])):
        out = table.parent / f"{number}.json"
        assert main([str(table), *XY, "--bootstrap", "5", "--json", str(out), *options]) == 0
        written = json.loads(out.read_text())
        assert written["delta"] == (0.1 if options else 1e-3)
        slopes.append(written["fits"][0]["parameters"]["b"]["estimate"])
    assert slopes[0] != slopes[1]


def test_the_readmes_example_fits_as_the_report_does() -> None:
    lines = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").splitlines()
    (example,) = [line for line in lines if line.startswith("    synthscale fit ")]
    command = example.strip().partition("  ")[0].split()[2:]
    assert parse_options(command).delta == STUDY_DELTA


def test_table_is_printed(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(table), *XY, "--law", "auto", "--bootstrap", "5"]) == 0
    printed = capsys.readouterr().out
    assert "y = a·N^-b + c" in printed and "all rows" in printed


@pytest.mark.parametrize("kind", ["percentile", "bca"])
def test_values_that_are_all_equal_have_no_slope_and_no_floor(
    table: Path, records: Records, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    sizes = (64, 128, 256, 512)
    records({"sft": 1.0}, sizes).assign(test_error=0.3).to_csv(table, index=False)
    out = table.parent / "fits.json"
    options = ["--law", "auto", "--bootstrap", "40", "--interval", kind, "--json", str(out)]
    assert main([str(table), *XY, *options]) == 0
    printed = capsys.readouterr().out
    assert "e-" not in printed and "no trend can be told: the exponent is 0 [0, 0]" in printed
    for fit in json.loads(out.read_text())["fits"][:2]:
        assert fit["parameters"].pop("a")["estimate"] == pytest.approx(0.3)
        assert all(found == {"estimate": 0, "low": 0, "high": 0} for found in fit["parameters"].values())


@pytest.mark.parametrize(
    ("num_seeds", "options", "expected"),
    [
        (3, ["--bootstrap", "200"], []),
        (3, ["--bootstrap", "199"], ["199 draws: interval is rough"]),
        (3, [*BCA, "--bootstrap", "200"], ["BCa from 3 seeds a size: rough, too few to correct for skew"]),
        (1, ["--bootstrap", "200"], ["one seed a size: interval from 4 resampled sizes, rough from so few"]),
        (
            1,
            [*BCA, "--bootstrap", "199"],
            [
                "199 draws: interval is rough",
                "BCa from 4 sizes: rough, too few to correct for skew",
                "one seed a size: interval from 4 resampled sizes, rough from so few",
            ],
        ),
    ],
)
def test_intervals_from_few_draws_or_units_are_called_rough(
    table: Path, records: Records, num_seeds: int, options: list[str], expected: list[str]
) -> None:
    records({"sft": 1.0}, (64, 128, 256, 512), num_seeds).to_csv(table, index=False)
    out = table.parent / "fits.json"
    assert main([str(table), *XY, *options, "--delta", "0.1", "--json", str(out)]) == 0
    (fit,) = json.loads(out.read_text())["fits"]
    assert fit["notes"] == expected


def test_a_note_that_all_fits_share_is_said_once(
    table: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "fits.json"
    assert main([str(table), *XY, "--group", "algorithm", "--bootstrap", "20", "--json", str(out)]) == 0
    assert capsys.readouterr().out.count("20 draws: interval is rough") == 1
    assert all("20 draws: interval is rough" in fit["notes"] for fit in json.loads(out.read_text())["fits"])
    assert main([str(table), *XY, "--bootstrap", "20"]) == 0
    assert "all fits:" not in capsys.readouterr().out, "one row has the room for its notes"


def test_parameters_that_are_not_identified_share_a_note(monkeypatch: pytest.MonkeyPatch, table: Path) -> None:
    wide, at_zero = "its interval spans a factor of more than 1,000", "its interval reaches 0"
    monkeypatch.setattr(fitting, "unidentified", lambda _: {"a": wide, "c": at_zero, "d": wide})
    out = table.parent / "fits.json"
    assert main([str(table), *XY, "--bootstrap", "200", "--delta", "0.1", "--json", str(out)]) == 0
    (fit,) = json.loads(out.read_text())["fits"]
    assert fit["notes"] == ["not identified: a, d (interval spans a factor of more than 1,000), c (interval reaches 0)"]


def test_parquet_and_csv_agree(table: Path, records: Records) -> None:
    parquet = table.with_suffix(".parquet")
    records().to_parquet(parquet)
    outs = [table.parent / "a.json", table.parent / "b.json"]
    for path, out in zip((table, parquet), outs, strict=True):
        assert main([str(path), *XY, "--bootstrap", "5", "--json", str(out)]) == 0
    fits = [json.loads(out.read_text())["fits"][0]["parameters"]["b"]["estimate"] for out in outs]
    assert fits[0] == pytest.approx(fits[1], rel=1e-9)


def test_rows_without_a_value_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "t.json"
    path.write_text("n,loss\n1,1.0\n4,0.5\n16,0.25\n64,\n")
    assert main([str(path), "--x", "n", "--y", "loss", "--bootstrap", "5", "--json", str(out)]) == 0
    written = json.loads(out.read_text())
    fit = written["fits"][0]
    assert fit["num_rows"] == 3 and written["num_left_out"] == 1
    assert "; 1 row without loss left out" in " ".join(capsys.readouterr().out.split())
    assert fit["resampled"] == "sizes"
    assert fit["parameters"]["b"]["estimate"] == pytest.approx(0.5)


def test_a_group_that_is_too_short_gets_a_note(tmp_path: Path) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "t.json"
    path.write_text("g,n,loss\na,1,1\na,4,0.5\na,16,0.25\nb,1,1\n")
    assert main([str(path), "--x", "n", "--y", "loss", "--group", "g", "--bootstrap", "5", "--json", str(out)]) == 0
    short = json.loads(out.read_text())["fits"][1]
    assert short["parameters"] == {}
    assert short["notes"] == ["power needs 2 sizes, there are 1"]


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        ("n,loss\n1,2\n", ["--x", "n", "--y", "error"], "no column error in the table; it has n, loss"),
        ("n,loss\n1,2\n", ["--x", "n", "--y", "loss", "--group", "g"], "no column g"),
        ("n,loss\n1,2\n2,-1\n", ["--x", "n", "--y", "loss"], "column loss holds -1 in row 2"),
        ("n,loss\n0,2\n2,1\n", ["--x", "n", "--y", "loss"], "column n holds 0 in row 1"),
        ("n,loss\n1,2\n2,many\n", ["--x", "n", "--y", "loss"], "holds 'many' in row 2, which is not a number"),
        ("n,loss\n1,2\n1,3\n", ["--x", "n", "--y", "loss"], "power needs 2 sizes, there are 1"),
        ("n,loss\n1,2\n,\n,1\n", ["--x", "n", "--y", "loss"], "column n is empty in row 3"),
        ("n,loss\n1,\n2,\n", ["--x", "n", "--y", "loss"], "column loss is empty in every row"),
        ("n,loss\n", ["--x", "n", "--y", "loss"], "has no rows"),
        ("n;loss\n1;2\n", ["--x", "n", "--y", "loss"], "its columns seem to be separated by ';'; save it with commas"),
        ("n;loss\n1,5;2,3\n", ["--x", "n", "--y", "loss"], "its columns seem to be separated by ';'; save it with"),
        ("n\tloss\n1\t2\n", ["--x", "n", "--y", "loss"], "its columns seem to be separated by tabs; save it with"),
        ("", ["--x", "n", "--y", "loss"], "cannot read"),
        ("n,loss\n1,2\n2,1\n", ["--x", "n", "--y", "loss", "--bootstrap", "1"], "at least 2 draws"),
        ("n,loss\n1,2\n2,1\n", ["--x", "n", "--y", "loss", "--delta", "0"], "--delta must be a positive number, not 0"),
        (
            "n,loss\n1,2\n2,1\n",
            ["--x", "n", "--y", "loss", "--delta", "inf"],
            "--delta must be a positive number, not inf",
        ),
        (
            "n,loss\n1,.2\n2,.1\n",
            ["--x", "n", "--y", "loss", "--num-test", "10.5"],
            "10.5 is no whole number of problems",
        ),
    ],
)
def test_mistakes_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, options: list[str], sentence: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    assert main([str(path), *options]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1 and error.startswith("synthscale: ")


@pytest.mark.parametrize(
    ("name", "sentence"), [("t.xlsx", "must end in .csv or .parquet"), ("absent.csv", "there is no file")]
)
def test_files_that_are_no_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, sentence: str) -> None:
    assert main([str(tmp_path / name), *XY]) == 2
    assert sentence in capsys.readouterr().err


def test_a_file_in_another_encoding_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("größe,loss\n1,2\n".encode("latin-1"))
    assert main([str(path), "--x", "größe", "--y", "loss"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"synthscale: cannot read {path}: 'utf-8' codec") and error.endswith("; save it as UTF-8\n")


def test_a_broken_parquet_file_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"not parquet")
    assert main([str(path), *XY]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_that_cannot_be_written(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = table / "fits.json"  # below a file
    assert main([str(table), *XY, "--bootstrap", "2", "--json", str(target)]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_a_law_of_two_inputs_takes_two_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(n, d, 1.8 + 400 / n**0.3 + 900 / d**0.4) for n in (1e6, 1e7, 1e8) for d in (1e8, 1e9, 1e10)]
    path, out = tmp_path / "runs.csv", tmp_path / "fits.json"
    pd.DataFrame(rows, columns=["n", "d", "loss"]).to_csv(path, index=False)
    options = ["--x", "n,d", "--y", "loss", "--law", "chinchilla", "--bootstrap", "5", "--json", str(out)]
    assert main([str(path), *options]) == 0
    assert "N is n, D is d" in " ".join(capsys.readouterr().out.split())
    (fit,) = json.loads(out.read_text())["fits"]
    found = {name: value["estimate"] for name, value in fit["parameters"].items()}
    assert found == pytest.approx({"A": 400, "B": 900, "E": 1.8, "alpha": 0.3, "beta": 0.4}, rel=1e-3)


def test_a_share_may_be_zero_where_the_law_takes_shares(tmp_path: Path) -> None:
    path, out = tmp_path / "shares.csv", tmp_path / "fits.json"
    path.write_text("f,error\n0,0.5\n0.25,0.4\n0.5,0.325\n0.75,0.26875\n1,0.2265625\n")
    options = ["--x", "f", "--y", "error", "--law", "mixture", "--bootstrap", "5", "--json", str(out)]
    assert main([str(path), *options]) == 0
    parameters = json.loads(out.read_text())["fits"][0]["parameters"]
    assert parameters["c"]["estimate"] == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize(("largest", "is_share"), [("1", True), ("2", False)])
def test_a_share_of_zero_is_told_of_the_law_that_takes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], largest: str, is_share: bool
) -> None:
    path = tmp_path / "shares.csv"
    path.write_text(f"f,error\n0,0.5\n0.25,0.4\n{largest},0.3\n")
    assert main([str(path), "--x", "f", "--y", "error", "--law", "auto"]) == 2
    hint = " (--law mixture takes fractions from 0)" if is_share else ""
    told = f"synthscale: column f holds 0 in row 1; a fit needs positive numbers{hint}\n"
    assert capsys.readouterr().err == told


def test_as_many_columns_as_the_law_has_inputs(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for x, law in (("data_size", "chinchilla"), ("data_size,seed", "power")):
        assert main([str(table), "--x", x, "--y", "test_error", "--law", law]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert f"law {law} takes --x " in line


def test_auto_says_which_law_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = [2**power for power in range(5, 13)]
    random = np.random.default_rng(0)
    rows = [
        (name, size, seed, value(size) * float(np.exp(random.normal(0, 0.02))))
        for name, value in {
            "bends": lambda n: 0.9 * n**-0.05 * (1 + (n / 300) ** 2) ** -0.3,
            "straight": lambda n: 2 * n**-0.3,
        }.items()
        for size in sizes
        for seed in (1, 2, 3)
    ]
    path, out = tmp_path / "t.csv", tmp_path / "t.json"
    pd.DataFrame(rows, columns=["g", "n", "seed", "error"]).to_csv(path, index=False)
    options = ["--x", "n", "--y", "error", "--group", "g", "--law", "auto", "--delta", "0.05", "--holdout", "2"]
    assert main([str(path), *options, "--bootstrap", "40", "--json", str(out)]) == 0
    written = json.loads(out.read_text())
    assert written["verdicts"]["bends"].startswith("a single power law does not hold: it bends at ")
    assert written["verdicts"]["straight"].startswith("a power law fits; exponent 0.")
    assert written["verdicts"]["straight"] in capsys.readouterr().out
    fits = {(fit["group"], fit["law"]): fit for fit in written["fits"]}
    assert fits["straight", "power"]["held_out_error"] < 0.05 < fits["bends", "power"]["held_out_error"]
    assert fits["bends", "broken"]["aicc"] < fits["bends", "power"]["aicc"]


@pytest.mark.parametrize(
    ("x", "options", "sentence"),
    [
        ("data_size,", [], "--x 'data_size,' has an empty name in it"),
        ("", [], "--x '' has an empty name in it"),
        ("data_size,data_size", ["--law", "chinchilla"], "must name different columns, each once"),
        ("test_error", [], "must name different columns, each once"),
        ("data_size,seed,test_accuracy", ["--law", "auto"], "no law takes 3 --x columns"),
        ("data_size,seed", ["--law", "auto", "--holdout", "1"], "--holdout needs sizes in an order"),
        ("data_size", ["--holdout", "-1"], "--holdout must be at least 0"),
        ("data_size", ["--figure", "fits.gif"], "must end in .png, .svg, .pdf"),
        ("data_size,seed", ["--law", "chinchilla", "--figure", "fits.svg"], "--figure draws against one --x column"),
    ],
)
def test_columns_that_no_law_takes(
    table: Path, capsys: pytest.CaptureFixture[str], x: str, options: list[str], sentence: str
) -> None:
    assert main([str(table), "--x", x, "--y", "test_error", *options]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert sentence in line


def test_names_may_have_spaces_around_them_and_too_much_held_out_is_noted(table: Path) -> None:
    out = table.parent / "fits.json"
    options = ["--y", "test_error", "--bootstrap", "5", "--json", str(out), "--holdout", "9"]
    assert main([str(table), "--x", " data_size ", *options]) == 0
    assert "too few sizes to hold out 9" in json.loads(out.read_text())["fits"][0]["notes"]


def test_a_column_whose_name_has_a_comma_is_one_column(tmp_path: Path) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "t.json"
    path.write_text('"n, of (x)","a loss, mean",n\n1,1,9\n4,0.5,9\n16,0.25,9\n')
    options = ["--x", "n, of (x)", "--y", "a loss, mean", "--bootstrap", "5", "--predict", "64", "--json", str(out)]
    assert main([str(path), *options]) == 0
    written = json.loads(out.read_text())
    assert written["x"] == "n, of (x)" and written["fits"][0]["parameters"]["b"]["estimate"] == pytest.approx(0.5)


@pytest.mark.parametrize("extension", ["svg", "pdf", "png"])
def test_a_figure_shows_each_group_with_its_law(table: Path, extension: str) -> None:
    figures = [table.parent / f"{name}.{extension}" for name in ("a", "b")]
    for figure in figures:
        options = ["--group", "algorithm", "--law", "auto", "--bootstrap", "5", "--figure", str(figure)]
        assert main([str(table), *XY, *options]) == 0
    content = figures[0].read_bytes()
    assert content == figures[1].read_bytes()
    if extension == "svg":
        assert b"rft: y = a" in content and b"data_size" in content


def test_a_folder_and_rows_without_a_group_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").mkdir()
    assert main([str(tmp_path / "t.csv"), "--x", "n", "--y", "loss"]) == 2
    assert "t.csv is a folder; give a .csv or .parquet file in it" in capsys.readouterr().err
    path = tmp_path / "groups.csv"
    path.write_text("m,n,loss\n" + "".join(f"{m},{n},{5 * n**-0.3}\n" for m in ("a", "") for n in (1, 2, 4, 8)))
    assert main([str(path), "--x", "n", "--y", "loss", "--group", "m", "--bootstrap", "50"]) == 0
    printed = capsys.readouterr().out
    assert "(no group)" in printed and "nan" not in printed


def test_a_table_that_takes_minutes_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthscale_analysis.fit.command.MANY", 1000)
    path = tmp_path / "large.csv"
    path.write_text("n,loss\n" + "".join(f"{n},{5 * n**-0.3}\n" for n in range(1, 31)))
    assert main([str(path), "--x", "n", "--y", "loss", "--bootstrap", "40"]) == 0
    assert "30 rows times 40 draws take minutes; --bootstrap 200 takes less" in capsys.readouterr().err


def test_a_law_that_no_group_can_be_fitted_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("m,n,loss\n" + "".join(f"{m},{n},{5 * n**-0.3}\n" for m in "ab" for n in (1, 2, 4, 8)))
    options = ["--x", "n", "--y", "loss", "--group", "m", "--bootstrap", "50", "--law", "auto"]
    assert main([str(path), *options]) == 0
    table = capsys.readouterr().out.partition("a: ")[0]
    assert table.count("broken") == table.count("broken needs 6 sizes, there are 4") == 1
    assert "n is n" not in table and "N is n, y is loss" in table
