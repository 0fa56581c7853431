"""`synthscale grade` as a process: its start, its pipes, and how it ends when it is interrupted or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from graded_lines import RIGHT, WRONG, grades

COMMAND = [sys.executable, "-m", "synthscale.cli", "grade"]


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
