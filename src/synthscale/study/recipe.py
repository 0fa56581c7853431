"""From a run's config to the graph of stages that makes it: the one place where an algorithm is taken apart.

A recipe names stages in order. Each takes its inputs from what came before: the data set, the newest policy, the newest
samples and credit. Points that agree in a stage's config and inputs get the same node, and so share the artifact. A key
that a node does not read is kept at one value for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from synthscale.credit.pit import CreditedSamples, CreditSearch, PitRule
from synthscale.mixture.mixture import MixtureConfig
from synthscale.policy.model_source import fingerprint_of
from synthscale.problem import DatasetConfig, StepBoundary, WorldConfig
from synthscale.stage.compose import ComposeConfig
from synthscale.stage.credit import RolloutConfig
from synthscale.stage.evaluate import EvaluateConfig
from synthscale.stage.finetune import FinetuneConfig
from synthscale.stage.pretrain import PretrainConfig
from synthscale.stage.sample import SampleConfig
from synthscale.stage.stage import Node
from synthscale.stage.synthesize import SynthesizeConfig
from synthscale.stage.teach import TeachConfig
from synthscale.study.config import ConfigError, RunConfig, Start
from synthscale.synthesis.config import ServerTeacherConfig


@dataclass(frozen=True)
class Point:
    """One cell of a study: its config, its last stage, and its stages by role, in order."""

    config: RunConfig
    root: Node
    nodes: dict[str, Node]

    @property
    def label(self) -> str:
        """What the point is called in tables and messages."""
        config = self.config
        fraction = f" f={config.mixture.negative_fraction:g}" if "compose" in self.nodes else ""
        return f"{config.algorithm.name} N={config.data_size}{fraction} seed={config.seed}"


def build_point(config: RunConfig) -> Point:
    """Unfold the algorithm's recipe.

    Raises:
        ConfigError: if a stage of the recipe comes before one that it needs.
    """
    nodes: dict[str, Node] = {}
    if config.model.path is None and config.task.has_embedded_learner:
        nodes["pretrain"] = pretrain_node(config)
    if isinstance(config.teacher, ServerTeacherConfig):
        nodes["teach"] = teach_node(config, config.teacher)
    for stage in config.algorithm.recipe:
        add_stage(stage, config, nodes)
    return Point(config, list(nodes.values())[-1], nodes)


def add_stage(stage: str, config: RunConfig, nodes: dict[str, Node]) -> None:
    """Add the recipe's next stage to the nodes, under its role."""
    first = newest(nodes, "finetune") is None
    maker = {
        "synthesize": synthesize_node,
        "finetune": first_phase_node if first else second_phase_node,
        "sample": sample_node,
        "credit": credit_node,
        "compose": compose_node,
        "evaluate": evaluate_node,
    }[stage]
    role = ("sft" if first else "policy") if stage == "finetune" else stage
    number = 1 + sum(name.partition("_")[0] == role for name in nodes)
    nodes[role if number == 1 else f"{role}_{number}"] = maker(config, nodes)


def newest(nodes: dict[str, Node], stage: str) -> Node | None:
    """The last node of a stage so far."""
    return next((node for node in reversed(nodes.values()) if node.stage == stage), None)


def inputs_from(nodes: dict[str, Node], **stages: str) -> dict[str, Node]:
    """The newest node of each stage that is named, by the input's name.

    Raises:
        ConfigError: if the recipe has not come to one of them yet.
    """
    found = {name: newest(nodes, stage) for name, stage in stages.items()}
    missing = [stages[name] for name, node in found.items() if node is None]
    if missing:
        raise ConfigError(f"algorithm.recipe has a stage that needs {missing[0]} before it.")
    return {name: node for name, node in found.items() if node is not None}


