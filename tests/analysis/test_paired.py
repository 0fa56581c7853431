"""Differences between settings that share seeds: exact where worked out by hand, and held as often as promised."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from synthscale_analysis.numbers.paired import Noise, difference, log_odds, pooled_noise


def block(values: list[list[float]]) -> pd.DataFrame:
    return pd.DataFrame(values, index=["1", "2", "3"][: len(values)], columns=list("abc")[: len(values[0])])


def test_two_settings_are_the_paired_t_test() -> None:
    table = block([[1.0, 2.0], [3.0, 3.5], [0.0, 1.5]])
    gains = table["b"] - table["a"]
    found = difference([(table, {"b": 1.0, "a": -1.0})], pooled_noise([table]))
    half = t.ppf(0.975, 2) * gains.std(ddof=1) / np.sqrt(3)
    assert found is not None and found.low is not None and found.high is not None
    assert (found.value, found.high - found.value) == pytest.approx((1.0, half))
    assert found.num_seeds == 3 and found.tells == (abs(gains.mean()) > half)


def test_a_seed_s_luck_is_no_noise() -> None:
    table = block([[1.0, 2.0, 4.0], [11.0, 12.0, 14.0]])
    noise = pooled_noise([table])
    assert noise == Noise(pytest.approx(0.0, abs=1e-12), 2)
    found = difference([(table, {"c": 1.0, "a": -1.0})], noise)
    assert found is not None and found.value == pytest.approx(3.0) and found.tells


def test_missing_runs_leave_the_seeds_that_both_have() -> None:
    table = block([[1.0, 2.0], [3.0, np.nan], [0.0, 2.0]])
    found = difference([(table, {"b": 1.0, "a": -1.0})], pooled_noise([table]))
    assert found is not None and found.value == pytest.approx(1.5) and found.num_seeds == 2


def test_what_cannot_be_told() -> None:
    single, infinite = block([[1.0, 2.0]]), block([[1.0, np.inf], [1.0, 2.0]])
    found = difference([(single, {"b": 1.0, "a": -1.0})], pooled_noise([single]))
    assert found is not None and found.low is None and not found.tells
    assert difference([(infinite, {"b": 1.0, "a": -1.0})], pooled_noise([infinite])) is None
    assert difference([(single, {"d": 1.0, "a": -1.0})], Noise(1.0, 3)) is None
    assert difference([], Noise(1.0, 3)) is None
    assert pooled_noise([]) == Noise(None, 0)
    assert np.isinf(log_odds(pd.Series([0.0, 1.0]))).all()


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    generator, held = np.random.default_rng(0), 0
    for _ in range(200):
        blocks = [block((generator.normal(0, 1, (2, 1)) + generator.normal(0, 0.1, (2, 3))).tolist()) for _ in range(3)]
        found = difference([(one, {"c": 1.0, "a": -1.0}) for one in blocks], pooled_noise(blocks))
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= 0 <= found.high
    assert 0.90 <= held / 200 <= 0.99
