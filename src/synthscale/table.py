"""Tables inside artifacts: typed rows to parquet and back, a group of rows at a time.

A file whose name ends in `.arrow` holds the same rows as they lie in memory, so that single rows are found by their
number; it is larger than parquet, and meant for rows that are soon taken out of it again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

Row = TypeVar("Row")

ARROW_TYPES = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
ARROW_TYPES |= {f"tuple[{name}, ...]": pa.list_(ARROW_TYPES[name]) for name in ("int", "float")}
ROWS_PER_GROUP = 20_000  # held in memory when a table is written or read row by row


class TableWriter:
    """Writes rows of one dataclass to a file; columns and types come from the class, so an empty table has them too.

    Columns `without` which the class's defaults do are left out by name.
    """

    def __init__(self, path: Path, row_type: type[Any], without: Collection[str] = ()) -> None:
        kept = [f for f in dataclasses.fields(row_type) if f.name not in without]
        fields = [(f.name, ARROW_TYPES[str(f.type).removesuffix(" | None")]) for f in kept]
        self.num_rows = 0
        self._schema = pa.schema(fields)
        is_arrow = path.suffix == ".arrow"
        self._writer = pa.ipc.new_file(path, self._schema) if is_arrow else pq.ParquetWriter(path, self._schema)
        self._rows: list[Any] = []

    def write(self, rows: Iterable[Any]) -> None:
        """Add rows behind those that are there."""
        for row in rows:
            self._rows.append(row)
            self.num_rows += 1
            if len(self._rows) == ROWS_PER_GROUP:
                self._flush()

    def write_batches(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Add rows that are columns already, small batches together."""
        self._flush()
        waiting: list[pa.RecordBatch] = []
        for batch in batches:
            waiting.append(batch)
            if sum(map(len, waiting)) >= ROWS_PER_GROUP:
                self._write_table(pa.Table.from_batches(waiting, self._schema))
                waiting = []
        self._write_table(pa.Table.from_batches(waiting, self._schema))

    def _flush(self) -> None:
        columns = {name: [getattr(row, name) for row in self._rows] for name in self._schema.names}
        if self._rows:
            self._writer.write_table(pa.table(columns, schema=self._schema))
        self._rows = []

    def _write_table(self, table: pa.Table) -> None:
        if len(table):
            self._writer.write_table(table)
            self.num_rows += len(table)

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
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
    lists = [f.name for f in dataclasses.fields(row_type) if str(f.type).startswith("tuple[")]  # type: ignore[arg-type]
    try:
        footer = pq.read_metadata(path)
        for group in range(footer.num_row_groups):
            # mapped anew for each group, since pages that were read count as held as long as they are mapped
            with pq.ParquetFile(path, memory_map=True, metadata=footer) as file:
                for batch in file.iter_batches(ROWS_PER_GROUP, row_groups=[group]):
                    for row in batch.to_pylist():
                        for name in lists:
                            row[name] = tuple(row[name]) if row.get(name) is not None else None
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


def take_rows(path: Path, numbers: NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
    """The rows with these numbers, counted from 0, in this order, from an `.arrow` file that `TableWriter.write` made.

    Numbers that rise mostly are best: a batch holds those of one group in the file, and only that group is mapped.
    """
    borders = np.flatnonzero(np.diff(numbers // ROWS_PER_GROUP)) + 1
    for of_group in np.split(numbers, borders) if len(numbers) else ():
        yield _take_of_group(path, of_group)


def _take_of_group(path: Path, numbers: NDArray[np.int64]) -> pa.RecordBatch:
    group = int(numbers[0]) // ROWS_PER_GROUP
    with pa.memory_map(str(path)) as source:  # mapped anew for each group, since pages that were read count as held
        batch = pa.ipc.open_file(source).get_batch(group)
        return batch.take(pa.array(numbers - group * ROWS_PER_GROUP))
