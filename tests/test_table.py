"""Rows of dataclasses to files and back: the same rows in the same order, a part of them in memory."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthscale import table
from synthscale.table import TableWriter, count_rows, iterate_table, read_table, take_rows, write_table


@dataclass(frozen=True)
class Row:
    """One of each type."""

    name: str
    number: int
    share: float = 0.5
    is_right: bool = True
    note: str | None = None


def rows(num: int) -> list[Row]:
    return [Row(f"row {i} é\n", i, i / 7, i % 3 == 0, None if i % 2 else str(i)) for i in range(num)]


@pytest.fixture
def small_groups(monkeypatch) -> int:
    """Groups of four rows, so that a few rows are many groups."""
    monkeypatch.setattr(table, "ROWS_PER_GROUP", 4)
    return 4


@pytest.mark.parametrize("num", [0, 1, 3, 4, 5, 8, 41])
def test_rows_come_back_in_their_order_in_groups(tmp_path, small_groups, num):
    path = tmp_path / "rows.parquet"
    with TableWriter(path, Row) as writer:
        for start in range(0, num, 3):
            writer.write(rows(num)[start : start + 3])
        assert writer.num_rows == num
    assert read_table(path, Row) == rows(num)
    assert count_rows(path) == num
    assert pq.read_schema(path).names == ["name", "number", "share", "is_right", "note"]  # with no rows too
    assert pq.read_metadata(path).num_row_groups == -(-num // small_groups)


def test_reading_is_lazy(tmp_path, small_groups):
    path = tmp_path / "rows.parquet"
    write_table(path, Row, rows(40))
    stream = iterate_table(path, Row)
    assert list(itertools.islice(stream, 5)) == rows(5)
    assert next(stream) == rows(6)[5]


@settings(max_examples=60, deadline=None)
@given(num=st.integers(0, 30), data=st.data())
def test_any_rows_are_taken_by_number_in_any_order(tmp_path_factory, num, data):
    numbers = data.draw(st.lists(st.integers(0, num - 1), max_size=40) if num else st.just([]))
    folder = tmp_path_factory.mktemp("rows")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "ROWS_PER_GROUP", 4)
        write_table(folder / "rows.arrow", Row, rows(num))
        with TableWriter(folder / "taken.parquet", Row) as writer:
            writer.write_batches(take_rows(folder / "rows.arrow", np.array(numbers, dtype=np.int64)))
            assert writer.num_rows == len(numbers)
        assert read_table(folder / "taken.parquet", Row) == [rows(num)[i] for i in numbers]


def test_small_batches_share_a_group(tmp_path, small_groups):
    write_table(tmp_path / "rows.arrow", Row, rows(40))
    every_fifth = np.arange(0, 40, 5)  # one of each group, or none
    with TableWriter(tmp_path / "taken.parquet", Row) as writer:
        writer.write(rows(1))
        writer.write_batches(take_rows(tmp_path / "rows.arrow", every_fifth))
    assert read_table(tmp_path / "taken.parquet", Row) == [rows(1)[0], *(rows(40)[i] for i in every_fifth)]
    sizes = [pq.read_metadata(tmp_path / "taken.parquet").row_group(i).num_rows for i in range(3)]
    assert sizes == [1, 4, 4]


@pytest.mark.parametrize("keep", [0, 10, -20])
def test_a_damaged_table_is_named(tmp_path: Path, keep):
    path = tmp_path / "sample-1234" / "rows.parquet"
    path.parent.mkdir()
    write_table(path, Row, rows(9))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"rows\.parquet of sample-1234 is damaged: delete that artifact"):
        read_table(path, Row)


def test_a_type_that_has_no_column_is_refused(tmp_path):
    @dataclass
    class Odd:
        things: list[int]

    with pytest.raises(KeyError):
        TableWriter(tmp_path / "odd.parquet", Odd)


def test_a_row_of_another_type_does_not_pass(tmp_path):
    with pytest.raises(pa.ArrowException), TableWriter(tmp_path / "rows.parquet", Row) as writer:
        writer.write([Row("name", "no number")])  # type: ignore[arg-type]
