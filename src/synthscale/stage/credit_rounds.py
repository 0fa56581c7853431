"""Adaptive credit: rounds of rollouts for the problems of a chunk, each where the last ones point.

What a round asks for depends on the samples and on what earlier rounds drew, and every round's draws are kept under a
path of their own; so a stage that goes on after its process was killed asks the same, and draws what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthscale.credit.change_point import expected_alive
from synthscale.credit.search import Chain, FoundPit, Search, Steps, chains_of, stripped
from synthscale.problem import Problem, Task
from synthscale.session import Session, checkpoints_of
from synthscale.stage.draw import NUM_DRAWS_AT_ONCE, in_chunks, round_seed
from synthscale.stage.rows import ContinuationRow, PitRow, PrefixValueRow, ProblemRow, SolutionRow
from synthscale.stage.stage import Artifact, Measures

if TYPE_CHECKING:
    from synthscale.policy.open_sampler import PolicySampler
    from synthscale.policy.prompter import Prompt
    from synthscale.policy.sampler import Continuation
    from synthscale.stage.credit import RolloutConfig
    from synthscale.table import TableWriter


@dataclass(frozen=True, slots=True)
class Rollout:
    """A graded rollout from a prefix."""

    prefix: Steps
    steps: Steps
    solution: str
    right: bool


class Seeker:
    """One problem's search: its negatives, samples and rollouts."""

    def __init__(
        self, task: Task, problem: Problem, place: int, negatives: list[SolutionRow], samples: Sequence[SolutionRow]
    ) -> None:
        self.problem, self.place, self.negatives = problem, place, negatives
        self.samples = [(stripped(task.steps(row.solution)), row.correct) for row in samples]
        self.right_samples = [row.solution for row in samples if row.correct]
        self.chains: list[Chain] = chains_of([stripped(task.steps(row.solution)) for row in negatives], self.samples)
        self.num_free = sum(one.num_left_later for one in self.chains)
        self.rollouts: list[Rollout] = []
        self._task = task
        self._texts = [task.steps(row.solution) for row in negatives]

    def begin(self, share_right: float, confidence: float, max_rollouts: int) -> None:
        """Start the search; `share_right` is that of the samples of all problems."""
        alive_mean = expected_alive(len(self.right_samples), len(self.samples), share_right)
        self.search = Search(self.chains, alive_mean=alive_mean, confidence=confidence, max_rollouts=max_rollouts)

    def asks(self) -> list[tuple[Steps, Prompt]]:
        """The prefixes of the next round, and their prompts, with the white space that the negatives have."""
        from synthscale.policy.prompter import Prompt

        text = self._task.prompt(self.problem)
        return [(prefix, Prompt(text, self._text(prefix))) for prefix in self.search.asks()]

    def take(self, prefix: Steps, continuation: Continuation) -> None:
        """Grade a rollout and take it in."""
        from synthscale.evaluation.grade import grade_continuation
        from synthscale.problem import Verdict

        solution, verdict = grade_continuation(self._task, self.problem, continuation, self._text(prefix))
        steps = stripped(self._task.steps(solution))
        if steps[: len(prefix)] != prefix:  # what was written has changed where the prefix's last step ends
            steps = (*prefix, solution)
        right = verdict == Verdict.CORRECT.value
        self.rollouts.append(Rollout(prefix, steps, solution, right))
        self.search.count(prefix, steps, right)

    def _text(self, prefix: Steps) -> str:
        first = next(i for i, one in enumerate(self.chains) if one.steps[: len(prefix)] == prefix)
        return "".join(self._texts[first][: len(prefix)])

    def values(self) -> Iterator[PrefixValueRow]:
        """Counts of the rollouts that were drawn from each prefix; the samples are those from step 0."""
        num_right = len(self.right_samples)
        for row, one in zip(self.negatives, self.chains, strict=True):
            yield PrefixValueRow(row.problem_id, row.index, 0, len(self.samples), num_right)
            for i in range(1, len(one.steps)):
                right = [rollout.right for rollout in self.rollouts if rollout.prefix == one.steps[:i]]
                yield PrefixValueRow(row.problem_id, row.index, i, len(right), sum(right))

    def pits(self) -> Iterator[tuple[SolutionRow, Chain, FoundPit]]:
        """Each negative with its likeliest pit."""
        for i, (row, one) in enumerate(zip(self.negatives, self.chains, strict=True)):
            yield row, one, self.search.pit(i)

    def right_from(self, prefix: Steps) -> list[str]:
        """The distinct right solutions that begin with these steps: rollouts from this prefix first."""
        right = [
            (rollout.prefix != prefix, rollout.steps, rollout.solution) for rollout in self.rollouts if rollout.right
        ]
        steps = [steps for steps, correct in self.samples if correct]
        right += [(True, of, text) for of, text in zip(steps, self.right_samples, strict=True)]
        found = [(other, text) for other, of, text in right if of[: len(prefix)] == prefix]
        return list(dict.fromkeys(text for _, text in sorted(found, key=lambda one: one[0])))

    @property
    def num_undecided(self) -> int:
        """Negatives without a clear pit."""
        return sum(not self.search.is_decided(i) for i in range(len(self.chains)))


