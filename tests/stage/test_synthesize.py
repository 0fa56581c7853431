"""From a pool a data set takes the first problems in its seed's order, whole, in bounded memory."""

from __future__ import annotations

import pytest

from synthscale.problem import PrecedenceConfig
from synthscale.session import Session
from synthscale.stage import synthesize
from synthscale.stage.rows import ProblemRow, SolutionRow
from synthscale.stage.synthesize import SynthesizeConfig
from synthscale.table import read_table

SIZE = 60


def num_traces(number: int) -> int:
    return 1 + number % 3


@pytest.fixture
def pool(artifact):
    """Sixty problems with one to three traces each."""
    return artifact(
        "teach",
        problems=[ProblemRow(f"{i:016x}", f"problem {i}", str(i)) for i in range(SIZE)],
        traces=[
            SolutionRow(f"{i:016x}", index, f"way {index}\n#### {i}", "correct")
            for i in range(SIZE)
            for index in range(num_traces(i))
        ],
    )


@pytest.fixture
def draw(pool, tmp_path):
    """The problems and traces of a data set, drawn from the pool."""

    def make(num_problems: int, seed: int, traces_per_problem: int = 2) -> tuple[list[ProblemRow], list[SolutionRow]]:
        out = tmp_path / f"{num_problems} {seed} {traces_per_problem}"
        out.mkdir(exist_ok=True)
        keys = {"num_problems": num_problems, "seed": seed, "traces_per_problem": traces_per_problem}
        measures = synthesize.run(SynthesizeConfig(task=PrecedenceConfig(), **keys), {"pool": pool}, out, Session())
        problems = read_table(out / "problems.parquet", ProblemRow)
        traces = read_table(out / "traces.parquet", SolutionRow)
        assert measures == {"num_problems": len(problems), "num_traces": len(traces), "num_rejected_traces": 0}
        return problems, traces

    return make


def test_sizes_of_one_seed_nest_and_seeds_differ(draw):
    whole = draw(SIZE, 1)[0]
    assert {row.text for row in whole} == {f"problem {i}" for i in range(SIZE)}
    for size in (1, 7, 30):
        assert draw(size, 1)[0] == whole[:size]
    assert len({tuple(draw(7, seed)[0]) for seed in range(5)}) == 5


@pytest.mark.parametrize("limit", [1, 2, 3, 9])
def test_traces_are_the_first_of_each_problem_in_the_problems_order(draw, limit):
    problems, traces = draw(20, 3, limit)
    numbers = [int(row.answer) for row in problems]
    assert traces == [
        SolutionRow(f"{i:016x}", index, f"way {index}\n#### {i}", "correct")
        for i in numbers
        for index in range(min(limit, num_traces(i)))
    ]


@pytest.mark.parametrize("at_once", [1, 7, 20, 59])
def test_the_data_set_is_the_same_however_much_of_the_pool_is_in_memory(draw, monkeypatch, at_once):
    whole = draw(45, 2)
    monkeypatch.setattr(synthesize, "MAX_PROBLEMS_AT_ONCE", at_once)
    assert draw(45, 2) == whole


def test_a_pool_that_is_too_small_is_one_sentence(draw):
    with pytest.raises(
        ValueError, match=r"has 60 problems, and 61 are asked for: raise teacher\.num_problems"
    ) as refused:
        draw(61, 0)
    assert "\n" not in str(refused.value)


def test_a_pool_whose_tables_do_not_match_is_refused(draw, pool):
    from synthscale.table import write_table

    rows = read_table(pool.folder / "problems.parquet", ProblemRow)
    write_table(pool.folder / "problems.parquet", ProblemRow, rows[::-1])
    with pytest.raises(ValueError, match=r"traces\.parquet of teach is not in the order"):
        draw(5, 0)


def test_without_a_pool_the_world_solves_its_own(tmp_path):
    config = SynthesizeConfig(task=PrecedenceConfig(), num_problems=5, seed=1, traces_per_problem=3)
    measures = synthesize.run(config, {}, tmp_path, Session())
    traces = read_table(tmp_path / "traces.parquet", SolutionRow)
    assert measures == {"num_problems": 5, "num_traces": len(traces), "num_rejected_traces": 0}
    problems = read_table(tmp_path / "problems.parquet", ProblemRow)
    assert list(dict.fromkeys(row.problem_id for row in traces)) == [row.problem_id for row in problems]
