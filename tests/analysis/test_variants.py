"""A study over settings that are no axis: each variant is a curve of its own, each world a study of its own."""

from __future__ import annotations

import pandas as pd

from synthscale.study.record import ALGORITHM_ORDER
from synthscale.study.variant import OF_ALL
from synthscale_analysis.curves import LABELS, baseline_rows, curves_of
from synthscale_analysis.records import SETTING_GROUPS, read_records
from synthscale_analysis.studies import studies_in

K = "mixture.positives_per_problem"


def written(records, tmp_path, **variants):
    """A study's folder whose points of each algorithm were made with these variants."""
    tables = []
    for algorithm, names in variants.items():
        for name in names:
            tables.append(records({algorithm: 1.0}).assign(variant=name))
    pd.concat(tables).to_csv(tmp_path / "results.csv", index=False)
    return read_records(tmp_path)


def test_each_variant_is_a_curve_in_the_order_of_its_numbers(records, tmp_path):
    table = written(records, tmp_path, sft=[""], rft=[f"{K}=16", f"{K}=4"])
    labels = [curve.label for curve in curves_of(table)]
    assert labels == ["SFT", "RFT, positives_per_problem=4", "RFT, positives_per_problem=16"]
    assert len({curve.colour for curve in curves_of(table)}) == 3


def test_a_baseline_in_several_variants_is_none(records, tmp_path):
    rates = [f"algorithm.first.learning_rate={rate}" for rate in (0.1, 0.2)]
    table = written(records, tmp_path, sft=rates)
    assert baseline_rows(table, "sft").empty


def test_worlds_are_studies_of_their_own(records, tmp_path):
    table = written(records, tmp_path, sft=["task.tail=1.0", "task.tail=1.5"], rft=[f"{K}=4 task.tail=1.0"])
    tasks = [study.task for study in studies_in(table, tmp_path)]
    assert tasks == [f"{table['task'].iloc[0].split()[0]} tail={tail}" for tail in (1.0, 1.5)]
    assert set(table["variant"]) == {"", f"{K}=4"}


def test_groups_and_algorithms_are_those_that_a_study_writes():
    assert [group for groups in SETTING_GROUPS.values() for group in groups] == list(OF_ALL)
    assert set(LABELS) == {*ALGORITHM_ORDER, "ideal"}
