"""A study makes each stage once, whatever fails or is killed, and its points say what became of them."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from rich.console import Console

from synthscale.study.execute import available_cores, run_points
from synthscale.study.store import ArtifactStore
from synthscale.study.summary import accuracy_cell, print_summary

MEASURED = {"measures": {"test_accuracy": 0.5}}


def here(points, tmp_path, **kwargs):
    """Run in this process; the outcomes and what was shown."""
    console = Console(file=io.StringIO(), width=200)
    outcomes = run_points(points, ArtifactStore(tmp_path / "artifacts"), num_workers=0, console=console, **kwargs)
    print_summary(outcomes, console)
    return outcomes, console.file.getvalue()


def start(toy_path, tmp_path, points, num_workers=2) -> subprocess.Popen:
    """Run a study of toy points in real worker processes."""
    command = [sys.executable, str(toy_path), "study", str(tmp_path), str(num_workers), json.dumps(points)]
    # a shell's background jobs ignore SIGINT, and what they start would inherit that
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed)


def outcomes_of(process: subprocess.Popen) -> list:
    """The outcomes that the study printed: label, whether there is a record, the failure."""
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    return [json.loads(line.removeprefix("OUTCOME ")) for line in stdout.splitlines() if line.startswith("OUTCOME")]


def wait_for(condition, seconds: float = 30) -> None:
    """Poll until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_failed_point_does_not_stop_the_others(toy, tmp_path):
    bad = {"raise": "the samples ran out"}
    points = [
        toy.toy_point(tmp_path, "sft", evaluate=MEASURED),
        toy.toy_point(tmp_path, "dpo", credit=bad, evaluate=MEASURED),
        toy.toy_point(tmp_path, "rft", evaluate=MEASURED),
    ]
    outcomes, shown = here(points, tmp_path)
    assert [outcome.record is not None for outcome in outcomes] == [True, False, True]
    failure = outcomes[1].failure
    assert (failure.stage, failure.message) == ("credit", "RuntimeError: the samples ran out")
    assert "Traceback" in failure.log.read_text()
    assert f"dpo N=64 f=0.5 seed=0: credit: {failure.message} (log: {failure.log})" in shown
    with (tmp_path / "toy" / "results.csv").open() as file:
        assert [row["algorithm"] for row in csv.DictReader(file)] == ["sft", "rft"]


def test_points_blocked_by_a_shared_stage_name_the_first_cause(toy, tmp_path):
    bad = {"raise": "diverged"}
    points = [toy.toy_point(tmp_path, name, sft=bad) for name in ("sft", "dpo", "rft")]
    outcomes, _ = here(points, tmp_path)
    assert {(o.failure.stage, o.failure.message) for o in outcomes} == {("finetune", "RuntimeError: diverged")}
    assert len({o.failure.log for o in outcomes}) == 1


def test_a_stage_that_succeeds_later_takes_its_error_back(toy, tmp_path):
    point = toy.toy_point(tmp_path, evaluate={"raise": "bad luck"})
    (outcome,), _ = here([point], tmp_path)
    toy.run, run = (lambda config, inputs, out, session: {}), toy.run
    try:
        (again,), _ = here([point], tmp_path)
    finally:
        toy.run = run
    assert again.record is not None
    assert not outcome.failure.log.exists()


def test_a_finished_study_makes_nothing_and_says_the_same(toy, tmp_path):
    calls = tmp_path / "calls"
    points = [toy.toy_point(tmp_path, name, evaluate=MEASURED | {"calls": str(calls)}) for name in ("sft", "dpo")]
    here(points, tmp_path)
    table = (tmp_path / "toy" / "results.csv").read_bytes()
    _, shown = here(points, tmp_path)
    assert "2 of 2 points were there already." in shown
    assert len(calls.read_text().splitlines()) == 2
    assert (tmp_path / "toy" / "results.csv").read_bytes() == table


def test_a_point_cut_short_has_no_record(toy, tmp_path):
    import dataclasses

    point = toy.toy_point(tmp_path)
    (outcome,), _ = here([dataclasses.replace(point, root=point.nodes["sft"])], tmp_path)
    assert outcome.record is None and outcome.failure is None
    assert not (tmp_path / "toy").exists()


def test_the_table_shows_a_negative_fraction_only_where_it_is_an_axis(toy, tmp_path):
    points = [toy.toy_point(tmp_path, name, evaluate=MEASURED) for name in ("sft", "dpo")]
    points[0].config.mixture.negative_fraction = 0.0
    _, shown = here(points, tmp_path)
    assert "negative_fraction" not in shown
    points.append(toy.toy_point(tmp_path, "dpo", evaluate=MEASURED))
    points[2].config.mixture.negative_fraction = 1.0
    _, shown = here(points, tmp_path)
    assert "negative_fraction" in shown


@pytest.mark.parametrize(
    ("accuracies", "cell"),
    [([], ""), ([None], ""), ([0.5], "50.0"), ([0.4, 0.6], "50.0 ± 14.1"), ([0.4, None, 0.6], "50.0 ± 14.1")],
)
def test_accuracy_cells(accuracies, cell):
    assert accuracy_cell(accuracies) == cell


