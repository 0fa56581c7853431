"""Tables of the findings against hand computation, on records that are planted for it."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import t as students_t

from planted_findings import LUCK, SEEDS, credit, record, rounds, search, slope, spurious
from synthscale.study.error import UserError
from synthscale_analysis.curves import curves_of
from synthscale_analysis.figures.arms import arms_figure
from synthscale_analysis.figures.credit_cost import credit_cost_figure
from synthscale_analysis.figures.rounds import rounds_figure
from synthscale_analysis.figures.slope import slope_figure
from synthscale_analysis.figures.wrong_steps import wrong_steps_figure
from synthscale_analysis.findings.ceiling import IDEAL, methods_with_ideal, with_ideal
from synthscale_analysis.numbers.arms import arm_table, overall_table, reference_arms
from synthscale_analysis.numbers.credit_costs import credit_cost_table
from synthscale_analysis.numbers.estimates import error_by_size
from synthscale_analysis.numbers.rounds import rounds_by_seed, rounds_table, split_rounds
from synthscale_analysis.numbers.search import edges_of, search_table
from synthscale_analysis.numbers.slopes import (
    error_ratio,
    multiplier_at,
    slope_multipliers,
    slope_table,
    tail_exponent,
    theory_slope,
)
from synthscale_analysis.numbers.wrong_steps import models_as_arms, wrong_steps_table
from synthscale_analysis.records import read_records


def read(rows: list[dict[str, object]], folder: Path) -> pd.DataFrame:
    """The rows as a study's records."""
    pd.DataFrame(rows).to_csv(folder / "results.csv", index=False)
    return read_records(folder)


def odds(accuracy: float) -> float:
    return math.log(accuracy / (1 - accuracy))


