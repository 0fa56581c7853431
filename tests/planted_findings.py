"""Made-up records of the studies behind the findings, small enough to compute their tables by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SEEDS = (1, 2, 3)
LUCK = {1: -0.02, 2: 0.0, 3: 0.02}
"""What a seed's runs share, in accuracy."""


def record(algorithm: str, size: int, seed: int, accuracy: float, **more: Any) -> dict[str, Any]:
    """A row of results.csv."""
    axes = {"study": "planted", "task": "precedence", "model": "tiny", "algorithm": algorithm, "data_size": size}
    measured = {"negative_fraction": 0.0, "seed": seed, "num_test": 1000, "test_accuracy": accuracy}
    return axes | measured | {"test_error": round(1 - accuracy, 12), "variant": ""} | more


def rounds() -> list[dict[str, Any]]:
    """RFT with one, two and three rounds at 64 problems, 5 points better each, and SFT; a round takes 3,000 tokens."""
    rows = []
    for seed in SEEDS:
        rows.append(record("sft", 64, seed, 0.4 + LUCK[seed], num_train_tokens=1000))
        for number in SEEDS:
            stages = ["synthesize", "finetune", *["sample", "compose", "finetune"] * number, "evaluate"]
            quoted = ",".join(f'"{stage}"' for stage in stages)
            own = 0.01 if (number, seed) == (2, 3) else 0.0
            counts = {"num_train_tokens": 1000 + 1000 * number, "num_sampled_tokens": 2000 * number}
            counts |= {"num_train_positives": 64, "num_train_pairs": 0, "num_rollouts": None}
            accuracy = 0.45 + 0.05 * number + LUCK[seed] + own
            rows.append(record("rft", 64, seed, accuracy, variant=f"'algorithm.recipe=[{quoted}]'", **counts))
    return rows


def credit() -> list[dict[str, Any]]:
    """Two ways of looking for pits over two budgets, and DPO, which rolls nothing out."""
    rows = []
    for seed in SEEDS:
        rows.append(record("dpo", 64, seed, 0.4 + LUCK[seed], num_train_pairs=100, num_sampled_tokens=500))
        for rule, gain in (("lowest_value", 0.0), ("largest_drop", 0.1)):
            for rollouts in (2, 8):
                variant = f"credit.num_rollouts={rollouts} credit.pit_rule={rule}"
                counts = {
                    "num_rollouts": 1000 * rollouts,
                    "num_sampled_tokens": 9000 * rollouts,
                    "num_train_pairs": 100,
                }
                precision = 0.6 + gain + 0.02 * rollouts + LUCK[seed]
                accuracy = 0.45 + gain + LUCK[seed]
                rows.append(record("step_dpo", 64, seed, accuracy, variant=variant, pit_precision=precision, **counts))
    return rows


def slope(noise: float = 0.0) -> list[dict[str, Any]]:
    """Worlds of tails 1.25 and 1.5 whose SFT falls by the theory's slope; RFT makes 0.8 of its errors everywhere."""
    rows, generator = [], np.random.default_rng(0)
    for exponent in (1.25, 1.5):
        b = (exponent - 1) / exponent
        for algorithm, ratio in (("sft", 1.0), ("rft", 0.8)):
            for size in (64, 128, 256, 512, 1024):
                for seed in SEEDS:
                    error = 0.9 * ratio * (size / 64) ** -b * float(np.exp(noise * generator.normal() + LUCK[seed]))
                    task = f"precedence_a{round(100 * exponent)}"
                    rows.append(record(algorithm, size, seed, 1 - error, task=task))
    return rows


def spurious() -> list[dict[str, Any]]:
    """RFT on all, on right and on spurious positives at two sizes."""
    rows = []
    for size in (64, 128):
        for steps, gain in (("null", 0.0), ("right", 0.05), ("spurious", -0.1)):
            for seed in SEEDS:
                accuracy = 0.5 + gain + LUCK[seed] + (0.01 if steps == "right" and seed == 1 else 0.0)
                rows.append(record("rft", size, seed, accuracy, variant=f"mixture.steps={steps}"))
    return rows


def search() -> list[dict[str, Any]]:
    """RFT over three learning rates of which the largest is best, DPO over three betas with the best in the middle."""
    rows = []
    for rate, accuracy in (("0.0005", 0.5), ("0.001", 0.55), ("0.002", 0.6)):
        for seed in SEEDS:
            variant = f"algorithm.second.learning_rate={rate}"
            rows.append(
                record(
                    "rft",
                    128,
                    seed,
                    accuracy + LUCK[seed],
                    variant=variant,
                    train_seconds=2.0 + seed,
                    sample_seconds=1.0,
                )
            )
    for beta, accuracy in (("0.05", 0.4), ("0.1", 0.5), ("0.5", 0.3)):
        for seed in SEEDS:
            rows.append(
                record("dpo", 128, seed, accuracy + LUCK[seed], variant=f"algorithm.beta={beta}", train_seconds=3.0)
            )
    return rows


def mixture() -> list[dict[str, Any]]:
    """The per-step mix over three negative fractions."""
    return [
        record("step_mix", size, seed, accuracy + LUCK[seed], negative_fraction=fraction)
        for size in (64, 128)
        for fraction, accuracy in ((0.0, 0.5), (0.5, 0.6), (1.0, 0.4))
        for seed in SEEDS
    ]


STUDIES: Mapping[str, Callable[[], Iterable[dict[str, Any]]]] = {
    "rounds": rounds,
    "credit": credit,
    "slope": slope,
    "spurious": spurious,
    "search": search,
    "mixture": mixture,
}


def write_results(results: Path, *names: str) -> Path:
    """The records of these studies as they are committed; the folder of all."""
    for name in names or STUDIES:
        (results / name).mkdir(parents=True, exist_ok=True)
        pd.DataFrame(STUDIES[name]()).to_csv(results / name / "results.csv", index=False)
    return results
