"""Tables that are too large for the memory, gone through problem by problem.

Every table of an artifact has its rows in the order of `problems.parquet`, with none or several for a problem, so that
a stage reads them side by side and holds one problem at a time.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Generic, Protocol, TypeVar


class OfProblem(Protocol):
    """A row that belongs to a problem."""

    @property
    def problem_id(self) -> str:
        """Which."""
        ...


R = TypeVar("R", bound=OfProblem)


class RowsByProblem(Generic[R]):
    """A table's rows, a problem's at a time; the problems must be asked for in their order."""

    def __init__(self, path: Path, row_type: type[R]) -> None:
        from synthscale.table import iterate_table

        self._path = path
        self._groups = groupby(iterate_table(path, row_type), key=lambda row: row.problem_id)
        self._next = next(self._groups, None)

    def of(self, problem_id: str) -> list[R]:
        """The problem's rows; none, if others come first."""
        if self._next is None or self._next[0] != problem_id:
            return []
        rows = list(self._next[1])
        self._next = next(self._groups, None)
        return rows

    def end(self) -> None:
        """Make sure that no row was passed over.

        Raises:
            ValueError: if rows are left, so that the table is of other problems or in another order.
        """
        if self._next is not None:
            raise ValueError(
                f"{self._path.name} of {self._path.parent.name} is not in the order of problems.parquet, or has "
                f"problems that are not there ({self._next[0]}): delete that artifact and run again."
            )
