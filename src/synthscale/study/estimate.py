"""What stages that are still to be made will cost: tokens, rollouts and seconds, before anything runs.

How many sequences a stage trains on or draws is counted from configs. The count is exact but for credit, which rolls
out from the distinct prefixes of samples, known when they are drawn: there it is an upper bound, as if every problem
had as many wrong ones as it may have, and as many accepted ones where those are rolled out from too; and for a teacher,
of which some problems are dropped and asked for anew: there it is a lower bound. How long a sequence is comes from
earlier runs of the same kind, else from the task: exactly where its words are the tokens, else from the characters of
its own problems and solutions. Seconds are a stage's own, in its process, at the median pace of earlier runs of the
same kind, else at the pace that `execution` assumes. That is a guess: it knows nothing of another machine, of a busy
one, of several ranks, or of a pace that changes with size.

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

from synthscale.problem import DatasetConfig, TaskConfig, WorldConfig, build_task
from synthscale.problem.typical import Typical, typical_of
from synthscale.stage.stage import Artifact, Node, plain
from synthscale.study.config import ExecutionConfig
from synthscale.study.store import ArtifactStore
from synthscale.synthesis.config import ServerTeacherConfig

MAX_MANIFESTS = 200  # the newest of each stage that are looked at
CHARACTERS_PER_TOKEN = 4.0  # of English, in the vocabularies of current models; more tokens where there are many digits
_WITHOUT_POLICY = ("teach", "synthesize", "compose")


@dataclass(frozen=True, slots=True)
class Work:
    """What a stage goes through, whatever its size: sequences trained on and drawn, problems written or composed."""

    trained: int = 0  # over all updates
    drawn: int = 0  # as samples or rollouts, to validate or evaluate, or by a teacher
    problems: int = 0

    @property
    def units(self) -> int:
        """One number to hold seconds against."""
        return self.trained + self.drawn + self.problems


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stage will cost; 0 where it does no such thing, None where it is not known."""

    train_tokens: float | None = None  # what pairs share counts once, as far as it is known before they are made
    sampled_tokens: float | None = None  # of validation and evaluation too, unlike the records
    rollouts: int | None = None  # at most
    seconds: float | None = None
    money: float | None = 0.0  # for a teacher's requests, at the prices of its config


class Kind(NamedTuple):
    """Stages that should go at one pace."""

    stage: str
    task: str
    base: str | None = None  # the base policy's key or path; of a pretraining, its architecture
    device: str | None = None
    is_adaptive: bool = False  # a search's rollouts come nearer to their bound
    mixture: str | None = None  # of the data that are trained on: what decides how long their sequences are


@dataclass
class Pace:
    """What earlier stages of one kind measured, a number each."""

    seconds: list[float] = field(default_factory=list)  # a unit of work
    trained_tokens: list[float] = field(default_factory=list)  # a sequence
    drawn_tokens: list[float] = field(default_factory=list)  # a sequence


def estimate(node: Node, history: History, execution: ExecutionConfig | None = None) -> Cost:
    """The cost of making the node's artifact."""
    config = plain(node.config)
    typical = history.typical(node)
    work = work_of(node.stage, config, num_problems(node), typical.num_steps if typical else None)
    if work is None:
        return Cost()
    kind, data = kind_of(node.stage, config, base_of(node)), node.inputs.get("data")
    mixture = plain(data.config.mixture) if data is not None and data.stage == "compose" else None
    pace, mixed_pace = history.pace(kind), history.pace(of_mixture(kind, mixture))
    lengths = lengths_in_words(node) or (lengths_in_characters(node, typical) if typical else None)
    trained, drawn = (lengths.trained, lengths.drawn) if lengths else (None, None)
    if lengths is not None and mixture is not None:
        steps = config["task"].get("operators_per_problem", typical.num_steps if typical else None)
        trained = lengths.of_mixture(mixture, steps)
    cost = Cost(
        train_tokens=times(work.trained, median(mixed_pace.trained_tokens) or trained),
        sampled_tokens=times(work.drawn, median(pace.drawn_tokens) or drawn),
        rollouts=work.drawn if node.stage == "credit" else 0,
    )
    each, is_own = median(pace.seconds), node.stage != "teach"  # how fast a teacher is, no one assumes
    assumed = assumed_seconds(cost, execution or ExecutionConfig()) if is_own else None
    seconds = assumed if each is None else work.units * each
    return replace(cost, seconds=seconds, money=money_of(node, cost, typical))