def pretrain_node(config: RunConfig) -> Node:
    """The base policy, which does not depend on the data set."""
    world = config.task
    assert isinstance(world, WorldConfig), "RunConfig asks for model.path where a task has no embedded learner"
    return Node(
        "pretrain",
        PretrainConfig(
            num_updates=config.pretraining.num_updates or world.num_pretraining_updates,
            learning_rate=config.pretraining.learning_rate,
            seed=config.pretraining.seed,
            world=world.pretraining_world(),
            architecture=config.model.architecture,
        ),
    )


def teach_node(config: RunConfig, teacher: ServerTeacherConfig) -> Node:
    """The pool of problems that a teacher behind a server writes, for all sizes and seeds.

    How a policy is prompted, how solutions are cut and how many traces a data set takes are of no matter to it.
    """
    task = config.task
    assert isinstance(task, DatasetConfig), "ServerTeacherConfig.check_task refuses all others"
    task = replace(task, prompt_template="{problem}\n", step_boundary=StepBoundary.line_or_sentence)
    return Node("teach", TeachConfig(task=task, teacher=replace(teacher, traces_per_problem=1)))


def synthesize_node(config: RunConfig, nodes: dict[str, Node]) -> Node:
    """D_syn: from the teacher's pool, where there is one."""
    return Node(
        "synthesize",
        SynthesizeConfig(
            task=config.task,
            traces_per_problem=config.teacher.traces_per_problem,
            num_problems=config.data_size,
            seed=config.seed,
        ),
        {"pool": nodes["teach"]} if "teach" in nodes else {},
    )


def first_phase_node(config: RunConfig, nodes: dict[str, Node]) -> Node:
    """pi_sft: the base, fine-tuned on the teacher's traces."""
    algorithm = config.algorithm
    inputs = inputs_from(nodes, data="synthesize") | base_policy(nodes)
    num_updates = algorithm.first.num_updates(config.data_size)
    if algorithm.match_updates:
        num_updates += algorithm.second.num_updates(config.data_size)
    return finetune_node(config, inputs, algorithm.first.learning_rate, num_updates, pairs=False)


def second_phase_node(config: RunConfig, nodes: dict[str, Node]) -> Node:
    """The policy that learns from the composed training set."""
    second = config.algorithm.second
    inputs = inputs_from(nodes, data="compose")
    from_sft = config.algorithm.start is Start.sft
    inputs |= inputs_from(nodes, policy="finetune") if from_sft else base_policy(nodes)
    if config.has_pairs:
        inputs["reference"] = nodes["sft"]
    return finetune_node(
        config,
        inputs,
        second.learning_rate,
        second.num_updates(config.data_size),
        pairs=config.has_pairs,
        weights=config.mixture.step_weights is not None,
    )


def base_policy(nodes: dict[str, Node]) -> dict[str, Node]:
    """The base as an input, where it is an artifact and not a model path."""
    return {"policy": nodes["pretrain"]} if "pretrain" in nodes else {}


def base_model(config: RunConfig) -> dict[str, str | None]:
    """Where a model that is no artifact lies, and what it is."""
    model = config.model
    fingerprint = fingerprint_of(model.path) if model.path is not None else None
    return {"path": model.path, "fingerprint": fingerprint, "revision": model.revision}


def finetune_node(
    config: RunConfig,
    inputs: dict[str, Node],
    learning_rate: float,
    num_updates: int,
    *,
    pairs: bool,
    weights: bool = False,
) -> Node:
    """One phase of training; on pairs, on steps with weights, or on neither."""
    return Node(
        "finetune",
        FinetuneConfig(
            task=config.task,
            trainer=config.trainer,
            max_new_tokens=config.sampler.max_new_tokens,
            stop=config.sampler.stop or None,
            max_batch_rows=config.sampler.max_batch_rows,
            policy=config.model.policy,
            **({} if "policy" in inputs else base_model(config)),
            lora=config.model.lora,
            gradient_checkpointing=config.model.gradient_checkpointing,
            learning_rate=learning_rate,
            num_updates=num_updates,
            beta=config.algorithm.beta if pairs or weights else 1.0,
            preference_weight=config.algorithm.preference_weight if pairs else 0.0,
            only_side=config.algorithm.only_side.value if pairs and config.algorithm.only_side else None,
            eos_after_prefix=config.mixture.eos_after_prefix if pairs else False,
            max_weight=config.algorithm.max_weight if weights else None,
            seed=config.seed,
        ),
        inputs,
    )


