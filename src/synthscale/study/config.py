"""The typed root config of a run, its schemas for Hydra, and the door where a composed config becomes typed.

Mechanism's defaults stand in the dataclasses, a study's values in `conf/`. Below the door there is no DictConfig.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, cast

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from synthscale.credit.pit import CreditConfig, CreditedSamples, CreditSearch, PitRule
from synthscale.mixture.mixture import MixtureConfig
from synthscale.policy.config import ModelConfig, SamplerConfig
from synthscale.policy.model_source import check_model_source
from synthscale.problem import (
    WORLDS,
    DatasetConfig,
    Split,
    TaskConfig,
    WorldConfig,
    check_between,
)
from synthscale.stage.evaluate import EvaluationConfig
from synthscale.stage.stage import RECIPE_STAGES
from synthscale.study.error import UserError
from synthscale.synthesis.config import ProceduralTeacherConfig, ServerTeacherConfig, TeacherConfig
from synthscale.training.config import TrainerConfig


class ConfigError(UserError):
    """A config that was refused before anything was computed."""


def check_name(key: str, name: str) -> None:
    """Raise ValueError for a name that could not be part of a file's."""
    if not re.fullmatch(r"\w[\w.-]*", name, flags=re.ASCII):
        raise ValueError(f"{key} must be letters, digits, '_', '-' and '.', and begin with no '.', but is {name!r}.")


class Start(Enum):
    """The policy that a second phase of training starts from."""

    base = "base"
    sft = "sft"


class Side(Enum):
    """A side of a preference pair."""

    chosen = "chosen"
    rejected = "rejected"


@dataclass(kw_only=True, slots=True)
class PhaseConfig:
    """One phase of training: its updates grow with the data, so that every size sees its data equally often."""

    learning_rate: float
    updates_per_problem: float

    def num_updates(self, data_size: int) -> int:
        """Updates at a data size, at least 1."""
        return max(1, round(self.updates_per_problem * data_size))


@dataclass(kw_only=True, slots=True)
class AlgorithmConfig:
    """A recipe of stages, and what its phases of training are like.

    The first `finetune` of a recipe makes pi_sft from the base, on D_syn; each further one trains on what `compose`
    made, from `start`, with pi_sft as the reference policy.
    """

    name: str
    recipe: list[str]
    first: PhaseConfig
    second: PhaseConfig
    match_updates: bool = False  # the first phase makes the updates of both: the control for longer training
    start: Start = Start.sft
    beta: float = 0.1  # of the DPO loss; of weights exp(A / beta), where mixture.step_weights asks for them
    preference_weight: float = 1.0  # of the DPO loss, where the SFT loss has 1
    only_side: Side | None = None  # of pairs, whose log-probabilities count alone in the DPO loss: a control
    # the largest weight of a step: a beta of 0.1 would give 22,000 to one. 20 is what advantage-weighted regression
    # (Peng et al. 2019, arXiv 1910.00177) clips at in its code, as remembered, unchecked
    max_weight: float = 20.0

    def __post_init__(self) -> None:
        for phase, config in (("first", self.first), ("second", self.second)):
            check_between(f"algorithm.{phase}.learning_rate", config.learning_rate, 1e-9, 1.0)
            check_between(f"algorithm.{phase}.updates_per_problem", config.updates_per_problem, 1e-6, 1e6)
        check_between("algorithm.beta", self.beta, 1e-6, 1e3)
        check_between("algorithm.preference_weight", self.preference_weight, 0.0, 1e3)
        check_between("algorithm.max_weight", self.max_weight, 1.0, 1e9)
        check_name("algorithm.name", self.name)
        if not self.recipe:
            raise ValueError("algorithm.recipe is empty; [synthesize, finetune, evaluate] is the shortest of use.")
        unknown = [stage for stage in self.recipe if stage not in RECIPE_STAGES]
        if unknown:
            raise ValueError(f"algorithm.recipe has no stage {unknown[0]}; there are {', '.join(RECIPE_STAGES)}.")


