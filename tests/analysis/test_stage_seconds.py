"""The seconds of a study by stage: each artifact once, for its own method or as shared; nothing without artifacts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import synthscale
from synthscale_analysis.extract.stage_seconds import COLUMNS, STAGES, stage_seconds
from synthscale_analysis.figures import seconds as figure_seconds
from synthscale_analysis.figures.seconds import LEFT_OUT, seconds_figure
from synthscale_analysis.report.command import main

SHIPPED = next((Path(synthscale.__file__).parent / "policy" / "base").glob("pretrain-*")).name
BY_KEY = {
    "synthesize-1": (1.0, {}, {}),
    "finetune-1": (10.0, {"data": "synthesize-1", "policy": SHIPPED}, {"num_train_tokens": 500}),
    "evaluate-1": (2.0, {"policy": "finetune-1"}, {}),
    "sample-1": (3.0, {"data": "synthesize-1", "policy": "finetune-1"}, {"num_sampled_tokens": 60}),
    "credit-1": (4.0, {"samples": "sample-1"}, {"num_sampled_tokens": 80, "num_rollouts": 20}),
    "compose-1": (0.5, {"samples": "sample-1"}, {}),
    "finetune-2": (20.0, {"data": "compose-1", "policy": SHIPPED}, {"num_train_tokens": 900}),
    "evaluate-2": (2.5, {"policy": "finetune-2"}, {}),
    "compose-2": (0.25, {"samples": "sample-1", "credit": "credit-1"}, {}),
    "finetune-3": (30.0, {"data": "compose-2", "policy": "finetune-1"}, {}),
    "evaluate-3": (1.5, {"policy": "finetune-3"}, {}),
}
POINTS = {"sft": "evaluate-1", "rft": "evaluate-2", "dpo": "evaluate-3"}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study's folder of three points, with its table and its artifacts' manifests beside it."""
    for key, (seconds, inputs, measures) in BY_KEY.items():
        folder = tmp_path / "artifacts" / key
        folder.mkdir(parents=True)
        stage = key.partition("-")[0]
        manifest = {"key": key, "stage": stage, "seconds": seconds, "inputs": inputs, "measures": measures}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    axes = {"task": "precedence", "model": "tiny", "data_size": 64, "seed": 1, "test_error": 0.5, "test_accuracy": 0.5}
    rows = [axes | {"algorithm": algorithm, "artifact": root} for algorithm, root in POINTS.items()]
    (tmp_path / "s").mkdir()
    pd.DataFrame(rows).to_csv(tmp_path / "s" / "results.csv", index=False)
    return tmp_path / "s"


def table_of(study: Path) -> pd.DataFrame | None:
    return stage_seconds(pd.read_csv(study / "results.csv"), study.parent / "artifacts")


def test_each_artifact_counts_once_for_its_method_or_as_shared(study: Path) -> None:
    table = table_of(study)
    assert table is not None and tuple(table.columns) == COLUMNS
    seconds = {(row["stage"], row["algorithm"]): row["seconds"] for _, row in table.iterrows()}
    assert seconds == {
        ("synthesize", "shared"): 1.0,
        ("finetune (first)", "shared"): 10.0,
        ("sample", "shared"): 3.0,
        ("credit", "dpo"): 4.0,
        ("compose", "rft"): 0.5,
        ("compose", "dpo"): 0.25,
        ("finetune (second)", "rft"): 20.0,
        ("finetune (second)", "dpo"): 30.0,
        ("evaluate", "sft"): 2.0,
        ("evaluate", "rft"): 2.5,
        ("evaluate", "dpo"): 1.5,
    }
    places = [STAGES.index(stage) for stage in table["stage"]]
    assert places == sorted(places)
    assert table["num_artifacts"].sum() == len(BY_KEY), "the base that came with the package is none of them"


def test_rates_are_there_where_something_was_counted(study: Path) -> None:
    table = table_of(study)
    assert table is not None
    rows = table.set_index(["stage", "algorithm"])
    credit = rows.loc[("credit", "dpo")]
    assert (credit["num_tokens"], credit["tokens_per_second"]) == (80, 20.0)
    assert (credit["num_rollouts"], credit["rollouts_per_second"]) == (20, 5.0)
    assert rows.loc[("finetune (second)", "rft")]["tokens_per_second"] == 45.0
    assert pd.isna(rows.loc[("finetune (second)", "dpo")]["num_tokens"]), "not counted is not 0"
    assert pd.isna(rows.loc[("evaluate", "sft")]["tokens_per_second"])


def test_the_report_has_the_figure_and_the_table(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(study), "--bootstrap", "2"]) == 0
    assert {"stage_seconds.csv", "stage_seconds.png", "stage_seconds.svg"} <= {p.name for p in study.glob("report/*")}
    assert pd.read_csv(study / "report" / "stage_seconds.csv")["seconds"].sum() == sum(s for s, *_ in BY_KEY.values())
    assert LEFT_OUT not in capsys.readouterr().out


@pytest.mark.parametrize("lost", ["evaluate-2", "synthesize-1", "."])
def test_without_an_artifact_it_is_left_out_with_a_note(
    study: Path, capsys: pytest.CaptureFixture[str], lost: str
) -> None:
    assert main([str(study), "--bootstrap", "2"]) == 0 and list(study.glob("report/stage_seconds*"))
    capsys.readouterr()
    shutil.rmtree(study.parent / "artifacts" / lost)
    assert table_of(study) is None
    assert main([str(study), "--bootstrap", "2"]) == 0
    assert not list(study.glob("report/stage_seconds*")), "not an earlier report's either"
    assert " ".join(capsys.readouterr().out.split()).count(LEFT_OUT) == 1
    assert figure_seconds.main([str(study)]) == 2


def test_a_manifest_that_cannot_be_read_counts_as_absent(study: Path) -> None:
    (study.parent / "artifacts" / "sample-1" / "manifest.json").write_text("{")
    assert table_of(study) is None


def test_the_bars_add_up_and_their_letters_are_legible(study: Path) -> None:
    table = table_of(study)
    assert table is not None
    figure = seconds_figure(table)
    (axes,) = figure.axes
    assert sum(bar.get_width() for bar in axes.patches) == pytest.approx(table["seconds"].sum())
    assert [label.get_text() for label in axes.get_yticklabels()] == list(dict.fromkeys(table["stage"]))
    FigureCanvasAgg(figure).draw()
    legend = figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["shared by several methods", "SFT", "RFT", "DPO"]
    assert not axes.get_window_extent().overlaps(legend.get_window_extent())
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 9
