"""What stages that are still to be made will cost: tokens, rollouts and seconds, before anything runs.

How many sequences a stage trains on or draws is counted from configs. The count is exact but for credit, which rolls
out from the distinct prefixes of the wrong samples, known when they are drawn: there it is an upper bound, as if every
problem had as many negatives as it may have. How long a sequence is comes from earlier runs of the same kind, else from
the task, where it says so. Seconds are a stage's own, in its process, at the median pace of earlier runs of the same
kind. That is a guess: it knows nothing of another machine, of a busy one, of several ranks, or of a pace that changes
with size.

A kind is a stage of one task, from one base policy, with one device setting. What is not known is None.
"""

from __future__ import annotations

import heapq
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

from synthscale.problem import PrecedenceConfig, TaskConfig
from synthscale.stage.stage import Artifact, Node, plain
from synthscale.study.store import ArtifactStore

MAX_MANIFESTS = 200  # the newest of each stage that are looked at
_WITHOUT_POLICY = ("synthesize", "compose")


@dataclass(frozen=True, slots=True)
class Work:
    """What a stage goes through, whatever its size: sequences trained on and drawn, problems written or composed."""

    trained: int = 0  # over all updates
    drawn: int = 0  # as samples or rollouts, or to validate or evaluate
    problems: int = 0

    @property
    def units(self) -> int:
        """One number to hold seconds against."""
        return self.trained + self.drawn + self.problems


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stage will cost; 0 where it does no such thing, None where it is not known."""

    train_tokens: float | None = None  # padding apart, which the records count too: some per cent
    sampled_tokens: float | None = None  # of validation and evaluation too, unlike the records
    rollouts: int | None = None  # at most
    seconds: float | None = None


class Kind(NamedTuple):
    """Stages that should go at one pace."""

    stage: str
    task: str
    base: str | None = None  # the base policy's key or path; of a pretraining, its architecture
    device: str | None = None


@dataclass
class Pace:
    """What earlier stages of one kind measured, a number each."""

    seconds: list[float] = field(default_factory=list)  # a unit of work
    trained_tokens: list[float] = field(default_factory=list)  # a sequence
    drawn_tokens: list[float] = field(default_factory=list)  # a sequence


def estimate(node: Node, history: History) -> Cost:
    """The cost of making the node's artifact."""
    config = plain(node.config)
    work = work_of(node.stage, config, num_problems(node))
    if work is None:
        return Cost()
    base = base_of(node)
    pace = history.pace(kind_of(node.stage, config, base))
    lengths = known_lengths(node) if base is None or base.startswith("pretrain-") else None
    trained, drawn = (lengths.trained, lengths.drawn) if lengths else (None, None)
    seconds = median(pace.seconds)
    return Cost(
        train_tokens=times(work.trained, median(pace.trained_tokens) or trained),
        sampled_tokens=times(work.drawn, median(pace.drawn_tokens) or drawn),
        rollouts=work.drawn if node.stage == "credit" else 0,
        seconds=None if seconds is None else work.units * seconds,
    )


def work_of(stage: str, config: Mapping[str, Any], problems: int | None) -> Work | None:
    """What a stage with this config, as JSON types, goes through, on a data set of so many problems.

    Raises:
        KeyError: if the config is not of this version of the stage.
    """
    if stage == "pretrain":
        return Work(trained=config["num_updates"] * config["batch_size"])
    if stage == "finetune":
        trainer = config["trainer"]
        validated = trainer["num_validations"] * trainer["num_validation"]
        return Work(trained=config["num_updates"] * trainer["batch_size"], drawn=validated)
    if stage == "evaluate":
        evaluation = config["evaluation"]
        sampled = evaluation["num_sampled_problems"] * evaluation["num_samples"]
        return Work(drawn=evaluation["num_test"] + sampled)
    if problems is None:
        return None
    if stage == "sample":
        return Work(drawn=problems * config["sampler"]["num_samples"])
    if stage == "credit":
        steps = config["task"].get("operators_per_problem")
        rollouts = problems * config["max_negatives_per_problem"] * config["num_rollouts"]
        return None if steps is None else Work(drawn=rollouts * (steps - 1))
    return Work(problems=problems)


def kind_of(stage: str, config: Mapping[str, Any], base: str | None) -> Kind:
    """The kind of a stage with this config, as JSON types, from that base."""
    if stage in _WITHOUT_POLICY:
        return Kind(stage, config["task"]["name"])
    if stage == "pretrain":
        return Kind(stage, config["world"]["name"], json.dumps(config["architecture"], sort_keys=True))
    device = config["trainer"]["device"] if stage == "finetune" else config["device"]
    return Kind(stage, config["task"]["name"], base, device)