@dataclass(kw_only=True, slots=True)
class PretrainingConfig:
    """How the base policy is made where no model path is given."""

    num_updates: int | None = None  # null: as many as the world needs
    learning_rate: float = 4e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_updates is not None:
            check_between("pretraining.num_updates", self.num_updates, 1, 10_000_000)
        check_between("pretraining.learning_rate", self.learning_rate, 1e-9, 1.0)
        check_between("pretraining.seed", self.seed, 0, 2**31 - 1)


class LoggerName(Enum):
    """Where a point's curves and figures go, beside its record."""

    wandb = "wandb"
    csv = "csv"
    none = "none"


@dataclass(kw_only=True, slots=True)
class LoggerConfig:
    """wandb is offline unless WANDB_MODE says otherwise."""

    name: LoggerName
    project: str = "synthscale"


@dataclass(kw_only=True, slots=True)
class ExecutionConfig:
    """How stages are run, whatever they compute: no artifact depends on it. A sweep's first point says it for all."""

    checkpoint_minutes: float = 5.0  # between two saves of a stage that goes on from there when its process is killed
    max_retries: int = 3  # of a stage whose process is killed or comes to its time limit; preemption does not count
    max_wait_minutes: float = 24 * 60.0  # for an artifact that another process is making
    assumed_train_tokens_per_second: float | None = None  # of one job; what `plan` reckons with before anything has run
    assumed_sampled_tokens_per_second: float | None = None

    def __post_init__(self) -> None:
        check_between("execution.checkpoint_minutes", self.checkpoint_minutes, 0.0, 1e6)
        check_between("execution.max_retries", self.max_retries, 0, 1000)
        check_between("execution.max_wait_minutes", self.max_wait_minutes, 0.0, 1e6)
        for kind in ("train", "sampled"):
            pace = getattr(self, f"assumed_{kind}_tokens_per_second")
            if pace is not None:
                check_between(f"execution.assumed_{kind}_tokens_per_second", pace, 1e-3, 1e9)


@dataclass(kw_only=True, slots=True)
class RunConfig:
    """One point of a study."""

    task: TaskConfig
    model: ModelConfig
    teacher: TeacherConfig
    sampler: SamplerConfig
    credit: CreditConfig
    algorithm: AlgorithmConfig
    mixture: MixtureConfig
    trainer: TrainerConfig
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    pretraining: PretrainingConfig = field(default_factory=PretrainingConfig)
    logger: LoggerConfig
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    data_size: int = 128  # problems in D_syn; the x axis
    seed: int = 0
    stage: str | None = None  # make the point's artifacts up to this stage only
    study_name: str = "scratch"
    runs_dir: str = "runs"

    def __post_init__(self) -> None:
        check_between("seed", self.seed, 0, 2**31 - 1)
        self.teacher.check_task(self.task)
        check_sizes(self)
        check_name("study_name", self.study_name)
        check_name("model.name", self.model.name)
        if self.study_name == "artifacts":
            raise ValueError("study_name cannot be artifacts, the folder that all studies share.")
        if self.model.path is not None:
            check_model_source(self.model.path, self.model.revision, self.model.prompt_format)
        has_base = self.model.path is not None or self.task.has_embedded_learner
        if not has_base and self.stage not in ("teach", "synthesize"):  # which need none
            raise ValueError(
                f"model.path is needed for task {self.task.name}: the model {self.model.name} knows the words of the "
                f"embedded world only."
            )
        is_embedded = self.model.path is None and self.task.has_embedded_learner
        if is_embedded and self.sampler.max_new_tokens < self.task.max_solution_tokens:
            raise ValueError(
                f"sampler.max_new_tokens must be at least {self.task.max_solution_tokens}, the length of a solution of "
                f"task {self.task.name}, but is {self.sampler.max_new_tokens}."
            )
        if not isinstance(self.task, WorldConfig):
            check_needs_no_truth(self)
        is_exhaustive = self.credit.search is CreditSearch.exhaustive
        if "credit" in self.recipe and is_exhaustive and self.credit.best_of > self.sampler.num_samples:
            raise ValueError(
                f"credit.best_of={self.credit.best_of} needs as many samples a problem, which are the rollouts from "
                f"its first step: sampler.num_samples is {self.sampler.num_samples}."
            )
        if "compose" in self.recipe and self.mixture.has_step_pairs:
            check_step_pairs(self)
        if "compose" in self.recipe and self.mixture.min_advantage is not None:
            check_advantage_filter(self)
        if "compose" in self.recipe and self.mixture.step_weights is not None:
            check_step_weights(self)

    @property
    def recipe(self) -> list[str]:
        """The algorithm's stages, in order."""
        return self.algorithm.recipe

    @property
    def has_pairs(self) -> bool:
        """Whether the second phase learns from negatives."""
        return "compose" in self.recipe and self.mixture.negative_fraction > 0