class TestArms:
    def test_differences_are_paired_over_seeds(self, tmp_path: Path) -> None:
        table = arm_table(read(spurious(), tmp_path), ("rft mixture.steps=null",))
        right = table[(table["arm"] == "RFT, steps=right") & (table["data_size"] == 64)].iloc[0]
        pairs = [0.06, 0.05, 0.05]
        mean, sd = sum(pairs) / 3, math.sqrt(sum((one - sum(pairs) / 3) ** 2 for one in pairs) / 2)
        half = students_t.ppf(0.975, 2) * sd / math.sqrt(3)
        assert right["num_paired_seeds"] == 3
        assert right["difference"] == pytest.approx(mean)
        assert (right["difference_low"], right["difference_high"]) == pytest.approx((mean - half, mean + half))
        pairs = [
            odds(0.5 + gain + LUCK[seed]) - odds(0.5 + LUCK[seed]) for gain, seed in zip(pairs, SEEDS, strict=True)
        ]
        assert right["odds_ratio"] == pytest.approx(math.exp(sum(pairs) / 3))
        assert right["odds_ratio_low"] < right["odds_ratio"] < right["odds_ratio_high"]

    def test_seeds_that_agree_have_no_interval_of_their_own(self, tmp_path: Path) -> None:
        table = arm_table(read(spurious(), tmp_path), ("rft mixture.steps=null",))
        worse = table[table["arm"] == "RFT, steps=spurious"]
        assert worse["difference"].tolist() == pytest.approx([-0.1, -0.1])
        assert worse["difference_low"].isna().all() and (worse["odds_ratio_high"] < 1).all()

    def test_the_baseline_has_none_and_the_first_name_that_is_there_counts(self, tmp_path: Path) -> None:
        table = arm_table(read(spurious(), tmp_path), ("sft_matched", "rft mixture.steps=right", "rft"))
        assert set(table["baseline"].dropna()) == {"RFT, steps=right"}
        assert table.loc[table["arm"] == "RFT, steps=right", "difference"].isna().all()

    def test_of_several_baselines_each_arm_has_the_one_of_its_settings(self, tmp_path: Path) -> None:
        key = "algorithm.first.updates_per_problem"
        rows = [
            record(algorithm, 64, seed, accuracy + LUCK[seed], variant=f"{key}={length}")
            for algorithm, accuracy in (("sft", 0.4), ("step_dpo", 0.6))
            for length in (5, 50)
            for seed in SEEDS
        ]
        references = reference_arms(curves_of(read(rows, tmp_path)), ("sft",))
        name = "per-step DPO (paper's form), updates_per_problem"
        assert references == {f"{name}={n}": f"SFT, updates_per_problem={n}" for n in (5, 50)}

    def test_the_settings_that_name_the_baseline_may_differ(self, tmp_path: Path) -> None:
        variants = [f"mixture.choose={choose} mixture.steps={steps}" for choose in "ab" for steps in ("null", "right")]
        rows = [record("rft", 64, seed, 0.5 + LUCK[seed], variant=variant) for variant in variants for seed in SEEDS]
        references = reference_arms(curves_of(read(rows, tmp_path)), ("rft mixture.steps=null",))
        assert references == {f"RFT, choose={one} steps=right": f"RFT, choose={one} steps=null" for one in "ab"}

    def test_a_share_of_negatives_names_a_baseline(self, tmp_path: Path) -> None:
        rows = [
            {**record("step_mix", 64, seed, accuracy + LUCK[seed]), "negative_fraction": share}
            for share, accuracy in ((0, 0.5), (0.25, 0.55), (0.5, 0.6))
            for seed in SEEDS
        ]
        references = reference_arms(curves_of(read(rows, tmp_path)), ("step_mix mixture.negative_fraction=0",))
        base = "per-step mix, 0 negative"
        assert references == {f"per-step mix, {share} negative": base for share in (0.25, 0.5)}

    def test_over_all_sizes_a_seed_counts_once(self, tmp_path: Path) -> None:
        gains = {(64, 1): 0.02, (64, 2): 0.04, (64, 3): 0.09, (128, 1): 0.02, (128, 2): 0.04, (128, 3): 0.03}
        rows = [record("sft", size, seed, 0.4 + LUCK[seed]) for size in (32, 64, 128) for seed in SEEDS]
        rows += [record("rft", size, seed, 0.4 + gain + LUCK[seed]) for (size, seed), gain in gains.items()]
        rows += [record("dpo", 64, 1, 0.4)]
        table = overall_table(read(rows, tmp_path), ("sft",)).set_index("algorithm")
        half = students_t.ppf(0.975, 2) * 0.02 / math.sqrt(3)  # of a seed's means 0.02, 0.04, 0.06
        found = table.loc["rft", ["difference", "difference_low", "difference_high"]].astype(float)
        assert found.tolist() == pytest.approx([0.04, 0.04 - half, 0.04 + half])
        assert table.loc["rft", "sizes"] == "64 128" and table.loc["rft", "num_paired_seeds"] == 3
        assert table.loc["dpo", "num_paired_seeds"] == 1 and pd.isna(table.loc["dpo", "difference_low"])
        rows = [row for row in rows if (row["algorithm"], row["data_size"]) != ("rft", 64) or row["seed"] == 1]
        rows = [row for row in rows if (row["algorithm"], row["data_size"], row["seed"]) != ("rft", 128, 1)]
        table = overall_table(read(rows, tmp_path), ("sft",)).set_index("algorithm")
        assert pd.isna(table.loc["rft", "difference"])  # no seed has both sizes

    def test_all_right_and_all_wrong_have_differences_and_no_odds(self, tmp_path: Path) -> None:
        rows = [record("sft", 8, seed, 0.25 + LUCK[seed]) for seed in SEEDS]
        rows += [record("step_dpo", 8, seed, 1.0) for seed in SEEDS]
        best = arm_table(read(rows, tmp_path), ("sft",)).query("algorithm == 'step_dpo'").iloc[0]
        assert best["difference"] == pytest.approx(0.75)
        assert best["difference_low"] == pytest.approx(0.75 - students_t.ppf(0.975, 2) * 0.02 / math.sqrt(3))
        assert pd.isna(best["odds_ratio"]) and pd.isna(best["test_accuracy_low"])

    def test_an_absent_baseline_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="there is no arm sft to hold the others against; there are rft"):
            arms_figure(read(spurious(), tmp_path), ("sft",))

    def test_an_arm_alone_at_its_size_stands_at_the_tick_and_a_long_title_stays_in_the_figure(
        self, tmp_path: Path
    ) -> None:
        variants = [
            f"algorithm.preference_weight={w} algorithm.second.updates_per_problem={n}"
            for w, n in ((0.5, 10.0), (0.2, 5.0))
        ]
        rows = [record("step_mix", 64, seed, 0.5, variant=variant) for variant in variants for seed in SEEDS]
        rows += [record("sft", size, seed, 0.4 + LUCK[seed]) for size in (64, 128) for seed in SEEDS]
        figure = arms_figure(read(rows, tmp_path), (f"step_mix {variants[0]}",))
        figure.draw_without_rendering()
        (runs,) = [line for line in figure.axes[0].lines if line.get_marker() == "." and len(line.get_xdata()) == 6]
        assert sorted(set(runs.get_xdata()))[-1] == pytest.approx(1.0)
        title = figure.axes[1].get_title(loc="left")
        assert "\n" in title and title.endswith("paired over seeds")
        assert figure.get_tightbbox().x1 <= figure.get_size_inches()[0] + 0.01


