"""Which accepted solutions RFT's filter keeps, and that it is asked for where a config says so."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance.Levenshtein import normalized_distance

from synthscale.credit.pit import PitRule
from synthscale.mixture.diversity import choose_diverse, first_of_each, reasoning_of
from synthscale.mixture.example import Example
from synthscale.mixture.mixture import MixtureConfig, PositiveChoice
from synthscale.problem import PrecedenceConfig, PrecedenceTask, Problem, Split
from synthscale.stage.compose import ComposeConfig, OfProblem, choose_positives
from synthscale.stage.rows import SolutionRow
from synthscale.study.recipe import build_point

LINES = ["<<1+1=2>>", "so <<1+1=2>>", "<<2*3=6>> apples", "3 + 4 = 7", "a word", "another  word", "x = 7 of them", ""]
SOLUTIONS = st.lists(st.lists(st.sampled_from(LINES), max_size=3).map("\n".join), max_size=12)


def greedy(solutions: list[str], num: int) -> list[int]:
    """Farthest first, by the definition: no bound on a distance, and all of them anew for each choice."""
    candidates = [i for i, s in enumerate(solutions) if reasoning_of(s) not in map(reasoning_of, solutions[:i])]
    chosen: list[int] = []
    while candidates and len(chosen) < num:
        distances = [
            min((normalized_distance(solutions[i], solutions[j]) for j in chosen), default=1.0) for i in candidates
        ]
        chosen.append(candidates.pop(distances.index(max(distances))))
    return chosen


@settings(max_examples=300, deadline=None)
@given(solutions=SOLUTIONS, num=st.integers(0, 6))
def test_at_most_num_of_distinct_reasoning_the_first_drawn_first(solutions, num):
    chosen = choose_diverse(solutions, num)
    reasoning = [reasoning_of(solutions[i]) for i in chosen]
    assert len(set(chosen)) == len(set(reasoning)) == len(chosen) == min(num, len(set(map(reasoning_of, solutions))))
    assert chosen[:1] == [0][: min(num, len(solutions))]
    assert all(solutions.index(solutions[i]) == i for i in chosen)
    assert chosen == choose_diverse(solutions, num) == choose_diverse(solutions, num + 2)[:num]
    assert chosen == greedy(solutions, num)


@settings(max_examples=100, deadline=None)
@given(solutions=SOLUTIONS, seed=st.integers(0, 99))
def test_where_all_are_kept_the_order_of_drawing_does_not_matter(solutions, seed):
    shuffled = random.Random(seed).sample(solutions, len(solutions))
    kept, kept_of_shuffled = (
        {reasoning_of(of[i]) for i in choose_diverse(of, len(of))} for of in (solutions, shuffled)
    )
    assert kept == kept_of_shuffled == set(map(reasoning_of, solutions))


@settings(max_examples=100, deadline=None)
@given(solutions=SOLUTIONS, num=st.integers(0, 6), seed=st.integers(0, 99))
def test_a_second_solution_of_the_same_reasoning_changes_nothing(solutions, num, seed):
    again = [solution + " " for solution in random.Random(seed).sample(solutions, len(solutions))]
    assert choose_diverse(solutions + again, num) == choose_diverse(solutions, num)


def test_the_farthest_is_next():
    near, far, middle = "aaaa <<1=1>>", "bbbb bbbb bbbb <<4=4>>", "aaaa bbbb <<3=3>>"
    solutions = ["aaaa <<0=0>>", near, middle, far]
    assert choose_diverse(solutions, 4) == [0, 3, 2, 1]
    assert choose_diverse(solutions, 2) == [0, 3]
    assert choose_diverse(["a", "b", "c"], 2) == [0, 1]  # as far as one another: the first drawn


@pytest.mark.parametrize(
    ("solutions", "kept"),
    [
        (["48/2 = <<48/2=24>>24", "Half: <<48/2 = 24>>24", "<<48*2=96>>96"], [0, 2]),
        (["She has six.", "Six has she."], [0, 1]),  # no equations, but two texts
        (["She has six.", "She  has\nsix. "], [0]),
        (["She has six.", "1 + 1 = 2", "One and one: 1+1=2"], [0, 1]),
        (["<<1+1=2>><<2+2=4>>", "<<2+2=4>><<1+1=2>>"], [0, 1]),  # another order is another path
        (["", " ", "\n"], [0]),
        ([], []),
    ],
)
def test_what_is_distinct(solutions, kept):
    assert first_of_each(solutions) == kept
    assert sorted(choose_diverse(solutions, 9)) == kept


def test_in_the_embedded_world_distinct_texts_stay_distinct():
    task, generator = PrecedenceTask(PrecedenceConfig()), np.random.default_rng(0)
    for problem in task.problems(Split.TRAIN, 20):
        texts = list(dict.fromkeys(task.unordered_trace(problem, generator) for _ in range(20)))
        assert sorted(choose_diverse(texts, 99)) == list(range(len(texts)))
        first_steps = {texts[i].split("\n")[0] for i in choose_diverse(texts, 2)}
        assert len(first_steps) == min(2, len(texts))  # the two farthest apart part at once


# The option

TEXTS = ["<<1+1=2>>", "so <<1+1=2>>", "then it is <<2*1=2>>", "<<3-1=2>>", "and then it follows that <<4/2=2>>"]


def positives(mixture: MixtureConfig) -> list[str]:
    """Of one problem, with a trace of the teacher's and these accepted samples."""
    problem = Problem("1 + 1", "2")
    samples = [Example("id", problem.text + "\n", text) for text in ["<<1+1=2>> 2", *TEXTS]]
    traces = [SolutionRow("id", 0, "<<1+1=2>> 2", "correct")]
    of = OfProblem(problem, "id", problem.text + "\n", traces, [], [], [], [])
    task = PrecedenceConfig()
    config = ComposeConfig(
        task=task, mixture=mixture, max_negatives_per_problem=1, pit_rule=PitRule.lowest_value, best_of=1
    )
    return [example.chosen for example in choose_positives(PrecedenceTask(task), config, of, samples, None)]


def test_the_mixture_keeps_the_first_drawn_or_the_diverse():
    mixture = MixtureConfig(negative_fraction=0.0, examples_per_problem=5, positives_per_problem=2)
    trace = "<<1+1=2>> 2"  # of the teacher's: comes first, and once
    assert positives(mixture) == [trace, *TEXTS[:2]]
    diverse = replace(mixture, choose=PositiveChoice.diverse)
    assert positives(diverse) == [trace, TEXTS[0], TEXTS[4]]
    everything = replace(diverse, positives_per_problem=99)
    assert sorted(positives(everything)[1:]) == sorted([TEXTS[0], *TEXTS[2:]])
    assert positives(replace(diverse, include_teacher=False))[0] == trace  # now the first sample


@pytest.mark.parametrize("algorithm", ["rft", "dpo", "step_mix"])
def test_the_option_comes_to_the_stage(compose_run, algorithm):
    """With RFT too, where keys that only matter to pairs are reset."""
    keys = {}
    for choose in PositiveChoice:
        point = build_point(compose_run(f"algorithm={algorithm}", f"mixture.choose={choose.value}"))
        assert point.nodes["compose"].config.mixture.choose is choose
        keys[choose] = point.nodes["compose"].key
    assert len(set(keys.values())) == 2
    named = build_point(compose_run("algorithm=rft", "mixture=diverse_positives")).nodes["compose"].config.mixture
    assert (named.choose, named.positives_per_problem) == (PositiveChoice.diverse, 4)
