"""Draws of means: centred on the table, as wide as Student's t says, together where seeds are shared."""

import numpy as np
import pytest
from scipy.stats import t

from synthscale.scaling.joint_draws import mean_draws
from synthscale.scaling.measurements import Measurements
from synthscale.scaling.planted import PlantedStudy

STUDY = PlantedStudy(sizes=(64, 128, 256, 512), num_seeds=3, slope=0.5, multiplier=2.0, noise=0.1, correlation=0.9)


def log_draws(*tables: Measurements, num_draws: int = 20_000) -> list[np.ndarray]:
    found = mean_draws(tables, num_draws, np.random.default_rng(0))
    return [np.log(means[1:]) - np.log(means[0]) for means in found]


def test_row_0_is_the_table() -> None:
    for table, means in zip(
        STUDY.tables(np.random.default_rng(1)),
        (mean_draws(STUDY.tables(np.random.default_rng(1)), 5, np.random.default_rng(0))),
        strict=True,
    ):
        np.testing.assert_allclose(means[0], [table.values[rows].mean() for rows in table.cells()])


def test_the_spread_of_a_mean_is_students_with_the_pooled_deviation() -> None:
    (table, _) = STUDY.tables(np.random.default_rng(1))
    cells = [np.log(table.values[rows]) for rows in table.cells()]
    freedom = sum(len(cell) - 1 for cell in cells)
    pooled = np.sqrt(sum(((cell - cell.mean()) ** 2).sum() for cell in cells) / freedom)
    (draws,) = log_draws(table)
    for column in draws.T:
        assert column.std() == pytest.approx(pooled / np.sqrt(3) * t.std(freedom), rel=0.05)
        # the pool has twelve deviations, so tails are near those of t and no more
        assert np.quantile(column, 0.975) == pytest.approx(pooled / np.sqrt(3) * t.ppf(0.975, freedom), rel=0.15)


def test_shared_seeds_are_drawn_together_and_others_apart() -> None:
    ours, theirs = log_draws(*STUDY.tables(np.random.default_rng(1)))
    assert np.corrcoef(ours[:, 1], theirs[:, 1])[0, 1] > 0.7
    assert abs(np.corrcoef(ours[:, 1], theirs[:, 2])[0, 1]) < 0.05
    baseline, method = STUDY.tables(np.random.default_rng(1))
    assert method.seeds is not None
    apart = Measurements.from_columns(method.inputs, method.values, method.seeds + 100)
    ours, theirs = log_draws(baseline, apart)
    assert abs(np.corrcoef(ours[:, 1], theirs[:, 1])[0, 1]) < 0.05


def test_a_single_seed_draws_from_the_pool_and_a_perfect_score_from_its_own() -> None:
    table = Measurements.from_columns([1, 1, 2, 4, 4], [0.5, 0.6, 0.4, 0.0, 0.1], [0, 1, 0, 0, 1])
    (means,) = mean_draws([table], 200, np.random.default_rng(0))
    assert means[1:, 1].std() > 0
    assert set(means[1:, 2].round(9)) == {0.0, 0.05, 0.1}
    (same,) = mean_draws([Measurements.from_columns([1, 2], [0.5, 0.4], [0, 0])], 10, np.random.default_rng(0))
    assert (same == same[0]).all()
