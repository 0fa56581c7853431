"""What a job of each kind of stage asks SLURM for: the typed form of the launcher's YAML."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from synthscale.problem import check_between
from synthscale.stage.stage import STAGES

DEFAULT = "default"
COLLECTIVE = ("pretrain", "finetune")  # the stages whose ranks work together


@dataclass(kw_only=True, slots=True)
class Resources:
    """Of one job. What is null or {} is as `default` says, and what that leaves open is as below."""

    nodes: int | None = None  # 1
    tasks_per_node: int | None = None  # 1; the ranks on a node, one for each GPU in DDP and FSDP
    cpus: int | None = None  # 1, of a task
    gpus: int | None = None  # 0, on each node
    memory_gb: float | None = None  # 4, on each node
    minutes: int | None = None  # 60, for one stage: a job that makes K of them has K times as many
    points_per_job: int | None = None  # as the launcher's own key says
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    setup: list[str] | None = None  # lines of the batch script before the stage starts
    extra: dict[str, Any] = field(default_factory=dict)  # further parameters of sbatch; Hydra cannot set a null dict


_LAST = Resources(nodes=1, tasks_per_node=1, cpus=1, gpus=0, memory_gb=4.0, minutes=60, setup=[])


@dataclass(kw_only=True, slots=True)
class SlurmConfig:
    """The launcher's keys."""

    folder: str = "slurm"  # in the study's folder: batch scripts and logs
    wait: bool = False  # until the study has ended, instead of returning when it is submitted
    points_per_job: int = 1  # stages of one kind that a job makes one after the other
    max_parallel: int = 256  # jobs of an array that run at once
    max_array_size: int = 1000  # SLURM's own limit, MaxArraySize, is 1001 by default
    signal_seconds: int = 120  # before its time limit or preemption a stage is asked to save, and has as long for it
    resources: dict[str, Resources] = field(default_factory=dict)

    def check(self) -> None:
        """Raise ValueError for a key that is out of range, or resources that no stage can use."""
        check_between("hydra.launcher.points_per_job", self.points_per_job, 1, 100_000)
        check_between("hydra.launcher.max_parallel", self.max_parallel, 1, 100_000)
        check_between("hydra.launcher.max_array_size", self.max_array_size, 1, 1_000_000)
        check_between("hydra.launcher.signal_seconds", self.signal_seconds, 1, 36_000)
        unknown = [name for name in self.resources if name not in (DEFAULT, *STAGES)]
        if unknown:
            accepted = ", ".join((DEFAULT, *STAGES))
            raise ValueError(f"hydra.launcher.resources has no stage {unknown[0]}; accepted are {accepted}.")
        for stage in STAGES:
            self._check_stage(stage)

    def _check_stage(self, stage: str) -> None:
        place, wanted = f"hydra.launcher.resources.{stage}", self.of(stage)
        for name in ("nodes", "tasks_per_node", "cpus", "minutes", "points_per_job"):
            check_between(f"{place}.{name}", getattr(wanted, name), 1, 1_000_000)
        check_between(f"{place}.gpus", wanted.gpus or 0, 0, 1024)
        check_between(f"{place}.memory_gb", wanted.memory_gb or 0, 0.001, 1e6)
        num_ranks = (wanted.nodes or 1) * (wanted.tasks_per_node or 1)
        if num_ranks > 1 and stage not in COLLECTIVE:
            raise ValueError(
                f"{place} asks for {num_ranks} tasks, but only {' and '.join(COLLECTIVE)} run on several: set its "
                "nodes and tasks_per_node to 1."
            )

    def of(self, stage: str) -> Resources:
        """A stage's resources, with nothing left open that has a default."""
        wanted = self.resources.get(stage, Resources())
        last = replace(_LAST, points_per_job=self.points_per_job)
        for fallback in (self.resources.get(DEFAULT, Resources()), last):
            left_open = [f.name for f in fields(wanted) if getattr(wanted, f.name) in (None, {})]
            wanted = replace(wanted, **{name: getattr(fallback, name) for name in left_open})
        return wanted
