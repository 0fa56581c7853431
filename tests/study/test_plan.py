"""A plan holds each stage once, in an order in which it can be made, and asks only for what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthscale.study.outcome import Failure
from synthscale.study.plan import make_plan
from synthscale.study.plan_table import hours, short, total
from synthscale.study.schedule import Schedule
from synthscale.study.store import ArtifactStore

FAILURE = Failure("sample", "sample-0", "broken", Path("log"))


def drain(schedule: Schedule) -> list:
    """Make everything, one stage at a time."""
    made = []
    while (node := schedule.pop()) is not None:
        made.append(node)
        schedule.finish(node)
    return made


def test_points_share_stages_and_layers_follow_inputs(toy, tmp_path):
    points = [toy.toy_point(tmp_path, name) for name in ("sft", "dpo", "step_dpo")]
    plan = make_plan(points, ArtifactStore(tmp_path))
    roles = [planned.node.config["role"] for planned in plan.nodes.values()]
    assert {role: roles.count(role) for role in roles} == {
        "synthesize": 1, "sft": 1, "evaluate": 3, "sample": 1, "credit": 2, "compose": 2, "policy": 2,
    }  # fmt: skip
    assert plan.nodes[points[0].nodes["sft"].key].points == (0, 1, 2)
    assert plan.nodes[points[1].nodes["sample"].key].points == (1, 2)
    assert [plan.nodes[node.key].layer for node in points[1].nodes.values()] == [0, 1, 2, 3, 4, 5, 6]
    for planned in plan.nodes.values():
        assert all(plan.nodes[child.key].layer < planned.layer for child in planned.node.inputs.values())


def test_only_what_a_missing_root_asks_for_is_to_do(toy, tmp_path):
    sft, dpo = toy.toy_point(tmp_path, "sft"), toy.toy_point(tmp_path, "dpo")
    store = ArtifactStore(tmp_path)
    store.make(sft.root)
    plan = make_plan([sft, dpo], store)
    assert {planned.node.config["role"] for planned in plan.todo} == set(dpo.nodes) - {"synthesize", "sft"}
    assert plan.nodes[sft.root.key].done
    assert make_plan([sft], store).todo == []


def test_a_schedule_makes_all_once_and_inputs_first(toy, tmp_path):
    points = [toy.toy_point(tmp_path, name, size) for name in ("sft", "dpo") for size in (64, 128)]
    plan = make_plan(points, ArtifactStore(tmp_path))
    made = [node.key for node in drain(Schedule(plan))]
    assert sorted(made) == sorted(plan.nodes)
    for planned in plan.nodes.values():
        assert all(made.index(child.key) < made.index(planned.node.key) for child in planned.node.inputs.values())


def test_the_longest_chain_starts_first(toy, tmp_path):
    points = [
        toy.toy_point(tmp_path, "sft", 64),
        toy.toy_point(tmp_path, "dpo", 64),
        toy.toy_point(tmp_path, "sft", 512),
    ]
    schedule = Schedule(make_plan(points[:1] + points[2:], ArtifactStore(tmp_path)))
    assert schedule.pop().config["size"] == 512
    shared = Schedule(make_plan(points[:2], ArtifactStore(tmp_path)))
    for _ in range(2):
        shared.finish(shared.pop())
    assert shared.pop().config["role"] == "sample", "six stages hang on it, and on the other's evaluation none"


def test_a_failure_blocks_what_needs_it_and_nothing_else(toy, tmp_path):
    sft, dpo = toy.toy_point(tmp_path, "sft"), toy.toy_point(tmp_path, "dpo")
    schedule = Schedule(make_plan([sft, dpo], ArtifactStore(tmp_path)))
    schedule.fail(dpo.nodes["sample"], FAILURE)
    schedule.fail(dpo.nodes["credit"], Failure("credit", "credit-0", "later", Path("log")))
    made = {node.config["role"] for node in drain(schedule)}
    assert sft.root.key not in schedule.failures
    assert {schedule.failures[dpo.nodes[role].key] for role in ("sample", "credit", "compose", "evaluate")} == {FAILURE}
    assert {"synthesize", "sft", "evaluate"} <= made
    assert not {"credit", "compose", "policy"} & made


def test_a_stage_put_back_comes_again(toy, tmp_path):
    schedule = Schedule(make_plan([toy.toy_point(tmp_path)], ArtifactStore(tmp_path)))
    node = schedule.pop()
    assert schedule.pop() is None
    schedule.put_back(node)
    assert schedule.pop() == node


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (7, "7"),
        (999, "999"),
        (999.6, "1 k"),
        (148_480, "148 k"),
        (999_999, "1 M"),
        (13_400_000, "13.4 M"),
        (2e12, "2 T"),
    ],
)
def test_numbers_have_three_digits(number, text):
    assert short(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "< 0.01"), (18, "0.01"), (360, "0.10"), (3600, "1.00"), (4e6, "1,111.11")]
)
def test_hours_are_never_shown_as_none(seconds, text):
    assert hours(seconds) == text


@pytest.mark.parametrize(
    ("values", "text"), [([], ""), ([None], ""), ([0, 0], ""), ([1, 2], "3"), ([1, None, 2], "≥ 3"), ([0, None], "")]
)
def test_a_sum_says_where_a_part_is_not_known(values, text):
    assert total(short, values) == text
