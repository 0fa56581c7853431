"""Tables inside artifacts: typed rows to parquet and back, a group of rows at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

Row = TypeVar("Row")

ARROW_TYPES = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
ROWS_PER_GROUP = 20_000  # held in memory when a table is written or read row by row


class TableWriter:
    """Writes rows of one dataclass to a file; columns and types come from the class, so an empty table has them too."""

    def __init__(self, path: Path, row_type: type[Any]) -> None:
        fields = [(f.name, ARROW_TYPES[str(f.type).removesuffix(" | None")]) for f in dataclasses.fields(row_type)]
        self.num_rows = 0
        self._schema = pa.schema(fields)
        self._writer = pq.ParquetWriter(path, self._schema)
        self._rows: list[Any] = []

    def write(self, rows: Iterable[Any]) -> None:
        """Add rows behind those that are there."""
        for row in rows:
            self._rows.append(row)
            self.num_rows += 1
            if len(self._rows) == ROWS_PER_GROUP:
                self._flush()

    def _flush(self) -> None:
        columns = {name: [getattr(row, name) for row in self._rows] for name in self._schema.names}
        self._writer.write_table(pa.table(columns, schema=self._schema))
        self._rows = []

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and (self._rows or not self.num_rows):
            self._flush()
        self._writer.close()


def write_table(path: Path, row_type: type[Any], rows: Iterable[Any]) -> None:
    """Write dataclass rows."""
    with TableWriter(path, row_type) as writer:
        writer.write(rows)


def iterate_table(path: Path, row_type: type[Row]) -> Iterator[Row]:
    """Read dataclass rows back one by one, in their order.

    Raises:
        ValueError: if the file is damaged, naming the artifact to delete.
    """
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            for batch in file.iter_batches(ROWS_PER_GROUP):
                for row in batch.to_pylist():
                    yield row_type(**row)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(
            f"{path.name} of {path.parent.name} is damaged: delete that artifact and run again."
        ) from error


def read_table(path: Path, row_type: type[Row]) -> list[Row]:
    """All rows at once, where they are few; see `iterate_table`."""
    return list(iterate_table(path, row_type))


def count_rows(path: Path) -> int:
    """How many rows a table has, from its footer."""
    return int(pq.read_metadata(path).num_rows)
