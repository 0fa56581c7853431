"""The ideal learner: its draws agree with the traces, and with counting where counting is possible."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from benchmarks import ideal_learner
from synthscale.problem import PrecedenceConfig, PrecedenceTask, Split

FEW = PrecedenceConfig(num_operators=4, num_tables=2, num_levels=3, num_known_operators=2)


@pytest.fixture(scope="module")
def task() -> PrecedenceTask:
    return PrecedenceTask(FEW)


def agree(levels: np.ndarray, known: ideal_learner.Known) -> np.ndarray:
    return np.all([levels[:, above] - levels[:, below] >= least for above, below, least in known], axis=0)


def test_what_traces_tell_is_true(task):
    known = ideal_learner.told_by(task, task.problems(Split.TRAIN, 30), np.random.default_rng(0))
    assert known
    assert agree(task.levels[None], known).all()


def test_sweeps_draw_what_counting_finds(task, monkeypatch):
    monkeypatch.setattr(ideal_learner, "NUM_DRAWS", 4000)
    known: ideal_learner.Known = {(0, 1, 1), (2, 1, 0), (2, 3, 0)}
    true = task.levels
    task.__dict__["levels"] = np.array([1, 0, 2, 1, 0, 0])  # sweeps begin at the true levels, which agree
    try:
        drawn = ideal_learner.swept(task, known, np.random.default_rng(1))[:, :4]
    finally:
        task.__dict__["levels"] = true
    every = np.array(list(product(range(3), repeat=4)))
    allowed = every[agree(every, known)]
    assert agree(drawn, known).all()
    for operator in range(4):
        for level in range(3):
            share = np.mean(allowed[:, operator] == level)
            assert np.mean(drawn[:, operator] == level) == pytest.approx(share, abs=0.03)


def test_orders_that_agree_are_all_there():
    task = PrecedenceTask(PrecedenceConfig(num_operators=4))
    assert len(ideal_learner.enumerated(task, set())) == 24
    assert len(ideal_learner.enumerated(task, {(0, 1, 1)})) == 12
    assert len(ideal_learner.enumerated(task, {(0, 1, 1), (1, 2, 0), (2, 3, 1)})) == 1
    with pytest.raises(ValueError, match="at most 7"):
        ideal_learner.enumerated(PrecedenceTask(PrecedenceConfig(num_operators=8)), set())


def test_who_knows_the_levels_solves_everything_and_who_knows_nothing_little(task):
    problems = task.problems(Split.TEST, 100)
    assert all(ideal_learner.solves(task, problem, task.levels[None]) for problem in problems)
    flat = np.zeros((1, len(task.operators)), dtype=np.int64)
    assert np.mean([ideal_learner.solves(task, problem, flat) for problem in problems]) < 0.5


def test_more_traces_leave_less_error_and_records_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(ideal_learner, "SIZES", (1, 200))
    monkeypatch.setattr(ideal_learner, "WORLDS", [FEW])
    assert ideal_learner.main(["--seeds", "2", "--test", "50", "--out", str(tmp_path)]) == 0
    records = pd.read_csv(tmp_path / "results.csv")
    error = records.groupby("data_size")["test_error"].mean()
    assert error[200] == 0 < error[1]
    assert set(records["seed"]) == {1, 2} and set(records["algorithm"]) == {"ideal"}
    assert (records["test_accuracy"] + records["test_error"]).round(6).eq(1).all()
