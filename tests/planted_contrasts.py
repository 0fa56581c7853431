"""Made-up records with planted contrasts: negative fractions, solutions per problem, samples and costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

SIZES, SEEDS = (32, 64, 128, 256), (1, 2, 3)
FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
NUMBERS = (1, 2, 4, 8, 16, 32)
Odds = Callable[[int, float], float]
"""Log odds of a right answer at a size and a setting."""


def rows(
    algorithm: str, odds: Odds, settings: Sequence[float], name: str, *, noise: float = 0.04, luck: float = 0.2
) -> pd.DataFrame:
    """A run a size, seed and setting of the column `name`; luck: what a seed's settings share, in log odds."""
    generator, made = np.random.default_rng(len(algorithm)), []
    for size in SIZES:
        for seed in SEEDS:
            shared = generator.normal(0.0, luck)
            for setting in settings:
                accuracy = 1 / (1 + np.exp(-(odds(size, setting) + shared + generator.normal(0.0, noise))))
                made.append({"algorithm": algorithm, "data_size": size, "seed": seed, name: setting} | errors(accuracy))
    whole = pd.DataFrame(made).assign(study="planted", task="precedence", model="tiny")
    return whole.assign(**{column: value for column, value in EMPTY.items() if column not in whole})


EMPTY = {"negative_fraction": np.nan, "variant": ""}


def errors(accuracy: float) -> dict[str, float]:
    return {"test_accuracy": accuracy, "test_error": 1 - accuracy}


def rising(size: int) -> float:
    """Log odds by size alone."""
    return 0.8 * float(np.log(size / 64))


def fractions(peak: float | None = 0.5, **more: float) -> pd.DataFrame:
    """A method with a best fraction, or with none."""
    at, cost = (0.0, 0.0) if peak is None else (peak, 6.0)
    return rows("step_mix", lambda size, f: rising(size) - cost * (f - at) ** 2, FRACTIONS, "negative_fraction", **more)


def solutions(gain: Callable[[float], float], *, most: int = 32, **more: float) -> pd.DataFrame:
    """RFT with a gain in log odds by the binary log of the number of solutions, and SFT with matched updates.

    most: solutions that any problem has.
    """
    method = rows("rft", lambda size, n: rising(size) + gain(float(np.log2(n))), NUMBERS, "number", **more)
    method["variant"] = [f"mixture.positives_per_problem={number:g}" for number in method["number"]]
    method["num_train_positives"] = method["data_size"] * (1 + method["number"].clip(upper=most))
    baseline = rows("sft_matched", lambda size, _: rising(size) - 0.3, (0.0,), "number", **more)
    return pd.concat([method, baseline], ignore_index=True).drop(columns="number")


def sampled(records: pd.DataFrame) -> pd.DataFrame:
    """With pass@k and maj@k: SFT gains from samples, other methods do not."""
    odds = np.log(records["test_accuracy"] / records["test_error"])
    gains = np.where(records["algorithm"] == "sft", 1.0, 0.05)
    columns = {
        f"{metric}_at_{k}": 1 / (1 + np.exp(-(odds + share * gains * np.log2(k))))
        for metric, share in (("pass", 1.0), ("maj", 0.2))
        for k in (1, 4, 16)
    }
    return records.assign(**columns)


def costed(records: pd.DataFrame, per_problem: dict[str, float]) -> pd.DataFrame:
    """With tokens and seconds in proportion to the size; RFT samples as much again."""
    tokens = records["data_size"] * records["algorithm"].map(per_problem)
    is_rft = records["algorithm"] == "rft"
    return records.assign(
        num_train_tokens=tokens,
        train_seconds=tokens / 1e4,
        num_sampled_tokens=tokens.where(is_rft),
        sample_seconds=(tokens / 1e4).where(is_rft),
        num_train_positives=records["data_size"].where(is_rft).astype(float),
        num_train_pairs=is_rft.map({True: 0.0, False: np.nan}),
    )
