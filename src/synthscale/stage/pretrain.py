"""Pretrain: the base policy of the embedded world, which can execute steps and knows nothing of precedence.

It learns from solutions of 1 to n operators whose steps are exact and whose order is random, so that what a study's
synthetic data teach is the order alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from synthscale.policy.config import ArchitectureConfig, PolicyConfig
from synthscale.problem import PrecedenceConfig, WorldConfig, build_world
from synthscale.session import Session, checkpoints_of
from synthscale.stage.stage import Artifact, Measures
from synthscale.training.config import TrainerConfig

VERSION = 1


@dataclass(kw_only=True, slots=True)
class PretrainConfig:
    """The defaults are PROTOTYPE's: enough for exact tables and copying."""

    num_updates: int = 2600
    batch_size: int = 64
    learning_rate: float = 4e-3
    num_problems: int = 100_000  # distinct draws; passed over as often as the updates need
    seed: int = 0
    world: WorldConfig = field(default_factory=PrecedenceConfig)
    architecture: ArchitectureConfig = field(default_factory=ArchitectureConfig)


def run(config: PretrainConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Train the base from random weights; writes `model/` and `curves.csv`."""
    import numpy as np
    import torch

    from synthscale.mixture.example import Example
    from synthscale.policy.policy import save_policy
    from synthscale.policy.prompter import Prompter
    from synthscale.policy.tiny import build_model, build_tokenizer
    from synthscale.training.data import MixedDataModule
    from synthscale.training.encoding import Encoder
    from synthscale.training.fit import fit
    from synthscale.training.module import Objective
    from synthscale.training.validation import Validator

    task = build_world(config.world)
    tokenizer = build_tokenizer(task.words)
    torch.manual_seed(config.seed)
    model = build_model(config.architecture, tokenizer)
    generator = np.random.default_rng([config.seed, 2])
    solutions = task.pretraining_solutions(config.num_problems, generator)
    examples = [Example(problem.problem_id, task.prompt(problem), text) for problem, text in solutions]
    encoder = Encoder(Prompter(tokenizer, PolicyConfig()), eos_after_prefix=False)
    trainer = TrainerConfig(batch_size=config.batch_size)
    validator = Validator(
        task,
        model,
        encoder,
        num_problems=min(trainer.num_validation, config.world.max_validation),
        max_new_tokens=config.world.max_solution_tokens,
    )
    data = MixedDataModule(
        [encoder.encode(example) for example in examples],
        validator.examples(),
        batch_size=config.batch_size,
        num_updates=config.num_updates,
        seed=config.seed,
        pad_id=tokenizer.pad_token_id,
        rank=session.rank,
        num_ranks=session.num_ranks,
    )
    objective = Objective(config.learning_rate, config.num_updates, beta=1.0, preference_weight=0.0)
    result = fit(model, data, objective, trainer, validator.accuracy, session, checkpoints_of(out))
    if session.rank == 0:
        save_policy(result.model, tokenizer, out / "model")
        result.write_curves(out / "curves.csv")
    return result.measures()