@dataclass(slots=True)
class SearchCounts:
    """What the stage reports of the search."""

    num_negatives: int = 0
    num_prefixes: int = 0  # that any rollout was drawn from
    num_rollouts: int = 0
    num_sampled_tokens: int = 0
    num_free_rollouts: int = 0  # samples that began like a negative, each for each negative
    num_undecided: int = 0  # negatives without a clear pit when their rollouts were spent

    def add(self, one: Seeker) -> None:
        """Count one problem's."""
        self.num_negatives += len(one.negatives)
        self.num_prefixes += len({rollout.prefix for rollout in one.rollouts})
        self.num_rollouts += len(one.rollouts)
        self.num_free_rollouts += one.num_free
        self.num_undecided += one.num_undecided


def run_rounds(
    config: RolloutConfig,
    task: Task,
    inputs: Mapping[str, Artifact],
    sampler: PolicySampler,
    out: Path,
    tables: tuple[TableWriter, TableWriter],
    session: Session,
) -> Measures:
    """Search the pits of all problems, chunk by chunk; write `pits.parquet` and the tables of values and solutions."""
    from synthscale.table import TableWriter, count_rows

    counts, num_problems = SearchCounts(), count_rows(inputs["data"].folder / "problems.parquet")
    samples = inputs["samples"].measures
    share_right = samples["num_correct"] / samples["num_samples"]
    num_done = 0
    with TableWriter(out / "pits.parquet", PitRow) as pit_table:
        chunks = in_chunks(seekers(config, task, inputs), lambda one: draws_of(config, one), NUM_DRAWS_AT_ONCE)
        for number, chunk in enumerate(chunks):
            end = chunk[-1].place + 1
            with session.part(num_done, end, num_problems):
                counts.num_sampled_tokens += search_chunk(config, chunk, number, share_right, sampler, out, session)
            num_done = end
            for one in chunk:
                counts.add(one)
                tables[0].write(one.values())
                for row, found_in, pit in one.pits():
                    pit_table.write([PitRow(row.problem_id, row.index, *pit)])
                    if pit.step > 1:
                        texts = one.right_from(found_in.steps[: pit.step - 1])
                        tables[1].write(ContinuationRow(row.problem_id, row.index, pit.step - 1, t) for t in texts)
    return asdict(counts)


def seekers(config: RolloutConfig, task: Task, inputs: Mapping[str, Artifact]) -> Iterator[Seeker]:
    """The problems that have negatives."""
    from synthscale.stage.by_problem import RowsByProblem
    from synthscale.stage.credit import choose_negatives
    from synthscale.table import iterate_table

    all_samples = RowsByProblem(inputs["samples"].folder / "samples.parquet", SolutionRow)
    for place, row in enumerate(iterate_table(inputs["data"].folder / "problems.parquet", ProblemRow)):
        samples = all_samples.of(row.problem_id)
        if negatives := choose_negatives(samples, config.max_negatives_per_problem):
            yield Seeker(task, row.problem, place, negatives, samples)
    all_samples.end()


def draws_of(config: RolloutConfig, one: Seeker) -> int:
    """How many solutions of the problem are in memory together, at most."""
    return len(one.samples) + len(one.negatives) * (config.max_rollouts or 0)


def search_chunk(
    config: RolloutConfig,
    chunk: Sequence[Seeker],
    number: int,
    share_right: float,
    sampler: PolicySampler,
    out: Path,
    session: Session,
) -> int:
    """All rounds of a chunk, one call of the sampler each; the number of tokens that were drawn."""
    assert config.confidence is not None and config.max_rollouts is not None, "an adaptive search has both"
    for one in chunk:
        one.begin(share_right, config.confidence, config.max_rollouts)
    num_tokens = 0
    for round_ in range(config.max_rollouts):
        asked = [(one, prefix, prompt) for one in chunk for prefix, prompt in one.asks()]
        if not asked:
            break
        with session.part(round_, round_ + 1, config.max_rollouts):
            drawn = sampler.sample(
                [prompt for _, _, prompt in asked],
                1,
                temperature=config.sampler.temperature,
                seed=round_seed(config.seed, number, round_),
                keep=checkpoints_of(out) / f"{number:05d}-{round_:05d}",
            )
        for (one, prefix, _), (continuation,) in zip(asked, drawn, strict=True):
            one.take(prefix, continuation)
            num_tokens += continuation.num_tokens
    session.advance(1, 1)
    return num_tokens
