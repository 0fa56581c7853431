"""One sentence a method: every way in which a multiplier can be known, or not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from synthscale.scaling import CensoredValue, OverallMultiplier, Reach
from synthscale_analysis.curves import curves_of
from synthscale_analysis.numbers.sentences import headline, multiplier_sentence, sizes_text, value_text

Records = Callable[..., pd.DataFrame]
FOUND = OverallMultiplier(
    sizes=(64.0, 128.0),
    multiplier=CensoredValue(1.4567, Reach.IN_RANGE),
    low=CensoredValue(1.1, Reach.IN_RANGE),
    high=CensoredValue(2.0, Reach.MORE_THAN),
    share_beyond=0.1,
    tested_sizes=(64.0, 128.0),
    p_value=0.0121,
    note="",
)
NO_INTERVAL = {"low": None, "high": None, "share_beyond": None, "p_value": None, "tested_sizes": ()}
BOUND = CensoredValue(1.414, Reach.MORE_THAN)
QUARTER, MOST = CensoredValue(0.25, Reach.MORE_THAN), CensoredValue(0.5, Reach.LESS_THAN)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "RFT is worth 1.46 [1.10, > 2.00] times the data of SFT, over 64–128 problems (p = 0.012)"),
        (
            {"tested_sizes": (32.0, 64.0, 128.0), "p_value": 0.25},
            "RFT is worth 1.46 [1.10, > 2.00] times the data of SFT, over 64–128 problems "
            "(p = 0.25 over 32–128 problems)",
        ),
        (
            {"multiplier": BOUND, "p_value": 0.001},
            "RFT is worth > 1.41 [1.10, > 2.00] times the data of SFT, over 64–128 problems, all beyond the baseline's "
            "range (p = 0.001)",
        ),
        (
            {"multiplier": BOUND, "low": BOUND, "high": BOUND, "p_value": 0.001},
            "RFT is worth at least 1.41 times the data of SFT, over 64–128 problems; beyond that the baseline was not "
            "measured (p = 0.001)",
        ),
        (
            {"multiplier": QUARTER, "low": QUARTER, "high": QUARTER, "p_value": 0.98, "tested_sizes": (64.0,)},
            "RFT is worth at least 0.25 times the data of SFT, over 64–128 problems; beyond that the baseline was not "
            "measured (p = 0.98 at 64 problems)",
        ),
        (
            {"multiplier": QUARTER, "low": QUARTER, "high": QUARTER, "p_value": None},
            "RFT is worth at least 0.25 times the data of SFT, over 64–128 problems; beyond that the baseline was not "
            "measured, so whether it is worth more than its own data is not known",
        ),
        (
            {"multiplier": MOST, "low": MOST, "high": MOST, "p_value": 0.98},
            "RFT is worth at most 0.50 times the data of SFT, over 64–128 problems; below that the baseline was not "
            "measured (p = 0.98)",
        ),
        (
            {"multiplier": BOUND, "low": MOST, "p_value": 0.13},
            "RFT has no multiplier over SFT that can be told: over 64–128 problems its errors may lie beyond the "
            "baseline's range on either side (p = 0.13)",
        ),
        (
            NO_INTERVAL | {"multiplier": QUARTER, "note": "one seed: no interval"},
            "RFT is worth at least 0.25 times the data of SFT, over 64–128 problems; beyond that the baseline was not "
            "measured, so whether it is worth more than its own data is not known (one seed: no interval)",
        ),
        (
            NO_INTERVAL | {"note": "one seed: no interval"},
            "RFT is worth 1.46 times the data of SFT, over 64–128 problems (one seed: no interval)",
        ),
        (
            NO_INTERVAL
            | {"multiplier": None, "note": "beyond on both sides", "p_value": 0.995, "tested_sizes": (8.0,)},
            "RFT has no overall multiplier over SFT: beyond on both sides (p > 0.99 at 8 problems)",
        ),
    ],
)
def test_what_is_known_is_said(change: dict[str, Any], sentence: str) -> None:
    assert multiplier_sentence("RFT", "SFT", replace(FOUND, **change)) == sentence


def test_sizes_are_a_range_unless_one_between_is_left_out() -> None:
    assert sizes_text([1024.0]) == "at 1,024 problems"
    assert sizes_text([1.0]) == "at 1 problem"
    assert sizes_text([64.0, 256.0], [64.0, 256.0, 512.0]) == "over 64–256 problems"
    assert sizes_text([64.0, 256.0], [64.0, 128.0, 256.0]) == "over 64, 256 problems"


def of(records: pd.DataFrame, algorithm: str, baseline: str = "sft") -> str | None:
    curve = next(curve for curve in curves_of(records) if curve.algorithm == algorithm)
    return headline(records, curve, baseline, num_draws=40)


def test_from_records(records: Records) -> None:
    table = records()
    found = of(table, "rft", "sft_matched")
    assert found is not None
    assert found.startswith("RFT is worth 1.") and "times the data of SFT with matched updates, over 64–" in found
    assert of(table, "sft") is None
    assert str(of(table, "sft_matched")).startswith("SFT with matched updates is worth 1.")
    one_seed = of(records(num_seeds=1), "rft")
    assert one_seed is not None and one_seed.endswith("problems (one seed: no interval)")
    beyond = of(records({"sft": 1.0, "rft": 1000.0}), "rft")
    assert beyond is not None and "; beyond that the baseline was not measured" in beyond


def test_without_a_baseline_the_sentence_says_so(records: Records) -> None:
    assert of(records({"rft": 1.7}), "rft") == "RFT has no multiplier: there are no runs of SFT"
    perfect = records({"sft": 1.0, "rft": 1.7}).assign(test_error=0.0)
    assert of(perfect, "rft") == "RFT has no multiplier: SFT makes no errors"


def test_a_bound_that_is_not_1_is_not_written_as_1() -> None:
    assert value_text(CensoredValue(0.9971, Reach.MORE_THAN)) == "> 0.997"
    assert value_text(CensoredValue(1.0, Reach.MORE_THAN)) == "> 1.00"
    assert value_text(CensoredValue(1.0000001, Reach.IN_RANGE)) == "1.00"