def assumed_seconds(cost: Cost, execution: ExecutionConfig) -> float | None:
    """Seconds at the pace that is assumed where no earlier run tells; None where none is, or nothing is to be drawn."""
    parts = (
        (cost.train_tokens, execution.assumed_train_tokens_per_second),
        (cost.sampled_tokens, execution.assumed_sampled_tokens_per_second),
    )
    if not any(tokens for tokens, _ in parts) or any(tokens is None or (tokens and not pace) for tokens, pace in parts):
        return None
    return sum(tokens / pace for tokens, pace in parts if tokens and pace)


def money_of(node: Node, cost: Cost, typical: Typical | None) -> float | None:
    """What a teacher's requests cost, none of them in vain; None without prices or lengths, 0 of other stages."""
    if node.stage != "teach":
        return 0.0
    teacher: ServerTeacherConfig = node.config.teacher
    prices = teacher.server.price_per_million_prompt_tokens, teacher.server.price_per_million_completion_tokens
    if typical is None or cost.sampled_tokens is None or prices[0] is None or prices[1] is None:
        return None
    examples = teacher.num_seed_problems * typical.problem_characters
    asked_for_problem = len(teacher.problem_prompt) + len(teacher.problem_system_prompt or "") + examples
    asked_for_solution = len(teacher.solution_prompt) + len(teacher.solution_system_prompt or "")
    num_requests = -(-teacher.num_solutions // teacher.server.samples_per_request)
    characters = asked_for_problem + num_requests * (asked_for_solution + typical.problem_characters)
    prompt_tokens = teacher.num_problems * characters / CHARACTERS_PER_TOKEN
    return (prompt_tokens * prices[0] + cost.sampled_tokens * prices[1]) / 1e6


def work_of(stage: str, config: Mapping[str, Any], problems: int | None, steps: float | None = None) -> Work | None:
    """What a stage with this config, as JSON types, goes through, on a data set of so many problems.

    `steps` is the number of steps of a solution, where the config's world does not say it.

    Raises:
        KeyError: if the config is not of this version of the stage.
    """
    if stage == "pretrain":
        return Work(trained=config["num_updates"] * config["batch_size"])
    if stage == "teach":
        teacher = config["teacher"]
        return Work(drawn=teacher["num_problems"] * (1 + teacher["num_solutions"]))
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
        if config.get("max_rollouts") is not None:  # an adaptive search's, on behalf of one negative
            return Work(drawn=problems * config["max_negatives_per_problem"] * config["max_rollouts"])
        steps = config["task"].get("operators_per_problem", steps)
        samples = config["max_negatives_per_problem"] + (config.get("max_accepted_per_problem") or 0)
        rollouts = problems * samples * config["num_rollouts"]
        return None if steps is None else Work(drawn=round(rollouts * (steps - 1)))
    return Work(problems=problems)


def kind_of(stage: str, config: Mapping[str, Any], base: str | None) -> Kind:
    """The kind of a stage with this config, as JSON types, from that base."""
    if stage in _WITHOUT_POLICY:
        return Kind(stage, config["task"]["name"])
    if stage == "pretrain":
        return Kind(stage, config["world"]["name"], json.dumps(config["architecture"], sort_keys=True))
    device = config["trainer"]["device"] if stage == "finetune" else config["device"]
    return Kind(stage, config["task"]["name"], base, device, config.get("max_rollouts") is not None)


def of_mixture(kind: Kind, mixture: Mapping[str, Any] | None) -> Kind:
    """The kind, where the data are composed so; what pairs have in common shortens their sequences."""
    if mixture is None or not mixture["negative_fraction"]:
        return kind
    names = ("negative_fraction", "pair_shape", "chosen_from")
    return kind._replace(mixture=json.dumps([mixture[name] for name in names]))


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
    prompt: float = 0.0  # of those that are trained on

    def of_mixture(self, mixture: Mapping[str, Any], steps: float | None) -> float:
        """Mean tokens of a trained sequence where some are pairs, which share their prompt.

        Rejected steps end halfway on average. How many steps the sides share is not known: none, or, where the chosen
        side is a rollout from there, all before the last.
        """
        rejected_share: float = mixture["negative_fraction"] / (1 + mixture["negative_fraction"])
        solution, steps = self.trained - self.prompt, steps or 1.0
        rest = solution
        if mixture["pair_shape"] != "solution":
            is_shared = mixture["chosen_from"] == "rollouts"
            rest *= 1 / steps if is_shared else (steps + 1) / (2 * steps)
        return (1 - rejected_share) * self.trained + rejected_share * rest


def lengths_in_words(node: Node) -> Lengths | None:
    """What the embedded world says of its sequences, where the learner's tokens are its words; None of others."""
    task: TaskConfig = node.config.world if node.stage == "pretrain" else node.config.task
    base = base_of(node)
    if not isinstance(task, WorldConfig) or not (base is None or base.startswith("pretrain-")):
        return None
    prompt = task.num_prompt_tokens
    solutions = task.tokens_left if node.stage == "credit" else [task.max_solution_tokens]
    return Lengths(prompt + task.max_solution_tokens, statistics.fmean(solutions or [0]), prompt)


def lengths_in_characters(node: Node, typical: Typical) -> Lengths:
    """A guess from the characters of the data set's own problems and solutions."""
    drawn = typical.solution_characters
    if node.stage == "credit":  # from all prefixes alike, half a solution is left on average
        drawn /= 2
    if node.stage == "teach":  # a problem and its solutions
        number = node.config.teacher.num_solutions
        drawn = (typical.problem_characters + number * typical.solution_characters) / (1 + number)
    trained = typical.prompt_characters + typical.solution_characters
    characters = (trained, drawn, typical.prompt_characters)
    return Lengths(*(number / CHARACTERS_PER_TOKEN for number in characters))


class History:
    """What is known before a plan is run, read when asked for: data sets, and what stages in the store took.

    Of each stage at most `MAX_MANIFESTS` are looked at.
    """

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._find = cache(store.find_key)
        self._paces: dict[str, dict[Kind, Pace]] = {}
        self._typical: dict[str, Typical | None] = {}

    def typical(self, node: Node) -> Typical | None:
        """What the node's data set is like; None of a world, and of a data set without solutions."""
        task = None if node.stage == "pretrain" else node.config.task
        if not isinstance(task, DatasetConfig):
            return None
        key = json.dumps(plain(task), sort_keys=True)
        if key not in self._typical:
            self._typical[key] = typical_of(build_task(task), task.max_data_size)
        return self._typical[key]

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
        if work is None and stage == "credit":  # its world says nothing of steps: the rollouts that there were
            work = Work(drawn=measures["num_rollouts"])
        if work is None:
            return
        pace = paces.setdefault(kind_of(stage, config, self._base(artifact)), Pace())
        pace.seconds.append(artifact.manifest["seconds"] / work.units)
        if "num_train_tokens" in measures:
            kind = of_mixture(kind_of(stage, config, self._base(artifact)), self._mixture(artifact))
            paces.setdefault(kind, Pace()).trained_tokens.append(measures["num_train_tokens"] / work.trained)
        if "num_sampled_tokens" in measures and stage in ("sample", "credit"):
            drawn = measures["num_rollouts"] if stage == "credit" else measures["num_samples"]
            pace.drawn_tokens.append(measures["num_sampled_tokens"] / drawn)

    def _num_problems(self, artifact: Artifact) -> int | None:
        """`num_problems` of a node, read off manifests."""
        is_data = artifact.manifest["stage"] == "synthesize"
        key = artifact.folder.name if is_data else artifact.manifest["inputs"].get("data")
        data = self._find(key) if key is not None else None
        return data.manifest["config"].get("num_problems") if data is not None else None

    def _mixture(self, artifact: Artifact) -> Mapping[str, Any] | None:
        """How the data were composed that the artifact was trained on; None of others, and where they are gone."""
        key = artifact.manifest["inputs"].get("data", "")
        data = self._find(key) if key.startswith("compose-") else None
        return data.manifest["config"]["mixture"] if data is not None else None

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