class TestRounds:
    def test_tokens_of_all_kinds_and_differences_from_one_round(self, tmp_path: Path) -> None:
        table = rounds_table(read(rounds(), tmp_path)).set_index("arm")
        assert table["num_rounds"].to_dict() == {"SFT": 0, "RFT, 1 round": 1, "RFT, 2 rounds": 2, "RFT, 3 rounds": 3}
        assert table["mean_total_tokens"].tolist() == [1000, 4000, 7000, 10000]
        assert table["mean_train_tokens"].tolist() == [1000, 2000, 3000, 4000]
        assert table.loc["RFT, 3 rounds", "difference"] == pytest.approx(0.1)
        assert table.loc["RFT, 2 rounds", "difference"] == pytest.approx((0.05 + 0.05 + 0.06) / 3)
        assert set(table["reference"].dropna()) == {"RFT, 1 round"} and pd.isna(table.loc["RFT, 1 round", "reference"])

    def test_every_seed_stands_against_its_own_run(self, tmp_path: Path) -> None:
        table = rounds_by_seed(read(rounds(), tmp_path)).query("num_rounds == 2")
        assert dict(zip(table["seed"], table["difference"], strict=True)) == {1: 0.05, 2: 0.05, 3: 0.06}

    @pytest.mark.parametrize(
        ("algorithm", "variant", "found"),
        [
            ("rft", "algorithm.num_rounds=3 algorithm.beta=0.2", ("rft algorithm.beta=0.2", 3)),
            ("rft", "recipe.rounds=2", ("rft", 2)),
            (
                "step_mix",
                "algorithm.num_rounds=3 algorithm.second.updates_per_problem=0.833",
                ("step_mix updates_per_problem_in_all=2.5", 3),
            ),
            (
                "step_mix",
                "algorithm.num_rounds=1 algorithm.second.updates_per_problem=2.5",
                ("step_mix updates_per_problem_in_all=2.5", 1),
            ),
            ("step_mix_3_rounds", "", ("step_mix", 3)),
            ("step_mix_rounds2", "", ("step_mix", 2)),
            ("step_mix", "", ("step_mix", 1)),
            ("sft_matched", "", ("sft_matched", 0)),
        ],
    )
    def test_where_the_number_is_read(self, algorithm: str, variant: str, found: tuple[str, int]) -> None:
        assert split_rounds(algorithm, variant) == found

    def test_one_round_alone_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="several numbers of rounds"):
            rounds_figure(read([row for row in rounds() if row["algorithm"] == "sft"], tmp_path))


class TestCredit:
    def test_ways_budgets_and_means(self, tmp_path: Path) -> None:
        records = read(credit(), tmp_path)
        table = credit_cost_table(records)
        rolled = table.dropna(subset=["mean_rollouts"]).set_index(["way", "budget"])
        drop = "per-step DPO (paper's form), pit_rule=largest_drop"
        assert rolled.loc[(drop, "num_rollouts=8"), "mean_pit_precision"] == pytest.approx(0.86)
        assert rolled.loc[(drop, "num_rollouts=2"), "rollouts_per_problem"] == 2000 / 64
        assert rolled.loc[(drop, "num_rollouts=8"), "mean_test_accuracy"] == pytest.approx(0.55)
        figure = credit_cost_figure(records)
        assert len(figure.axes) == 2 and figure.axes[1].get_xscale() == "log"
        shapes = [row | {"variant": f"{row['variant']} mixture.pair_shape={s}"} for row in credit() for s in ("a", "b")]
        figure = credit_cost_figure(read([row for row in shapes if row["algorithm"] == "step_dpo"], tmp_path))
        assert len(figure.axes) == 4 and figure.axes[1].get_title(loc="left") == "64 problems, pairs by b"
        assert len(figure.legends[0].get_texts()) == 2  # a rule each, whatever the shape

    def test_the_interval_is_of_pooled_log_odds(self, tmp_path: Path) -> None:
        row = credit_cost_table(read(credit(), tmp_path)).query("budget == 'num_rollouts=2'").iloc[0]
        values = [odds(0.74 + LUCK[seed]) for seed in SEEDS]
        sd = math.sqrt(sum((value - sum(values) / 3) ** 2 for value in values) / 2)
        low = odds(0.74) - students_t.ppf(0.975, 2) * sd / math.sqrt(3)
        assert row["pit_precision_low"] == pytest.approx(1 / (1 + math.exp(-low)))

    def test_nothing_rolled_out_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="rollouts"):
            credit_cost_figure(read(spurious(), tmp_path))


