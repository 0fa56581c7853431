"""The book holds what was handed to SLURM, and of each artifact the job that was submitted for it last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synthscale_slurm.book import Array, Book, Submission


@pytest.fixture
def book(tmp_path) -> Book:
    """An empty one."""
    return Book(tmp_path / "artifacts")


def submission(token: str, created: float, *arrays: Array) -> Submission:
    """Of a study."""
    return Submission(token, "/data/runs/quick", "somebody", created, list(arrays))


def array(*packs: list[str], job_id: str | None = "17") -> Array:
    """Of evaluations."""
    return Array("quick-5-evaluate-abc123-0", "evaluate", 5, "/data/runs/quick/slurm", list(packs), job_id)


def test_what_is_kept_is_read_again_oldest_first(book):
    late, early = submission("b", 2.0, array(["k1"], ["k2", "k3"])), submission("c", 1.0)
    for one in (late, early):
        book.keep(one)
    assert Book(book.folder.parent).submissions() == [early, late]


def test_a_submission_is_kept_anew_as_it_goes_along(book):
    one = book.open_submission(Path("runs/quick"))
    assert book.submissions() == []
    one.arrays.append(array(["k1"], job_id=None))
    book.keep(one)
    assert book.submissions()[0].arrays[0].job_id is None
    one.arrays[0].job_id = "17"
    book.keep(one)
    assert book.submissions() == [one]


def test_a_submission_knows_the_study_wherever_it_is_looked_at_from(book, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert book.open_submission(Path("runs/quick")).study == str(tmp_path / "runs" / "quick")


def test_each_submission_has_a_token_of_its_own(book):
    assert len({book.open_submission(Path("runs/quick")).token for _ in range(20)}) == 20


def test_jobs_of_an_array_are_numbered_and_one_alone_is_not():
    assert array(["k1"], ["k2", "k3"]).job_ids == ["17_0", "17_1"]
    assert array(["k1", "k2"]).job_ids == ["17"]
    assert array(["k1"], ["k2"], job_id=None).job_ids == []


def test_of_each_key_the_newest_job_counts(book):
    book.keep(submission("b", 2.0, array(["k2"], ["k3"], job_id="30"), array(["k4"], job_id=None)))
    book.keep(submission("c", 1.0, array(["k1", "k2"], job_id="17"), array(["k4"], job_id="18")))
    jobs = book.newest_jobs()
    assert {key: job.job_id for key, job in jobs.items()} == {"k1": "17", "k2": "30_0", "k3": "30_1", "k4": "18"}
    assert jobs["k3"].stdout == Path("/data/runs/quick/slurm/30_1_0_log.out")
    assert jobs["k3"].stderr == Path("/data/runs/quick/slurm/30_1_0_log.err")


def test_a_damaged_file_is_left_out_with_a_warning(book, caplog):
    book.keep(submission("whole", 1.0, array(["k1"])))
    content = json.loads((book.folder / "whole.json").read_text())
    damaged = {
        "half": (book.folder / "whole.json").read_text()[:50],
        "a list": "[]",
        "no arrays": json.dumps({name: value for name, value in content.items() if name != "arrays"}),
        "another version": json.dumps({**content, "host": "login1"}),
        "an array of another version": json.dumps({**content, "arrays": [{"id": 17}]}),
    }
    for name, text in damaged.items():
        (book.folder / f"{name}.json").write_text(text)
    assert [one.token for one in book.submissions()] == ["whole"]
    assert book.newest_jobs().keys() == {"k1"}
    for name in damaged:
        assert f"{name}.json is no submission" in caplog.text


def test_a_store_that_nothing_was_submitted_for_has_an_empty_book(book):
    assert book.submissions() == []
    assert book.newest_jobs() == {}
