"""Credit on a scripted policy: every Q is known by hand, so the values, the pits and the pairs are too.

Negatives of one problem, as trees of steps; in brackets, how many of 4 rollouts from there are right:

    x [samples: 4 of 8] ── a [3] ─┬─ b [1] ── c [2] ── wrong    negative 1
                                  └─ d [0] ── wrong             negative 4
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from synthscale.credit.pit import PitRule
from synthscale.mixture.example import Example, PairShape
from synthscale.mixture.mixture import ChosenFrom, MixtureConfig
from synthscale.policy.config import PolicyConfig, SamplerConfig
from synthscale.policy.sampler import Continuation, Sampler
from synthscale.policy.tiny import build_tokenizer
from synthscale.problem import PrecedenceConfig, PrecedenceTask, Split, StepTruth
from synthscale.session import Session
from synthscale.stage import compose, credit
from synthscale.stage.rows import ContinuationRow, PrefixValueRow, ProblemRow, SolutionRow
from synthscale.table import read_table
from synthscale.training.config import Device

WORLD = PrecedenceConfig()
PROBLEM, OTHER = PrecedenceTask(WORLD).problems(Split.TRAIN, 2)
RIGHT, WRONG = f"| {PROBLEM.answer}", f"| {(int(PROBLEM.answer) + 1) % 7}"
A, B, C, D = "step a | 1 + 2", "step b | 1", "step c | 2 + 2", "step d | 3"
ACCEPTED = [f"good {i}\n{RIGHT}" for i in range(2)]
SAMPLES = [
    (ACCEPTED[0], "correct"),
    (f"{A}\n{B}\n{C}\n{WRONG}", "wrong"),
    (ACCEPTED[1], "correct"),
    (ACCEPTED[0], "correct"),
    (f"{A}\n{D}\n{WRONG}", "wrong"),
    (f"{A}\n{B}\n{C}\n{WRONG}", "wrong"),  # once more
    (f"{A}\n{B}", "unparseable"),
    (ACCEPTED[1], "correct"),
]
NUM_RIGHT = {(A,): 3, (A, B): 1, (A, B, C): 2, (A, D): 0, ("good 0",): 4, ("good 1",): 1}


class ScriptedSampler:
    """Continues each prefix rightly as often as the script says."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.model = SimpleNamespace(device=torch.device("cpu"))

    def sample(self, prompts, num_samples, *, temperature, seed, advance, shards):
        self.prompts += [prompt.text + prompt.prefix for prompt in prompts]
        return [[self.continuation(prompt.text + prompt.prefix, i) for i in range(num_samples)] for prompt in prompts]

    def continuation(self, prompt: str, i: int) -> Continuation:
        text, *steps = prompt.removesuffix("\n").split("\n")
        assert text == PROBLEM.text and prompt.endswith("\n")
        ending = RIGHT if i < NUM_RIGHT[tuple(steps)] else WRONG
        # of the right ones the first two are alike; the last wrong one has the right answer but was cut
        if i == 3 and NUM_RIGHT[tuple(steps)] < 4:
            return Continuation(f"cut \n {RIGHT}", num_tokens=5, finished=False)
        return Continuation(f"way {max(i, 1)} \n {ending}", num_tokens=10, finished=True)


@pytest.fixture
def scripted(monkeypatch) -> ScriptedSampler:
    """The scripted sampler in the place of the real one, with a model that is none."""
    sampler = ScriptedSampler()
    monkeypatch.setattr(Sampler, "build", lambda config, model, prompter: sampler)
    tokenizer = build_tokenizer(PrecedenceTask(WORLD).words)
    monkeypatch.setattr(
        "synthscale.policy.policy.load_policy", lambda folder, config, device: (sampler.model, tokenizer)
    )
    return sampler


@pytest.fixture
def inputs(artifact) -> dict:
    problems = [ProblemRow(p.problem_id, p.text, p.answer) for p in (PROBLEM, OTHER)]
    traces = [SolutionRow(p.problem_id, 0, f"teacher\n| {p.answer}", "correct") for p in (PROBLEM, OTHER)]
    samples = [SolutionRow(PROBLEM.problem_id, i, *sample, 9) for i, sample in enumerate(SAMPLES)]
    samples += [SolutionRow(OTHER.problem_id, i, f"| {OTHER.answer}", "correct", 9) for i in range(8)]
    return {
        "data": artifact("synthesize", problems=problems, traces=traces),
        "samples": artifact("sample", samples=samples),
    }