def check_needs_no_truth(run: RunConfig) -> None:
    """Refuse what reads the truth of steps.

    Raises:
        ValueError: with one sentence.
    """
    setting = f"mixture.steps={run.mixture.steps.value}" if run.mixture.steps is not None else None
    looks_for_pits = "compose" in run.recipe and run.mixture.has_step_pairs
    if looks_for_pits and run.credit.pit_rule is PitRule.first_wrong:
        setting = "credit.pit_rule=first_wrong"
    if setting is not None:
        raise ValueError(
            f"{setting} needs the truth of every step, which nobody knows of task {run.task.name}: only the embedded "
            f"worlds do."
        )


def check_step_pairs(run: RunConfig) -> None:
    """Refuse step pairs where nothing says where their pits are.

    Raises:
        ValueError: with one sentence.
    """
    shape = f"mixture.pair_shape={run.mixture.pair_shape.value}"
    if "credit" not in run.recipe:
        raise ValueError(
            f"{shape} needs prefix values, and the recipe of algorithm {run.algorithm.name} has no credit stage: use "
            f"algorithm=step_dpo or mixture.pair_shape=solution."
        )
    if run.credit.credited_samples is CreditedSamples.accepted:
        raise ValueError(f"{shape} needs prefix values of rejected samples: set credit.credited_samples=both.")


def check_advantage_filter(run: RunConfig) -> None:
    """Refuse a filter of accepted samples by advantages that nobody finds.

    Raises:
        ValueError: with one sentence.
    """
    key, credit = f"mixture.min_advantage={run.mixture.min_advantage:g}", run.credit
    if "credit" not in run.recipe:
        raise ValueError(
            f"{key} needs prefix values, and the recipe of algorithm {run.algorithm.name} has no credit stage: use "
            f"algorithm=rft_filtered or mixture.min_advantage=null."
        )
    if credit.credited_samples is CreditedSamples.rejected:
        raise ValueError(
            f"{key} needs prefix values of accepted samples: set credit.credited_samples=accepted, or both."
        )
    if credit.max_accepted_per_problem < run.mixture.positives_per_problem:
        raise ValueError(
            f"{key} judges credit.max_accepted_per_problem={credit.max_accepted_per_problem} samples a problem, which "
            f"is less than mixture.positives_per_problem={run.mixture.positives_per_problem}."
        )


def check_step_weights(run: RunConfig) -> None:
    """Refuse weights by advantages that nobody finds, or of samples that are not all that pi_sft draws.

    Raises:
        ValueError: with one sentence.
    """
    assert run.mixture.step_weights is not None
    key = f"mixture.step_weights={run.mixture.step_weights.value}"
    if "credit" not in run.recipe:
        raise ValueError(
            f"{key} needs prefix values, and the recipe of algorithm {run.algorithm.name} has no credit stage: use "
            f"algorithm=advantage_weighted or mixture.step_weights=null."
        )
    if run.credit.credited_samples is not CreditedSamples.both:
        raise ValueError(
            f"{key} needs prefix values of accepted and of rejected samples: set credit.credited_samples=both."
        )
    for name in ("max_negatives_per_problem", "max_accepted_per_problem"):
        if getattr(run.credit, name) < run.sampler.num_samples:
            raise ValueError(
                f"{key} takes all samples of pi_sft: credit.{name} must be at least "
                f"sampler.num_samples={run.sampler.num_samples}, but is {getattr(run.credit, name)}."
            )


