"""The best mean accuracy: one method is named only where it stands alone."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from synthscale_analysis.curves import curves_of
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.best import best_sentence
from synthscale_analysis.sections.headline import lead
from synthscale_analysis.studies import TaskModelRecords

Records = Callable[..., pd.DataFrame]


@pytest.mark.parametrize(
    ("accuracies", "sentence"),
    [
        (([0.2, 0.5], [0.3, 0.6]), "The best mean accuracy is 60.0 %, by RFT at 128 problems."),
        (([0.2, 0.6], [0.6, 0.6]), "SFT at 128 problems and RFT at 64 and 128 problems tie at the best mean "),
        (([0.2, 0.6], [0.3, 0.6]), "SFT and RFT tie at the best mean accuracy, 60.0 %, at 128 problems."),
        (([0.2, 0.5], [0.6, 0.6]), "The best mean accuracy is 60.0 %, by RFT at 64 and 128 problems."),
        (([0.2, 0.5], [0.3, 1.0]), "The best mean accuracy is 100.0 %, a perfect score, by RFT at 128 problems."),
        (([0.2, 1.0], [0.3, 1.0]), "SFT and RFT tie at the best mean accuracy, 100.0 %, a perfect score, at 128 "),
        (([0.6, 0.6], [0.6, 0.6]), "All mean accuracies are equal, 60.0 %: no method and no size is better than "),
        (([1.0, 1.0], [1.0, 1.0]), "All mean accuracies are equal, 100.0 %, a perfect score: no method and no size is"),
    ],
)
def test_ties_are_told(records: Records, accuracies: tuple[list[float], list[float]], sentence: str) -> None:
    assert best_sentence(curves_of(with_accuracies(records, accuracies))).startswith(sentence)


def test_one_point_is_the_best_of_itself(records: Records) -> None:
    table = records({"sft": 1.0}, (1,), 1).assign(test_accuracy=0.25)
    assert best_sentence(curves_of(table)) == "The best mean accuracy is 25.0 %, by SFT at 1 problem."


def test_without_a_comparison_the_lead_says_why(records: Records, tmp_path: Path) -> None:
    perfect = with_accuracies(records, ([1.0, 1.0], [0.9, 1.0]))
    assert lead(made_of(perfect, tmp_path)).startswith("SFT makes no errors, so no method can do better. SFT at 64 and")
    alone = made_of(records({"sft": 1.0}), tmp_path)
    assert lead(alone).startswith("There is no method beside SFT. The best mean accuracy is ")


def with_accuracies(records: Records, accuracies: tuple[list[float], list[float]]) -> pd.DataFrame:
    """Of SFT and RFT at 64 and 128 problems, alike for all seeds."""
    table = records({"sft": 1.0, "rft": 1.7}, (64, 128))
    by_size = [dict(zip((64, 128), own, strict=True)) for own in accuracies]
    of = dict(zip(("sft", "rft"), by_size, strict=True))
    found = [of[str(name)][int(size)] for name, size in zip(table["algorithm"], table["data_size"], strict=True)]
    return table.assign(test_accuracy=found, test_error=[1 - accuracy for accuracy in found])


def made_of(table: pd.DataFrame, folder: Path) -> Material:
    return Material(TaskModelRecords("precedence", "tiny", table, folder / "report"), folder, num_draws=20)
