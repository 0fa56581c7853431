"""Cards: front matter that YAML reads back, tables that Markdown keeps whole, nothing that was not measured."""

from __future__ import annotations

import pytest
import yaml

from synthscale.publish.card import Card, drops_table, measures_table, shell, table
from synthscale.publish.model import hyper_parameters

FRONT = {"license": "mit", "tags": ["math"], "configs": [{"config_name": "default", "data_files": "data/a: b.parquet"}]}


def test_front_matter_comes_back_as_it_went_in():
    text = Card("a title", FRONT, "A sentence.", {"Full": "body", "Empty": ""}).markdown()
    begin, front, rest = text.split("---\n")
    assert begin == "" and yaml.safe_load(front) == FRONT
    assert rest == "\n# a title\n\nA sentence.\n\n## Full\n\nbody\n"


def test_a_text_cannot_break_a_table():
    rows = [("a|b", "two\nlines"), (None, 1234567), (0.123456, True)]
    assert table(["x", "y"], rows).splitlines() == [
        "| x | y |",
        "|---|---|",
        r"| a\|b | two lines |",
        "|  | 1,234,567 |",
        "| 0.1235 | True |",
    ]
    assert table(["x"], []) == ""


def test_drops_are_apart_from_measures_and_what_is_missing_is_in_neither():
    measures = {"num_problems": 3, "num_dropped_short": 2, "cost": None, "num_dropped_long": 7, "num_dropped_never": 0}
    assert measures_table(measures).splitlines()[2:] == ["| num_problems | 3 |"]
    assert drops_table(measures).splitlines()[2:] == ["| long | 7 |", "| short | 2 |"]
    assert drops_table({"num_problems": 3}) == ""


def test_commands_stand_in_a_block():
    assert shell(["one", "two"]) == "```sh\none\ntwo\n```"


@pytest.mark.parametrize(
    ("config", "objective"),
    [
        ({}, "SFT"),
        ({"preference_weight": 1.0}, "DPO, and SFT on positives"),
        ({"preference_weight": 1.0, "only_side": "rejected"}, "DPO of rejected sides alone, and SFT on positives"),
    ],
)
def test_the_objective_of_a_phase_is_told(config, objective):
    manifest = {"stage": "finetune", "key": "finetune-1", "config": {"beta": 0.1, **config}}
    assert f"| finetune-1 | {objective} |" in hyper_parameters({"policy": manifest})
