"""The size an error takes: planted curves give theirs; outside the range there are bounds, below a floor nothing."""

import numpy as np
import pytest

from synthscale.scaling import LAWS, Measurements, Reach, bootstrap_fit, fit_law, law_size_for, ratio_for, size_for
from synthscale.scaling.planted import PlantedStudy
from synthscale.scaling.target import BEYOND, inverted

STUDY = PlantedStudy(sizes=(64, 128, 256, 512), num_seeds=5, slope=0.5, multiplier=2.0, noise=0.05)
SIZES = np.array(STUDY.sizes)


def planted_error(size: float) -> float:
    return float(0.8 * (size / 64) ** -0.5)


def test_the_measured_curve_gives_the_planted_size_with_an_interval() -> None:
    baseline, method = STUDY.tables(np.random.default_rng(0))
    found, half = size_for(baseline, planted_error(200)), size_for(method, planted_error(200))
    for each, truth in ((found, 200), (half, 100)):
        assert each.value is not None and each.low is not None and each.high is not None
        assert each.low.value < truth < each.high.value and each.value.reach is Reach.IN_RANGE
    ratio = ratio_for(baseline, method, planted_error(200))
    assert ratio.low is not None and ratio.high is not None and ratio.low.value < 2.0 < ratio.high.value
    assert ratio.value is not None and found.value is not None and half.value is not None
    assert ratio.value.value == pytest.approx(found.value.value / half.value.value)


def test_outside_the_range_there_is_a_side() -> None:
    baseline, method = STUDY.tables(np.random.default_rng(0))
    assert str(size_for(baseline, 0.01).value) == "> 512" and str(size_for(baseline, 0.99).value) == "< 64"
    reached_by_the_method = planted_error(900)
    ratio = ratio_for(baseline, method, reached_by_the_method)
    assert ratio.value is not None and ratio.value.reach is Reach.MORE_THAN
    assert ratio.value.value == pytest.approx(512 / 450, rel=0.15)
    backwards = ratio_for(method, baseline, reached_by_the_method)
    assert backwards.value is not None and backwards.value.reach is Reach.LESS_THAN
    neither = ratio_for(baseline, method, 0.01)
    assert neither.value is None and "neither" in neither.note


def test_one_seed_has_no_interval() -> None:
    table = Measurements.from_columns([64.0, 128.0], [0.8, 0.4])
    found = size_for(table, 0.5)
    assert found.value is not None and found.low is None and "one seed" in found.note


def test_where_one_seed_does_not_cross_there_is_nothing_to_note() -> None:
    table, crossing = (Measurements.from_columns([64.0, 128.0], [0.8, last]) for last in (0.4, 0.2))
    assert [str(size_for(table, error).value) for error in (0.01, 0.99)] == ["> 128", "< 64"]
    for found in (size_for(table, 0.01), size_for(table, 0.99)):
        assert (found.low, found.high, found.note) == (None, None, "")
    assert "one seed" in ratio_for(table, crossing, 0.3).note


@pytest.mark.parametrize("name", ["power", "power_offset", "broken"])
def test_a_law_is_inverted_as_it_predicts(name: str) -> None:
    law = LAWS[name]
    parameters = {"power": [6.0, 0.5], "power_offset": [6.0, 0.5, 0.05], "broken": [6.0, 0.3, 0.4, 200.0, 0.3, 0.02]}
    curves = np.array([parameters[name]] * 250) * np.linspace(0.9, 1.1, 250)[:, None]
    sizes = inverted(law, curves, 0.2, SIZES)
    back = [law.predict(curve, np.array([size]))[0] for curve, size in zip(curves, sizes, strict=True)]
    np.testing.assert_allclose(back, 0.2, rtol=1e-4)


def test_an_error_that_grows_is_below_from_the_start_or_never() -> None:
    grows = np.array([[0.1, -0.2]])
    assert inverted(LAWS["power"], grows, 0.3, SIZES).tolist() == [0.0]
    assert inverted(LAWS["power"], grows, 1e-9, SIZES).tolist() == [np.inf]


def test_a_law_without_a_floor_reaches_every_error() -> None:
    power = np.array([[6.0, 0.5], [6.0, 0.05], [0.9, 0.01], [0.9, 0.0]])
    assert inverted(LAWS["power"], power, 1e-9, SIZES).tolist() == pytest.approx([3.6e19, BEYOND, BEYOND, np.inf])
    near_floor = np.array([[6.0, 0.5, 0.1], [6.0, 0.5, 0.1 + 1e-8]])
    assert inverted(LAWS["power_offset"], near_floor, 0.1 + 1e-8, SIZES) == pytest.approx([3.6e17, np.inf], rel=0.01)


def test_a_floor_that_is_not_below_is_never_passed() -> None:
    rows = np.repeat(np.array([32.0, 64, 128, 256, 512, 1024]), 3)
    noise = np.exp(np.random.default_rng(0).normal(0, 0.01, rows.size))
    table = Measurements.from_columns(rows, (8 / rows + 0.1) * noise, np.tile(np.arange(3), 6))
    bootstrap = bootstrap_fit(LAWS["power_offset"], table, num_draws=100, delta=0.1)
    never = law_size_for(bootstrap.fit, bootstrap, table.sizes(), 0.05)
    assert never.size == np.inf == never.high and never.floor == pytest.approx(0.1, rel=0.1)
    inside = law_size_for(bootstrap.fit, bootstrap, table.sizes(), 0.2)
    assert inside.low is not None and inside.high is not None and inside.low < 80 < inside.high
    assert inside.size == pytest.approx(80, rel=0.1) and inside.mark == "" and inside.floor is None


def test_far_is_marked() -> None:
    table, _ = STUDY.tables(np.random.default_rng(0))
    fit = fit_law(LAWS["power"], table)
    marks = [law_size_for(fit, None, SIZES, planted_error(size)).mark for size in (200, 1000, 3000, 20)]
    assert marks == ["", "extrapolated", "far", "extrapolated"]


@pytest.mark.parametrize("error", [0.0, -0.1, float("nan"), float("inf")])
def test_errors_that_no_curve_has(error: float) -> None:
    table, _ = STUDY.tables(np.random.default_rng(0))
    with pytest.raises(ValueError, match="positive"):
        size_for(table, error)
