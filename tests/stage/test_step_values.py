"""Planted prefix values: a filter drops exactly what they speak against, and says how often it was right to."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from synthscale.credit.pit import PitRule
from synthscale.mixture.example import Example
from synthscale.mixture.mixture import MixtureConfig, StepWeights
from synthscale.problem import PrecedenceConfig, PrecedenceTask, Split, StepTruth
from synthscale.session import Session
from synthscale.stage import compose
from synthscale.stage.rows import PrefixValueRow, ProblemRow, SolutionRow
from synthscale.stage.step_values import AdvantageFilter, advantages_of
from synthscale.table import read_table

TASK = PrecedenceTask(PrecedenceConfig(unambiguous=False))
GENERATOR = np.random.default_rng(0)
PROBLEMS = TASK.problems(Split.TRAIN, 12, seed=1)
NUM_ROLLOUTS = 20


def values(index: int, *num_right: int, problem_id: str = "p") -> list[PrefixValueRow]:
    """Right ones of 20 rollouts from the steps 0 … L−1."""
    return [PrefixValueRow(problem_id, index, i, NUM_ROLLOUTS, num) for i, num in enumerate(num_right)]


def test_advantages_end_with_the_reward():
    samples = [
        SolutionRow("p", 0, "good", "correct"),
        SolutionRow("p", 1, "bad", "wrong"),
        SolutionRow("p", 2, "good", "correct"),  # once more; credit values the first
        SolutionRow("p", 3, "cut", "unparseable"),
    ]
    found = advantages_of(samples, [*values(1, 10, 16), *values(0, 10, 5, 15)], 1)
    assert found == {"good": [-0.25, 0.5, 0.25], "bad": [0.3, -0.8]}
    assert advantages_of(samples, values(0, 0, 20), 20) == {"good": [1.0, 0.0]}
    assert advantages_of(samples, [], 1) == {}


@pytest.mark.parametrize(("min_advantage", "kept"), [(-0.3, "abc"), (-0.25, "abc"), (-0.2, "ab"), (0.0, "a")])
def test_what_is_at_the_threshold_stays(min_advantage, kept):
    """One without values is neither judged nor kept."""
    of_steps = {"a": [0.0, 0.0], "b": [0.1, -0.2], "c": [-0.25, 0.9]}
    accepted = [Example("p", "p\n", text) for text in "abcd"]
    filter_ = AdvantageFilter(min_advantage)
    found = filter_.keep(TASK, PROBLEMS[0], accepted, of_steps)
    assert "".join(example.chosen for example in found) == kept
    assert (filter_.num_judged, filter_.num_dropped) == (3, 3 - len(kept))


def test_without_a_known_truth_there_is_no_precision():
    class Unknown:
        def steps(self, solution: str) -> list[str]:
            return [solution]

        def step_truths(self, problem, steps) -> None:
            return None

    filter_ = AdvantageFilter(0.0)
    assert filter_.keep(Unknown(), PROBLEMS[0], [Example("p", "p\n", "a")], {"a": [-1.0]}) == []
    measures = filter_.measures()
    assert (measures["num_accepted_judged"], measures["num_accepted_dropped"]) == (1, 1)
    assert measures["filter_precision"] is None and measures["filter_recall"] is None


def has_wrong(problem, text: str) -> bool:
    return set(TASK.step_truths(problem, TASK.steps(text))) != {StepTruth.RIGHT}


@pytest.fixture
def planted(artifact) -> dict:
    """Accepted samples with and without wrong steps; every third, whichever it is, has a step that costs 0.5."""
    problems = [ProblemRow(p.problem_id, p.text, p.answer) for p in PROBLEMS]
    traces = [SolutionRow(p.problem_id, 0, TASK.trace(p, GENERATOR), "correct") for p in PROBLEMS]
    samples, of_prefixes, harmful = [], [], set()
    for p, trace in zip(PROBLEMS, traces, strict=True):
        texts = [trace.solution, *(TASK.unordered_trace(p, GENERATOR) for _ in range(20))]
        for index, text in enumerate(texts):
            verdict = TASK.verdict(p, text)
            samples.append(SolutionRow(p.problem_id, index, text, verdict, 9))
            if verdict != "correct" or text in texts[:index]:
                continue
            num_steps, costs = len(TASK.steps(text)), len(of_prefixes) % 3 == 0
            num_right = [16] * (num_steps - 1) + [6 if costs else 16]
            of_prefixes.append(values(index, *num_right, problem_id=p.problem_id))
            if costs:
                harmful.add((p.problem_id, text))
    inputs = {
        "data": artifact("synthesize", problems=problems, traces=traces),
        "samples": artifact("sample", samples=samples),
        "credit": artifact("credit", prefix_values=[row for rows in of_prefixes for row in rows]),
    }
    return {"inputs": inputs, "samples": samples, "traces": traces, "harmful": harmful}


def composed(planted: dict, out, **mixture):
    settings = {"negative_fraction": 0.0, "examples_per_problem": 50, "positives_per_problem": 50, **mixture}
    config = compose.ComposeConfig(
        task=TASK.config,
        mixture=MixtureConfig(**settings),
        max_negatives_per_problem=1,
        pit_rule=PitRule.lowest_value,
        best_of=1,
    )
    measures = compose.run(config, planted["inputs"], out, Session())
    return {(e.problem_id, e.chosen) for e in read_table(out / "examples.parquet", Example)}, measures


@pytest.mark.parametrize("include_teacher", [True, False])
def test_the_filter_drops_what_a_step_speaks_against(planted, tmp_path, include_teacher):
    found, measures = composed(planted, tmp_path, min_advantage=-0.25, include_teacher=include_teacher)
    accepted = {(row.problem_id, row.solution) for row in planted["samples"] if row.correct}
    traces = {(row.problem_id, row.solution) for row in planted["traces"]} if include_teacher else set()
    judged, dropped = accepted - traces, planted["harmful"] - traces
    assert found == traces | (judged - dropped) and dropped
    by_id = {problem.problem_id: problem for problem in PROBLEMS}
    wrong = {(p, text) for p, text in judged if has_wrong(by_id[p], text)}
    assert 0 < len(wrong & dropped) < min(len(wrong), len(dropped))
    assert measures["num_accepted_judged"] == len(judged)
    assert measures["num_accepted_dropped"] == len(dropped)
    assert measures["filter_precision"] == len(wrong & dropped) / len(dropped)
    assert measures["filter_recall"] == len(wrong & dropped) / len(wrong)


@pytest.mark.parametrize("include_teacher", [True, False])
def test_steps_are_weighed_by_the_advantages_of_all_samples_as_often_as_they_were_drawn(
    artifact, tmp_path, include_teacher
):
    (problem,) = PROBLEMS[:1]
    name, right, wrong = problem.problem_id, "a step\nanother\n| 1", "a step\n| 2"
    drawn = [(right, "correct"), (wrong, "wrong"), (right, "correct"), ("cut", "unparseable"), ("late", "wrong")]
    planted = {
        "inputs": {
            "data": artifact(
                "synthesize",
                problems=[ProblemRow(name, problem.text, problem.answer)],
                traces=[SolutionRow(name, 0, right, "correct")],
            ),
            "samples": artifact("sample", samples=[SolutionRow(name, i, *one, 9) for i, one in enumerate(drawn)]),
            "credit": artifact(  # which is not of the last one: beyond the limit
                "credit",
                prefix_values=[*values(1, 10, 16, problem_id=name), *values(0, 10, 16, 6, problem_id=name)],
            ),
        }
    }
    weighed = {"step_weights": StepWeights.advantage, "include_teacher": include_teacher}
    _, measures = composed(planted, tmp_path, **weighed)
    prompt = TASK.prompt(problem)
    good = Example(name, prompt, right, step_ends=(7, 15, 18), advantages=(0.3, -0.5, 0.7))
    bad = Example(name, prompt, wrong, step_ends=(7, 10), advantages=(0.3, -0.8))
    traces = [Example(name, prompt, right)] * include_teacher
    assert read_table(tmp_path / "examples.parquet", Example) == [*traces, good, bad, good]
    assert measures["num_train_positives"] == 3 + include_teacher and measures["num_train_pairs"] == 0


def test_tables_of_examples_without_weights_have_the_columns_that_they_had(planted, tmp_path):
    composed(planted, tmp_path)
    columns = ["problem_id", "prompt", "chosen", "rejected", "rejected_complete", "divergence_only"]
    assert pq.read_schema(tmp_path / "examples.parquet").names == columns


def test_a_low_threshold_drops_nothing_and_no_filter_says_nothing(planted, tmp_path):
    (tmp_path / "low").mkdir()
    (tmp_path / "none").mkdir()
    low, measures = composed(planted, tmp_path / "low", min_advantage=-1.0)
    none, of_none = composed(planted, tmp_path / "none")
    assert low == none and measures["num_accepted_dropped"] == 0 and measures["filter_recall"] == 0
    assert measures["filter_precision"] is None and not set(of_none) & {"num_accepted_judged", "filter_precision"}
