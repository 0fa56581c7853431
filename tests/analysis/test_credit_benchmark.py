"""The benchmark of searches for pits, on hand-made cases and in small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import credit_lengths
from benchmarks.credit_bank import counted_rollouts
from benchmarks.credit_cases import Branch, Case
from benchmarks.credit_search import score
from benchmarks.credit_search_output import curve_table, write_curve
from benchmarks.credit_searchers import BEST_OF, Draws, adaptive, early_stop, exhaustive, searchers, true_pits
from synthscale.policy.config import PolicyConfig
from synthscale.policy.policy import load_policy
from synthscale.policy.prompter import Prompt, Prompter
from synthscale.policy.sampler import Sampler

A, B, C, X = "abcx"


def branch(prefix: tuple[str, ...], num_right: int) -> Branch:
    """Ten rollouts, so many of them right."""
    return Branch([(*prefix, "right"), (*prefix, X)], [True, False], np.array([num_right, 10 - num_right]))


@pytest.fixture
def case() -> Case:
    """Two negatives that share their first step, which is right; the second step of each is wrong."""
    bank = {(A,): branch((A,), 10), (A, B): branch((A, B), 0), (A, C): branch((A, C), 0)}
    samples = [((A, B, X), False), ((A, C, X), False), ((X, X), False), ((X, B), False), ((B, A, C), True)]
    return Case(1, samples, [(A, B, X), (A, C, X)], [{2}, {2, 3}], bank)


@pytest.mark.parametrize("rule", list(BEST_OF))
def test_every_search_finds_what_is_plain_and_pays_what_it_draws(case, rule):
    tried = [
        (3 * 5, exhaustive(5)),
        (1 + 5 + 5, early_stop(5, bisect=False)),  # the shared step once
        (1 + 5 + 5, early_stop(5, bisect=True)),
    ]
    for cost, search in tried:
        found = search(case, Draws(case, np.random.default_rng(0)), rule, 0.2)
        assert (found.steps, found.num_rollouts) == ([2, 2], cost)
    found = adaptive(0.9, 20)(case, Draws(case, np.random.default_rng(0)), rule, 0.2)
    assert found.steps == [2, 2] and 1 <= found.num_rollouts <= 40
    assert true_pits(case, rule) == [2, 2]


def test_draws_follow_the_bank(case):
    draws = Draws(Case(1, [], [], [], {(A,): branch((A,), 3)}), np.random.default_rng(0))
    right = sum(draws.draw((A,))[1] for _ in range(2000))
    assert draws.num == 2000 and right / 2000 == pytest.approx(0.3, abs=0.05)


def test_scores_count_what_was_found_and_are_written(case, tmp_path: Path):
    scores = [score(rule, *one, [case], 2) for rule in BEST_OF for one in searchers(quick=True)]
    shares = scores[0].shares(scores[0].counts)
    assert shares == {
        "rollouts_per_negative": 7.5, "coverage": 1, "precision": 1, "recall_first": 1, "agreement": 1
    }  # fmt: skip
    write_curve(scores, [1], tmp_path, "curve")
    table = pd.read_csv(tmp_path / "curve.csv")
    assert table["search"].tolist() == ["exhaustive", "adaptive"] * 2
    assert {path.name for path in tmp_path.iterdir()} == {"curve.csv", "curve.png", "curve.svg"}
    assert curve_table(scores[:2], [1]).row_count == 2


def test_counted_rollouts_are_those_of_the_sampler(base_folder: Path):
    """From one prompt: all are there, and what is written how often agrees with one rollout after the other."""
    prompt, num = Prompt("1 + 2 * 3\n"), 600
    rows = list(counted_rollouts(base_folder / "model", [prompt], num, max_new_tokens=24, seed=0))
    assert sum(row.count for row in rows) == num
    model, tokenizer = load_policy(base_folder / "model", PolicyConfig(), device="cpu")
    sampler = Sampler(model, Prompter(tokenizer, PolicyConfig()), max_new_tokens=24, max_batch_rows=num)
    drawn = [one.text for one in sampler.sample([prompt], num, temperature=1.0, seed=0)[0]]
    likeliest = max(rows, key=lambda row: row.count)
    assert likeliest.count / num == pytest.approx(drawn.count(likeliest.text) / num, abs=0.1)


def test_the_simulation_says_what_lengths_cost(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(credit_lengths, "LENGTHS", (2, 8))
    assert credit_lengths.main(["--solutions", "20", "--out", str(tmp_path)]) == 0
    table = pd.read_csv(tmp_path / "lengths.csv")
    every = table[table["search"] == "exhaustive"].set_index("steps")["rollouts"]
    assert every.to_dict() == {2: 5, 8: 35}
    first = table[table["search"] == "adaptive"].set_index("steps")["first_asked"]
    assert first[2] == 1 and 2 < first[8] < 7
    assert (tmp_path / "lengths.svg").exists() and "simulation" in capsys.readouterr().out
