"""Loss and accuracy on the task's validation problems; test problems are never seen here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from synthscale.mixture.example import Example
from synthscale.policy.prompter import Prompt
from synthscale.policy.sampler import Sampler
from synthscale.problem import Split, Task, Verdict
from synthscale.training.encoding import EncodedExample, Encoder


class LockStepSampler(Sampler):
    """Samples, on all ranks together, from a policy of which each holds a part.

    Every rank chooses by rank 0's logits: one that ended a step earlier than others would leave them waiting for its
    part. Inference mode is off, since FSDP cannot gather weights in it (pytorch#95957).
    """

    def _agreed(self, logits: Tensor) -> Tensor:
        torch.distributed.broadcast(logits, src=0)
        return logits

    def _no_grad(self) -> AbstractContextManager[object]:
        return torch.no_grad()


class Validator:
    """Scores one policy, which may be in training, on the task's validation problems."""

    def __init__(
        self,
        task: Task,
        model: PreTrainedModel,
        encoder: Encoder,
        *,
        num_problems: int,
        max_new_tokens: int,
        max_batch_rows: int = 1024,
        stop: Sequence[str] = (),
        in_lock_step: bool = False,
    ) -> None:
        self.task = task
        self.encoder = encoder
        self.problems = task.problems(Split.VALIDATION, num_problems, seed=0)
        sampler = LockStepSampler if in_lock_step else Sampler
        self.sampler = sampler(
            model, encoder.prompter, max_new_tokens=max_new_tokens, max_batch_rows=max_batch_rows, stop=stop
        )

    def examples(self) -> list[EncodedExample]:
        """One right solution of each problem; none where the task has none of them."""
        generator = np.random.default_rng(0)
        if not self.task.has_solutions:
            return []
        solutions = [self.task.trace(problem, generator) for problem in self.problems]
        return [
            self.encoder.encode(Example(problem.problem_id, self.task.prompt(problem), solution))
            for problem, solution in zip(self.problems, solutions, strict=True)
        ]

    def accuracy(self) -> float:
        """Share of the problems whose greedy solution is right."""
        prompts = [Prompt(self.task.prompt(problem)) for problem in self.problems]
        samples = self.sampler.sample(prompts, 1, temperature=0.0, seed=0)
        verdicts = [
            self.task.verdict(problem, sample.text) for problem, (sample,) in zip(self.problems, samples, strict=True)
        ]
        return verdicts.count(Verdict.CORRECT) / len(verdicts)
