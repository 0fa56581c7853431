"""How the search for pits gets into a point's stages, and what of it their artifacts depend on."""

from __future__ import annotations

import pytest

from synthscale.credit.pit import CreditSearch
from synthscale.study.config import ConfigError
from synthscale.study.estimate import History, estimate
from synthscale.study.recipe import build_point
from synthscale.study.store import ArtifactStore

ADAPTIVE = "credit.search=adaptive"


@pytest.fixture(scope="module")
def nodes(compose_run):
    """A point's nodes by role."""
    choice = ("algorithm=step_mix", "credit=largest_drop", "data_size=64")
    return lambda *overrides: build_point(compose_run(*choice, *overrides)).nodes


def changed(before: dict, after: dict) -> set[str]:
    return {role for role, node in before.items() if after[role].key != node.key}


def test_keys_of_the_other_search_change_no_artifact(nodes):
    assert not changed(nodes(), nodes("credit.confidence=0.5", "credit.max_rollouts=9"))
    assert not changed(nodes(ADAPTIVE), nodes(ADAPTIVE, "credit.num_rollouts=7"))
    assert not changed(nodes(ADAPTIVE), nodes(ADAPTIVE, "credit.best_of=3", "credit.num_rollouts=7"))


@pytest.mark.parametrize("key", ["credit.search=adaptive", "credit.num_rollouts=7"])
def test_the_exhaustive_search_is_another_credit(nodes, key):
    assert changed(nodes(), nodes(key)) == {"credit", "compose", "policy", "evaluate"}


@pytest.mark.parametrize("key", ["credit.confidence=0.5", "credit.max_rollouts=9"])
def test_what_the_adaptive_search_reads_is_part_of_its_identity(nodes, key):
    assert changed(nodes(ADAPTIVE), nodes(ADAPTIVE, key)) == {"credit", "compose", "policy", "evaluate"}


def test_accepted_samples_are_credited_where_they_are_asked_for(nodes, tmp_path):
    assert not changed(nodes(), nodes("credit.max_accepted_per_problem=3"))  # as nothing reads it
    both = nodes("credit.credited_samples=both", "credit.max_accepted_per_problem=3")
    assert changed(nodes(), both) == {"credit", "compose", "policy", "evaluate"}
    config = both["credit"].config
    assert (config.max_negatives_per_problem, config.max_accepted_per_problem) == (8, 3)
    assert estimate(both["credit"], History(ArtifactStore(tmp_path))).rollouts == 64 * (8 + 3) * 3 * 5


def test_the_rule_is_read_from_the_same_rollouts(nodes):
    assert "credit" not in changed(nodes(ADAPTIVE), nodes(ADAPTIVE, "credit.pit_rule=lowest_value"))
    assert "compose" in changed(nodes(ADAPTIVE), nodes(ADAPTIVE, "credit.pit_rule=lowest_value"))


def test_an_exhaustive_compose_says_nothing_of_the_search(nodes):
    assert nodes()["compose"].config.search is None
    assert nodes(ADAPTIVE)["compose"].config.search is CreditSearch.adaptive


def test_a_plan_bounds_the_rollouts_by_the_budget(nodes, tmp_path):
    history = History(ArtifactStore(tmp_path))
    exhaustive = estimate(nodes()["credit"], history)
    adaptive = estimate(nodes(ADAPTIVE, "credit.max_rollouts=4")["credit"], history)
    assert adaptive.rollouts == 64 * 8 * 4 < exhaustive.rollouts == 64 * 8 * 3 * 5
    assert adaptive.sampled_tokens / adaptive.rollouts == exhaustive.sampled_tokens / exhaustive.rollouts


def test_whole_solution_pairs_take_nothing_of_credit(nodes):
    whole = nodes("mixture.pair_shape=solution")
    assert "credit" not in whole["compose"].inputs
    again = nodes("mixture.pair_shape=solution", "credit.pit_rule=lowest_value", "credit.num_rollouts=7")
    assert changed(whole, again) == {"credit"}


def test_pits_of_older_samples_are_refused(nodes):
    first = "synthesize,finetune,sample,credit,compose,finetune"
    with pytest.raises(ConfigError, match="no credit stage has seen"):
        nodes(f"algorithm.recipe=[{first},sample,compose,finetune,evaluate]")
    assert "credit_2" in nodes(f"algorithm.recipe=[{first},sample,credit,compose,finetune,evaluate]")


@pytest.mark.parametrize("stage", ["pretrain", "teach", "dance"])
def test_a_recipe_names_stages_that_it_can_order(nodes, stage):
    with pytest.raises(ConfigError, match=f"has no stage {stage}; there are synthesize, finetune, sample"):
        nodes(f"algorithm.recipe=[{stage},synthesize,finetune,evaluate]")
