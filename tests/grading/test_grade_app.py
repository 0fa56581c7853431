"""`synthscale grade`: what it writes and refuses, and how it ends; with the verifier, or one of foreseen verdicts."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from synthscale.grading import run as grade_run
from synthscale.grading import summary as grade_summary
from synthscale.grading.app import main
from synthscale.problem.answer.grade import Grade, Side
from synthscale.problem.problem import Verdict

COMMAND = [sys.executable, "-m", "synthscale.cli", "grade"]
RIGHT = '{"prediction": "the answer is 72", "reference": "12 * 6 = 72\\n#### 72"}'
WRONG = '{"prediction": "the answer is 73", "reference": "#### 72"}'


class Foreseen:
    """Stands in for the verifier: a verdict's name gets that verdict, and the reference `unread` cannot be read."""

    def __init__(self, policy, *, time_limit_seconds):
        self.settings = (policy, time_limit_seconds)
        type(self).last = self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def grade_batch(self, predictions, references) -> list[Grade]:
        return [self.grade(*pair) for pair in zip(predictions, references, strict=True)]

    def grade(self, prediction, reference) -> Grade:
        if reference == "unread":
            return Grade(Verdict.UNPARSEABLE, "none", prediction, None, Side.REFERENCE)
        if prediction == "unparseable":
            return Grade(Verdict.UNPARSEABLE, "none", None, reference, Side.PREDICTION)
        verdict = Verdict(prediction) if prediction in list(Verdict) else Verdict.CORRECT
        return Grade(verdict, "plain: exact", prediction, reference)


@pytest.fixture
def foreseen(monkeypatch) -> type[Foreseen]:
    monkeypatch.setattr(grade_run, "Grader", Foreseen)
    return Foreseen


@pytest.fixture
def write(tmp_path):
    """Write lines (texts, or pairs to be made lines) to a file, and return its name."""

    def write(*lines: str | tuple[str, str], name: str = "in.jsonl") -> str:
        texts = [line if isinstance(line, str) else as_line(*line) for line in lines]
        (tmp_path / name).write_text("".join(text + "\n" for text in texts))
        return str(tmp_path / name)

    return write


@pytest.fixture
def standard_input(monkeypatch):
    def feed(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return feed


def as_line(prediction: str, reference: str) -> str:
    return json.dumps({"prediction": prediction, "reference": reference})


def grades(text: str) -> list[dict[str, str]]:
    return [json.loads(line)["grade"] for line in text.splitlines()]


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


def test_memory_does_not_grow_with_the_input(monkeypatch, capsys):
    """60 MB through standard input, of which a few lines are in memory at a time."""

    class Endless(io.RawIOBase):
        left = 15_000

        def readline(self, size=-1):
            self.left -= 1
            return as_line("x" * 3950 + f" {self.left}", "5").encode() + b"\n" if self.left >= 0 else b""

    class Standard:
        buffer = Endless()

    monkeypatch.setattr(grade_run, "Grader", Foreseen)
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


# what it refuses


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


@pytest.mark.parametrize(
    ("line", "words"), [("", "There is no line in "), (RIGHT.replace("reference", "answer"), "only ")]
)
def test_an_audit_of_nothing_is_no_success(write, capsys, line, words):
    assert words in refused(["--audit", write(line)], capsys)


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


def test_interrupted_at_hard_pairs_it_ends_at_once(write, tmp_path):
    out = tmp_path / "out.jsonl"
    endless = [(rf"\\boxed{{9^{{9^{{9^{k}}}}}}}", r"\\sqrt{2}") for k in range(9, 300)]
    for jobs in ("1", "2"):
        arguments = [*COMMAND, write(*endless), "--out", str(out), "--jobs", jobs]
        with subprocess.Popen(arguments, stderr=subprocess.PIPE, start_new_session=True) as process:
            time.sleep(4)
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (130, b"")
        assert time.monotonic() - start < 15 and not out.exists()  # the pairs would take hours


def test_a_policy_changes_verdicts(write, capsys):
    path = write(("50%", "1/2"))
    found = []
    for value in ("value", "ignore"):
        assert main([path, "--policy", f"percent={value}"]) == 0
        found += [grade["verdict"] for grade in grades(capsys.readouterr().out)]
    assert found == ["correct", "wrong"]


# as a process


def test_help_answers_at_once():
    code = "import sys; from synthscale.grading.app import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "usage: synthscale grade" in done.stdout
    assert not {"numpy", "rich", "sympy", "torch"} & set(done.stdout.splitlines()[-1].split())
    seconds = []
    for _ in range(5):
        start = time.monotonic()
        subprocess.run([*COMMAND, "--help"], capture_output=True, check=True, timeout=60)
        seconds.append(time.monotonic() - start)
    assert min(seconds) < 1.0  # about 0.1 s on an idle machine


@pytest.mark.timeout(60)
def test_a_pipe_is_answered_line_by_line():
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        for line, verdict in ((RIGHT, "correct"), (WRONG, "wrong")):
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()
            assert grades(process.stdout.readline().decode())[0]["verdict"] == verdict
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b"")
    assert b"2 answers" in err


def test_a_reader_that_leaves_ends_it_quietly(write):
    path = write(*[RIGHT] * 20_000)
    line = f"{' '.join(COMMAND)} {path} | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120)
    first, status = done.stdout.splitlines()
    assert grades(first)[0]["verdict"] == "correct"
    assert (status, done.stderr) == ("1", "")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_is_ended_leaves_no_half_output(tmp_path, name, jobs):
    sign, out = signal.Signals[name], tmp_path / "out.jsonl"
    out.write_text("as it was\n")
    arguments = [*COMMAND, "--out", str(out), "--jobs", jobs]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        process.stdin.write(RIGHT.encode() + b"\n")
        process.stdin.flush()
        end = time.monotonic() + 60
        while len(os.listdir(tmp_path)) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.5)
        os.killpg(process.pid, sign)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130 if sign is signal.SIGINT else -sign, b"")
    assert out.read_text() == "as it was\n"
    assert len(os.listdir(tmp_path)) == (2 if sign is signal.SIGKILL else 1)  # nobody can tidy up after kill -9


@pytest.mark.parametrize(
    ("redirection", "words"),
    [
        ("<&-", "Standard input is closed"),
        (">&-", "Standard output is closed"),
        (">/dev/full", "Cannot write standard output: No space left on device."),
    ],
)
def test_streams_that_are_not_there(write, redirection, words):
    source = "" if redirection == "<&-" else write(RIGHT)
    done = subprocess.run(["bash", "-c", f"{' '.join(COMMAND)} {source} {redirection}"], capture_output=True, text=True)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


def test_a_line_of_50_mb(write, capsys):
    assert main([write(("x" * 50_000_000 + " the answer is 5", "5")), "--out", "/dev/null"]) == 0
    assert "1 answer in" in capsys.readouterr().err
