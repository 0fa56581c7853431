"""Estimates hold what runs measured: exactly where configs decide it, from above where they bound it."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from synthscale.stage.stage import plain
from synthscale.study import estimate as estimates
from synthscale.study.config import ExecutionConfig
from synthscale.study.estimate import History, base_of, estimate
from synthscale.study.recipe import build_point
from synthscale.study.store import ArtifactStore

RESULTS = Path(__file__).parents[2] / "analysis" / "results" / "quick" / "results.csv"
ALGORITHMS = ("sft", "sft_matched", "rft", "dpo", "step_dpo", "step_mix")


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path)


@pytest.fixture(scope="module")
def node(compose_run):
    """A node of a point, by its role."""
    return lambda role, *overrides: build_point(compose_run("algorithm=step_dpo", *overrides)).nodes[role]


def put(store: ArtifactStore, node, seconds: float, **measures) -> None:
    """An artifact of the node, with what its inputs' manifests say of them."""
    for child in node.inputs.values():
        if store.find(child) is None:
            put(store, child, 0.0)
    (store.root / node.key).mkdir(parents=True)
    inputs = {name: child.key for name, child in node.inputs.items()}
    manifest = {"stage": node.stage, "key": node.key, "config": plain(node.config), "inputs": inputs}
    manifest |= {"measures": measures, "seconds": seconds, "files": {}}
    (store.root / node.key / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [32, 256])
def test_estimates_hold_what_the_quick_study_measured(compose_run, store, algorithm, size):
    with RESULTS.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["algorithm"], row["data_size"]) == (algorithm, str(size))]
    assert rows
    point = build_point(compose_run("study=quick", f"algorithm={algorithm}", f"data_size={size}"))
    costs = {role: estimate(node, History(store)) for role, node in point.nodes.items()}
    trained = sum(costs[role].train_tokens for role in costs.keys() & {"sft", "policy"})
    sampled = sum(costs[role].sampled_tokens for role in costs.keys() & {"sample", "credit"})
    for row in rows:
        # samples may be longer or shorter than right solutions, and pairs share more than their prompts
        least = 0.6 if "dpo" in algorithm or "mix" in algorithm else 0.96
        least, most = (least, 1.04) if "sample" in costs else (1.0, 1.0)
        assert least * trained <= int(row["num_train_tokens"]) <= most * trained
        if "credit" in costs:
            assert int(row["num_rollouts"]) <= costs["credit"].rollouts
            assert int(row["num_sampled_tokens"]) <= sampled
        elif "sample" in costs:
            assert int(row["num_sampled_tokens"]) == pytest.approx(sampled, rel=0.01)


def test_what_is_counted(node, store):
    costs = {
        role: estimate(node(role, "data_size=100"), History(store))
        for role in ("pretrain", "synthesize", "sft", "sample", "credit", "compose", "evaluate")
    }
    right, prompt = 48, 10  # words of a solution and of a problem with 4 operators, with their ends
    assert costs["pretrain"].train_tokens == 2600 * 64 * (prompt + right)
    assert costs["sft"].train_tokens == 62 * 32 * (prompt + right)  # 0.625 updates a problem
    assert costs["sft"].sampled_tokens == 4 * 200 * right, "validation"
    assert costs["sample"].sampled_tokens == 100 * 16 * right
    assert costs["credit"].rollouts == 100 * 8 * 3 * 5
    # after 1, 2 and 3 of 4 steps of 15, 13, 11 and 9 words
    assert costs["credit"].sampled_tokens == pytest.approx(costs["credit"].rollouts * (33 + 20 + 9) / 3)
    assert costs["evaluate"].sampled_tokens == (1000 + 200 * 16) * right
    for role in ("synthesize", "compose"):
        assert (costs[role].train_tokens, costs[role].sampled_tokens, costs[role].rollouts) == (0, 0, 0)
    assert {cost.seconds for cost in costs.values()} == {None}, "nothing was run yet"


