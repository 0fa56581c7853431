"""A phase of training in miniature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from synthscale.mixture.example import Example
from synthscale.problem import PrecedenceTask
from synthscale.session import Session
from synthscale.training.config import Device, TrainerConfig
from synthscale.training.data import MixedDataModule
from synthscale.training.encoding import Encoder
from synthscale.training.fit import FitResult, fit
from synthscale.training.module import Objective
from synthscale.training.references import reference_logprobs
from synthscale.training.validation import Validator

CPU = TrainerConfig(device=Device.cpu, num_validations=2, num_validation=4, batch_size=8)


@pytest.fixture
def train(task: PrecedenceTask, tmp_path: Path) -> Callable[..., FitResult]:
    """Fits a policy, which is its own reference, to examples."""

    def make(
        policy: SimpleNamespace,
        examples: Sequence[Example],
        num_updates: int = 6,
        config: TrainerConfig = CPU,
        session: Session | None = None,
        folder: Path = tmp_path / "checkpoints",
        accuracy: Callable[[], float] | None = None,
    ) -> FitResult:
        encoder = Encoder(policy.prompter, eos_after_prefix=False)
        encoded = [encoder.encode(example) for example in examples]
        pad_id = policy.tokenizer.pad_token_id
        validator = Validator(task, policy.model, encoder, num_problems=4, max_new_tokens=4)
        data = MixedDataModule(
            encoded,
            validator.examples(),
            batch_size=config.batch_size,
            num_updates=num_updates,
            seed=3,
            pad_id=pad_id,
            reference_logprobs=reference_logprobs(policy.model, encoded, pad_id, 8, config.precision),
            micro_batch_size=config.micro_batch_size,
        )
        objective = Objective(1e-2, num_updates, 0.5, 1.0)
        return fit(policy.model, data, objective, config, accuracy or validator.accuracy, session or Session(), folder)

    return make


@pytest.fixture
def positives(traces) -> list[Example]:
    """Sixteen of them."""
    return [Example(p.problem_id, p.text + "\n", trace) for p, trace in traces[:16]]


@pytest.fixture
def pairs(traces) -> list[Example]:
    """Eight traces, each against another problem's."""
    wrong = [trace for _, trace in traces[:8]]
    return [Example(p.problem_id, p.text + "\n", t, w) for (p, t), w in zip(traces[8:16], wrong, strict=True)]
