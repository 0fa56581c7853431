"""Made-up records with planted curves: err = 0.85·(shift·N/64)^-0.5, so a method is worth `shift` times the data."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

SHIFTS = {"sft": 1.0, "sft_matched": 1.4, "rft": 1.7, "my_method": 0.6}


def make_records(
    shifts: dict[str, float] | None = None, sizes: tuple[int, ...] = (64, 128, 256), num_seeds: int = 3
) -> pd.DataFrame:
    generator, rows = np.random.default_rng(0), []
    for algorithm, shift in (shifts or SHIFTS).items():
        for size in sizes:
            for seed in range(num_seeds):
                error = min(0.98, 0.85 * (shift * size / 64) ** -0.5 * np.exp(generator.normal(0.0, 0.05)))
                point: dict[str, object] = {
                    "study": "made_up",
                    "task": "precedence",
                    "model": "tiny",
                    "algorithm": algorithm,
                }
                point |= {
                    "data_size": size,
                    "negative_fraction": None,
                    "seed": seed,
                    "variant": "",
                    "test_error": error,
                }
                rows.append({**point, "test_accuracy": 1 - error, "num_updates": 20 * size, "train_seconds": None})
    return pd.DataFrame(rows)


@pytest.fixture
def records() -> Callable[..., pd.DataFrame]:
    """Maker of records tables."""
    return make_records