class TestSlope:
    @pytest.mark.parametrize(
        ("task", "exponent"),
        [
            ("precedence_a105", 1.05),
            ("precedence_a120", 1.2),
            ("precedence_a2", 2.0),
            ("precedence_a150 num_operators=8", 1.5),
            ("precedence zipf_exponent=1.15", 1.15),
            ("precedence", None),
            ("star_graph_arms", None),
        ],
    )
    def test_exponents_of_tasks(self, task: str, exponent: float | None) -> None:
        assert tail_exponent(task) == exponent

    def test_theory(self) -> None:
        assert theory_slope(1.25) == pytest.approx(0.2) and theory_slope(1.0) is None
        assert multiplier_at(0.5, 0.5) == pytest.approx(4.0)
        assert multiplier_at([1.0, 0.5], 0.8) == pytest.approx([1.25, 1.5625])

    def test_a_planted_slope_ratio_and_multiplier_are_found(self, tmp_path: Path) -> None:
        records = read(slope(), tmp_path)
        slopes = slope_table(records, 50)
        assert slopes["slope"].tolist() == pytest.approx([0.2, 1 / 3], abs=1e-3)
        assert slopes["theory_slope"].tolist() == pytest.approx([0.2, 1 / 3])
        assert (slopes["slope_low"] <= slopes["slope"]).all() and (slopes["slope"] <= slopes["slope_high"]).all()
        found = slope_multipliers(records, 50)
        assert found["error_ratio"].tolist() == pytest.approx([0.8, 0.8])
        assert found["multiplier"].tolist() == pytest.approx([0.8**-5, 0.8**-3], rel=0.02)
        assert found["predicted_multiplier"].tolist() == pytest.approx([0.8**-5, 0.8**-3], rel=0.02)
        assert found["multiplier_status"].tolist() == ["in_range", "in_range"]

    def test_the_ratio_is_paired_over_shared_sizes(self) -> None:
        def errors(at: dict[int, float]) -> pd.DataFrame:
            rows = [(size, seed, error * (1 + LUCK[seed])) for size, error in at.items() for seed in SEEDS]
            return pd.DataFrame(rows, columns=["data_size", "seed", "test_error"])

        found = error_ratio(errors({64: 0.3, 128: 0.1}), errors({64: 0.6, 128: 0.4, 256: 0.2}))
        assert found["error_ratio"] == pytest.approx(math.sqrt(0.5 * 0.25))

    def test_the_figure_has_a_panel_a_baseline_and_one_of_slopes(self, tmp_path: Path) -> None:
        records = read(slope(0.05), tmp_path)
        panels = [axes.get_title(loc="left") for axes in slope_figure(records, 50).axes if axes.get_visible()]
        assert panels == ["against SFT", "slope of the baseline"]
        with pytest.raises(UserError, match="tail exponent"):
            slope_figure(records.assign(task="precedence"), 50)


class TestSearch:
    def test_settings_are_sorted_and_the_best_stands_at_an_edge(self, tmp_path: Path) -> None:
        table = search_table(read(search(), tmp_path))
        rft = table[table["algorithm"] == "rft"]
        assert [setting.partition("=")[2] for setting in rft["setting"]] == ["0.002", "0.001", "0.0005"]
        assert rft["mean_accuracy"].tolist() == pytest.approx([0.6, 0.55, 0.5])
        assert rft["sd_accuracy"].tolist() == pytest.approx([0.02] * 3)
        assert rft["mean_seconds"].tolist() == [5.0] * 3 and rft["num_seeds"].tolist() == [3] * 3
        assert rft["is_best"].tolist() == [True, False, False]
        assert rft["edges"].iloc[0] == "learning_rate=0.002 (largest of 3)"
        expected = [odds(0.6 + LUCK[seed]) - odds(0.5 + LUCK[seed]) for seed in SEEDS]
        assert rft["odds_of_best"].iloc[2] == pytest.approx(math.exp(sum(expected) / 3))

    def test_a_best_in_the_middle_has_no_edge_and_no_second_phase_costs_nothing(self, tmp_path: Path) -> None:
        dpo = search_table(read(search(), tmp_path)).query("algorithm == 'dpo'")
        assert dpo["edges"].isna().all() and dpo["mean_seconds"].tolist() == [3.0] * 3
        assert dpo["setting"].iloc[0] == "algorithm.beta=0.1"

    def test_fractions_and_words_are_no_edges(self) -> None:
        tried = [{"mixture.negative_fraction": f, "credit.pit_rule": "x"} for f in ("0", "0.5", "1")]
        assert edges_of(tried[0], tried) == [] and edges_of({"a.k": "4"}, [{"a.k": "4"}]) == []
        assert edges_of({"a.k": "4"}, [{"a.k": "4"}, {"a.k": "16"}]) == ["k=4 (smallest of 2)"]

    def test_one_setting_is_no_search(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="several settings"):
            search_table(read([row for row in search() if row["variant"] == "algorithm.beta=0.1"], tmp_path))