def credited_by(inputs, artifact, **more) -> SimpleNamespace:
    """The credit stage's tables and measures."""
    settings = dict(
        task=WORLD,
        sampler=SamplerConfig(temperature=1.0, num_samples=8),
        policy=PolicyConfig(),
        device=Device.cpu,
        num_rollouts=4,
        max_negatives_per_problem=8,
        seed=0,
    )
    config = credit.RolloutConfig(**settings | more)
    made = artifact("credit")
    policy = artifact("finetune")
    measures = credit.run(config, {**inputs, "policy": policy}, made.folder, Session())
    values = read_table(made.folder / "prefix_values.parquet", PrefixValueRow)
    found = read_table(made.folder / "continuations.parquet", ContinuationRow)
    return SimpleNamespace(artifact=made, values=values, found=found, measures=measures)


@pytest.fixture
def credited(scripted, inputs, artifact) -> SimpleNamespace:
    """What the stage makes of the negatives."""
    return credited_by(inputs, artifact)


def test_prefix_values_are_the_scripts(credited):
    got = [(row.index, row.step, row.num_rollouts, row.num_right) for row in credited.values]
    assert got == [
        (1, 0, 8, 4),  # the samples themselves are the rollouts from x
        (1, 1, 4, 3),
        (1, 2, 4, 1),
        (1, 3, 4, 2),
        (4, 0, 8, 4),
        (4, 1, 4, 3),
        (4, 2, 4, 0),
    ]
    assert {row.problem_id for row in credited.values} == {PROBLEM.problem_id}


def test_a_prefix_that_negatives_share_is_rolled_out_once(credited, scripted):
    prefixes = [(A,), (A, B), (A, B, C), (A, D)]
    assert scripted.prompts == [PROBLEM.text + "\n" + "".join(f"{step}\n" for step in prefix) for prefix in prefixes]
    assert credited.measures["num_prefixes"] == 4
    assert credited.measures["num_rollouts"] == 16
    assert credited.measures["num_negatives"] == 2
    assert credited.measures["num_sampled_tokens"] == 4 * (10 + 10 + 10 + 5)


def counts(values) -> list[tuple[int, ...]]:
    return [(row.index, row.step, row.num_rollouts, row.num_right) for row in values]


OF_ACCEPTED = [(0, 0, 8, 4), (0, 1, 4, 4), (2, 0, 8, 4), (2, 1, 4, 1)]


def test_accepted_samples_get_values_where_they_are_asked_for(credited, inputs, artifact, scripted):
    def made(**more):
        return credited_by(inputs, lambda stage: artifact(f"{stage}-{more}"), **more)

    both = made(max_accepted_per_problem=16)
    of_first = [row for row in both.values if row.problem_id == PROBLEM.problem_id]
    assert counts(of_first) == [*counts(credited.values), *OF_ACCEPTED]
    assert counts(row for row in both.values if row.problem_id == OTHER.problem_id) == [(0, 0, 8, 8)]
    assert (both.measures["num_negatives"], both.measures["num_accepted"]) == (2, 2 + 1)
    assert both.measures["num_rollouts"] == 4 * (4 + 2)
    accepted = made(max_negatives_per_problem=0, max_accepted_per_problem=16)
    assert counts(row for row in accepted.values if row.problem_id == PROBLEM.problem_id) == OF_ACCEPTED
    assert accepted.measures["num_negatives"] == 0
    one = made(max_negatives_per_problem=0, max_accepted_per_problem=1)
    assert {row.index for row in one.values} == {0}
    assert "num_accepted" not in credited.measures


def test_right_continuations_are_kept_with_their_prefix_each_once(credited):
    got = {(row.index, row.step): [] for row in credited.found}
    for row in credited.found:
        got[row.index, row.step].append(row.solution)
    from_a = [f"{A}\nway 1\n{RIGHT}", f"{A}\nway 2\n{RIGHT}"]
    assert got == {
        (1, 1): from_a,
        (1, 2): [f"{A}\n{B}\nway 1\n{RIGHT}"],
        (1, 3): [f"{A}\n{B}\n{C}\nway 1\n{RIGHT}"],
        (4, 1): from_a,
    }


def composed(inputs, credited, artifact, rule: PitRule, best_of: int, shape: PairShape, chosen_from: ChosenFrom):
    """The examples that compose makes of the scripted values, and its measures."""
    mixture = MixtureConfig(
        negative_fraction=1.0,
        examples_per_problem=8,
        pair_shape=shape,
        chosen_from=chosen_from,
        include_teacher=False,
    )
    config = compose.ComposeConfig(
        task=WORLD, mixture=mixture, max_negatives_per_problem=8, pit_rule=rule, best_of=best_of
    )
    made = artifact("compose")
    measures = compose.run(config, {**inputs, "credit": credited.artifact}, made.folder, Session())
    return read_table(made.folder / "examples.parquet", Example), measures