def check_sizes(run: RunConfig) -> None:
    """Refuse a run that asks for more problems than there are: all its keys at once, with values that fit.

    What the run does not come to, as it ends at an earlier `stage`, need not fit.

    Raises:
        ValueError: with one sentence.
    """
    task, evaluation = run.task, run.evaluation
    num_test = min(evaluation.num_test, task.max_validation if evaluation.split is Split.VALIDATION else task.max_test)
    fitting: dict[str, tuple[int, int]] = {}
    if run.stage not in ("pretrain", "teach"):
        fitting["data_size"] = (run.data_size, run.teacher.max_data_size(task))
    if run.stage is None or run.stage.startswith("evaluate"):
        fitting["evaluation.num_test"] = (evaluation.num_test, num_test)
        fitting["evaluation.num_sampled_problems"] = (evaluation.num_sampled_problems, num_test)
    if run.stage not in ("pretrain", "teach", "synthesize"):
        fitting["trainer.num_validation"] = (run.trainer.num_validation, task.max_validation)
    too_large = [f"{key}={most}" for key, (asked, most) in fitting.items() if asked > most]
    if run.data_size < 1 or too_large == [f"data_size={run.teacher.max_data_size(task)}"]:
        raise ValueError(
            f"data_size must be between 1 and {run.teacher.max_data_size(task)}, the most that task {task.name} with "
            f"teacher {run.teacher.name} can give, but is {run.data_size}."
        )
    if too_large:
        raise ValueError(
            f"more problems are asked for than task {task.name} with teacher {run.teacher.name} has; "
            f"the most that fit are {' '.join(too_large)}."
        )


GROUPS: dict[str, type[Any]] = {
    "task": TaskConfig,
    "model": ModelConfig,
    "teacher": TeacherConfig,
    "sampler": SamplerConfig,
    "credit": CreditConfig,
    "algorithm": AlgorithmConfig,
    "mixture": MixtureConfig,
    "trainer": TrainerConfig,
    "logger": LoggerConfig,
}
KINDS: dict[str, dict[str, type[Any]]] = {  # groups whose options have keys of their own, by the name of the schema
    "task": {name: config for name, (config, _) in WORLDS.items()} | {"dataset": DatasetConfig},
    "teacher": {"procedural": ProceduralTeacherConfig, "server": ServerTeacherConfig},
}


def register_schemas() -> None:
    """Put the typed schemas where the YAML in `conf/` inherits them."""
    store = ConfigStore.instance()
    # Hydra deep-copies all it knows, the store included, whenever it composes a config or lists a group: 40 ms each
    setattr(store, "__deepcopy__", lambda memo: store)  # noqa: B010  # of the one instance alone
    store.store(name="run_schema", node=RunConfig)
    for group, schema in GROUPS.items():
        store.store(group=group, name=f"{group}_schema", node=schema)
    for group, kinds in KINDS.items():
        for name, schema in kinds.items():
            store.store(group=group, name=f"{name}_schema", node=schema)


def to_run_config(config: DictConfig) -> RunConfig:
    """The composed config as a typed object, checked as a whole.

    Raises:
        ConfigError: with one sentence, if a value is missing, of the wrong type or out of range.
    """
    run = config
    if "hydra" in config:
        run = copy.deepcopy(config)
        with open_dict(run):
            del run["hydra"]
    try:
        return cast(RunConfig, OmegaConf.to_object(run))
    except MissingMandatoryValue as error:
        missing = sorted(OmegaConf.missing_keys(run))
        raise ConfigError(f"{missing[0]} has no value: set {missing[0]}=… on the command line.") from error
    except (ValueError, OmegaConfBaseException) as error:
        raise ConfigError(str(error).splitlines()[0]) from error
