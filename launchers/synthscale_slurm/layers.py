"""From a plan to job arrays: the stages to make, packed, with the arrays that each array has to wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synthscale.stage.stage import Node
from synthscale.study.plan import Plan
from synthscale.study.schedule import estimated_seconds
from synthscale_slurm.resources import Resources, SlurmConfig


@dataclass(frozen=True, slots=True)
class PlannedArray:
    """A job array before it is submitted."""

    stage: str
    layer: int
    resources: Resources
    packs: tuple[tuple[Node, ...], ...]  # the stages of each job
    waits_for: tuple[int, ...]  # arrays before this one that make inputs of it, by index
    waits_for_jobs: tuple[str, ...]  # arrays of earlier submissions, by job id

    @property
    def minutes(self) -> int:
        """The time limit of a job."""
        return (self.resources.minutes or 1) * max(len(pack) for pack in self.packs)

    def signal_seconds(self, config: SlurmConfig) -> int:
        """How long before its limit a job is asked to save: a quarter of it at most, or it would never work."""
        return min(config.signal_seconds, 60 * self.minutes // 4)


def plan_arrays(plan: Plan, config: SlurmConfig, in_queue: Mapping[str, str]) -> list[PlannedArray]:
    """Arrays of one stage and one layer each, lower layers first.

    Args:
        plan: of the study.
        config: the launcher's.
        in_queue: for the keys that a job in SLURM's queue is to make, the id of its array; they are not made twice.
    """
    groups: dict[tuple[int, str], list[Node]] = {}
    for planned in plan.todo:
        if planned.node.key not in in_queue:
            groups.setdefault((planned.layer, planned.node.stage), []).append(planned.node)
    arrays: list[PlannedArray] = []
    place: dict[str, int] = {}  # of each key, the index of its array
    for (layer, stage), nodes in sorted(groups.items(), key=lambda group: group[0]):
        resources = config.of(stage)
        packs = pack(sorted(nodes, key=lambda n: -estimated_seconds(n, plan.data_size(n.key))), resources)
        for start in range(0, len(packs), config.max_array_size):
            part = packs[start : start + config.max_array_size]
            inputs = {child.key for of_job in part for node in of_job for child in node.inputs.values()}
            before = tuple(sorted({place[key] for key in inputs if key in place}))
            jobs = tuple(sorted({in_queue[key] for key in inputs if key in in_queue}))
            place |= {node.key: len(arrays) for of_job in part for node in of_job}
            arrays.append(PlannedArray(stage, layer, resources, tuple(part), before, jobs))
    return arrays


def pack(nodes: Sequence[Node], resources: Resources) -> list[tuple[Node, ...]]:
    """As few jobs of at most `points_per_job` stages as it takes; dealt out in turn, so that long ones are spread."""
    num_jobs = -(-len(nodes) // (resources.points_per_job or 1))
    return [tuple(nodes[i::num_jobs]) for i in range(num_jobs)]
