"""What `synthscale grade` writes, counts and audits; with the verifier, or one of foreseen verdicts."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from graded_lines import RIGHT, WRONG, as_line, grades
from synthscale.grading import run as grade_run
from synthscale.grading import summary as grade_summary
from synthscale.grading.app import main

# what it writes


def test_lines_come_out_in_order_as_they_went_in_with_a_grade(write, capsys):
    assert main([write(RIGHT, "", WRONG)]) == 0
    out, err = capsys.readouterr()
    first, second = map(json.loads, out.splitlines())
    assert out.splitlines()[0].startswith(RIGHT[:-1] + ', "grade": {"verdict": "correct", "rule": "')
    assert list(first["grade"]) == ["verdict", "rule", "extracted", "reference", "side"]
    assert (first["grade"]["extracted"], first["grade"]["reference"], first["grade"]["side"]) == ("72", "72", None)
    assert second["grade"]["verdict"] == "wrong"
    assert "2 answers in " in err


@pytest.mark.parametrize("arguments", [[], ["-"], ["-", "--out", "-"]])
def test_standard_input_is_graded_as_a_file_is(standard_input, capsys, arguments):
    standard_input(f"{RIGHT}\n\n{WRONG}".encode())
    assert main(arguments) == 0
    assert [grade["verdict"] for grade in grades(capsys.readouterr().out)] == ["correct", "wrong"]


def test_an_output_file_is_written_and_replaced(write, tmp_path, capsys):
    out = tmp_path / "new" / "out.jsonl"
    for content in (RIGHT, WRONG):
        assert main([write(content), "--out", str(out)]) == 0
        assert out.read_text().startswith(content[:-1])
    assert capsys.readouterr().out == ""
    assert os.listdir(out.parent) == ["out.jsonl"]


def test_other_keys_numbers_and_null(write, capsys):
    path = write('{"reference": 7, "text": 0.50, "answer": "1/2", "grade": 8}', '{"text": null, "answer": 5}')
    assert main([path, "--prediction-key", "text", "--reference-key", "answer", "--grade-key", "verdict"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["verdict"]["verdict"] == "correct"
    assert (second["verdict"]["verdict"], second["verdict"]["side"]) == ("unparseable", "prediction")


def test_a_graded_file_can_be_graded_again_under_another_key(write, tmp_path, capsys):
    once, twice = str(tmp_path / "once"), str(tmp_path / "twice")
    assert main([write(RIGHT), "--out", once]) == 0
    assert main([once, "--out", twice, "--grade-key", "again"]) == 0
    assert list(json.loads(Path(twice).read_text())) == ["prediction", "reference", "grade", "again"]


@pytest.mark.parametrize("jobs", ["0", "1", "2"])
def test_order_and_count_are_kept(write, capsys, jobs):
    pairs = [(f"\\boxed{{{number}}}", str(number // 2 * 2)) for number in range(500)]
    assert main([write(*pairs), "--jobs", jobs]) == 0
    found = grades(capsys.readouterr().out)
    assert [grade["extracted"] for grade in found] == [str(number) for number in range(500)]
    assert [grade["verdict"] for grade in found] == ["correct", "wrong"] * 250


def test_strange_texts_survive(write, capsys):
    texts = ["\0", "\ud800", "\\boxed{\udfff}", "½ \u2028 二", "", " ", "{" * 5000, "9" * 100_000]
    status = main([write(*[(text, "1") for text in texts], *[("1", text) for text in texts])])
    out = capsys.readouterr().out
    assert status == 1  # some of them cannot be read as a reference
    assert len(grades(out)) == 2 * len(texts)
    assert [json.loads(line)["prediction"] for line in out.splitlines()[: len(texts)]] == texts
    out.encode()


def test_memory_does_not_grow_with_the_input(monkeypatch, foreseen, capsys):
    """60 MB through standard input, of which a few lines are in memory at a time."""

    class Endless(io.RawIOBase):
        left = 15_000

        def readline(self, size=-1):
            self.left -= 1
            return as_line("x" * 3950 + f" {self.left}", "5").encode() + b"\n" if self.left >= 0 else b""

    class Standard:
        buffer = Endless()

    monkeypatch.setattr(sys, "stdin", Standard())
    tracemalloc.start()
    try:
        assert main(["--out", "/dev/null"]) == 0
        assert tracemalloc.get_traced_memory()[1] < 6e6
    finally:
        tracemalloc.stop()
    assert "15,000 answers in " in capsys.readouterr().err


# the summary


def test_the_summary_counts_verdicts_sides_rules_and_bad_lines(write, capsys, foreseen):
    pairs = [("correct", "5")] * 6 + [("wrong", "5"), ("timeout", "5"), ("unparseable", "5"), ("1", "unread")]
    assert main([write("{", *pairs), "--skip-bad"]) == 1
    err = capsys.readouterr().err
    rows = dict(re.findall(r"^ +(\w+) +([\d,]+.*?) *$", err, flags=re.MULTILINE))
    assert rows["correct"].split() == ["6", "60.0%", "31.3%", "–", "83.2%"]
    assert rows["wrong"].split()[0] == rows["timeout"].split()[0] == "1"
    assert rows["unparseable"].split()[0] == "2"
    assert rows["prediction"] == rows["reference"] == "1"
    assert "Decided by plain: exact (8), none (2)." in err
    assert "1 reference could not be read: line 11." in err
    assert "1 bad line left out." in err
    assert re.search(r"10 answers in [\d.]+ s, [\d,]+ a second, 1 job\.", err)


def test_of_unread_references_the_first_lines_are_named_and_the_status_is_1(write, tmp_path, capsys, foreseen):
    out = tmp_path / "out"
    assert main([write(*[("1", "unread")] * 7, RIGHT), "--out", str(out)]) == 1
    assert "7 references could not be read: lines 1, 2, 3, 4, 5, …." in capsys.readouterr().err
    assert len(out.read_text().splitlines()) == 8


def test_an_empty_input_is_graded_to_an_empty_output(write, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([write("", " "), "--out", str(out)]) == 0
    assert out.read_bytes() == b""
    assert "0 answers in " in capsys.readouterr().err


def test_a_bar_appears_on_a_terminal_after_some_seconds(write, monkeypatch, capsys, foreseen):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    class Slow(foreseen):
        def grade_batch(self, predictions, references):
            time.sleep(0.5)
            return super().grade_batch(predictions, references)

    monkeypatch.setattr(grade_run, "Grader", Slow)
    monkeypatch.setenv("TERM", "xterm")
    for seconds, seen in ((3600.0, False), (0.0, True)):
        monkeypatch.setattr(grade_summary, "SECONDS_BEFORE_BAR", seconds)
        monkeypatch.setattr(sys, "stderr", Terminal())
        assert main([write(RIGHT, WRONG), "--out", "/dev/null"]) == 0
        assert ("grading" in sys.stderr.getvalue()) is seen


# the audit


def test_an_audit_of_good_references(write, capsys):
    path = write('{"answer": "3 + 4 = 7\\n#### 7"}', '{"answer": "\\\\frac{1}{2}", "prediction": []}', '{"answer": 5}')
    assert main(["--audit", path, "--reference-key", "answer"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("3 references, all equal to themselves.\n", "")


def test_an_audit_lists_what_fails(write, tmp_path, capsys, foreseen):
    out = tmp_path / "out.jsonl"
    texts = ["5", "timeout", "unread", "x" * 100 + "[red]" + "y" * 100]
    path = write("", *[json.dumps({"reference": text}) for text in texts])
    assert main(["--audit", path, "--out", str(out)]) == 1
    screen = capsys.readouterr().out
    assert re.search(r"3 +timeout +timeout +plain: exact", screen)
    assert re.search(r"4 +unread +unparseable +none", screen)
    assert "4 references, 2 not equal to themselves.\n" in screen
    failed = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["reference"] for line in failed] == ["timeout", "unread"]
    assert [line["grade"]["line"] for line in failed] == [3, 4]


def test_an_audit_shows_fifty_failures_and_writes_all(write, tmp_path, capsys, foreseen):
    out = tmp_path / "out.jsonl"
    path = write(*[json.dumps({"reference": "wrong"})] * 1234)
    assert main(["--audit", path, "--out", str(out)]) == 1
    screen = capsys.readouterr().out
    assert len(re.findall(r"^ +\d+ +wrong +wrong", screen, flags=re.MULTILINE)) == 50
    assert "1,234 references, 1,234 not equal to themselves (the first 50 are shown)." in screen
    assert len(out.read_text().splitlines()) == 1234


# the settings


def test_the_settings_reach_the_verifier(write, foreseen, capsys):
    policy = [
        "--policy",
        "percent=value,units=ignore",
        "letter_case=ignore",
        "--policy=relative_tolerance=0.01 unmarked=none",
    ]
    assert main([*policy, write(RIGHT), "--time-limit", "0.5"]) == 0
    policy, seconds = foreseen.last.settings
    assert (policy.percent.value, policy.units.value, policy.letter_case.value) == ("value", "ignore", "ignore")
    assert (policy.relative_tolerance, policy.unmarked.value, policy.ordering.value) == (0.01, "none", "by_brackets")
    assert seconds == 0.5
    assert main([write(RIGHT), "--jobs", "0"]) == 0
    num_cores = len(os.sched_getaffinity(0))
    assert f", {num_cores} job" in capsys.readouterr().err


HARD = [(rf"\\sin(x)^{{{k}}}", rf"\\cos(x)^{{{k}}} + x") for k in range(2, 8)]  # for a process that knows formulas


@pytest.mark.parametrize("bad", [None, 300])
def test_jobs_change_nothing_but_the_time(write, tmp_path, capsys, bad):
    """Parts that come back in any order are written in theirs, and a bad line ends the run after those before it."""
    lines: list = [(str(k), str(k - k % 3)) for k in range(600)]
    lines[100:106] = HARD
    if bad is not None:
        lines[bad] = "{"
    outputs = []
    for jobs in ("1", "3"):
        out = tmp_path / jobs
        status = main([write(*lines), "--out", str(out), "--jobs", jobs, *(["--skip-bad"] if bad else [])])
        assert status == 0
        outputs.append(out.read_bytes())
    assert outputs[0] == outputs[1] and outputs[0].count(b"\n") == 600 - (bad is not None)
    assert "1 bad line left out" in capsys.readouterr().err or bad is None


def test_a_policy_changes_verdicts(write, capsys):
    path = write(("50%", "1/2"))
    found = []
    for value in ("value", "ignore"):
        assert main([path, "--policy", f"percent={value}"]) == 0
        found += [grade["verdict"] for grade in grades(capsys.readouterr().out)]
    assert found == ["correct", "wrong"]


def test_a_line_of_50_mb(write, capsys):
    assert main([write(("x" * 50_000_000 + " the answer is 5", "5")), "--out", "/dev/null"]) == 0
    assert "1 answer in" in capsys.readouterr().err
