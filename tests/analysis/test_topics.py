"""Heat map, saturation, pass@k and cost: planted contrasts are found, absent ones not claimed, gaps survived."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from planted_contrasts import costed, fractions, rising, rows, sampled, solutions
from synthscale.study.error import UserError
from synthscale_analysis.figures import cost as figure_cost
from synthscale_analysis.figures import heat_map as figure_heat_map
from synthscale_analysis.figures import pass_at_k as figure_pass_at_k
from synthscale_analysis.figures import saturation as figure_saturation
from synthscale_analysis.figures.heat_map import ink_on
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.costs import cost_multipliers, cost_table, with_costs
from synthscale_analysis.numbers.heat_map import heat_map_table
from synthscale_analysis.numbers.pass_at_k import largest_common_size, pass_at_k_table
from synthscale_analysis.numbers.saturation import Ending, last_doublings, saturation_lines, saturation_table
from synthscale_analysis.page.section import Chart, Section
from synthscale_analysis.report.command import main
from synthscale_analysis.sections import cost, heat_map, pass_at_k, saturation
from synthscale_analysis.studies import TaskModelRecords

SECTIONS = (heat_map, saturation, pass_at_k, cost)
FIGURES = (figure_heat_map, figure_saturation, figure_pass_at_k, figure_cost)
TURN: Callable[[float], float] = lambda log: 0.4 * log - 0.07 * log**2  # noqa: E731
LEVEL: Callable[[float], float] = lambda log: 0.4 * min(log, 3.0)  # noqa: E731
GAIN: Callable[[float], float] = lambda log: 0.2 * log  # noqa: E731


def methods() -> pd.DataFrame:
    """SFT and RFT with samples and costs; RFT is better at equal sizes and dearer."""
    parts = [
        rows(name, lambda size, gain: rising(size) + gain, (gain,), "gain") for name, gain in (("sft", 0), ("rft", 0.5))
    ]
    return costed(sampled(pd.concat(parts, ignore_index=True)), {"sft": 1000.0, "rft": 4000.0})


def material(records: pd.DataFrame, folder: Path = Path("absent")) -> Material:
    return Material(TaskModelRecords("precedence", "tiny", records, folder / "report"), folder, 50)


def everything() -> pd.DataFrame:
    """One study with all contrasts."""
    return pd.concat([methods(), fractions(), solutions(TURN).query("algorithm == 'sft_matched'")], ignore_index=True)


def drawn_by(figure: ModuleType, records: pd.DataFrame) -> Figure:
    made = getattr(figure, f"{figure.NAME}_figure")(records)
    assert isinstance(made, Figure)
    return made


def section_of(module: ModuleType, records: pd.DataFrame) -> Section:
    made = module.section(material(records))
    assert isinstance(made, Section)
    return made


def test_a_planted_best_fraction_stands_out_at_every_size() -> None:
    table = heat_map_table(fractions())
    assert len(table) == 4 * 5 and table["stands_out"].sum() == 4
    assert set(table.loc[table["stands_out"].astype(bool), "negative_fraction"]) == {0.5}
    assert (table["test_accuracy_low"] < table["mean_test_accuracy"]).all()
    best = table[table["is_best"].astype(bool)]
    assert (best["odds_ratio_low"] < best["odds_ratio"]).all() and set(best["runner_up"]) <= {0.25, 0.75}
    lead = section_of(heat_map, fractions()).lead
    assert "per-step mix: the best negative fraction is 0.5 at 32, 64, 128 and 256 problems." in lead


def test_without_a_best_fraction_none_is_claimed() -> None:
    assert heat_map_table(fractions(None))["stands_out"].sum() <= 1
    single = fractions()[lambda table: table["seed"] == 1]
    assert not heat_map_table(single)["stands_out"].any()
    assert section_of(heat_map, single).lead == "per-step mix: no negative fraction stands out at any size."


def test_equal_fractions_are_told_apart_no_more_often_than_promised() -> None:
    generator, told = np.random.default_rng(1), 0
    for _ in range(20):
        table = fractions(None, noise=0.0)
        odds = np.log(table["test_accuracy"] / table["test_error"]) + generator.normal(0, 0.1, len(table))
        accuracy = 1 / (1 + np.exp(-odds))
        told += int(heat_map_table(table.assign(test_accuracy=accuracy, test_error=1 - accuracy))["stands_out"].sum())
    assert told / 80 <= 0.1


def test_points_without_a_pair_stand_in_the_panel_of_every_shape_of_pairs() -> None:
    def variant(shape: str, rate: str = "1e-3") -> pd.DataFrame:
        return fractions().assign(variant=f"algorithm.second.learning_rate={rate} mixture.pair_shape={shape}")

    step = variant("step")[lambda table: table["negative_fraction"] > 0]  # of which fraction 0 is divergence's
    other_rate = variant("step", "2e-3")[lambda table: table["negative_fraction"] > 0]
    table = heat_map_table(pd.concat([variant("divergence"), step, other_rate], ignore_index=True))
    zero = table[table["negative_fraction"] == 0].groupby("variant")["mean_test_accuracy"].apply(list)
    assert len(zero) == 2 and zero.iloc[0] == zero.iloc[1] and not zero.index.str.contains("2e-3").any()
    assert len(table) == 4 * (5 + 5 + 4)
    twice = heat_map_table(pd.concat([variant("divergence"), variant("solution"), step], ignore_index=True))
    seeds = fractions()["seed"].nunique()
    assert len(twice) == 4 * 15 and (twice["num_seeds"] == seeds).all()  # of two that stand for it, one


def test_numbers_can_be_read_on_their_cells() -> None:
    assert ink_on((1.0, 1.0, 1.0)) == ink_on((0.6, 0.6, 0.6)) == "#000000"
    assert ink_on((0.0, 0.1, 0.3)) == "#ffffff"


@pytest.mark.parametrize(
    ("gain", "ending", "words"),
    [
        (TURN, Ending.TURNED, "gains turn into losses (inverse scaling): from 8 to 32 solutions"),
        (LEVEL, Ending.SLOWED, "gains slow down: from 8 to 32 solutions"),
        (GAIN, Ending.GAINING, "still gaining at the largest number: from 8 to 32 solutions"),
    ],
)
def test_a_planted_ending_is_found(gain: Callable[[float], float], ending: Ending, words: str) -> None:
    (lines,) = saturation_lines(solutions(gain))
    found = last_doublings(lines)
    assert found is not None and found.ending is ending and (found.before, found.last) == (8.0, 32.0)
    assert words in section_of(saturation, solutions(gain)).lead


def test_few_seeds_or_much_noise_tell_no_ending() -> None:
    single = solutions(TURN)[lambda table: table["seed"] == 1]
    (lines,) = saturation_lines(single)
    found = last_doublings(lines)
    assert found is not None and found.change.low is None and found.ending is Ending.UNTOLD
    assert "one seed a point gives no interval" in section_of(saturation, single).lead
    (lines,) = saturation_lines(solutions(GAIN, noise=1.0))
    found = last_doublings(lines)
    assert found is not None and found.ending is Ending.UNTOLD
    assert "cannot be told" in section_of(saturation, solutions(GAIN, noise=1.0)).lead


def test_limits_that_were_not_reached_are_no_flattening() -> None:
    short: Callable[[float], float] = lambda log: 0.2 * min(log, 3.0)  # noqa: E731
    records = solutions(short, most=8)
    (lines,) = saturation_lines(records)
    assert lines.not_reached() == {size: [16.0, 32.0] for size in (32, 64, 128, 256)}
    found = last_doublings(lines)
    assert found is not None and found.ending is Ending.GAINING and (found.before, found.last) == (2.0, 8.0)
    lead = section_of(saturation, records).lead
    assert "still gaining at the largest number: from 2 to 8 solutions" in lead
    assert "Limits 16 and 32 were not reached: the samples gave no more" in lead
    assert "not reached" not in section_of(saturation, solutions(short)).lead


def test_a_limit_that_some_size_or_seed_reached_stays() -> None:
    records = solutions(GAIN, most=16)
    reached = (records["data_size"] == 256) & records["variant"].str.endswith("=32")
    records.loc[reached & (records["seed"] == 1), "num_train_positives"] += 1
    (lines,) = saturation_lines(records)
    assert lines.not_reached() == {size: [32.0] for size in (32, 64, 128)}
    assert "Limit 32 (at 32, 64 and 128 problems) was not reached" in section_of(saturation, records).lead
    found = last_doublings(lines)
    assert found is not None and found.last == 32.0


def test_gains_are_against_matched_updates_at_the_same_size() -> None:
    table = saturation_table(solutions(LEVEL, noise=1e-9))
    assert set(table["baseline"]) == {"sft_matched"} and len(table) == 4 * 6
    first = table[table["solutions_per_problem"] == 1]
    assert (first["error_ratio"] < 1).all()
    later = table[table["solutions_per_problem"] == 8]
    assert (later["error_ratio"].to_numpy() < first["error_ratio"].to_numpy()).all()
    made = section_of(saturation, solutions(LEVEL, most=8))
    chart = next(block for block in made.blocks if isinstance(block, Chart))
    assert "From 8 solutions a problem on" in chart.caption


def test_without_the_setting_what_was_trained_on_counts() -> None:
    records = solutions(LEVEL)
    numbers = records["num_train_positives"]
    pinned = records.assign(variant=["" if pd.isna(n) else f"sampler.num_samples={n:g}" for n in numbers])
    assert saturation_lines(pinned) == []  # each number is a variant of its own, with other settings
    some = pinned[pinned["algorithm"] != "rft"]
    assert isinstance(saturation.section(material(some)), str)


def test_more_samples_close_a_planted_gap() -> None:
    table = pass_at_k_table(methods())
    assert len(table) == 2 * 4 * 6 and largest_common_size(table) == 256
    assert ((table["low"] < table["mean"]) & (table["mean"] < table["high"])).all()
    lead = section_of(pass_at_k, methods()).lead
    assert "At 256 problems, one sample is right most often by RFT" in lead
    assert "at least one of 16 samples is right most often by SFT" in lead
    assert "With more samples, RFT falls back against SFT." in lead
    chart = section_of(pass_at_k, methods()).blocks[0]
    assert isinstance(chart, Chart) and "first sample alone, where pass@1 is the mean over all of" in chart.caption


def test_sizes_that_some_methods_lack_are_not_the_common_one() -> None:
    table = methods()
    assert (
        largest_common_size(pass_at_k_table(table[(table["algorithm"] == "sft") | (table["data_size"] < 256)])) == 128
    )


def test_cost_multipliers_are_those_of_the_planted_costs() -> None:
    """RFT's log odds are 0.5 higher: worth e^(0.5/0.8) = 1.87 times the data, at 4 or 8 times the tokens."""
    found = {one.cost: one for one in cost_multipliers(methods(), 50) if one.baseline == "sft"}
    ratios = {cost: one.overall.multiplier for cost, one in found.items()}
    assert all(ratio is not None for ratio in ratios.values())
    assert {cost: ratio.value for cost, ratio in ratios.items() if ratio} == pytest.approx(
        {"train_tokens": 1.87 / 4, "all_tokens": 1.87 / 8, "seconds": 1.87 / 8}, rel=0.2
    )
    assert "in tokens trained on, dearer is RFT (0." in section_of(cost, methods()).lead