def pair(chosen: str, rejected: str, *, complete: bool, divergence_only: bool) -> Example:
    return Example(PROBLEM.problem_id, PROBLEM.text + "\n", chosen, rejected, complete, divergence_only)


def test_pairs_by_lowest_value(inputs, credited, artifact):
    # negative 1: Q = 1/2, 3/4, 1/4, 1/2, 0: the last step; negative 4: Q = 1/2, 3/4, 0, 0: d, the first of two
    examples, measures = composed(
        inputs, credited, artifact, PitRule.lowest_value, 1, PairShape.step, ChosenFrom.samples
    )
    assert examples == [
        pair(ACCEPTED[0], f"{A}\n{B}\n{C}\n{WRONG}", complete=True, divergence_only=False),
        pair(ACCEPTED[1], f"{A}\n{D}\n", complete=False, divergence_only=False),
    ]
    assert measures["num_train_pairs"] == measures["num_pairs_offered"] == measures["num_pits"] == 2
    assert measures["num_train_positives"] == 0
    assert measures["pit_precision"] == 1.0  # both are garbage to the world


def test_pairs_by_largest_drop_against_rollouts(inputs, credited, artifact):
    # negative 1: A = 1/4, -1/2, 1/4, -1/2: b, the first of two; negative 4: A = 1/4, -3/4, 0: d
    examples, _ = composed(
        inputs, credited, artifact, PitRule.largest_drop, 1, PairShape.divergence, ChosenFrom.rollouts
    )
    assert examples == [
        pair(f"{A}\nway 1\n{RIGHT}", f"{A}\n{B}\n", complete=False, divergence_only=True),
        pair(f"{A}\nway 2\n{RIGHT}", f"{A}\n{D}\n", complete=False, divergence_only=True),
    ]


def test_best_of_four_sees_only_whether_any_rollout_was_right(inputs, credited, artifact):
    # negative 1: Q = 1 - 1/70, 1, 1, 1, 0: the last step; negative 4: Q = 1 - 1/70, 1, 0, 0: d
    for rule in (PitRule.lowest_value, PitRule.largest_drop):
        inputs_of = {"rule": rule, "best_of": 4, "shape": PairShape.step, "chosen_from": ChosenFrom.samples}
        examples, _ = composed(inputs, credited, lambda stage, rule=rule: artifact(f"{stage}-{rule}"), **inputs_of)
        assert [example.rejected for example in examples] == [f"{A}\n{B}\n{C}\n{WRONG}", f"{A}\n{D}\n"]


def test_pairs_by_the_truth_need_no_values(inputs, credited, artifact, monkeypatch):
    # whatever their values say: the world calls c of negative 1 wrong, and d of negative 4
    def judge(task, problem, steps):
        return [StepTruth.WRONG_DECISION if step.strip() in (C, D) else StepTruth.RIGHT for step in steps]

    monkeypatch.setattr(PrecedenceTask, "step_truths", judge)
    examples, measures = composed(
        inputs, credited, artifact, PitRule.first_wrong, 1, PairShape.step, ChosenFrom.rollouts
    )
    assert examples == [
        pair(f"{A}\n{B}\nway 1\n{RIGHT}", f"{A}\n{B}\n{C}\n", complete=False, divergence_only=False),
        pair(f"{A}\nway 2\n{RIGHT}", f"{A}\n{D}\n", complete=False, divergence_only=False),
    ]
    assert measures["pit_precision"] == 1.0


def rows(*solutions: tuple[str, str, str]) -> list[SolutionRow]:
    return [SolutionRow(problem, i, text, verdict) for i, (problem, text, verdict) in enumerate(solutions)]


@pytest.mark.parametrize(
    ("solutions", "max_per_problem", "chosen"),
    [
        ([], 8, []),
        ([("p", "a", "correct")], 8, []),
        ([("p", "a", "wrong"), ("p", "b", "unparseable"), ("p", "c", "wrong")], 8, [0, 2]),
        (
            [("p", "a", "wrong"), ("p", "a", "wrong"), ("p", "b", "wrong")],
            8,
            [0, 2],
        ),  # distinct ones, the first of each
        ([("p", "a", "wrong"), ("p", "b", "wrong"), ("p", "c", "wrong")], 2, [0, 1]),
        ([("p", "a", "wrong"), ("p", "a", "wrong"), ("p", "b", "wrong")], 1, [0]),
    ],
)
def test_choose_negatives(solutions, max_per_problem, chosen):
    assert [row.index for row in credit.choose_negatives(rows(*solutions), max_per_problem)] == chosen
