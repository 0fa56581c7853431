"""Adaptive credit, from samples to pairs: on a scripted policy whose chances are known, and on the shipped one.

Negatives of one problem; in brackets, whether rollouts from there are right:

    x ── a [yes] ─┬─ b [yes] ── c [no] ── wrong    negative 1
                  └─ d [no] ── wrong               negative 2
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from synthscale.credit.pit import CreditSearch, PitRule
from synthscale.mixture.example import Example, PairShape
from synthscale.mixture.mixture import ChosenFrom, MixtureConfig
from synthscale.policy.config import Device, PolicyConfig, SamplerConfig
from synthscale.policy.sampler import Continuation
from synthscale.problem import PrecedenceConfig, PrecedenceTask, Split
from synthscale.session import Session, Stopped
from synthscale.stage import compose, credit
from synthscale.stage.rows import ContinuationRow, PitRow, PrefixValueRow, ProblemRow, SolutionRow
from synthscale.stage.stage import Artifact
from synthscale.table import read_table

WORLD = PrecedenceConfig()
PROBLEM, OTHER = PrecedenceTask(WORLD).problems(Split.TRAIN, 2)
RIGHT, WRONG = f"| {PROBLEM.answer}", f"| {(int(PROBLEM.answer) + 1) % 7}"
A, B, C, D = "step a | 1 + 2", "step b | 1", "step c | 2 + 2", "step d | 3"
NEGATIVES = (f"{A}\n{B}\n{C}\n{WRONG}", f"{A}\n{D}\n{WRONG}")
ALIVE = {(A,), (A, B)}


class ScriptedSampler:
    """A `PolicySampler` whose rollouts are right from every node that is alive."""

    device, seconds = "scripted", 0.0

    def __init__(self) -> None:
        self.calls: list[SimpleNamespace] = []

    def sample(self, prompts, num_samples, *, temperature, seed, keep):
        self.calls.append(SimpleNamespace(prompts=list(prompts), seed=seed, keep=keep))
        alive = [tuple(prompt.prefix.removesuffix("\n").split("\n")) in ALIVE for prompt in prompts]
        return [[Continuation(f"way {keep.name} \n {RIGHT if right else WRONG}", 10, True)] for right in alive]


@pytest.fixture
def scripted(monkeypatch) -> ScriptedSampler:
    sampler = ScriptedSampler()

    class Opened:
        __enter__ = staticmethod(lambda: sampler)
        __exit__ = staticmethod(lambda *error: None)

    monkeypatch.setattr("synthscale.policy.open_sampler.open_sampler", lambda *arguments: Opened())
    return sampler


def inputs_of(artifact, texts: list[tuple[str, str]]) -> dict:
    samples = [SolutionRow(PROBLEM.problem_id, i, *sample, 9) for i, sample in enumerate(texts)]
    samples += [SolutionRow(OTHER.problem_id, i, f"| {OTHER.answer}", "correct", 9) for i in range(8)]
    problems = [ProblemRow(p.problem_id, p.text, p.answer) for p in (PROBLEM, OTHER)]
    traces = [SolutionRow(p.problem_id, 0, f"teacher\n| {p.answer}", "correct") for p in (PROBLEM, OTHER)]
    return {
        "data": artifact("synthesize", problems=problems, traces=traces),
        "samples": artifact("sample", samples=samples),
        "policy": artifact("finetune"),
    }


SAMPLES = [("good\n" + RIGHT, "correct"), (NEGATIVES[0], "wrong"), (NEGATIVES[1], "wrong")]


def config_of(**changed) -> credit.RolloutConfig:
    settings = {"confidence": 0.99, "max_rollouts": 6, "max_negatives_per_problem": 8}
    settings["sampler"] = SamplerConfig(temperature=1.0, num_samples=1)
    return credit.RolloutConfig(
        task=WORLD, policy=PolicyConfig(), device=Device.cpu, num_rollouts=1, seed=3, **{**settings, **changed}
    )


def credited(artifact, inputs, **changed) -> tuple[Artifact, dict]:
    made = artifact("credit")
    return made, credit.run(config_of(**changed), inputs, made.folder, Session())


def test_pits_are_found_and_every_count_is_of_what_was_drawn(scripted, artifact):
    made, measures = credited(artifact, inputs_of(artifact, SAMPLES))
    pits = read_table(made.folder / "pits.parquet", PitRow)
    assert [(pit.index, pit.step, pit.seen_alive) for pit in pits] == [(1, 3, True), (2, 2, True)]
    assert all(0 < pit.chance <= 1 for pit in pits)
    drawn = [prompt.prefix for call in scripted.calls for prompt in call.prompts]
    values = read_table(made.folder / "prefix_values.parquet", PrefixValueRow)
    prefixes = {(1, 1): [A], (1, 2): [A, B], (1, 3): [A, B, C], (2, 1): [A], (2, 2): [A, D]}
    for row in values:
        if row.step == 0:
            assert (row.num_rollouts, row.num_right) == (3, 1)
            continue
        prefix = prefixes[row.index, row.step]
        assert row.num_rollouts == drawn.count("".join(f"{step}\n" for step in prefix))
        assert row.num_right == (row.num_rollouts if tuple(prefix) in ALIVE else 0)
    assert len(values) == 4 + 3
    assert measures["num_rollouts"] == len(drawn) <= 2 * 6
    assert measures["num_sampled_tokens"] == 10 * len(drawn)
    assert (measures["num_negatives"], measures["num_prefixes"]) == (2, len(set(drawn)))
    assert measures["num_free_rollouts"] == 2  # each negative, for the other


def test_rounds_have_seeds_and_checkpoints_of_their_own(scripted, artifact):
    credited(artifact, inputs_of(artifact, SAMPLES))
    assert [call.keep.name for call in scripted.calls] == [f"00000-{i:05d}" for i in range(len(scripted.calls))]
    assert len({call.seed for call in scripted.calls}) == len(scripted.calls) > 1


def test_right_solutions_from_before_the_pit_are_kept_sampled_ones_too(scripted, artifact):
    sampled = f"{A}\n{B}\nsampled\n{RIGHT}"
    made, _ = credited(artifact, inputs_of(artifact, [*SAMPLES, (sampled, "correct")]), confidence=0.6)
    found = read_table(made.folder / "continuations.parquet", ContinuationRow)
    assert (1, 2, sampled) in [(row.index, row.step, row.solution) for row in found]
    assert {(row.index, row.step) for row in found} == {(1, 2), (2, 1)}
    assert all(row.solution.startswith(f"{A}\n") and row.solution.endswith(RIGHT) for row in found)


def test_no_budget_draws_nothing_and_where_all_are_wrong_the_first_step_is_the_pit(scripted, artifact):
    made, measures = credited(artifact, inputs_of(artifact, SAMPLES[1:]), max_rollouts=0)
    assert scripted.calls == [] and measures["num_rollouts"] == 0 and measures["num_undecided"] == 2
    pits = read_table(made.folder / "pits.parquet", PitRow)
    assert [(pit.step, pit.seen_alive) for pit in pits] == [(1, False)] * 2


def composed(artifact, inputs, made, rule: PitRule) -> tuple[list[Example], dict]:
    config = compose.ComposeConfig(
        task=WORLD,
        mixture=MixtureConfig(
            negative_fraction=1.0,
            examples_per_problem=8,
            pair_shape=PairShape.step,
            chosen_from=ChosenFrom.rollouts,
            include_teacher=False,
        ),
        max_negatives_per_problem=8,
        pit_rule=rule,
        best_of=1,
        search=CreditSearch.adaptive,
    )
    out = artifact(f"compose-{rule.value}")
    measures = compose.run(config, {**inputs, "credit": made}, out.folder, Session())
    return read_table(out.folder / "examples.parquet", Example), measures


@pytest.mark.parametrize("rule", [PitRule.lowest_value, PitRule.largest_drop])
def test_compose_pairs_at_the_pits_that_were_found(scripted, artifact, rule):
    inputs = inputs_of(artifact, SAMPLES)
    made, _ = credited(artifact, inputs)
    examples, measures = composed(artifact, inputs, made, rule)
    assert [example.rejected for example in examples] == [f"{A}\n{B}\n{C}\n", f"{A}\n{D}\n"]
    assert examples[0].chosen.startswith(f"{A}\n{B}\nway ") and examples[1].chosen.startswith(f"{A}\n")
    assert all(example.chosen.endswith(RIGHT) for example in examples)
    assert measures["num_pits"] == 2


def test_largest_drop_wants_to_have_seen_something_right(scripted, artifact):
    inputs = inputs_of(artifact, [*SAMPLES[1:], ("unlike\n" + RIGHT, "unparseable")])
    made, _ = credited(artifact, inputs, max_rollouts=0)
    with pytest.raises(ValueError, match="nothing to train on"):
        composed(artifact, inputs, made, PitRule.largest_drop)


# the shipped policy, stopped and killed


class Impatient(Session):
    """Asked to stop when the n-th batch is drawn."""

    def __init__(self, stop_after: int) -> None:
        super().__init__(checkpoint_seconds=0)
        self.left = stop_after

    def is_save_due(self) -> bool:
        self.left -= 1
        if self.left == 0:
            self.request_stop()
        return super().is_save_due()


@pytest.mark.parametrize("limit", [2**19, 20])
def test_stopped_again_and_again_it_writes_what_it_would_have(artifact, base_folder, tmp_path, monkeypatch, limit):
    monkeypatch.setattr("synthscale.stage.credit_rounds.NUM_DRAWS_AT_ONCE", limit)
    task, generator = PrecedenceTask(WORLD), np.random.default_rng(0)
    problems = task.problems(Split.TRAIN, 4)
    texts = [(p, i, task.unordered_trace(p, generator)) for p in problems for i in range(6)]
    samples = [SolutionRow(p.problem_id, i, text, task.verdict(p, text).value) for p, i, text in texts]
    inputs = {
        "data": artifact("synthesize", problems=[ProblemRow(p.problem_id, p.text, p.answer) for p in problems]),
        "samples": artifact("sample", samples=samples),
        "policy": Artifact(base_folder, {}),
    }
    config = config_of(
        max_rollouts=3,
        max_negatives_per_problem=3,
        sampler=SamplerConfig(temperature=1.0, num_samples=1, max_batch_rows=8),
    )
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    seen = []
    session = Session(lambda done, total, note="": seen.append((done, total)))
    whole = credit.run(config, inputs, tmp_path / "whole", session)
    assert whole["num_rollouts"] > 0
    assert seen == sorted(seen) and seen[-1] == (4, 4)
    again, num_processes = None, 0
    while again is None:
        try:
            again = credit.run(config, inputs, tmp_path / "stopped", Impatient(1))
        except Stopped:
            num_processes += 1
    assert num_processes >= 3
    assert {**whole, "sample_seconds": 0} == {**again, "sample_seconds": 0}
    for path in (tmp_path / "whole").glob("*.parquet"):
        assert path.read_bytes() == (tmp_path / "stopped" / path.name).read_bytes(), path.name