def test_a_point_without_a_second_phase_sampled_nothing_and_another_s_gap_is_a_gap() -> None:
    records = methods()
    records.loc[(records["algorithm"] == "rft") & (records["data_size"] == 64), "num_sampled_tokens"] = np.nan
    costs = with_costs(records)
    is_sft = costs["algorithm"] == "sft"
    assert (costs.loc[is_sft, "all_tokens"] == costs.loc[is_sft, "train_tokens"]).all()
    table = cost_table(records)
    rft = table[(table["curve"] == "RFT") & (table["cost"] == "all_tokens")]
    assert list(rft["data_size"]) == [32, 128, 256]


@pytest.mark.parametrize("module", SECTIONS)
def test_a_study_without_the_contrast_says_so(module: ModuleType) -> None:
    plain = rows("rft", lambda size, _: rising(size), (0.0,), "setting").drop(columns="setting")
    made = module.section(material(plain))
    assert isinstance(made, str) and made.endswith(".") and made.startswith(module.TITLE)


HALVES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "one seed": lambda table: table[table["seed"] == 1],
    "one size": lambda table: table[table["data_size"] == 64],
    "one row": lambda table: table.head(1),
    "missing cells": lambda table: table.sample(frac=0.5, random_state=0),
    "perfect": lambda table: table.assign(test_error=0.0, test_accuracy=1.0, pass_at_1=1.0, pass_at_16=0.0),
    "empty columns": lambda table: table.assign(
        **{name: np.nan for name in table if name.startswith(("pass", "maj", "num_", "train_s", "sample_s"))}
    ),
    "no baseline": lambda table: table[~table["algorithm"].str.startswith("sft")],
    "columns away": lambda table: table.drop(columns=[name for name in table if name.startswith(("pass", "num_"))]),
}


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("made", [everything, lambda: solutions(TURN)], ids=["all", "variants"])
def test_half_finished_studies_have_their_sections_and_figures(half: str, made: Callable[[], pd.DataFrame]) -> None:
    records = HALVES[half](made())
    for module in SECTIONS:
        found = module.section(material(records))
        text = found if isinstance(found, str) else found.lead
        assert text and "nan" not in text and "None" not in text
    for figure in FIGURES:
        with suppress(UserError):
            drawn_by(figure, records)