class TestWrongSteps:
    def test_shares_have_the_interval_that_an_error_would_have(self, tmp_path: Path) -> None:
        rows = [
            record("sft", size, seed, 0.5 - share)
            | {"wrong_decision_share": 0.5, "wrong_execution_share": share, "test_error": share}
            for size, share_of in ((64, (0.1, 0.2, 0.3)), (128, (0.05, 0.06, 0.1)))
            for seed, share in zip(SEEDS, share_of, strict=True)
        ]
        table = wrong_steps_table(records := read(rows, tmp_path))
        assert table["mean_wrong_execution_share"].tolist() == pytest.approx([0.2, 0.07])
        for row in table.itertuples():
            error = error_by_size(curves_of(records)[0])[row.data_size]
            assert (row.wrong_execution_share_low, row.wrong_execution_share_high) == (
                error.interval.low,
                error.interval.high,
            )
        assert table["mean_wrong_decision_share"].tolist() == [0.5, 0.5]
        # what a wrong execution hides is not taken for a right decision
        of_others = [sum(0.5 / (1 - share) for share in shares) / 3 for shares in ((0.1, 0.2, 0.3), (0.05, 0.06, 0.1))]
        assert table["mean_wrong_decision_share_of_others"].tolist() == pytest.approx(of_others)
        titles = [axes.get_title(loc="left") for axes in wrong_steps_figure(records).axes]
        assert [title.partition(",")[0] for title in titles] == ["a wrong decision", "a wrong execution first"]

    def test_where_every_execution_is_wrong_nothing_is_said_of_decisions(self, tmp_path: Path) -> None:
        rows = [
            record("sft", size, seed, 0.0)
            | {"wrong_decision_share": 1.0 - share, "wrong_execution_share": share, "test_error": 1.0}
            for size, share in ((64, 1.0), (128, 0.5))
            for seed in SEEDS
        ]
        records = read(rows, tmp_path)
        shares = wrong_steps_table(records)["mean_wrong_decision_share_of_others"]
        assert shares.isna().tolist() == [True, False] and shares[1] == 1.0
        wrong_steps_figure(records)

    def test_records_that_do_not_know_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="which steps are wrong"):
            wrong_steps_table(read([record("sft", 64, 1, 0.5)], tmp_path))

    def test_settings_of_models_are_arms(self, tmp_path: Path) -> None:
        rows = [
            record("sft", 64, seed, 0.5, variant=f"algorithm.beta=1 trainer.adam_epsilon={epsilon}")
            | {"wrong_decision_share": 0.4, "wrong_execution_share": 0.1}
            for epsilon in ("1e-08", "0.0001")
            for seed in SEEDS
        ]
        records = models_as_arms(read(rows, tmp_path))
        assert records["model"].nunique() == 1
        assert {arm.rpartition("=")[2] for arm in wrong_steps_table(records)["arm"]} == {"1e-08", "0.0001"}


class TestCeiling:
    def test_each_world_gets_its_own_ideal_learner_at_its_sizes(self, tmp_path: Path) -> None:
        tails = {"": "1.0", "task.zipf_exponent=1.0": "1.0", "task.zipf_exponent=2.0": "2.0"}
        ideal = read_records(IDEAL)
        for variant, tail in tails.items():
            rows = [record("sft", 64, seed, 0.5, variant=variant) | {"task": "precedence_many"} for seed in SEEDS]
            both = with_ideal(read(rows, tmp_path))
            own = both[both["algorithm"] == "ideal"]
            of_world = ideal[ideal["task"].astype(str) == f"precedence_many zipf_exponent={tail}"]
            assert set(own["task"]) == set(both["task"]) and set(own["data_size"]) == {64}
            assert own["test_error"].tolist() == of_world.loc[of_world["data_size"] == 64, "test_error"].tolist() != []

    def test_a_world_that_nobody_simulated_is_refused(self, tmp_path: Path) -> None:
        records = read([record("sft", 64, 1, 0.5) | {"task": "gsm8k"}], tmp_path)
        assert len(with_ideal(records)) == len(records)
        with pytest.raises(UserError, match="no ideal learner"):
            methods_with_ideal(records)
