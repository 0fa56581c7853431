"""Policies from the command line, and their help, are those of the dataclass."""

from __future__ import annotations

import dataclasses
import re
from enum import Enum
from typing import get_type_hints

import pytest

from synthscale.grading.policy import join_policies, parse_policy, policy_help
from synthscale.problem.answer.policy import AnswerPolicy

TYPES = get_type_hints(AnswerPolicy)


@pytest.mark.parametrize(
    ("typed", "joined"),
    [
        ("--policy a=b in.jsonl", "--policy=a=b in.jsonl"),
        ("--policy a=b c=d in.jsonl --jobs 2", "--policy=a=b,c=d in.jsonl --jobs 2"),
        ("in.jsonl --policy=a=b c=d --policy e=f g=h", "in.jsonl --policy=a=b,c=d --policy=e=f,g=h"),
        ("a=b --policy c=d ./e=f --out g=h", "a=b --policy=c=d ./e=f --out g=h"),
        ("--policy", "--policy"),
    ],
)
def test_what_follows_a_policy_belongs_to_it_if_it_looks_so(typed, joined):
    assert join_policies(typed.split()) == joined.split()


def test_every_key_takes_each_of_its_values():
    assert parse_policy([]) == AnswerPolicy()
    for key, kind in TYPES.items():
        for value in kind if issubclass(kind, Enum) else (0.25,):
            text = value.value if isinstance(value, Enum) else value
            assert getattr(parse_policy([f"{key}={text}"]), key) == value


def test_pairs_stand_apart_by_commas_spaces_or_options():
    expected = parse_policy(["percent=value", "units=ignore"])
    for texts in (
        ["percent=value,units=ignore"],
        ["percent=value  units=ignore"],
        [" percent=value ,", "units=ignore,"],
    ):
        assert parse_policy(texts) == expected


def test_help_holds_every_key_value_and_default_with_a_line_on_each():
    """It is read from the source; here it is held against what the source does."""
    described: dict[str, list[str]] = {}
    for line in policy_help().splitlines():
        indent, first, rest = re.fullmatch(r"( +)(\S+) *(.*)", line).groups()
        if len(indent) == 2:
            assert rest, f"{first} is not described"
            described[first] = []
        else:
            described[[*described][-1]].append(f"{first} (default)" if rest.startswith("(default)") else first)
    for field in dataclasses.fields(AnswerPolicy):
        kind, default = TYPES[field.name], field.default
        values = [member.value for member in kind] if issubclass(kind, Enum) else [default]
        default = default.value if isinstance(default, Enum) else default
        assert described.pop(field.name) == [f"{value}{' (default)' * (value == default)}" for value in values]
    assert not described