def num_problems(node: Node) -> int | None:
    """The size of the data set that the stage makes or reads."""
    data = node if node.stage == "synthesize" else node.inputs.get("data")
    return data.config.num_problems if data is not None and data.stage == "synthesize" else None


def base_of(node: Node) -> str | None:
    """The key of the pretraining under the node, or the path of the model that is there in its place."""
    nodes = list(node.walk())
    keys = [one.key for one in nodes if one.stage == "pretrain"]
    paths = [one.config.path for one in nodes if one.stage == "finetune" and one.config.path is not None]
    return next(iter([*keys, *paths]), None)


class Lengths(NamedTuple):
    """Mean tokens of a sequence."""

    trained: float
    drawn: float


def known_lengths(node: Node) -> Lengths | None:
    """What the task says of its sequences, where the learner's tokens are its words; None of other tasks."""
    task: TaskConfig = node.config.world if node.stage == "pretrain" else node.config.task
    if not isinstance(task, PrecedenceConfig):
        return None
    prompt = 2 * task.operators_per_problem + 2  # values, operators, a line break
    solutions = [task.max_solution_tokens]
    if node.stage == "credit":  # what is left of a solution after a step is the solution of a shorter problem
        shorter = range(1, task.operators_per_problem)
        solutions = [replace(task, operators_per_problem=number).max_solution_tokens for number in shorter]
    return Lengths(trained=prompt + task.max_solution_tokens, drawn=statistics.fmean(solutions or [0]))


class History:
    """What the stages that are in the store took; read when asked for, at most `MAX_MANIFESTS` of each stage."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._find = cache(store.find_key)
        self._paces: dict[str, dict[Kind, Pace]] = {}

    def pace(self, kind: Kind) -> Pace:
        """What is known of a kind, perhaps nothing."""
        if kind.stage not in self._paces:
            self._paces[kind.stage] = self._read(kind.stage)
        return self._paces[kind.stage].get(kind, Pace())

    def _read(self, stage: str) -> dict[Kind, Pace]:
        paces: dict[Kind, Pace] = {}
        for key in self._newest(stage):
            artifact = self._find(key)
            with suppress(KeyError, TypeError, ZeroDivisionError):  # of another version: nothing to learn from
                if artifact is not None:
                    self._learn(artifact, paces)
        return paces

    def _newest(self, stage: str) -> list[str]:
        if not self._store.root.is_dir():
            return []
        with os.scandir(self._store.root) as entries:
            dated = [(entry.stat().st_mtime, entry.name) for entry in entries if entry.name.startswith(f"{stage}-")]
        return [name for _, name in heapq.nlargest(MAX_MANIFESTS, dated)]

    def _learn(self, artifact: Artifact, paces: dict[Kind, Pace]) -> None:
        stage, config, measures = artifact.manifest["stage"], artifact.manifest["config"], artifact.measures
        work = work_of(stage, config, self._num_problems(artifact))
        if work is None:
            return
        pace = paces.setdefault(kind_of(stage, config, self._base(artifact)), Pace())
        pace.seconds.append(artifact.manifest["seconds"] / work.units)
        if "num_train_tokens" in measures:
            pace.trained_tokens.append(measures["num_train_tokens"] / work.trained)
        if "num_sampled_tokens" in measures:
            drawn = measures["num_rollouts"] if stage == "credit" else measures["num_samples"]
            pace.drawn_tokens.append(measures["num_sampled_tokens"] / drawn)

    def _num_problems(self, artifact: Artifact) -> int | None:
        """`num_problems` of a node, read off manifests."""
        is_data = artifact.manifest["stage"] == "synthesize"
        key = artifact.folder.name if is_data else artifact.manifest["inputs"].get("data")
        data = self._find(key) if key is not None else None
        return data.manifest["config"].get("num_problems") if data is not None else None

    def _base(self, artifact: Artifact) -> str | None:
        """`base_of` a node, read off manifests; None where one on the way is not there any more."""
        stage, path = artifact.manifest["stage"], artifact.manifest["config"].get("path")
        if stage == "pretrain" or path is not None:
            return path or artifact.folder.name
        policy = artifact.manifest["inputs"].get("policy")
        below = self._find(policy) if policy is not None else None
        return self._base(below) if below is not None else None


def median(values: Sequence[float]) -> float | None:
    """The middle of the values; None of none."""
    return statistics.median(values) if values else None


def times(number: int, each: float | None) -> float | None:
    """Their product; 0 of nothing, whatever one would be."""
    if number == 0:
        return 0.0
    return None if each is None else number * each
