"""Stages that take problems in chunks give what they would give in one, but for the draws of later chunks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthscale.policy.prompter import Prompt
from synthscale.session import Session, checkpoints_of
from synthscale.stage import draw
from synthscale.stage.by_problem import RowsByProblem
from synthscale.stage.draw import Asked, Drawing, chunk_seed, in_chunks
from synthscale.stage.rows import SolutionRow
from synthscale.table import write_table


class Recorder:
    """A sampler that writes down how it was asked."""

    def __init__(self, session: Session) -> None:
        self.session, self.calls = session, []

    def sample(self, prompts, num_samples, *, temperature, seed, keep):
        self.calls.append(SimpleNamespace(prompts=list(prompts), seed=seed, keep=keep))
        for done in range(1, len(prompts) + 1):
            self.session.advance(done, len(prompts))
        return [[(prompt.text + prompt.prefix, i) for i in range(num_samples)] for prompt in prompts]


def asked(nums: list[int]) -> list[Asked[int]]:
    """Problems with so many prompts."""
    return [Asked(i, i, [Prompt(f"{i}", f" {k}") for k in range(num)]) for i, num in enumerate(nums)]


@pytest.mark.parametrize("nums", [[], [1] * 7, [3, 1, 5, 2, 2], [0, 0, 4], [9]])
@pytest.mark.parametrize("limit", [1, 4, 8, 1000])
def test_every_prompt_is_asked_once_and_answered_in_order(tmp_path, monkeypatch, nums, limit):
    monkeypatch.setattr(draw, "NUM_DRAWS_AT_ONCE", limit)
    seen = []
    session = Session(lambda done, total, note="": seen.append((done, total)))
    sampler = Recorder(session)
    got = list(Drawing(2, 1.0, 5, len(nums)).run(sampler, asked(nums), tmp_path, session))
    assert [item for item, _ in got] == list(range(len(nums)))
    for (item, drawn), num in zip(got, nums, strict=True):
        assert drawn == [[(f"{item} {k}", 0), (f"{item} {k}", 1)] for k in range(num)]
    sizes = [2 * len(call.prompts) for call in sampler.calls]
    assert sum(sizes) == 2 * sum(nums) and all(size >= limit for size in sizes[:-1])
    assert [call.keep for call in sampler.calls] == [checkpoints_of(tmp_path) / f"{i:05d}" for i in range(len(sizes))]
    assert len({call.seed for call in sampler.calls}) == len(sizes) and all(
        call.seed == 5 for call in sampler.calls[:1]
    )
    assert seen == sorted(seen) and all(total == len(nums) for _, total in seen)
    assert not sum(nums) or seen[-1][0] == len(nums)
    assert session.advance(1, 2) is None and seen[-1] == (1, 2)  # as it was before


@settings(max_examples=100, deadline=None)
@given(sizes=st.lists(st.integers(0, 9), max_size=20), limit=st.integers(1, 20))
def test_chunks_are_as_short_as_the_limit_allows(sizes, limit):
    chunks = list(in_chunks(sizes, lambda size: size, limit))
    assert [size for chunk in chunks for size in chunk] == sizes
    assert all(sum(chunk) >= limit > sum(chunk[:-1]) for chunk in chunks[:-1])
    assert all(chunks)


def test_no_two_chunks_share_draws():
    seeds = {chunk_seed(seed, chunk) for seed in range(20) for chunk in range(50)}
    assert len(seeds) == 1000
    assert [chunk_seed(seed, 0) for seed in range(5)] == list(range(5))
    assert max(seeds) < 2**40 and max(seeds) * 1_000_003 + 10**9 < 2**63  # torch's generators take it


# Tables in the order of the problems


def solutions(*ids: str) -> list[SolutionRow]:
    return [SolutionRow(problem_id, i, f"text {i}", "wrong") for i, problem_id in enumerate(ids)]


@pytest.fixture
def table_of(tmp_path):
    def make(*ids: str) -> RowsByProblem[SolutionRow]:
        path = tmp_path / "sample-1" / "samples.parquet"
        path.parent.mkdir()
        write_table(path, SolutionRow, solutions(*ids))
        return RowsByProblem(path, SolutionRow)

    return make


def test_rows_are_dealt_out_by_problem(table_of):
    rows = table_of("b", "b", "d")
    assert [[row.index for row in rows.of(problem_id)] for problem_id in "abcde"] == [[], [0, 1], [], [2], []]
    rows.end()


@pytest.mark.parametrize("ids", ["ba", "aba", "x", "abx"])
def test_another_order_or_a_strange_problem_is_an_error_and_no_row_is_lost(table_of, ids):
    rows = table_of(*ids)
    for problem_id in "abc":
        rows.of(problem_id)
    with pytest.raises(ValueError, match=r"samples\.parquet of sample-1 is not in the order of problems\.parquet"):
        rows.end()
