"""The state of a point comes from what is on disk first, and from what a queue says of the rest."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from synthscale.server.request import ServerFailed
from synthscale.session import Session
from synthscale.study.outcome import Raised, caught, error_path, keep_failure
from synthscale.study.roster import read_roster, write_rosters
from synthscale.study.status import JobNote, State, StudyStatus, study_status
from synthscale.study.status_table import status_json, status_view
from synthscale.study.store import ArtifactStore

TRACE = Raised("RuntimeError: no", "Traceback (most recent call last):\n  ...\nRuntimeError: the loss is nan\n\n")


@pytest.fixture
def store(tmp_path) -> ArtifactStore:
    """The store of the studies under tmp_path."""
    return ArtifactStore(tmp_path / "artifacts")


@pytest.fixture
def look(tmp_path, store):
    """The status of a study of these points, with these jobs."""

    def status(*points, jobs=None, study: str = "toy") -> StudyStatus:
        write_rosters(points)
        return study_status(tmp_path / study, read_roster(tmp_path / study), store, jobs or {})

    return status


def job(state: State, reason: str = "", study: Path = Path("toy"), job_id: str = "7_0") -> JobNote:
    """What a queue says of a job."""
    return JobNote(state, job_id, reason, Path("slurm/7_0_0_log.err"), study)


def shown(status: StudyStatus, note: str | None = None) -> str:
    """The view as text."""
    console = Console(file=io.StringIO(), width=200)
    console.print(status_view(Path("runs/toy"), status, note), soft_wrap=True)
    return console.file.getvalue()


def test_an_artifact_that_is_there_is_done_whatever_the_queue_says(toy, tmp_path, store, look):
    point = toy.toy_point(tmp_path)
    store.make(point.root)
    keep_failure("evaluate", point.root.key, TRACE, tmp_path / "toy")
    (one,) = look(point, jobs={point.root.key: job(State.failed, "ended as NODE_FAIL")}).points
    assert (one.state, one.because) == (State.done, None)


def test_inputs_of_what_is_there_may_have_gone_and_failed(toy, tmp_path, store, look):
    point = toy.toy_point(tmp_path)
    store.make(point.nodes["sft"])
    status = look(point, jobs={point.nodes["synthesize"].key: job(State.failed, "gone")})
    assert status.points[0].state is State.missing
    assert status.points[0].because.key == point.root.key


def test_a_point_that_nobody_has_asked_for_since_is_missing(toy, tmp_path, look):
    point = toy.toy_point(tmp_path)
    (one,) = look(point).points
    assert (one.state, one.because.key) == (State.missing, point.nodes["synthesize"].key)


@pytest.mark.parametrize("state", [State.queued, State.running])
def test_a_job_in_the_queue_gives_the_point_its_state(toy, tmp_path, look, state):
    point = toy.toy_point(tmp_path)
    status = look(point, jobs={point.nodes["sft"].key: job(state, "PENDING: Priority")})
    (one,) = status.points
    assert (one.state, one.because.key) == (state, point.nodes["sft"].key)
    assert (one.because.job_id, one.because.reason) == ("7_0", "PENDING: Priority")
    assert not status.is_over


def test_running_counts_before_queued(toy, tmp_path, look):
    point = toy.toy_point(tmp_path)
    jobs = {point.root.key: job(State.queued), point.nodes["synthesize"].key: job(State.queued)}
    assert look(point, jobs=jobs).points[0].state is State.queued
    jobs[point.nodes["sft"].key] = job(State.running)
    assert look(point, jobs=jobs).points[0].state is State.running


def test_failed_counts_before_running(toy, tmp_path, look):
    point = toy.toy_point(tmp_path, "dpo")
    jobs = {point.nodes["sample"].key: job(State.failed), point.root.key: job(State.running)}
    assert look(point, jobs=jobs).points[0].state is State.failed


def test_a_job_that_was_cancelled_leaves_its_stage_missing(toy, tmp_path, look):
    point = toy.toy_point(tmp_path)
    (one,) = look(point, jobs={point.nodes["synthesize"].key: job(State.missing, "job 7_0 ended as CANCELLED")}).points
    assert (one.state, one.because.reason) == (State.missing, "job 7_0 ended as CANCELLED")


def test_a_stage_that_raised_shows_the_last_line_of_its_trace_and_where_it_lies(toy, tmp_path, look):
    point = toy.toy_point(tmp_path)
    keep_failure("finetune", point.nodes["sft"].key, TRACE, tmp_path / "toy")
    (one,) = look(point).points
    assert one.state is State.failed
    assert (one.because.stage, one.because.reason) == ("finetune", "RuntimeError: the loss is nan")
    assert one.because.log == error_path(tmp_path / "toy", point.nodes["sft"].key)


def test_a_sentence_for_the_user_is_shown_without_its_type(toy, tmp_path, look):
    point = toy.toy_point(tmp_path)
    keep_failure(
        "finetune", point.nodes["sft"].key, caught(ServerFailed("The server is gone: start it.")), tmp_path / "toy"
    )
    (one,) = look(point).points
    assert one.because.reason == "The server is gone: start it."


def test_the_trace_says_more_than_the_job(toy, tmp_path, look):
    point = toy.toy_point(tmp_path)
    key = point.nodes["sft"].key
    keep_failure("finetune", key, TRACE, tmp_path / "toy")
    (one,) = look(point, jobs={key: job(State.failed, "ended as FAILED")}).points
    assert (one.because.reason, one.because.job_id) == ("RuntimeError: the loss is nan", "7_0")


def test_a_job_that_ended_without_a_trace_says_how(toy, tmp_path, look):
    point = toy.toy_point(tmp_path)
    key = point.nodes["sft"].key
    (one,) = look(point, jobs={key: job(State.failed, "job 7_0 ended as OUT_OF_MEMORY")}).points
    assert (one.state, one.because.reason) == (State.failed, "job 7_0 ended as OUT_OF_MEMORY")
    assert one.because.log == Path("slurm/7_0_0_log.err")


def test_a_trace_is_found_in_the_folder_of_the_study_whose_job_it_was(toy, tmp_path, look):
    point = toy.toy_point(tmp_path)
    key = point.nodes["sft"].key
    keep_failure("finetune", key, TRACE, tmp_path / "other")
    (one,) = look(point, jobs={key: job(State.failed, "FAILED", study=tmp_path / "other")}).points
    assert one.because.reason == "RuntimeError: the loss is nan"
    assert one.because.log == error_path(tmp_path / "other", key)


def test_a_new_job_makes_an_old_trace_out_of_date(toy, tmp_path, look):
    point = toy.toy_point(tmp_path)
    key = point.nodes["sft"].key
    keep_failure("finetune", key, TRACE, tmp_path / "toy")
    assert look(point, jobs={key: job(State.queued)}).points[0].state is State.queued


@pytest.mark.parametrize("of_blocked", [None, State.queued, State.failed])
def test_what_a_failed_stage_blocks_names_it_and_its_points_have_failed(toy, tmp_path, look, of_blocked):
    sft, dpo = toy.toy_point(tmp_path, "sft"), toy.toy_point(tmp_path, "dpo")
    failed, child, grandchild = (dpo.nodes[role].key for role in ("sample", "credit", "compose"))
    keep_failure("sample", failed, TRACE, tmp_path / "toy")
    status = look(sft, dpo, jobs={child: job(of_blocked, "blocked")} if of_blocked else {})
    assert status.stages[child].state is status.stages[grandchild].state is State.blocked
    assert status.stages[child].reason == f"{failed} failed"
    assert status.stages[grandchild].reason == f"{child} blocked"
    assert [one.state for one in status.points] == [State.missing, State.failed]
    assert {stage.key: members for stage, members in status.failures.items()} == {failed: [status.points[1].member]}


def test_a_stage_that_runs_is_running_though_an_input_has_failed_since(toy, tmp_path, look):
    point = toy.toy_point(tmp_path)
    keep_failure("synthesize", point.nodes["synthesize"].key, TRACE, tmp_path / "toy")
    status = look(point, jobs={point.nodes["sft"].key: job(State.running)})
    assert status.stages[point.nodes["sft"].key].state is State.running


@pytest.mark.parametrize("of_queue", [None, State.queued, State.failed])
def test_a_held_lock_means_running(toy, toy_path, tmp_path, store, look, of_queue):
    hold = tmp_path / "hold"
    hold.touch()
    point = toy.toy_point(tmp_path, synthesize={"hold": str(hold)})
    keep_failure("synthesize", point.nodes["synthesize"].key, TRACE, tmp_path / "toy")
    points = json.dumps([{"synthesize": {"hold": str(hold)}}])
    maker = subprocess.Popen([sys.executable, str(toy_path), "study", str(tmp_path), "0", points])
    try:
        end = time.monotonic() + 20
        while not store.is_being_made(point.nodes["synthesize"].key):
            assert time.monotonic() < end
            time.sleep(0.02)
        jobs = {point.nodes["synthesize"].key: job(of_queue)} if of_queue else {}
        assert look(point, jobs=jobs).points[0].state is State.running
    finally:
        hold.unlink()
        maker.wait(20)
    assert look(point, jobs=jobs).points[0].state is State.done


def test_a_local_study_ends_with_the_status_of_its_outcomes(toy, tmp_path, store, look):
    from synthscale.study.execute import run_points

    points = [toy.toy_point(tmp_path, "sft"), toy.toy_point(tmp_path, "dpo", credit={"raise": "no pairs"})]
    done, failed = run_points(points, store, num_workers=0, console=Console(file=io.StringIO()))
    status = look(*points)
    assert status.is_over
    assert [one.state for one in status.points] == [State.done, State.failed]
    assert (status.points[1].because.key, status.points[1].because.reason) == (
        failed.failure.key,
        "RuntimeError: no pairs",
    )
    assert status.points[1].because.log == failed.failure.log
    assert done.record is not None


@pytest.fixture
def mixed(toy, tmp_path, store, look) -> StudyStatus:
    """One point in each state, and a second one that failed with another's."""
    points = {
        "done": toy.toy_point(tmp_path, "sft", 64),
        "running": toy.toy_point(tmp_path, "sft", 128),
        "queued": toy.toy_point(tmp_path, "sft", 64, seed=1),
        "failed": toy.toy_point(tmp_path, "dpo", 32),
        "failed too": toy.toy_point(tmp_path, "rft", 32),
        "missing": toy.toy_point(tmp_path, "rft", 128),
    }
    store.make(points["done"].root, Session())
    keep_failure("sample", points["failed"].nodes["sample"].key, TRACE, tmp_path / "toy")
    jobs = {
        points["running"].root.key: job(State.running),
        points["queued"].root.key: job(State.queued, "PENDING: Dependency"),
        points["failed"].nodes["sample"].key: job(State.failed, "ended as FAILED", job_id="8_1"),
    }
    return look(*points.values(), jobs=jobs)


