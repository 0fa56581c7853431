"""Loss and accuracy on the task's validation problems; test problems are never seen here."""

from __future__ import annotations

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from synthscale.mixture.example import Example
from synthscale.policy.sampler import Sampler
from synthscale.problem import Split, Task, Verdict
from synthscale.training.encoding import EncodedExample, Encoder


class Validator:
    """Scores one policy, which may be in training, on the task's validation problems."""

    def __init__(
        self,
        task: Task,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        encoder: Encoder,
        *,
        num_problems: int,
        max_new_tokens: int,
    ) -> None:
        self.task = task
        self.encoder = encoder
        self.problems = task.problems(Split.VALIDATION, num_problems, seed=0)
        self.sampler = Sampler(model, tokenizer, max_new_tokens=max_new_tokens, max_batch_rows=1024)

    def examples(self) -> list[EncodedExample]:
        """One right solution of each problem."""
        generator = np.random.default_rng(0)
        solutions = [self.task.trace(problem, generator) for problem in self.problems]
        return [
            self.encoder.encode(Example(problem.problem_id, problem.prompt, solution))
            for problem, solution in zip(self.problems, solutions, strict=True)
        ]

    def accuracy(self) -> float:
        """Share of the problems whose greedy solution is right."""
        samples = self.sampler.sample([problem.prompt for problem in self.problems], 1, temperature=0.0, seed=0)
        verdicts = [
            self.task.verdict(problem, sample.text) for problem, (sample,) in zip(self.problems, samples, strict=True)
        ]
        return verdicts.count(Verdict.CORRECT) / len(verdicts)
