"""The records of a data set's file, one after the other, each with where it stands."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROWS_PER_BATCH = 10_000  # of a parquet file, in memory at once


def read_records(path: Path, keys: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, record) for each of the file's records; of a parquet file the columns that `keys` names.

    Raises:
        ValueError: with the number of the line or row that is no record.
    """
    if path.suffix == ".parquet":
        return read_parquet(path, keys)
    return read_list(path) if path.suffix == ".json" and is_list(path) else read_lines(path)


def read_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """JSON lines; blank ones are passed over."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                where = f"line {number} of {path}"
                yield where, as_record(parse(line, where), where)


def read_list(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """One JSON list."""
    for number, record in enumerate(parse(path.read_bytes(), str(path)), 1):
        where = f"row {number} of {path}"
        yield where, as_record(record, where)


def read_parquet(path: Path, keys: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of a parquet file, in batches."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            columns = keys if set(keys) <= set(names) else names  # all, for the refusal to name them
            for batch in file.iter_batches(ROWS_PER_BATCH, columns=list(columns)):
                for record in batch.to_pylist():
                    number += 1
                    yield f"row {number} of {path}", record
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{path} cannot be read as parquet after row {number}.") from error


def is_list(path: Path) -> bool:
    """Whether the file's first character, white space aside, opens a list."""
    with path.open("rb") as file:
        return file.read(1024).lstrip().startswith(b"[")


def parse(text: bytes, where: str) -> Any:
    """The text as JSON.

    Raises:
        ValueError: if it is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{where} is no JSON.") from None


def as_record(value: object, where: str) -> dict[str, Any]:
    """The value, if it is an object with fields.

    Raises:
        ValueError: if it is something else.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{where} is no JSON object.")
    return value


def text_of(record: dict[str, Any], key: str, where: str) -> str:
    """The field's text; a number as JSON writes it.

    Raises:
        ValueError: if the field is missing or holds something else.
    """
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        fields = ", ".join(sorted(record)) or "none"
        raise ValueError(f"{where} has no text under {key!r}; its fields are {fields}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} has {value} under {key!r}.")
    try:
        return value.encode().decode() if isinstance(value, str) else json.dumps(value)
    except UnicodeEncodeError:
        raise ValueError(f"{where} has half a character under {key!r}.") from None
