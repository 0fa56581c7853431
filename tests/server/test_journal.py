"""What was answered is on disk: after kill -9, a torn line, a damaged one, and a stage that failed."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from openai_server import Reply, ScriptedServer
from synthscale.server.journal import Journal
from synthscale.server.request import Choice

FIGURES = {"prompt_tokens": 1, "completion_tokens": 2, "retries": 0, "seconds": 0.5}
CHILD = """
import sys
from pathlib import Path
from synthscale.server.client import Client, Request
from synthscale.server.config import ServerConfig
from synthscale.session import Session

requests = [Request(str(i), f"prompt {i}", 3, 0.7, 16, i) for i in range(int(sys.argv[3]))]
config = ServerConfig(num_concurrent=4, samples_per_request=2)
with Client(config, url=sys.argv[1], model="m", journal=Path(sys.argv[2]), session=Session()) as client:
    for choices in client.ask(requests):
        print(*[choice.text for choice in choices])
"""


def run_child(url: str, journal: Path, num_requests: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, url, str(journal), str(num_requests)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_after_kill_9_only_what_never_came_is_asked_for_again(tmp_path):
    """Killed twice in the middle; then the answers are those of a run that nobody killed."""
    num_requests, kills_at = 30, [7, 30]

    def reply(path, body):
        return Reply([f"{body['seed']}/{i}" for i in range(body.get("n", 1))], delay_seconds=0.02)

    with ScriptedServer(reply) as server:
        for kill_at in kills_at:
            child = run_child(server.url, tmp_path / "a.journal", num_requests)
            while server.num_answered < kill_at and child.poll() is None:
                time.sleep(0.002)
            os.kill(child.pid, signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
            child.stdout.close()
        time.sleep(0.1)  # what was under way ends at the server
        received: list = []
        Journal(tmp_path / "a.journal", received.append).close()
        num_received = len(received)
        num_before = server.num_answered
        # an answer may be sent and not received by a process that dies: at most what is under way at once
        assert num_before - num_received <= 4 * len(kills_at)
        child = run_child(server.url, tmp_path / "a.journal", num_requests)
        resumed = child.communicate(timeout=60)[0]
        assert server.num_answered - num_before == 2 * num_requests - num_received
        child = run_child(server.url, tmp_path / "whole.journal", num_requests)
        assert child.communicate(timeout=60)[0] == resumed and len(resumed.splitlines()) == num_requests


def write_two(path: Path) -> None:
    with Journal(path) as journal:
        journal.answered(None, "a", "f", 0, [Choice("one\ntwo π", True, 3)], FIGURES)
        journal.answered(None, "a", "f", 1, [Choice("three", False, 1), Choice("", True, 0)], FIGURES)


def test_what_is_written_is_read(tmp_path):
    write_two(tmp_path / "a.journal")
    seen: list = []
    with Journal(tmp_path / "a.journal", seen.append) as journal:
        texts = {i: choice.text for i, choice in journal.samples("a", "f").items()}
        assert texts == {0: "one\ntwo π", 1: "three", 2: ""}
        assert journal.samples("a", "other") == journal.samples("b", "f") == {}
        assert journal.indices("a", "f") == {0, 1, 2} and journal.indices("b", "f") == set()
        assert [figures["seconds"] for figures in seen] == [0.5, 0.5]
        journal.answered(None, "a", "f", 2, [Choice("late", True, 1), Choice("four", True, 1)], FIGURES)
        assert {i: choice.text for i, choice in journal.samples("a", "f").items()} == {**texts, 3: "four"}


def test_a_torn_last_line_is_dropped_and_cut_off_wherever_it_was_torn(tmp_path):
    write_two(tmp_path / "whole.journal")
    content = (tmp_path / "whole.journal").read_bytes()
    first = content.index(b"\n") + 1
    path = tmp_path / "a.journal"
    for cut in (first + 1, (first + len(content)) // 2, len(content) - 2, len(content) - 1):
        path.write_bytes(content[:cut])
        with Journal(path) as journal:
            assert set(journal.samples("a", "f")) == {0}
            journal.answered(None, "b", "f", 0, [Choice("new", True, 1)], FIGURES)
        with Journal(path) as journal:
            assert journal.samples("b", "f")[0].text == "new" and path.read_bytes().startswith(content[:first] + b"{")


@pytest.mark.parametrize("line", [b"\x00\x00\n", b"[]\n", b"null\n", b'{"kind": "answered"}\n', b"\xff\n", b"\n"])
def test_a_damaged_line_costs_itself_only(tmp_path, caplog, line):
    caplog.set_level(logging.WARNING)
    path = tmp_path / "a.journal"
    write_two(path)
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + line + second)
    seen: list = []
    with Journal(path, seen.append) as journal:
        assert set(journal.samples("a", "f")) == {0, 1, 2} and len(seen) == 2
    assert "a.journal has a line that cannot be read" in caplog.text


def test_what_was_sent_and_has_no_end_stays_noted(tmp_path):
    with Journal(tmp_path / "a.journal") as journal:
        answered, refused, lost = (journal.sent(cost) for cost in (1.0, 2.0, 4.0))
        journal.answered(answered, "a", "f", 0, [Choice("x", True, 1)], FIGURES)
        journal.refused(refused)
    with Journal(tmp_path / "a.journal") as journal:
        assert journal.unended == {lost: 4.0}
        assert journal.sent(8.0) not in (answered, refused, lost)


def test_a_journal_has_the_name_by_which_it_outlives_a_failure(tmp_path):
    with pytest.raises(AssertionError, match=r"must end in \.journal"):
        Journal(tmp_path / "answers.jsonl")


def test_it_is_flushed_to_the_disk_each_second_and_at_the_end(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("synthscale.server.journal.os.fsync", lambda file: synced.append(file))
    clock = [100.0]
    monkeypatch.setattr("synthscale.server.journal.time.monotonic", lambda: clock[0])
    with Journal(tmp_path / "a.journal") as journal:
        journal.sync(now=True)
        assert not synced  # there was nothing
        journal.sent(1.0)
        journal.sync()
        assert not synced
        clock[0] += 1.0
        journal.sync()
        assert len(synced) == 1
        journal.sent(1.0)
    assert len(synced) == 2