def test_counts_add_up(mixed):
    assert {state.value: mixed.count(state) for state in State} == {
        "done": 1, "running": 1, "queued": 1, "failed": 2, "blocked": 0, "missing": 1,
    }  # fmt: skip


def test_the_table_counts_by_algorithm_and_size_and_names_each_failure_once(mixed):
    text = shown(mixed, "From the artifacts alone.")
    assert "runs/toy: 6 points: 1 done, 1 running, 1 queued, 2 failed, 1 missing." in text
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]
    assert rows == [
        ["sft", "", "1 done", "1 running"],
        ["", "", "1 queued", ""],
        ["rft", "1 failed", "", "1 missing"],
        ["dpo", "1 failed", "", ""],
    ]
    failure = mixed.points[3].because
    assert (
        f"sample failed in job 8_1 for dpo N=32 f=0.5 seed=0, rft N=32 f=0.5 seed=0: RuntimeError: the loss is nan "
        f"(log: {failure.log})" in text
    )
    assert text.count("failed in job") == 1
    assert text.endswith("From the artifacts alone.\n")


def test_json_holds_every_point_and_counts_that_add_up(mixed):
    content = json.loads(status_json(Path("runs/toy"), mixed, None))
    assert (content["study"], content["note"]) == ("runs/toy", None)
    assert sum(content["counts"].values()) == len(content["points"]) == 6
    for state, count in content["counts"].items():
        assert sum(point["state"] == state for point in content["points"]) == count
    done, _, queued, failed, *_ = content["points"]
    assert (done["stage"], done["reason"], done["log"]) == (None, None, None)
    assert (queued["reason"], queued["job_id"], queued["seed"]) == ("PENDING: Dependency", "7_0", 1)
    assert (failed["algorithm"], failed["reason"]) == ("dpo", "RuntimeError: the loss is nan")
    assert Path(failed["log"]).read_text() == TRACE.trace


