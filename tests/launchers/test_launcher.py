"""What a launcher of studies gets to do, and when; the launcher here runs nothing."""

from __future__ import annotations

import io

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobStatus
from hydra.types import HydraContext, RunMode
from rich.console import Console

from hydra_plugins.synthscale_launchers.launcher import StudyLauncher
from synthscale.study.app import config_dir, run_point
from synthscale.study.config import ConfigError, register_schemas
from synthscale.study.outcome import Outcome
from synthscale.study.plan_app import PlanTask

POINTS = [["data_size=16", "seed=2"], ["algorithm=rft", "data_size=16", "seed=1"]]


class Recorder(StudyLauncher):
    """Notes what it is asked for, and says that every point was submitted."""

    def __init__(self) -> None:
        self.seen: list = []

    def check(self):
        self.seen.append("check")

    def carry_out(self, points, store, console):
        self.seen.append([point.label for point in points])
        assert store.root.name == "artifacts"
        return [Outcome(point) for point in points]

    def preview(self, plan, console):
        self.seen.append(len(plan.points))
        console.print("as an array of jobs")


@pytest.fixture
def launcher(tmp_path, monkeypatch):
    """Sets up a launcher for a task function."""
    register_schemas()
    monkeypatch.chdir(tmp_path)
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", ["hydra.mode=MULTIRUN"], RunMode.MULTIRUN)

        def make(task) -> Recorder:
            recorder = Recorder()
            context = HydraContext(config_loader=loader, callbacks=Callbacks())
            recorder.setup(hydra_context=context, task_function=task, config=master)
            return recorder

        yield make


def test_points_are_carried_out_together_and_in_order(launcher):
    recorder = launcher(run_point)
    jobs = recorder.launch(POINTS, initial_job_idx=4)
    assert recorder.seen == ["check", ["sft N=16 seed=2", "rft N=16 f=0 seed=1"]]
    assert [job.overrides for job in jobs] == POINTS
    assert [job.return_value.point.label for job in jobs] == recorder.seen[1]
    assert {job.status for job in jobs} == {JobStatus.COMPLETED}, "submitted, and for Hydra done"


def test_a_plan_carries_nothing_out(launcher, tmp_path):
    task = PlanTask()
    recorder = launcher(task)
    assert recorder.launch(POINTS, initial_job_idx=0) == []
    assert recorder.seen == ["check"]
    out = io.StringIO()
    task.show(Console(file=out, width=80))
    assert recorder.seen == ["check", 2]
    assert out.getvalue().startswith("2 points, 10 unique stages, 1 there already\n")
    assert out.getvalue().endswith("as an array of jobs\n"), "below the table"
    assert list(tmp_path.iterdir()) == []


def test_a_bad_point_is_refused_before_any_is_carried_out(launcher):
    recorder = launcher(run_point)
    with pytest.raises(ConfigError, match=r"^Point data_size=0 seed=1: data_size must be between"):
        recorder.launch([*POINTS, ["data_size=0", "seed=1"]], initial_job_idx=0)
    assert recorder.seen == ["check"]
