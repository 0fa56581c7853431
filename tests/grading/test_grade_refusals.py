"""What `synthscale grade` refuses, in one sentence: options, files, and lines that cannot be graded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from graded_lines import RIGHT, WRONG, grades
from synthscale.grading import run as grade_run
from synthscale.grading.app import main


def refused(arguments: list[str], capsys) -> str:
    """The one sentence that a command is refused with."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.endswith(".\n")
    return err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--jobs", "-1"], "--jobs must be between 0 (all cores) and 1024, not -1."),
        (["--jobs", "1025"], "not 1025."),
        (["--time-limit", "0"], "--time-limit must be above 0 and at most 3600 seconds, not 0."),
        (["--time-limit", "3601"], "not 3601."),
        (["--time-limit", "nan"], "not nan."),
        (["--time-limit", "-1"], "not -1."),
        (["--policy", "percent"], "--policy needs KEY=VALUE, as in percent=value, not 'percent'."),
        (
            ["--policy", "percnt=value"],
            "no key 'percnt' (did you mean percent?); accepted are percent, units, left_hand",
        ),
        (
            ["--policy", "units=ignored"],
            "units cannot be 'ignored' (did you mean ignore?); accepted are optional, requ",
        ),
        (["--policy", "relative_tolerance=x"], "--policy relative_tolerance needs a number, not 'x'."),
        (
            ["--policy", "relative_tolerance=1"],
            "--policy: relative_tolerance must be at least 0 and below 1, but is 1.0.",
        ),
        (["--policy", "units=ignore units=required"], "--policy is given two values for units; keep one."),
        (["--prediction-key", "reference"], "Prediction and reference are both under 'reference'; --audit compares"),
        (
            ["--policy", "relative_tolerance=nan"],
            "--policy: relative_tolerance must be at least 0 and below 1, but is nan.",
        ),
        (["--out", "/dev/null/out"], "Cannot write /dev/null/out: /dev/null is not a folder, or leads through a file."),
        (["--out", "/dev/full"], "Cannot write /dev/full: No space left on device."),
        (["--out", ""], "--out is empty; give a file, or - for standard output."),
    ],
)
def test_options_that_cannot_be_used(write, capsys, options, words):
    assert words in refused([write(RIGHT), *options], capsys)


@pytest.mark.parametrize(
    "options", [["--jobs", "x"], ["--jobs", "1.5"], ["--time-limit", "x"], ["--nonsense"], ["--pol", "x"]]
)
def test_options_that_argparse_refuses(write, options):
    with pytest.raises(SystemExit) as caught:
        main([write(RIGHT), *options])
    assert caught.value.code == 2


@pytest.mark.parametrize(("name", "words"), [("none", "No such file or directory."), ("", "Is a directory.")])
def test_files_that_cannot_be_read(tmp_path, capsys, name, words):
    assert refused([str(tmp_path / name)], capsys) == f"Cannot read {tmp_path / name}: {words}\n"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "The name of the file to grade is empty; give one, or - for standard input."),
        ("/proc/self/mem", "Cannot read /proc/self/mem: Input/output error."),
    ],
)
def test_an_empty_name_and_a_file_that_fails_while_it_is_read(capsys, name, words):
    assert refused([name], capsys) == f"{words}\n"


def test_the_input_is_not_overwritten(write, capsys):
    path = write(RIGHT)
    assert "The graded lines would overwrite" in refused([path, "--out", path], capsys)
    assert Path(path).read_text() == RIGHT + "\n"


BAD_LINES = [
    ("{", "is not JSON"),
    ("[1]", "holds a list"),
    ("[" * 100_000, "is nested too deeply"),
    ('{"prediction": "1"}', 'has no key "reference", only "prediction": --reference-key names another'),
    ('{"question": "?", "answer": "1"}', 'has no key "reference", only "question", "answer": --reference-key names'),
    ('{"reference": "1"}', 'has no key "prediction"'),
    ('{"prediction": "1", "reference": null}', 'holds null under "reference"'),
    ('{"prediction": NaN, "reference": "1"}', 'holds NaN under "prediction"'),
    ('{"prediction": "1", "reference": "1", "grade": "A"}', 'has a key "grade" already'),
]


@pytest.mark.parametrize(("line", "words"), BAD_LINES)
def test_a_bad_line_of_a_file_is_found_before_any_answer_is_graded(write, tmp_path, capsys, monkeypatch, line, words):
    monkeypatch.setattr(grade_run, "Grader", None)
    path, out = write(RIGHT, "", WRONG, line, RIGHT), tmp_path / "out"
    sentence = refused([path, "--out", str(out)], capsys)
    assert sentence.startswith(f"Line 4 of {path} {words}")
    assert sentence.endswith("; mend it, or leave out such lines with --skip-bad.\n")
    assert not out.exists()


@pytest.mark.parametrize(("line", "words"), BAD_LINES)
def test_a_bad_line_is_left_out_where_that_is_asked_for(write, capsys, line, words):
    path = write(RIGHT, line, line, WRONG)
    assert main([path, "--skip-bad"]) == 0
    out, err = capsys.readouterr()
    assert [grade["verdict"] for grade in grades(out)] == ["correct", "wrong"]
    assert f"Line 2 of {path} {words}" in err.replace("\n", " ")
    assert f"Line 3 of {path} {words}" in err.replace("\n", " ")
    assert "2 bad lines left out." in err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_standard_input_is_graded_up_to_its_first_bad_line(standard_input, tmp_path, capsys, jobs):
    standard_input(f"{RIGHT}\n{WRONG}\n\xff\n{RIGHT}".encode("latin-1"))
    assert main(["--jobs", jobs]) == 2
    out, err = capsys.readouterr()
    assert [grade["verdict"] for grade in grades(out)] == ["correct", "wrong"]
    assert err.startswith("Line 3 of standard input is not UTF-8: byte 0xff, column 1; mend it, or leave out such")


def test_standard_input_with_a_bad_line_leaves_no_output_file(standard_input, tmp_path, capsys):
    standard_input(f"{RIGHT}\n{{\n".encode())
    assert "Line 2 of standard input is not JSON" in refused(["--out", str(tmp_path / "out")], capsys)
    assert os.listdir(tmp_path) == []


def test_a_file_of_bad_lines_alone_is_no_success(write, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([write("{", "[]"), "--skip-bad", "--out", str(out)]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("None of the lines of ")
    assert not out.exists()


@pytest.mark.parametrize(
    ("line", "words"), [("", "There is no line in "), (RIGHT.replace("reference", "answer"), "only ")]
)
def test_an_audit_of_nothing_is_no_success(write, capsys, line, words):
    assert words in refused(["--audit", write(line)], capsys)
