"""Tables inside artifacts: typed rows to parquet and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

Row = TypeVar("Row")

ARROW_TYPES = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}


def write_table(path: Path, row_type: type[Any], rows: Sequence[Any]) -> None:
    """Write dataclass rows; columns and their types come from the class, so an empty table has them too."""
    fields = [(f.name, ARROW_TYPES[str(f.type).removesuffix(" | None")]) for f in dataclasses.fields(row_type)]
    columns = {name: [getattr(row, name) for row in rows] for name, _ in fields}
    pq.write_table(pa.table(columns, schema=pa.schema(fields)), path)


def read_table(path: Path, row_type: type[Row]) -> list[Row]:
    """Read dataclass rows back, in their order.

    Raises:
        ValueError: if the file is damaged, naming the artifact to delete.
    """
    try:
        rows = pq.read_table(path, memory_map=True).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise ValueError(
            f"{path.name} of {path.parent.name} is damaged: delete that artifact and run again."
        ) from error
    return [row_type(**row) for row in rows]
