"""What the tests of the teacher share."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthscale.problem import DatasetConfig, DatasetTask


@pytest.fixture(scope="session")
def gsm8k_config(gsm8k_folder: Path) -> DatasetConfig:
    """Sixteen training, four validation and eight test problems of GSM8K."""
    keys = {"problem_key": "question", "solution_key": "answer", "num_validation": 4}
    return DatasetConfig(name="gsm8k", source=str(gsm8k_folder), **keys)


@pytest.fixture(scope="session")
def gsm8k(gsm8k_config: DatasetConfig) -> DatasetTask:
    """The task of these."""
    return DatasetTask(gsm8k_config)
