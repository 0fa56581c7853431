"""What SLURM's commands print, or fail to, in our own words; the commands are scripts here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from synthscale_slurm.book import Array, Book, Job, Submission
from synthscale_slurm.queue import JobState, Phase, SlurmUnreachable, cancel, find_ids, job_states


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs commands in an otherwise empty PATH, each with what it prints or does; it logs its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def write(**commands: str) -> None:
        for name, body in commands.items():
            script = folder / name
            script.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/{name}.log\n{body}\n')
            script.chmod(0o755)

    return write


def printing(*lines: str) -> str:
    """The body of a command that prints these lines."""
    return "\n".join(f"echo '{line}'" for line in lines) or ":"


def job(job_id: str, user: str = "somebody") -> Job:
    """A job of a submission."""
    return Job(job_id, Array("name", "sample", 2, "/logs", [["k"]]), Submission("abc", "/runs/quick", user, 1.0))


def one_sentence(error: pytest.ExceptionInfo[SlurmUnreachable]) -> str:
    """The message, which a user is to read in one line."""
    text = str(error.value)
    assert "\n" not in text and text.endswith(".")
    return text


def test_jobs_wait_run_or_have_left(install, tmp_path):
    install(
        squeue=printing("17_0|RUNNING|None", "17_1|PENDING|Dependency", "18|COMPLETING|None", "99|RUNNING|None"),
        sacct=printing("17_2|OUT_OF_MEMORY|0:125", "17_3|CANCELLED by 1000|0:15", "17_4|COMPLETED|0:0"),
    )
    ids = ["17_0", "17_1", "17_2", "17_3", "17_4", "18", "19"]
    assert job_states(map(job, ids)) == {
        "17_0": JobState(Phase.running, "RUNNING", "None"),
        "17_1": JobState(Phase.queued, "PENDING", "Dependency"),
        "17_2": JobState(Phase.ended, "OUT_OF_MEMORY", "exit code 0:125"),
        "17_3": JobState(Phase.ended, "CANCELLED", "exit code 0:15"),
        "17_4": JobState(Phase.ended, "COMPLETED", "exit code 0:0"),
        "18": JobState(Phase.running, "COMPLETING", "None"),
        "19": JobState(Phase.ended, "unknown"),
    }
    assert "-j 17,19" in (tmp_path / "sacct.log").read_text(), "of those that have left, by array"


@pytest.mark.parametrize("word", ["PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"])
def test_a_job_that_is_to_start_again_waits(install, word):
    install(squeue=printing(f"17|{word}|BeginTime"))
    assert job_states([job("17")])["17"].phase is Phase.queued


def test_a_reason_may_hold_the_separator(install):
    install(squeue=printing("17|PENDING|Nodes required for job are DOWN|DRAINED"))
    assert job_states([job("17")])["17"].reason == "Nodes required for job are DOWN|DRAINED"


def test_the_queues_of_all_who_submitted_are_asked_once(install, tmp_path):
    install(squeue=printing("17|RUNNING|None", "18|PENDING|Priority"))
    states = job_states([job("17", "zoe"), job("18", "adam"), job("17", "zoe")])
    assert [state.phase for state in states.values()] == [Phase.running, Phase.queued]
    assert [line.split()[3] for line in (tmp_path / "squeue.log").read_text().splitlines()] == ["adam,zoe"]


def test_nothing_is_asked_about_no_jobs(install):
    assert job_states([]) == {}


@pytest.mark.parametrize("sacct", [None, "echo 'Slurm accounting storage is disabled' >&2; exit 1", ":"])
def test_without_accounting_a_job_that_left_is_unknown(install, sacct):
    install(squeue=":", **({"sacct": sacct} if sacct else {}))
    assert job_states([job("17_0")]) == {"17_0": JobState(Phase.ended, "unknown")}


@pytest.mark.parametrize("said", ["RUNNING", "PENDING", "COMPLETING", "REQUEUED", ""])
def test_a_job_that_left_the_queue_has_ended_though_accounting_lags(install, said):
    install(squeue=":", sacct=printing(f"17_0|{said}|0:0"))
    assert job_states([job("17_0")]) == {"17_0": JobState(Phase.ended, "unknown", "exit code 0:0")}


def test_accounting_of_others_is_no_answer(install):
    install(squeue=":", sacct=printing("17_1|FAILED|1:0", "17_[2-5]|PENDING|0:0"))
    assert job_states([job("17_0")])["17_0"].word == "unknown"


def test_a_failing_squeue_is_no_empty_queue(install):
    install(squeue="echo 'slurm_load_jobs error:' >&2; echo 'Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(SlurmUnreachable) as caught:
        job_states([job("17")])
    assert "squeue failed (Unable to contact slurm controller)" in one_sentence(caught)


def test_a_squeue_that_fails_without_a_word_has_its_exit_status(install):
    install(squeue="exit 3")
    with pytest.raises(SlurmUnreachable) as caught:
        job_states([job("17")])
    assert "squeue failed (exit status 3)" in one_sentence(caught)


@pytest.mark.parametrize(
    ("command", "ask"), [("squeue", lambda: job_states([job("17")])), ("scancel", lambda: cancel(["17"]))]
)
def test_a_command_that_is_not_installed_is_said(install, command, ask):
    with pytest.raises(SlurmUnreachable) as caught:
        ask()
    assert f"There is no {command} here" in one_sentence(caught)


def test_a_squeue_that_hangs_is_given_up(install, monkeypatch):
    monkeypatch.setattr("synthscale_slurm.queue._SECONDS", 0.2)
    install(squeue="exec /bin/sleep 60")
    with pytest.raises(SlurmUnreachable) as caught:
        job_states([job("17")])
    assert "squeue gave no answer in 0.2 s" in one_sentence(caught)


def test_cancel_names_each_job_once_and_none_is_no_call(install, tmp_path):
    install(scancel=":")
    cancel([])
    assert not (tmp_path / "scancel.log").exists()
    cancel(["17_1", "17_0"])
    assert (tmp_path / "scancel.log").read_text() == "--quiet 17_1 17_0\n"


def test_a_failing_scancel_is_said(install):
    install(scancel="echo 'Access/permission denied' >&2; exit 1")
    with pytest.raises(SlurmUnreachable) as caught:
        cancel(["17"])
    assert "Access/permission denied" in one_sentence(caught)


@pytest.fixture
def book(tmp_path) -> Book:
    """One submission: an array with its id, one that SLURM was given, and one that it was not."""
    book = Book(tmp_path / "artifacts")
    arrays = [
        Array("quick-0-synthesize-abc-0", "synthesize", 0, "/logs", [["k0"]], "16"),
        Array("quick-1-finetune-abc-1", "finetune", 1, "/logs", [["k1"], ["k2"]]),
        Array("quick-2-sample-abc-2", "sample", 2, "/logs", [["k3"]]),
    ]
    book.keep(Submission("abc", "/runs/quick", "somebody", 1.0, arrays))
    return book


def test_an_array_without_an_id_is_found_by_its_name_and_one_that_slurm_does_not_know_is_dropped(install, book):
    install(
        squeue=printing("17|17|quick-1-finetune-abc-1", "18|17|quick-1-finetune-abc-1", "90|90|quick-2-sample-zzz-2")
    )
    find_ids(book)
    assert {key: job.job_id for key, job in book.newest_jobs().items()} == {"k0": "16", "k1": "17_0", "k2": "17_1"}
    assert [array.job_id for array in book.submissions()[0].arrays] == ["16", "17"]


def test_an_array_without_an_id_stays_as_it_is_while_slurm_does_not_answer(install, book):
    install(squeue="exit 1")
    before = book.submissions()
    with pytest.raises(SlurmUnreachable):
        find_ids(book)
    assert book.submissions() == before


def test_a_book_with_all_ids_needs_no_squeue(install, book, tmp_path):
    (submission,) = book.submissions()
    submission.arrays = submission.arrays[:1]
    book.keep(submission)
    find_ids(book)
    assert book.submissions() == [submission]


def test_the_scripts_of_these_tests_are_found_and_nothing_else_is(install, tmp_path):
    install(squeue=printing("hello"))
    assert subprocess.run(["squeue"], capture_output=True, text=True).stdout == "hello\n"
    assert [path.name for path in Path(tmp_path / "bin").iterdir()] == ["squeue"]
