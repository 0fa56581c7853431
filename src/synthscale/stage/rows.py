"""The rows that stages hand to one another."""

from __future__ import annotations

from dataclasses import dataclass

from synthscale.problem import Problem, Verdict


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """`problems.parquet` of synthesize: the problems of D_syn, in the stream's order."""

    problem_id: str
    text: str
    answer: str

    @property
    def problem(self) -> Problem:
        """The problem itself."""
        return Problem(self.text, self.answer)


@dataclass(frozen=True, slots=True)
class SolutionRow:
    """A graded solution: a teacher's trace (`traces.parquet`) or a policy's sample (`samples.parquet`)."""

    problem_id: str
    index: int  # which of the problem's solutions
    solution: str
    verdict: str
    num_tokens: int | None = None

    @property
    def correct(self) -> bool:
        """Whether the reward is 1."""
        return self.verdict == Verdict.CORRECT.value


@dataclass(frozen=True, slots=True)
class PrefixValueRow:
    """`prefix_values.parquet` of credit: rollouts from the prefix y_1 … y_step of a sample; step 0 is x alone.

    Samples are negatives, or accepted ones too, or those alone, as `credit.credited_samples` says.
    """

    problem_id: str
    index: int  # of the sample
    step: int
    num_rollouts: int
    num_right: int


@dataclass(frozen=True, slots=True)
class PitRow:
    """`pits.parquet` of an adaptive credit: the likeliest pit of a negative."""

    problem_id: str
    index: int  # of the sample
    step: int  # from 1
    chance: float  # that it is this one
    seen_alive: bool  # whether anything right began like the negative and left it before this step


@dataclass(frozen=True, slots=True)
class ContinuationRow:
    """`continuations.parquet` of credit: a right solution that a rollout found from a sample's prefix.

    Of an adaptive credit: or that was sampled; from the prefix before the pit alone.
    """

    problem_id: str
    index: int  # of the sample
    step: int  # length of the shared prefix, in steps
    solution: str  # prefix and continuation
