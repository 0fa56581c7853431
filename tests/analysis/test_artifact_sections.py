"""Sections and figures from the tables: what they find, what they say where nothing is, and that text stays text."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from fabricated_study import PLANTED, fabricate
from synthscale_analysis.extract.extraction import extract_tables
from synthscale_analysis.figures import credit as figure_credit
from synthscale_analysis.figures import spurious as figure_spurious
from synthscale_analysis.figures import training as figure_training
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.credit import credit_cells, telling_cell
from synthscale_analysis.numbers.spurious import COLUMNS, Effect, effect_of
from synthscale_analysis.page.render import render_page
from synthscale_analysis.page.section import Chart, DataTable, Points, Section, Widget
from synthscale_analysis.records import read_records
from synthscale_analysis.sections import credit, provenance, solutions, spurious, training
from synthscale_analysis.studies import studies_in

SECTIONS = (credit, spurious, solutions, training, provenance)
FIGURES = (figure_credit.credit_figure, figure_spurious.spurious_figure, figure_training.training_figure)
Records = Callable[..., pd.DataFrame]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """A study with its tables; not to be changed."""
    study = fabricate(tmp_path_factory.mktemp("sections"))
    extract_tables(material_of(study))
    return material_of(study)


@pytest.fixture
def bare(tmp_path: Path, records: Records) -> Material:
    """Records alone, of points without artifacts."""
    records({"sft": 1.0}).to_csv(tmp_path / "results.csv", index=False)
    return material_of(tmp_path)


def material_of(study: Path) -> Material:
    (part,) = studies_in(read_records(study), study / "report")
    return Material(part, study, num_draws=5)


def made(module: Any, material: Material) -> Section:
    section = module.section(material)
    assert isinstance(section, Section)
    return section


def test_credit_is_told_in_a_sentence(material: Material) -> None:
    section = made(credit, material)
    assert "just before its pit a wrong solution could still be saved with a chance of 0.3" in section.lead
    assert "Pits that are the first wrong step: per-step DPO (paper's form) 100 %, for 8.0 rollouts" in section.lead
    assert sum(isinstance(block, Chart) for block in section.blocks) == 7
    (table,) = [block for block in section.blocks if isinstance(block, DataTable)]
    assert table.rows[0][:5] == ("per-step DPO (paper's form)", "12", "24", "8.0", "0.33")
    assert telling_cell(credit_cells(material)).curve.algorithm == "step_dpo", "every prefix of it has a value"


def test_a_view_says_how_it_came_to_its_pits(material: Material) -> None:
    (widget,) = [block for block in made(solutions, material).blocks if isinstance(block, Widget)]
    texts = {view["label"]: view["explains"] for view in widget.data["views"]}
    assert "4 rollouts from each prefix" in texts["per-step DPO (paper's form)"]
    assert "the first step after which Q is lowest" in texts["per-step DPO (paper's form)"]
    assert "at most 4 rounds" in texts["per-step mix"] and "counts alone" in texts["per-step mix"]
    assert "assigns no credit" in texts["RFT"] and "whole wrong solution" in texts["DPO"]
    assert [view["has_credit"] for view in widget.data["views"]] == [True, True, False, False]


def test_the_embedded_data_are_small(material: Material) -> None:
    (widget,) = [block for block in made(solutions, material).blocks if isinstance(block, Widget)]
    assert len(json.dumps(widget.data)) < 1_500_000


def test_what_a_model_wrote_is_no_markup(material: Material) -> None:
    page = render_page(material, SECTIONS)
    assert PLANTED not in page and "window.pwned" in page
    assert "<img src=x" not in page


def test_curves_say_where_validation_went(material: Material) -> None:
    section = made(training, material)
    assert "RFT 50 to 50 %" in section.lead and len(section.blocks) == 2


def test_provenance_is_told_with_the_failure(material: Material) -> None:
    section = made(provenance, material)
    assert "1 of the 6 points that were asked for are not finished, 1 of them because a stage failed" in section.lead
    facts = next(block for block in section.blocks if isinstance(block, Points)).sentences
    assert any("cccccccccccc (" in fact for fact in facts) and any("torch 2.0" in fact for fact in facts)
    tables = [block for block in section.blocks if isinstance(block, DataTable)]
    assert any("cannot read …/weights.bin" in cell for table in tables for row in table.rows for cell in row)
    folded = next(table for table in tables if table.folded)
    assert ("task.operators_per_problem", "3") in folded.rows


def test_without_a_contrast_spurious_steps_say_nothing(material: Material) -> None:
    lead = made(spurious, material).lead
    assert "50.0 % of the right samples" in lead and "0.0 to 50.0 % of the positives trained on" in lead
    assert "What they do cannot be told here: no method was run in variants" in lead


@pytest.mark.parametrize("module", [credit, solutions, training], ids=lambda module: module.__name__)
def test_without_artifacts_there_is_a_sentence(bare: Material, module: ModuleType) -> None:
    text = module.section(bare)
    assert isinstance(text, str) and text.endswith(".") and "artifacts of these points are not here" in text


def test_methods_without_credit_miss_no_artifacts(tmp_path: Path, records: Records) -> None:
    records({"sft": 1.0}).assign(num_rollouts=pd.Series(dtype=float)).to_csv(tmp_path / "results.csv", index=False)
    assert credit.section(material_of(tmp_path)) == "Where solutions go wrong: no method assigned credit to steps."


def test_without_artifacts_provenance_tells_what_the_records_do(bare: Material) -> None:
    section = made(provenance, bare)
    facts = next(block for block in section.blocks if isinstance(block, Points)).sentences
    assert facts[0] == "Data sizes: 64, 128, 256. Seeds: 0, 1, 2." and "not known" in facts[-1]


def test_a_task_whose_steps_nobody_knows(bare: Material) -> None:
    assert isinstance(spurious.section(bare), str)


def test_no_figure_without_numbers(bare: Material) -> None:
    assert [make(bare) for make in FIGURES] == [None, None, None]


@pytest.mark.parametrize("make", FIGURES)
def test_figures_are_legible(material: Material, make: Callable[[Material], Figure | None]) -> None:
    figure = make(material)
    assert figure is not None
    FigureCanvasAgg(figure).draw()
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 9
    assert not any(axes.get_window_extent().overlaps(figure.legends[0].get_window_extent()) for axes in figure.axes)


@pytest.mark.parametrize("script", [figure_credit, figure_spurious, figure_training], ids=lambda script: script.NAME)
def test_each_figure_runs_alone(tmp_path: Path, script: Any) -> None:
    study = fabricate(tmp_path, 3)
    assert script.main([str(study)]) == 0
    assert {f"{script.NAME}.png", f"{script.NAME}.svg"} <= {path.name for path in (study / "report").iterdir()}


def test_a_figure_of_a_study_without_credit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = fabricate(tmp_path, 3)
    shutil.rmtree(study.parent / "artifacts")
    assert figure_credit.main([str(study)]) == 2
    assert "artifacts of these points are not here" in capsys.readouterr().err


def test_a_planted_effect_of_wrong_steps_is_found() -> None:
    effect = effect_of(positives(slope=-0.5, spread=0.3))
    assert effect.has_contrast and effect.slope is not None and effect.low is not None and effect.high is not None
    assert effect.low < -0.5 < effect.high < 0
    text = spurious._slope(effect)
    assert "they cost accuracy" in text


def test_an_effect_needs_a_contrast_within_a_method() -> None:
    assert effect_of(positives(slope=-0.5, spread=0.01)).slope is None
    one_variant = positives(slope=-0.5, spread=0.3).query("label == 'rft 0'")
    assert effect_of(one_variant) == Effect(0.0, 0)


def positives(slope: float, spread: float) -> pd.DataFrame:
    """Runs of a method in three variants that differ in their share of positives with a wrong step."""
    generator = np.random.default_rng(0)
    rows = []
    for size in (64, 256):
        for variant in range(3):
            for seed in range(4):
                share = 0.1 + spread * variant / 2
                accuracy = 0.5 + size / 1000 + slope * share + generator.normal(0, 0.01)
                rows.append((f"rft {variant}", "rft", size, str(seed), "positives", 100, share, accuracy))
    return pd.DataFrame(rows, columns=COLUMNS)
