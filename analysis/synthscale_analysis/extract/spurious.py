"""spurious.csv: accepted solutions that hold a wrong step, or one that did not help; one row a point and source.

Sources: `samples`, the accepted ones that the point drew; `positives`, the solutions that its last training imitated;
`chosen`, the accepted sides of its pairs. Test answers are in the records (wrong_step_share).

Two looks at a step: whether it is truly wrong, where the world knows (num_judged solutions); and whether its advantage
is at most 0 (num_useless_steps; below 0: num_harmful_steps), where both prefixes have a value because a credited
negative began alike (num_valued_steps).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from synthscale.credit.search import Steps, stripped
from synthscale.stage.rows import ProblemRow
from synthscale.table import ROWS_PER_GROUP
from synthscale_analysis.extract.credit_values import known_advantages
from synthscale_analysis.extract.credited import Outcomes, credited_problems
from synthscale_analysis.extract.lineage import Lineage
from synthscale_analysis.extract.reading import Reading

COLUMNS = (
    *("artifact", "algorithm", "data_size", "seed", "source", "num_solutions", "num_judged", "num_with_wrong_step"),
    *("num_valued_steps", "num_useless_steps", "num_harmful_steps"),
)
SAMPLES, POSITIVES, CHOSEN = "samples", "positives", "chosen"
MAX_EXAMPLES = 20_000  # of those of the first problems


@dataclass(slots=True)
class Tally:
    """Counts of one source."""

    num_solutions: int = 0
    num_judged: int = 0
    num_with_wrong_step: int = 0
    num_valued_steps: int = 0
    num_useless_steps: int = 0
    num_harmful_steps: int = 0

    def add(self, wrong: list[bool] | None, advantages: list[float | None]) -> None:
        """Count one accepted solution."""
        self.num_solutions += 1
        self.num_judged += wrong is not None
        self.num_with_wrong_step += wrong is not None and any(wrong)
        known = [advantage for advantage in advantages if advantage is not None]
        self.num_valued_steps += len(known)
        self.num_useless_steps += sum(advantage <= 0 for advantage in known)
        self.num_harmful_steps += sum(advantage < 0 for advantage in known)


@dataclass(frozen=True, slots=True)
class Known:
    """A problem, and what is known of the prefixes of its negatives."""

    row: ProblemRow
    values: Mapping[Steps, Outcomes]


@dataclass(frozen=True, slots=True)
class Sampled:
    """The accepted samples of a point, counted, and what is known of their problems, by id."""

    tally: Tally
    problems: Mapping[str, Known]


def sampled_of(lineage: Lineage, reading: Reading) -> Sampled:
    """Points of the same samples and credit have it in common.

    Raises:
        ValueError: if a table that is needed is damaged.
    """
    tally, known = Tally(), dict[str, Known]()
    for problem in credited_problems(lineage, reading):
        of_problem = known[problem.row.problem_id] = Known(problem.row, problem.known_values())
        for row in problem.samples:
            if row.correct:
                _add(tally, of_problem, row.solution, reading)
    return Sampled(tally, known)


def spurious_rows(lineage: Lineage, reading: Reading, sampled: Sampled) -> list[dict[str, Any]]:
    """A row for each source that the point has.

    Raises:
        ValueError: if a table that is needed is damaged.
    """
    tallies = {SAMPLES: sampled.tally} if sampled.tally.num_solutions else {}
    examples = lineage["compose"].file("examples.parquet") if "compose" in lineage else None
    for example in rows_of_problems(examples, sampled.problems) if examples is not None else ():
        tally = tallies.setdefault(POSITIVES if example["rejected"] is None else CHOSEN, Tally())
        _add(tally, sampled.problems[example["problem_id"]], example["chosen"], reading)
    return [{"source": source, **asdict(tally)} for source, tally in tallies.items()]


def rows_of_problems(path: Any, problems: Mapping[str, Any], most: int = MAX_EXAMPLES) -> Iterator[dict[str, Any]]:
    """The table's rows of these problems, at most so many; others are passed over without becoming objects.

    Raises:
        ValueError: if the file is damaged.
    """
    ids, num = pa.array(list(problems), pa.string()), 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_PER_GROUP):
                for row in batch.filter(pc.is_in(batch.column("problem_id"), ids)).to_pylist():
                    yield row
                    num += 1
                    if num == most:
                        return
    except (OSError, pa.ArrowException, KeyError) as error:
        raise ValueError(f"{path.name} of {path.parent.name} is damaged") from error


def advantages_of(solution_steps: list[str], values: Mapping[Steps, Outcomes]) -> list[float | None]:
    """The advantages of an accepted solution's steps, as far as its prefixes are known; after the last, Q is 1."""
    prefixes = [values.get(stripped(solution_steps[:i])) for i in range(len(solution_steps))]
    return known_advantages([*(None if one is None else one.share for one in prefixes), 1.0])


def _add(tally: Tally, known: Known, solution: str, reading: Reading) -> None:
    wrong = reading.wrong_steps(known.row.problem, solution)
    tally.add(wrong, advantages_of(reading.steps(solution), known.values))