def sample_node(config: RunConfig, nodes: dict[str, Node]) -> Node:
    """D+ and D-."""
    return Node(
        "sample",
        SampleConfig(
            task=config.task,
            sampler=config.sampler,
            policy=config.model.policy,
            device=config.trainer.device,
            seed=config.seed,
        ),
        inputs_from(nodes, data="synthesize", policy="finetune"),
    )


def credit_node(config: RunConfig, nodes: dict[str, Node]) -> Node:
    """Prefix values of the negatives, of accepted samples, or of both; or the negatives' pits."""
    credit, credited = config.credit, config.credit.credited_samples
    is_adaptive = credit.search is CreditSearch.adaptive
    return Node(
        "credit",
        RolloutConfig(
            task=config.task,
            sampler=replace(config.sampler, num_samples=1),
            policy=config.model.policy,
            device=config.trainer.device,
            num_rollouts=1 if is_adaptive else credit.num_rollouts,
            max_negatives_per_problem=(0 if credited is CreditedSamples.accepted else credit.max_negatives_per_problem),
            seed=config.seed,
            confidence=credit.confidence if is_adaptive else None,
            max_rollouts=credit.max_rollouts if is_adaptive else None,
            max_accepted_per_problem=(
                None if credited is CreditedSamples.rejected else credit.max_accepted_per_problem
            ),
        ),
        inputs_from(nodes, data="synthesize", samples="sample", policy="finetune"),
    )


def compose_node(config: RunConfig, nodes: dict[str, Node]) -> Node:
    """The training set of the second phase."""
    inputs, pairs, credit = inputs_from(nodes, data="synthesize", samples="sample"), config.has_pairs, config.credit
    if "credit" in config.recipe and config.mixture.reads_credit:
        inputs |= inputs_from(nodes, credit="credit")
        if inputs["credit"].inputs["samples"] is not inputs["samples"]:
            raise ConfigError("algorithm.recipe composes from samples that no credit stage has seen: put one between.")
    is_adaptive = "credit" in inputs and credit.search is CreditSearch.adaptive
    return Node(
        "compose",
        ComposeConfig(
            task=config.task,
            mixture=replace(config.mixture, eos_after_prefix=False) if pairs else positives_of(config.mixture),
            max_negatives_per_problem=credit.max_negatives_per_problem if pairs else 1,
            pit_rule=credit.pit_rule if pairs and "credit" in inputs else PitRule.lowest_value,
            best_of=credit.best_of if "credit" in inputs and not is_adaptive else 1,
            search=credit.search if is_adaptive else None,
        ),
        inputs,
    )


def positives_of(mixture: MixtureConfig) -> MixtureConfig:
    """The mixture with all that only matters to pairs, or not to weights, at its defaults."""
    if mixture.step_weights is not None:
        return MixtureConfig(
            negative_fraction=0.0,
            examples_per_problem=mixture.examples_per_problem,
            step_weights=mixture.step_weights,
            include_teacher=mixture.include_teacher,
        )
    return MixtureConfig(
        negative_fraction=0.0,
        examples_per_problem=mixture.examples_per_problem,
        positives_per_problem=mixture.positives_per_problem,
        choose=mixture.choose,
        steps=mixture.steps,
        min_advantage=mixture.min_advantage,
        include_teacher=mixture.include_teacher,
    )


def evaluate_node(config: RunConfig, nodes: dict[str, Node]) -> Node:
    """The figures on test problems."""
    return Node(
        "evaluate",
        EvaluateConfig(
            task=config.task,
            sampler=replace(config.sampler, num_samples=1, temperature=1.0),
            policy=config.model.policy,
            device=config.trainer.device,
            evaluation=config.evaluation,
        ),
        inputs_from(nodes, policy="finetune"),
    )