@pytest.mark.parametrize(
    ("mixture", "each"),  # tokens of two sequences: a prompt of 10, a solution of 48, the other side's rest
    [
        (["mixture.pair_shape=solution"], 10 + 48 + 48),
        (["mixture.pair_shape=step"], 10 + 48 + 48 * 5 / 8),  # 1, 2, 3 or 4 of four steps
        (["mixture.pair_shape=step", "mixture.chosen_from=rollouts"], 10 + 48 + 48 / 4),
        (["mixture.pair_shape=divergence", "mixture.negative_fraction=0.5"], (2 * (10 + 48) + 48 * 5 / 8) * 2 / 3),
        (["mixture.negative_fraction=0"], 2 * (10 + 48)),
    ],
)
def test_what_pairs_share_is_counted_once(node, store, mixture, each):
    policy = node("policy", "data_size=100", "mixture.chosen_from=samples", *mixture)
    num_sequences = policy.config.num_updates * 32
    assert estimate(policy, History(store)).train_tokens == pytest.approx(num_sequences / 2 * each)


def test_lengths_of_other_mixtures_tell_nothing_and_their_pace_does(node, store):
    earlier, same, other = (
        node("policy", f"data_size={size}", f"mixture.pair_shape={shape}")
        for size, shape in ((32, "step"), (64, "step"), (64, "solution"))
    )
    put(store, earlier, 8.0, num_train_tokens=earlier.config.num_updates * 32 * 7)
    assert estimate(same, History(store)).train_tokens == pytest.approx(same.config.num_updates * 32 * 7)
    assert estimate(other, History(store)).train_tokens > other.config.num_updates * 32 * 7
    assert estimate(other, History(store)).seconds == estimate(same, History(store)).seconds > 0


def test_seconds_are_the_median_pace_of_earlier_runs(node, store):
    for seed, seconds in ((1, 3.0), (2, 4.0), (3, 50.0)):
        put(
            store, node("sample", "data_size=32", f"seed={seed}"), seconds, num_samples=512, num_sampled_tokens=512 * 40
        )
    cost = estimate(node("sample", "data_size=128"), History(store))
    assert cost.seconds == pytest.approx(16.0), "four times the data of the one that took 4 s"
    assert cost.sampled_tokens == 128 * 16 * 40, "as long as they were"


def test_the_pace_of_credit_is_that_of_the_same_bound(node, store):
    """What was rolled out is fewer than the bound, for the earlier run as for the next."""
    put(store, node("credit", "data_size=32"), 10.0, num_rollouts=1000, num_sampled_tokens=18_000)
    cost = estimate(node("credit", "data_size=64"), History(store))
    assert cost.seconds == pytest.approx(20.0)
    assert (cost.rollouts, cost.sampled_tokens) == (64 * 8 * 3 * 5, 64 * 8 * 3 * 5 * 18)


OTHERS = ["pretraining.seed=1", "task.name=precedence_hard", "trainer.device=cpu", "model.architecture.num_layers=1"]


@pytest.mark.parametrize("other", OTHERS)
def test_another_kind_tells_nothing(node, store, other):
    put(store, node("sft", "data_size=32", other), 8.0, num_train_tokens=20 * 32 * 58)
    assert estimate(node("sft", "data_size=64"), History(store)).seconds is None
    assert estimate(node("sft", "data_size=64", other), History(store)).seconds is not None


def test_stages_without_a_policy_go_at_one_pace(node, store):
    put(store, node("synthesize", "data_size=32"), 1.0)
    assert estimate(node("synthesize", "data_size=64", "pretraining.seed=1"), History(store)).seconds == 2.0


def test_a_model_of_ones_own_has_lengths_from_runs_alone(node, store, base_folder):
    own = f"model.path={base_folder / 'model'}"
    assert base_of(node("evaluate", own)) == str(base_folder / "model")
    unknown = estimate(node("sft", "data_size=64", own), History(store))
    assert (unknown.train_tokens, unknown.sampled_tokens, unknown.rollouts) == (None, None, 0)
    put(store, node("sft", "data_size=32", own), 8.0, num_train_tokens=20 * 32 * 70)
    known = estimate(node("sft", "data_size=64", own), History(store))
    assert known.train_tokens == 40 * 32 * 70
    assert known.seconds is not None
    assert estimate(node("sft", "data_size=64"), History(store)).seconds is None, "of another base"


def test_what_cannot_be_read_tells_nothing(node, store):
    for seed, text in enumerate(("", "{}", "[1]", '{"stage": "sample"}')):
        folder = store.root / node("sample", f"seed={seed}").key
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(text)
    older = node("sample", "seed=9")
    put(store, older, 1.0)
    manifest = json.loads((store.root / older.key / "manifest.json").read_text())
    del manifest["config"]["sampler"]
    (store.root / older.key / "manifest.json").write_text(json.dumps(manifest))
    put(store, node("sample", "seed=10"), 1.0, num_samples=0, num_sampled_tokens=0)
    assert estimate(node("sample", "seed=11"), History(store)).sampled_tokens == 128 * 16 * 48


