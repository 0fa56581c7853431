"""A data set artifact as a folder that `datasets.load_dataset` reads: one parquet file a config, split `train`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from synthscale.stage.rows import PrefixValueRow, ProblemRow, SolutionRow
from synthscale.stage.stage import Artifact
from synthscale.study.error import UserError
from synthscale.study.store import ArtifactStore

COPIED = {  # tables whose columns are what people expect as they are
    "compose": {"default": "examples.parquet"},
    "credit": {"continuations": "continuations.parquet", "pits": "pits.parquet"},
    "teach": {"dropped": "dropped.parquet"},
}
SOLVED = {"synthesize": "traces.parquet", "teach": "traces.parquet", "sample": "samples.parquet"}


@dataclass(frozen=True, slots=True)
class TraceRow:
    """A right solution of a problem: what a learner is fine-tuned on."""

    problem_id: str
    problem: str
    solution: str
    answer: str
    index: int  # which of the problem's solutions


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A graded solution of a policy's, right or wrong."""

    problem_id: str
    problem: str
    solution: str
    answer: str
    index: int
    verdict: str
    num_tokens: int | None


@dataclass(frozen=True, slots=True)
class ValueRow:
    """What rollouts from a prefix of a sample came to: Q(x, y_1 … y_step) is num_right / num_rollouts.

    A search draws none from most prefixes.
    """

    problem_id: str
    problem: str
    solution: str
    answer: str
    index: int
    step: int  # 0 is the problem alone
    num_rollouts: int
    num_right: int


def write_data(artifact: Artifact, store: ArtifactStore, folder: Path) -> dict[str, Path]:
    """Write `data/` into the folder; return each config's file, the default one first, by their paths in it.

    Raises:
        UserError: if an artifact that it takes its problems or solutions from is gone.
    """
    from synthscale.table import write_table

    stage, files = artifact.manifest["stage"], {}
    (folder / "data").mkdir()
    if stage in SOLVED:
        files["default"] = Path("data/train.parquet")
        row_type = SampleRow if stage == "sample" else TraceRow
        write_table(folder / files["default"], row_type, solved_rows(artifact, store, row_type))
    if stage == "credit":
        files["default"] = Path("data/train.parquet")
        write_table(folder / files["default"], ValueRow, value_rows(artifact, store))
    for config, name in COPIED.get(stage, {}).items():
        if (artifact.folder / name).is_file():
            files[config] = Path("data") / ("train.parquet" if config == "default" else f"{config}.parquet")
            shutil.copyfile(artifact.folder / name, folder / files[config])
    return files


def solved_rows(
    artifact: Artifact, store: ArtifactStore, row_type: type[TraceRow] | type[SampleRow]
) -> Iterator[TraceRow | SampleRow]:
    """Each solution beside its problem, in the order of the problems."""
    from synthscale.stage.by_problem import RowsByProblem
    from synthscale.table import iterate_table

    holder = artifact if artifact.manifest["stage"] != "sample" else input_of(artifact, "data", store)
    solutions = RowsByProblem(artifact.folder / SOLVED[artifact.manifest["stage"]], SolutionRow)
    for problem in iterate_table(holder.folder / "problems.parquet", ProblemRow):
        for row in solutions.of(problem.problem_id):
            yield beside(problem, row, row_type)
    solutions.end()


def value_rows(credit: Artifact, store: ArtifactStore) -> Iterator[ValueRow]:
    """Each prefix's rollouts beside the problem and the whole solution."""
    from synthscale.stage.by_problem import RowsByProblem
    from synthscale.table import iterate_table

    samples = RowsByProblem(input_of(credit, "samples", store).folder / "samples.parquet", SolutionRow)
    values = RowsByProblem(credit.folder / "prefix_values.parquet", PrefixValueRow)
    for problem in iterate_table(input_of(credit, "data", store).folder / "problems.parquet", ProblemRow):
        solutions = {row.index: row.solution for row in samples.of(problem.problem_id)}
        for row in values.of(problem.problem_id):
            common = (problem.problem_id, problem.text, solutions[row.index], problem.answer, row.index)
            yield ValueRow(*common, row.step, row.num_rollouts, row.num_right)
    values.end()


def input_of(artifact: Artifact, name: str, store: ArtifactStore) -> Artifact:
    """The artifact that it takes its problems or its solutions from.

    Raises:
        UserError: if it is gone.
    """
    key = artifact.manifest["inputs"][name]
    found = store.find_key(key)
    if found is None:
        raise UserError(f"The {name} of {artifact.manifest['key']} lie in {key}, which is gone: run the study again.")
    return found


def beside(problem: ProblemRow, row: SolutionRow, row_type: type[TraceRow] | type[SampleRow]) -> TraceRow | SampleRow:
    """One row of the export."""
    common = (problem.problem_id, problem.text, row.solution, problem.answer, row.index)
    return TraceRow(*common) if row_type is TraceRow else SampleRow(*common, row.verdict, row.num_tokens)


def front_matter(files: Mapping[str, Path], num_rows: int) -> dict[str, object]:
    """What the hub's index reads of a data set."""
    configs = [
        {"config_name": config, "data_files": [{"split": "train", "path": path.as_posix()}]}
        for config, path in files.items()
    ]
    return {
        "task_categories": ["text-generation"],
        "tags": ["synthscale", "math", "synthetic"],
        "size_categories": [size_category(num_rows)],
        "configs": configs,
    }


def size_category(num_rows: int) -> str:
    """The hub's word for the number of rows."""
    bounds = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
    return next((word for bound, word in bounds if num_rows < bound), "1M<n<10M" if num_rows < 10**7 else "n>10M")
