"""Rows of a table that a law is fitted to: inputs, value and the seed that made it.

One validated type stands at the door of fits, bootstraps and multipliers, so that a NaN or a size of 0 is refused once,
with its row, and never becomes a silent number.

Values may be error rates of a test with so many problems; their binomial noise then counts (see `binomial`). And where
guessing answers a share of them, the chance level, errors are divided by what guessing gets wrong, so that 1 is
guessing: a law of errors says nothing of a policy that guesses, and tests of two and of four choices become alike.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
#: A law takes powers of sizes, which must stay numbers.
LARGEST = 1e60


@dataclass(frozen=True, slots=True)
class Measurements:
    """Measured values, one row a run; make it with `from_columns`, which validates.

    inputs: [num_rows, num_inputs], at least 0 (for most laws one column, the size in problems). values: [num_rows],
    finite. seeds: [num_rows] labels of any kind, or None where rows carry no label and each row is a run of its own.
    num_test: [num_rows] test problems behind each value, or None where values are no rates or their noise is not to
    count. unit: the error rate that a value of 1 stands for, 1 less the chance level.
    """

    inputs: FloatArray
    values: FloatArray
    seeds: NDArray[Any] | None
    num_test: FloatArray | None = None
    unit: float = 1.0

    @classmethod
    def from_columns(
        cls,
        inputs: ArrayLike,
        values: ArrayLike,
        seeds: ArrayLike | None = None,
        *,
        num_test: ArrayLike | None = None,
        chance: float = 0.0,
    ) -> Self:
        """Validate columns of equal length; ValueError names the first bad row, counted from 0.

        num_test: one number, or one a row. chance: accuracy of guessing, at least 0 and below 1; values are divided by
        1 less it. With either, values are rates between 0 and 1.
        """
        value_column = np.asarray(values, dtype=np.float64)
        if value_column.ndim != 1 or value_column.size == 0:
            raise ValueError("values must be one column with at least one row")
        input_columns = np.asarray(inputs, dtype=np.float64)
        input_columns = input_columns[:, None] if input_columns.ndim == 1 else input_columns
        label_column = None if seeds is None else np.asarray(seeds)
        lengths = [len(column) for column in (input_columns, value_column, label_column) if column is not None]
        if len(set(lengths)) > 1:
            raise ValueError(f"columns differ in length: {lengths} rows")
        _require_rows(np.isfinite(value_column), value_column, "value", "finite")
        for column in input_columns.T:
            _require_rows(np.isfinite(column) & (column >= 0), column, "size", "at least 0")
        if not 0.0 <= chance < 1.0:
            raise ValueError(f"a chance level is at least 0 and below 1, not {chance:g}")
        if num_test is not None or chance > 0.0:
            is_rate = (value_column >= 0) & (value_column <= 1)
            _require_rows(is_rate, value_column, "value", "a rate between 0 and 1, as test problems and chance need")
        counts = None if num_test is None else np.broadcast_to(np.asarray(num_test, np.float64), value_column.shape)
        if counts is not None:
            _require_rows(np.isfinite(counts) & (counts >= 1), counts, "number of test problems", "at least 1")
        return cls(input_columns, value_column / (1.0 - chance), label_column, counts, 1.0 - chance)

    def rows(self, chosen: NDArray[np.bool_]) -> Self:
        """These rows alone; chosen: [num_rows]."""
        seeds = None if self.seeds is None else self.seeds[chosen]
        num_test = None if self.num_test is None else self.num_test[chosen]
        return replace(self, inputs=self.inputs[chosen], values=self.values[chosen], seeds=seeds, num_test=num_test)

    @property
    def num_rows(self) -> int:
        return len(self.values)

    @property
    def num_sizes(self) -> int:
        """Distinct rows of inputs."""
        return len(np.unique(self.inputs, axis=0))

    def sizes(self) -> FloatArray:
        """Distinct sizes in ascending order; ValueError where there is more than one input."""
        if self.inputs.shape[1] != 1:
            raise ValueError(f"sizes are those of one input; these measurements have {self.inputs.shape[1]}")
        return np.unique(self.inputs[:, 0])

    def cells(self) -> list[IntArray]:
        """Row numbers of each distinct input, in ascending order of the inputs."""
        _, cell_of_row = np.unique(self.inputs, axis=0, return_inverse=True)
        cell_of_row = cell_of_row.reshape(-1)
        return [np.flatnonzero(cell_of_row == cell).astype(np.int64) for cell in range(cell_of_row.max() + 1)]

    def runs(self, rows: IntArray) -> list[IntArray]:
        """The rows split by seed, in ascending order of the seeds: the units that a bootstrap draws."""
        if self.seeds is None:
            return [np.array([row], dtype=np.int64) for row in rows]
        return [rows[self.seeds[rows] == seed] for seed in np.unique(self.seeds[rows])]

    def num_seeds(self) -> IntArray:
        """Runs at each distinct input, in the order of `cells`."""
        return np.array([len(self.runs(rows)) for rows in self.cells()], dtype=np.int64)

    def require_ordinary_numbers(self) -> None:
        """ValueError with the row of the first positive number that is so large or small that its powers are none."""
        for column, what in [*((column, "size") for column in self.inputs.T), (self.values, "value")]:
            good = (column == 0) | ((column > 1 / LARGEST) & (column < LARGEST))
            _require_rows(good, column, what, f"between {1 / LARGEST:g} and {LARGEST:g}; give it in another unit")

    def require_shares(self) -> None:
        """ValueError with the row of the first input that is no share of a whole."""
        for column in self.inputs.T:
            _require_rows(column <= 1, column, "fraction", "within [0, 1]")

    def require_positive_inputs(self) -> None:
        """ValueError with the row of the first input that has no log."""
        for column in self.inputs.T:
            _require_rows(column > 0, column, "size", "positive")

    def require_positive_values(self) -> None:
        """ValueError with the row of the first value that has no log."""
        _require_rows(self.values > 0, self.values, "value", "positive")


def _require_rows(good: NDArray[np.bool_], column: FloatArray, what: str, wanted: str) -> None:
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(f"{what} {column[row]:g} in row {row} is not {wanted}")
