"""Pretrain: the base policy of the embedded world, which can execute steps and knows nothing of precedence.

It learns from solutions of 1 to n operators whose steps are exact and whose order is random, so that what a study's
synthetic data teach is the order alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from synthscale.policy.config import ArchitectureConfig, PolicyConfig
from synthscale.problem import PrecedenceConfig, PrecedenceTask
from synthscale.session import Session, checkpoints_of
from synthscale.stage.stage import Artifact, Measures
from synthscale.training.config import TrainerConfig

if TYPE_CHECKING:
    import numpy as np

    from synthscale.mixture.example import Example

VERSION = 1
KNOWN_SHARE = 5  # of so many problems one is of the operators whose levels the base is to know


@dataclass(kw_only=True, slots=True)
class PretrainConfig:
    """The defaults are PROTOTYPE's: enough for exact tables and copying."""

    num_updates: int = 2600
    batch_size: int = 64
    learning_rate: float = 4e-3
    num_problems: int = 100_000  # distinct draws; passed over as often as the updates need
    seed: int = 0
    world: PrecedenceConfig = field(default_factory=PrecedenceConfig)
    architecture: ArchitectureConfig = field(default_factory=ArchitectureConfig)


def run(config: PretrainConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Train the base from random weights; writes `model/` and `curves.csv`."""
    import numpy as np
    import torch

    from synthscale.policy.policy import save_policy
    from synthscale.policy.prompter import Prompter
    from synthscale.policy.tiny import build_model, build_tokenizer
    from synthscale.training.data import MixedDataModule
    from synthscale.training.encoding import Encoder
    from synthscale.training.fit import fit
    from synthscale.training.module import Objective
    from synthscale.training.validation import Validator

    task = PrecedenceTask(config.world)
    tokenizer = build_tokenizer(task.words)
    torch.manual_seed(config.seed)
    model = build_model(config.architecture, tokenizer)
    generator = np.random.default_rng([config.seed, 2])
    num_known = config.num_problems // KNOWN_SHARE if config.world.num_known_operators else 0
    examples = solved(task, config.num_problems - num_known, generator, known=False)
    if num_known:
        examples += solved(task, num_known, generator, known=True)
    encoder = Encoder(Prompter(tokenizer, PolicyConfig()), eos_after_prefix=False)
    trainer = TrainerConfig(batch_size=config.batch_size)
    validator = Validator(
        task,
        model,
        encoder,
        num_problems=trainer.num_validation,
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


def solved(task: PrecedenceTask, num_problems: int, generator: np.random.Generator, *, known: bool) -> list[Example]:
    """Problems of all lengths with solutions: right ones where the base is to know the operators' levels."""
    from synthscale.mixture.example import Example

    lengths = range(1, task.config.operators_per_problem + 1)
    problems = [
        problem
        for length in lengths
        for problem in task.draw_problems(generator, num_problems // len(lengths), length, known=known)
    ]
    write = task.trace if known else task.unordered_trace
    return [Example(p.problem_id, task.prompt(p), write(p, generator)) for p in problems]