@pytest.mark.parametrize("figure", FIGURES)
def test_scripts_run_alone(figure: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (solutions(TURN) if figure is figure_saturation else everything()).to_csv(tmp_path / "results.csv", index=False)
    assert figure.main([str(tmp_path)]) == 0
    assert (tmp_path / "report" / f"{figure.NAME}.svg").is_file()
    rows("rft", lambda size, _: rising(size), (0.0,), "setting").to_csv(tmp_path / "results.csv", index=False)
    assert figure.main([str(tmp_path)]) == 2
    assert figure.ABSENT in capsys.readouterr().err


@pytest.mark.parametrize("figure", FIGURES)
def test_letters_are_legible_and_legends_lie_off_the_data(figure: ModuleType) -> None:
    records = solutions(TURN) if figure is figure_saturation else everything()
    drawn = drawn_by(figure, records)
    FigureCanvasAgg(drawn).draw()
    shown = [text for text in drawn.findobj(Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in shown) >= 9
    boxes = [axes.get_tightbbox() for axes in drawn.axes if axes.get_visible()]
    for legend in drawn.legends:
        extent = legend.get_window_extent()
        assert not any(box.overlaps(extent) for box in boxes)
        assert drawn.bbox.x0 <= extent.x0 and extent.x1 <= drawn.bbox.x1


def test_a_report_holds_their_tables_and_figures(tmp_path: Path) -> None:
    everything().to_csv(tmp_path / "results.csv", index=False)
    assert main([str(tmp_path), "--bootstrap", "5"]) == 0
    there = {path.name for path in (tmp_path / "report").iterdir()}
    for name in ("heat_map", "pass_at_k", "cost"):
        assert {f"{name}.csv", f"{name}.png", f"{name}.svg"} <= there
    assert "cost_multipliers.csv" in there and "saturation.png" not in there