def test_a_model_that_is_an_axis_has_its_column(toy, tmp_path, look):
    small, large = toy.toy_point(tmp_path, "sft"), toy.toy_point(tmp_path, "sft", seed=1)
    assert "model" not in shown(look(small))
    large.config.model.name = "large"
    assert "model" in shown(look(small, large))


def test_many_failures_are_counted_and_not_listed_all(toy, tmp_path, look):
    points = [toy.toy_point(tmp_path, "sft", seed=seed) for seed in range(25)]
    for point in points:
        keep_failure("synthesize", point.nodes["synthesize"].key, TRACE, tmp_path / "toy")
    text = shown(look(*points))
    assert text.count("synthesize failed for") == 20
    assert "5 more stages failed; --json lists all." in text
    assert "50 stages are blocked: what they need has failed or is missing." in text


def test_what_waits_for_a_cancelled_stage_is_missing_and_not_queued(toy, tmp_path, look):
    """Its job will start when the cancelled one has ended, and fail."""
    point = toy.toy_point(tmp_path)
    jobs = {
        point.nodes["synthesize"].key: job(State.missing, "job 7_0 ended as CANCELLED"),
        point.nodes["sft"].key: job(State.queued, "PENDING: Dependency", job_id="8_0"),
        point.root.key: job(State.failed, "job 9_0 ended as FAILED", job_id="9_0"),
    }
    status = look(point, jobs=jobs)
    assert (status.points[0].state, status.points[0].because.stage) == (State.missing, "synthesize")
    assert status.stages[point.nodes["sft"].key].state is State.blocked
    assert status.stages[point.root.key].state is State.blocked
