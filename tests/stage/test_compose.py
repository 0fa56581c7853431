"""What compose offers to the mixture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from synthscale.credit.pit import PitRule
from synthscale.mixture.example import Example
from synthscale.mixture.mixture import MixtureConfig, PositiveChoice, StepsOfPositives
from synthscale.problem import PrecedenceConfig, PrecedenceTask, Split, StepTruth
from synthscale.session import Session
from synthscale.stage import compose
from synthscale.stage.rows import ProblemRow, SolutionRow
from synthscale.table import count_rows, read_table, write_table

WORLD = PrecedenceConfig()
PROBLEMS = PrecedenceTask(WORLD).problems(Split.TRAIN, 4)


def config_of(**mixture) -> compose.ComposeConfig:
    return compose.ComposeConfig(
        task=WORLD,
        mixture=MixtureConfig(**{"negative_fraction": 0.0, "examples_per_problem": 5, **mixture}),
        max_negatives_per_problem=8,
        pit_rule=PitRule.lowest_value,
        best_of=1,
    )


def made(artifact, tmp_path, num_wrong: int = 3, **mixture):
    """Compose from 4 problems, each with a teacher's trace, 6 accepted samples (one the teacher's) and wrong ones."""
    traces = [SolutionRow(p.problem_id, 0, f"teacher\n| {p.answer}", "correct") for p in PROBLEMS]
    samples = [
        SolutionRow(p.problem_id, i, text, verdict, 9)
        for p in PROBLEMS
        for i, (text, verdict) in enumerate(
            [(f"teacher\n| {p.answer}", "correct")]
            + [(f"way {i // 2}\n| {p.answer}", "correct") for i in range(10)]
            + [(f"wrong {i}\n| 9", "wrong") for i in range(num_wrong)]
        )
    ]
    inputs = {
        "data": artifact(
            "synthesize", problems=[ProblemRow(p.problem_id, p.text, p.answer) for p in PROBLEMS], traces=traces
        ),
        "samples": artifact("sample", samples=samples),
    }
    measures = compose.run(config_of(**mixture), inputs, tmp_path, Session())
    return read_table(tmp_path / "examples.parquet", Example), measures


@pytest.mark.parametrize(
    ("fraction", "num_positives", "num_pairs"), [(0.0, 8, 0), (0.25, 6, 2), (0.5, 4, 4), (0.75, 2, 6), (1.0, 0, 8)]
)
def test_counts_stand_in_the_measures(artifact, tmp_path, fraction, num_positives, num_pairs):
    examples, measures = made(artifact, tmp_path, negative_fraction=fraction, examples_per_problem=2)
    assert (measures["num_train_positives"], measures["num_train_pairs"]) == (num_positives, num_pairs)
    assert sum(example.is_pair for example in examples) == num_pairs
    assert len(examples) == num_positives + num_pairs
    assert measures["num_positives_offered"] == 4 * (1 + 4)
    assert measures["num_pairs_offered"] == (4 * 3 if fraction else 0)


def test_fewer_where_the_samples_yield_fewer(artifact, tmp_path):
    _, measures = made(artifact, tmp_path, num_wrong=1, negative_fraction=0.5, examples_per_problem=20)
    assert (measures["num_train_positives"], measures["num_train_pairs"]) == (20, 4)  # 40 of each were wanted


def test_the_teacher_comes_first_and_its_trace_once(artifact, tmp_path):
    examples, _ = made(artifact, tmp_path, examples_per_problem=50)
    of_first = [e.chosen.split("\n")[0] for e in examples if e.problem_id == PROBLEMS[0].problem_id]
    assert of_first == ["teacher", "way 0", "way 1", "way 2", "way 3"]


def test_without_the_teacher_the_samples_alone(artifact, tmp_path):
    examples, _ = made(artifact, tmp_path, examples_per_problem=50, include_teacher=False, positives_per_problem=2)
    of_first = [e.chosen.split("\n")[0] for e in examples if e.problem_id == PROBLEMS[0].problem_id]
    assert of_first == ["teacher", "way 0"]  # the policy's own sample that equals the teacher's trace


def test_diverse_positives_are_as_many_and_begin_with_the_first_drawn(artifact, tmp_path):
    diverse = {"choose": PositiveChoice.diverse, "positives_per_problem": 3}
    examples, measures = made(artifact, tmp_path, examples_per_problem=50, **diverse)
    of_first = [e.chosen.split("\n")[0] for e in examples if e.problem_id == PROBLEMS[0].problem_id]
    assert of_first[:2] == ["teacher", "way 0"]
    assert len(set(of_first)) == 1 + 3 and measures["num_positives_offered"] == 4 * (1 + 3)


@pytest.mark.parametrize(("steps", "kept"), [(StepsOfPositives.right, {True}), (StepsOfPositives.spurious, {False})])
def test_positives_of_the_steps_that_are_asked_for(artifact, tmp_path, steps, kept):
    task, generator = PrecedenceTask(PrecedenceConfig(unambiguous=False)), np.random.default_rng(0)
    problems = task.problems(Split.TRAIN, 12, seed=1)
    traces = [SolutionRow(p.problem_id, 0, task.trace(p, generator), "correct") for p in problems]
    samples = [
        SolutionRow(p.problem_id, i, text, task.verdict(p, text), 9)
        for p in problems
        for i, text in enumerate(task.unordered_trace(p, generator) for _ in range(20))
    ]
    inputs = {
        "data": artifact(
            "synthesize", problems=[ProblemRow(p.problem_id, p.text, p.answer) for p in problems], traces=traces
        ),
        "samples": artifact("sample", samples=samples),
    }
    config = config_of(steps=steps, positives_per_problem=20, examples_per_problem=20, include_teacher=False)
    config.task = task.config
    compose.run(config, inputs, tmp_path, Session())
    examples = read_table(tmp_path / "examples.parquet", Example)
    by_prompt = {task.prompt(problem): problem for problem in problems}
    found = [(by_prompt[example.prompt], example.chosen) for example in examples]
    assert {set(task.step_truths(p, task.steps(text))) == {StepTruth.RIGHT} for p, text in found} == kept
    accepted = {(row.problem_id, row.solution) for row in samples if row.correct}
    assert {(p.problem_id, text) for p, text in found} < accepted


def test_tables_in_another_order_are_refused(artifact, tmp_path):
    traces = [SolutionRow(p.problem_id, 0, f"| {p.answer}", "correct") for p in PROBLEMS]
    inputs = {
        "data": artifact(
            "synthesize", problems=[ProblemRow(p.problem_id, p.text, p.answer) for p in PROBLEMS], traces=traces
        ),
        "samples": artifact("sample", samples=traces[::-1]),
    }
    with pytest.raises(ValueError, match=r"samples\.parquet of sample is not in the order of problems\.parquet"):
        compose.run(config_of(), inputs, tmp_path, Session())
    assert not list(tmp_path.glob(".candidates*")) and not (tmp_path / "examples.parquet").exists()


def test_the_order_is_that_of_rounds_through_the_problems(artifact, tmp_path):
    examples, _ = made(artifact, tmp_path, negative_fraction=0.5, examples_per_problem=6)
    ids = [problem.problem_id for problem in PROBLEMS]
    assert [e.problem_id for e in examples] == ids * 6
    assert [e.is_pair for e in examples] == [False] * 12 + [True] * 12
    assert [e.chosen.split("\n")[0] for e in examples[:12:4]] == ["teacher", "way 0", "way 1"]
    assert [e.rejected.split("\n")[0] for e in examples[12::4]] == ["wrong 0", "wrong 1", "wrong 2"]


CHILD = """
import json, sys
from pathlib import Path
from benchmarks.scale_phases import compose, peak_mib
from synthscale import table
table.ROWS_PER_GROUP = 1_000
print(json.dumps([compose(0, Path(sys.argv[1])), peak_mib()]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_number_of_problems(tmp_path, monkeypatch):
    monkeypatch.setattr("synthscale.table.ROWS_PER_GROUP", 1_000)
    peaks = {}
    for num_problems in (3_000, 15_000):
        root = tmp_path / str(num_problems)
        write_inputs(root, [f"{i:016x}" for i in range(num_problems)])
        done = subprocess.run([sys.executable, "-c", CHILD, str(root)], capture_output=True, text=True, check=True)
        num_rows, peaks[num_problems] = json.loads(done.stdout)
        assert num_rows == 3 * num_problems
        assert count_rows(root / "compose" / "examples.parquet") == 2 * num_problems
    # the 12,000 more problems have texts of 72 MB
    assert peaks[15_000] - peaks[3_000] < 24, peaks


def write_inputs(root: Path, ids: list[str]) -> None:
    """A trace and three samples of 1500 letters for each problem."""
    text = "a step of some length | " * 60
    for stage in ("synthesize", "sample"):
        (root / stage).mkdir(parents=True)
    write_table(root / "synthesize" / "problems.parquet", ProblemRow, (ProblemRow(i, i, "1") for i in ids))
    traces = (SolutionRow(i, 0, f"{text}{i}", "correct") for i in ids)
    write_table(root / "synthesize" / "traces.parquet", SolutionRow, traces)
    verdicts = ("correct", "wrong", "wrong")
    samples = (SolutionRow(i, k, f"{k} {text}{i}", verdict) for i in ids for k, verdict in enumerate(verdicts))
    write_table(root / "sample" / "samples.parquet", SolutionRow, samples)


def test_nothing_to_train_on_is_said(artifact, tmp_path):
    with pytest.raises(ValueError, match="nothing to train on"):
        made(artifact, tmp_path, num_wrong=0, negative_fraction=1.0)