def test_workers_make_shared_stages_once(toy_path, tmp_path):
    calls = str(tmp_path / "calls")
    shared = {"sft": {"calls": calls, "seconds": 0.1}, "evaluate": {"seconds": 0.3}}
    points = [{"algorithm": name, "seed": seed} | shared for name in ("sft", "dpo") for seed in (0, 1)]
    outcomes = outcomes_of(start(toy_path, tmp_path, points))
    assert [has_record for _, has_record, _ in outcomes] == [True] * 4
    makers = (tmp_path / "calls").read_text().splitlines()
    assert len(makers) == 2, "one for each seed"
    assert len(set(makers)) == 2, "in two processes"


def test_a_stages_process_has_the_threads_that_it_was_given(toy_path, tmp_path):
    """Three, which by themselves they would have on no machine; torch takes no more than there are cores."""
    point = {"num_threads": 3, "sft": {"threads": str(tmp_path / "threads")}}
    outcomes_of(start(toy_path, tmp_path, [point], num_workers=1))
    (line,) = (tmp_path / "threads").read_text().splitlines()
    of_torch, *others = json.loads(line)
    assert of_torch == min(3, available_cores())
    assert others == [3] * 5


def test_a_worker_killed_twice_costs_its_own_point_only(toy_path, tmp_path):
    (tmp_path / "deadly").touch()
    points = [
        {
            "algorithm": "sft",
            "seed": 1,
            "sft": {"die_while": str(tmp_path / "deadly"), "calls": str(tmp_path / "calls")},
        },
        {"algorithm": "sft", "seed": 2, "sft": {"seconds": 1}},
        {"algorithm": "sft", "seed": 3, "evaluate": {"raise": "no"}},
    ]
    killed, well, raised = outcomes_of(start(toy_path, tmp_path, points))
    assert killed[1:] == [False, ["finetune", "its process was killed 2 times: out of memory?"]]
    assert well[1:] == [True, None]
    assert raised[1:] == [False, ["evaluate", "RuntimeError: no"]]
    assert len((tmp_path / "calls").read_text().splitlines()) == 2, "one retry"


def test_a_worker_killed_once_is_made_up_for(toy_path, tmp_path):
    hold, calls = tmp_path / "hold", tmp_path / "calls"
    hold.touch()
    process = start(toy_path, tmp_path, [{"sft": {"hold": str(hold), "calls": str(calls)}}], num_workers=1)
    wait_for(lambda: calls.exists() and calls.read_text().endswith("\n"))
    os.kill(int(calls.read_text()), signal.SIGKILL)
    wait_for(lambda: len(calls.read_text().splitlines()) == 2)
    hold.unlink()
    assert outcomes_of(process)[0][1:] == [True, None]


@pytest.mark.parametrize(("max_retries", "often"), [(0, "once"), (1, "2 times"), (3, "4 times")])
def test_a_worker_is_replaced_max_retries_times(toy_path, tmp_path, max_retries, often):
    (tmp_path / "deadly").touch()
    deadly = {"die_while": str(tmp_path / "deadly"), "calls": str(tmp_path / "calls")}
    points = [{"execution": {"max_retries": max_retries}, "synthesize": deadly}]
    ((_, has_record, failure),) = outcomes_of(start(toy_path, tmp_path, points, num_workers=1))
    assert not has_record
    assert failure == ["synthesize", f"its process was killed {often}: out of memory?"]
    assert len((tmp_path / "calls").read_text().splitlines()) == 1 + max_retries


def test_the_next_worker_goes_on_from_the_last_checkpoint(toy_path, tmp_path):
    (tmp_path / "deadly").touch()
    taken = tmp_path / "taken"
    stage = {"steps": 3, "taken": str(taken), "die_once": str(tmp_path / "deadly")}
    points = [{"execution": {"checkpoint_minutes": 0.0}, "synthesize": stage}]
    assert outcomes_of(start(toy_path, tmp_path, points, num_workers=1))[0][1:] == [True, None]
    assert taken.read_text().splitlines() == ["0", "1", "2"]


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_die_with_the_study_and_it_goes_on_from_there(toy_path, tmp_path, blow):
    hold, calls, before = tmp_path / "hold", tmp_path / "calls", tmp_path / "before"
    hold.touch()
    points = [{"synthesize": {"calls": str(before)}, "sft": {"hold": str(hold), "calls": str(calls)}}]
    process = start(toy_path, tmp_path, points)
    wait_for(lambda: calls.exists() and calls.read_text().endswith("\n"))
    worker = int(calls.read_text())
    process.send_signal(blow)
    process.communicate(timeout=30)
    wait_for(lambda: not is_alive(worker))
    hold.unlink()
    assert outcomes_of(start(toy_path, tmp_path, points))[0][1:] == [True, None]
    assert len(before.read_text().splitlines()) == 1, "what was finished stayed"
