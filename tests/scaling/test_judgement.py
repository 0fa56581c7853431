"""The likelihood is one, planted laws are found, and verdicts say what holds and what is not known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from synthscale.scaling import (
    LAWS,
    Judged,
    Measurements,
    best_of,
    bootstrap_fit,
    fit_law,
    judge,
    unidentified,
    verdict,
)
from synthscale.scaling.judgement import aicc, lack_of_fit, log_normaliser, negative_log_likelihood

SIZES = np.array([32.0, 64, 128, 256, 512, 1024, 2048, 4096])
ONE_INPUT = ("power", "power_offset", "broken")


def density(residual: float, scale: float, delta: float) -> float:
    size = abs(residual)
    return float(np.exp(-(0.5 * size**2 / delta if size <= delta else size - 0.5 * delta) / scale))


@pytest.mark.parametrize("delta", [1e-3, 0.1, 3.0])
@pytest.mark.parametrize("scale", [1e-2, 0.3])
def test_the_density_integrates_to_one(scale: float, delta: float) -> None:
    total = 2 * sum(quad(density, *part, args=(scale, delta))[0] for part in ((0, delta), (delta, delta + 60 * scale)))
    assert log_normaliser(scale, delta) == pytest.approx(np.log(total), abs=1e-6)


def test_its_limits_are_the_double_exponential_and_the_normal() -> None:
    residuals = np.random.default_rng(0).normal(0, 0.1, 40)
    spread, mean_size = np.sqrt((residuals**2).mean()), np.abs(residuals).mean()
    normal = 40 * (np.log(spread * np.sqrt(2 * np.pi)) + 0.5)
    double_exponential = 40 * (np.log(2 * mean_size) + 1)
    assert negative_log_likelihood(residuals, 50.0) == pytest.approx(normal, rel=1e-4)
    assert negative_log_likelihood(residuals, 1e-6) == pytest.approx(double_exponential, rel=1e-4)


def test_too_few_rows_have_no_aicc() -> None:
    assert aicc(np.full(4, 0.1), 0.1, 2) == np.inf > aicc(np.full(5, 0.1), 0.1, 2)


def planted(values: np.ndarray, noise: float = 0.03, num_seeds: int = 3, seed: int = 0) -> Measurements:
    generator = np.random.default_rng(seed)
    runs = np.repeat(values, num_seeds) * np.exp(generator.normal(0, noise, num_seeds * len(SIZES)))
    return Measurements.from_columns(np.repeat(SIZES, num_seeds), runs, np.tile(np.arange(num_seeds), len(SIZES)))


def judged(table: Measurements, delta: float = 0.05, num_held_out: int = 0) -> list[Judged]:
    return [judge(fit_law(LAWS[name], table, delta=delta), table, num_held_out) for name in ONE_INPUT]


PLANTED = {
    "power": 2.0 * SIZES**-0.3,
    "power_offset": 8.0 * SIZES**-0.8 + 0.1,
    "broken": 0.9 * SIZES**-0.05 * (1 + (SIZES / 300) ** 2) ** -0.3,
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("seed", range(5))
def test_the_planted_law_is_found(name: str, seed: int) -> None:
    assert best_of(judged(planted(PLANTED[name], seed=seed))).fit.law.name == name


def said(name: str, noise: float = 0.03) -> str:
    table = planted(PLANTED[name], noise)
    found = judged(table)
    law = best_of(found).fit.law
    return verdict(found, {law.name: bootstrap_fit(law, table, num_draws=60, delta=0.05)})


def test_verdicts_say_what_holds() -> None:
    assert said("power").startswith("a power law fits; exponent 0.3")
    assert said("power_offset").startswith("a power law above a floor fits; exponent 0.")
    assert said("broken").startswith("a single power law does not hold: it bends at ")


def test_a_floor_that_is_not_needed_is_not_claimed() -> None:
    table = planted(PLANTED["power"], noise=0.2, seed=1)
    only = [judge(fit_law(LAWS["power_offset"], table, delta=0.1), table)]
    sentence = verdict(only, {"power_offset": bootstrap_fit(LAWS["power_offset"], table, num_draws=60, delta=0.1)})
    assert "c is not identified: its interval reaches 0" in sentence


def test_held_out_sizes_tell_a_law_that_does_not_go_on() -> None:
    power, offset, _ = judged(planted(PLANTED["power_offset"], noise=0.01), num_held_out=2)
    assert power.held_out is not None and offset.held_out is not None
    assert power.held_out > 3 * offset.held_out
    expected = fit_law(
        LAWS["power"], planted(PLANTED["power_offset"], 0.01).rows(np.repeat(SIZES < 2048, 3)), delta=0.05
    )
    large = planted(PLANTED["power_offset"], 0.01).rows(np.repeat(SIZES >= 2048, 3))
    errors = np.abs(np.log(expected.predict(large.inputs) / large.values))
    assert power.held_out == pytest.approx(errors.mean())


def test_nothing_is_held_out_where_too_little_would_be_left() -> None:
    table = planted(PLANTED["power"])
    assert [one.held_out is None for one in judged(table, num_held_out=3)] == [False, False, True]
    assert all(one.held_out is None for one in judged(table, num_held_out=8))


def test_what_cannot_be_told_is_not() -> None:
    few = Measurements.from_columns([1.0, 2.0, 4.0, 8.0], [1.0, 0.8, 0.6, 0.5])
    assert verdict([judge(fit_law(LAWS["power"], few), few)], {}) == "too few rows to tell which law holds"
    noise = planted(np.full(len(SIZES), 0.5), noise=0.2)
    only = [judge(fit_law(LAWS["power"], noise, delta=0.1), noise)]
    sentence = verdict(only, {"power": bootstrap_fit(LAWS["power"], noise, num_draws=60, delta=0.1)})
    assert sentence.startswith("no trend can be told: the exponent is ")


def chances(name: str, law: str, noise: float = 0.05, num_tables: int = 60) -> list[float]:
    found = [lack_of_fit(LAWS[law], planted(PLANTED[name], noise, seed=seed)) for seed in range(num_tables)]
    return [chance for chance in found if chance is not None]


def test_a_law_that_holds_is_rarely_said_not_to() -> None:
    found = chances("power", "power")
    assert len(found) == 60
    assert 0 <= np.mean(np.array(found) < 0.05) <= 0.15
    assert 0.3 < np.mean(found) < 0.7


def test_a_law_that_does_not_hold_is_told_from_the_seeds() -> None:
    assert max(chances("broken", "power", num_tables=10)) < 0.001
    table = planted(PLANTED["broken"])
    only = [judge(fit_law(LAWS["power"], table, delta=0.05), table)]
    assert verdict(only, {}).startswith("none of these laws holds (lack of fit, p = ")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("power", "a power law, exponent 0."),
        ("power_offset", "a power law above a floor, exponent 0."),
        ("broken", "a power law with a bend at x ≈ "),
    ],
)
def test_a_law_that_does_not_hold_is_not_said_to_fit(name: str, nearest: str) -> None:
    (found,) = (one for one in judged(planted(PLANTED[name])) if one.fit.law.name == name)
    failed = replace(found, lack_of_fit=0.01)
    bootstrap = {name: bootstrap_fit(LAWS[name], planted(PLANTED[name]), num_draws=60, delta=0.05)}
    for bootstraps in ({}, bootstrap):
        sentence = verdict([failed], bootstraps)
        assert sentence.startswith(f"none of these laws holds (lack of fit, p = 0.01); the nearest is {nearest}")
        assert "fits" not in sentence and "does not hold" not in sentence
    others = [replace(failed), replace(failed)]
    assert verdict([failed, *others], {}).endswith(f"; {name} and {name} are about as near")


def test_without_seeds_or_spare_sizes_there_is_no_lack_of_fit() -> None:
    assert lack_of_fit(LAWS["power"], planted(PLANTED["power"], num_seeds=1)) is None
    two_sizes = planted(PLANTED["power"]).rows(np.repeat(SIZES < 100, 3))
    assert lack_of_fit(LAWS["power"], two_sizes) is None
    assert lack_of_fit(LAWS["power"], planted(PLANTED["power"], noise=0.0)) is None


def notes(law: str, values: np.ndarray, seed: int = 0) -> dict[str, str]:
    return unidentified(bootstrap_fit(LAWS[law], planted(values, seed=seed), num_draws=100, delta=0.05))


def test_what_a_table_does_not_tell_is_named() -> None:
    assert notes("power", PLANTED["power"]) == {}
    assert notes("power_offset", PLANTED["power_offset"]) == {}
    floors = [notes("power_offset", PLANTED["power"], seed).get("c") for seed in range(8)]
    assert floors.count("its interval reaches 0") >= 6
    straight = notes("broken", PLANTED["power"])
    assert straight["d"] == "its interval spans a factor of more than 100"
    assert "reaches" in straight["f"]


def test_a_slope_at_its_bound_is_not_told() -> None:
    falling_at_once = np.array([0.8, *[0.1] * (len(SIZES) - 1)])
    assert notes("power_offset", falling_at_once)["b"] == "its interval reaches 10"
