"""Power: 5 % where there is nothing to see, the normal approximation for many seeds, and more with everything."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, norm

from synthscale.scaling import Measurements, PlantedStudy, Power, power_of, seed_noise, spacing
from synthscale.scaling.power import NUM_FIRST, NUM_STUDIES

STUDY = PlantedStudy(sizes=(1, 2, 4, 8), num_seeds=3, slope=0.5, multiplier=1.3, noise=0.15)
FEW = 100


def approximate(study: PlantedStudy) -> float:
    """For many seeds: see the module."""
    share_apart = 1 - (study.correlation or 0.0)
    deviation = study.noise * np.sqrt(2 * share_apart / (study.num_seeds * len(study.sizes)))
    return float(norm.cdf(study.slope * np.log(study.multiplier) / deviation - norm.ppf(0.95)))


def test_of_nothing_it_is_the_level() -> None:
    seen = power_of(replace(STUDY, multiplier=1.0), num_studies=300, num_first=300).num_seen
    assert binom.cdf(seen, 300, 0.05) > 1e-4 and binom.sf(seen - 1, 300, 0.05) > 1e-4


@pytest.mark.parametrize("correlation", [None, 0.8])
def test_many_seeds_agree_with_the_normal_approximation(correlation: float | None) -> None:
    multiplier = 1.15 if correlation is None else 1.05
    study = replace(STUDY, num_seeds=12, multiplier=multiplier, correlation=correlation)
    expected = approximate(study)
    assert 0.3 < expected < 0.8
    assert power_of(study, num_studies=300).share == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 300))


def test_it_grows_with_seeds_sizes_slope_and_multiplier_and_falls_with_noise() -> None:
    weak = replace(STUDY, num_seeds=2, sizes=(1, 2, 4), multiplier=1.15)
    power = power_of(weak, num_studies=FEW).share
    more = ({"num_seeds": 8}, {"sizes": (1, 2, 4, 8, 16, 32, 64, 128)}, {"slope": 1.2}, {"multiplier": 2.0})
    for change in (*more, {"noise": 0.05}, {"correlation": 0.9}):
        assert power_of(replace(weak, **change), num_studies=FEW).share > power + 0.1, change


def test_what_all_studies_agree_on_takes_fewer() -> None:
    plain, dull = replace(STUDY, multiplier=4.0), replace(STUDY, multiplier=1.2)
    assert power_of(plain) == Power(3, 4, NUM_FIRST, NUM_FIRST)
    assert power_of(dull).num_studies == NUM_STUDIES


def test_the_standard_error_stays_below_three_per_cent_at_any_power() -> None:
    first, rest = np.arange(NUM_FIRST + 1), NUM_STUDIES - NUM_FIRST
    stops = np.minimum(first, NUM_FIRST - first) <= 1
    for power in np.linspace(0.0, 1.0, 201):
        at_first = (first / NUM_FIRST - power) ** 2
        at_last = ((first - NUM_FIRST * power) / NUM_STUDIES) ** 2 + rest * power * (1 - power) / NUM_STUDIES**2
        squares = binom.pmf(first, NUM_FIRST, power) @ np.where(stops, at_first, at_last)
        assert np.sqrt(squares) < 0.03


def test_the_interval_is_wilsons() -> None:
    """8 of 10: 0.490 to 0.943 (Newcombe 1998, method 3, by hand)."""
    interval = Power(2, 3, 8, 10).interval()
    assert (interval.low, interval.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert Power(2, 3, 10, 10).interval().high == pytest.approx(1.0)


def test_noise_is_pooled_over_curves_and_shared_luck_is_found() -> None:
    study = replace(STUDY, sizes=tuple(2.0**step for step in range(40)), num_seeds=5, correlation=0.7)
    noise = seed_noise(*(lambda tables: (tables[0], tables[1:]))(study.tables(np.random.default_rng(0))))
    assert noise.degrees_of_freedom == 2 * 40 * 4
    assert noise.sd == pytest.approx(0.15, rel=0.15) and noise.correlation == pytest.approx(0.7, abs=0.15)
    baseline, _ = study.tables(np.random.default_rng(0))
    assert seed_noise(baseline).correlation is None


def test_what_says_nothing_about_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="no size has two seeds"):
        seed_noise(Measurements.from_columns([1.0, 2.0], [0.5, 0.4]))
    with pytest.raises(ValueError, match="no spacing"):
        spacing([4.0])
    assert spacing([4.0, 8.0, 64.0]) == pytest.approx(4.0)