def test_an_input_that_was_deleted_hides_the_base(node, store):
    sample = node("sample", "data_size=32")
    put(store, sample, 4.0, num_samples=512, num_sampled_tokens=512 * 40)
    for path in (store.root / sample.inputs["policy"].key).iterdir():
        path.unlink()
    (store.root / sample.inputs["policy"].key).rmdir()
    assert estimate(node("sample", "data_size=64"), History(store)).seconds is None


def test_the_newest_are_looked_at(node, store, monkeypatch):
    monkeypatch.setattr(estimates, "MAX_MANIFESTS", 2)
    for age, seconds in enumerate((2.0, 2.0, 100.0, 100.0, 100.0)):
        one = node("synthesize", "data_size=32", f"seed={age}")
        put(store, one, seconds)
        os.utime(store.root / one.key, (1_000_000 - age, 1_000_000 - age))
    assert estimate(node("synthesize", "data_size=64", "seed=9"), History(store)).seconds == 4.0


PRICED = (
    "task=gsm8k",
    "teacher=server",
    "teacher.server.url=http://127.0.0.1:1/v1",
    "teacher.server.model=capable",
    "teacher.server.price_per_million_prompt_tokens=10",
    "teacher.server.price_per_million_completion_tokens=30",
    "teacher.num_problems=1000",
    "teacher.num_solutions=4",
    "data_size=500",
    "task.num_validation=4",
    "trainer.num_validation=4",
    "evaluation.num_test=8",
    "evaluation.num_sampled_problems=4",
)


NO_PRICE = "teacher.server.price_per_million_completion_tokens=null"


@pytest.fixture
def priced(compose_run, gsm8k_folder, small_llama):
    """A node of a point on GSM8K with a teacher behind a server."""
    own = (f"task.source={gsm8k_folder}", f"model.path={small_llama}")
    return lambda role, *more: build_point(compose_run("algorithm=step_dpo", *PRICED, *own, *more)).nodes[role]


def test_a_teacher_is_priced_by_the_lengths_of_the_data_sets_own_problems(priced, store, gsm8k_folder):
    rows = [json.loads(line) for line in (gsm8k_folder / "train.jsonl").read_text().splitlines()]
    lengths = [sum(len(row[key]) for row in rows) / len(rows) / 4 for key in ("question", "answer")]
    node = priced("teach")
    cost = estimate(node, History(store))
    assert cost.sampled_tokens == pytest.approx(1000 * (lengths[0] + 4 * lengths[1]), rel=0.15)  # but 4 rows of 20
    assert (cost.train_tokens, cost.rollouts) == (0, 0)
    teacher = node.config.teacher
    longest = len(teacher.problem_prompt) + len(teacher.solution_prompt) + 2000
    assert 30 * cost.sampled_tokens / 1e6 < cost.money < (30 * cost.sampled_tokens + 10 * 1000 * longest) / 1e6


def test_without_prices_money_is_unknown_and_other_stages_cost_none(priced, store):
    unpriced = priced("teach", "teacher.server.price_per_million_prompt_tokens=null", NO_PRICE)
    assert estimate(unpriced, History(store)).money is None
    assert {estimate(priced(role), History(store)).money for role in ("sft", "sample", "credit", "evaluate")} == {0.0}


def test_rollouts_of_a_data_set_are_bounded_by_its_solutions_steps(priced, store):
    cost = estimate(priced("credit"), History(store))
    negatives, rollouts = 8, 5
    steps = cost.rollouts / (500 * negatives * rollouts) + 1
    assert 2 < steps < 8


def test_an_assumed_pace_stands_in_until_there_is_a_measured_one(priced, store):
    assumed = ExecutionConfig(assumed_train_tokens_per_second=100, assumed_sampled_tokens_per_second=50)
    cost = estimate(priced("sft"), History(store), assumed)
    assert cost.seconds == pytest.approx(cost.train_tokens / 100 + cost.sampled_tokens / 50)
    assert estimate(priced("sft"), History(store)).seconds is None
    node = priced("sample")
    put(store, node, seconds=8000.0, num_sampled_tokens=16000, num_samples=8000)
    again = priced("sample", "data_size=250")
    assert estimate(again, History(store), assumed).seconds == pytest.approx(4000.0)
