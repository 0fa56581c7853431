"""Read a study's records, or any other table, into a DataFrame.

Every number is checked here, with the row it stands in, so that no figure is made from a column that was read as text.
Rows are counted from 1 and the header is not counted.
"""

import csv
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from numpy.typing import ArrayLike

from synthscale.scaling import Measurements
from synthscale.study.error import UserError

REQUIRED_COLUMNS = ("task", "model", "algorithm", "data_size", "seed", "test_accuracy", "test_error")
POINT_COLUMNS = ("task", "model", "algorithm", "data_size", "negative_fraction", "seed", "variant")
ROW = "row"
SHARES = ("test_accuracy", "pit_precision", "filter_precision", "filter_recall")
_IS_SHARE = re.compile(r"(pass|maj)_at_|.*_share$")
#: Settings that make another task or model: they are told in these columns, so that no curve mixes two.
SETTING_GROUPS = {"task": ("task", "teacher", "evaluation"), "model": ("model", "pretraining", "trainer")}


def read_table(path: Path) -> pd.DataFrame:
    """Read a .csv or .parquet file; UserError for another extension, an unreadable file or one without rows.

    The index, named `row`, counts rows from 1, so that messages can point at them after rows were dropped.
    """
    extension = path.suffix.lower()
    if extension not in (".csv", ".parquet"):
        raise UserError(f"cannot tell what {path} is: its name must end in .csv or .parquet")
    if path.is_dir():
        raise UserError(f"{path} is a folder; give a .csv or .parquet file in it")
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    if extension == ".csv":
        _require_distinct_columns(path)
    try:
        table = pd.read_csv(path) if extension == ".csv" else pd.read_parquet(path)
    except Exception as error:  # readers raise a dozen unrelated types for a file they cannot parse
        mend = "; save it as UTF-8" if isinstance(error, UnicodeDecodeError) else ""
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}{mend}") from error
    if len(table.columns) == 1 and (marks := [mark for mark in (";", "\t") if mark in str(table.columns[0])]):
        separator = "tabs" if marks[0] == "\t" else f"'{marks[0]}'"
        raise UserError(f"{path} has one column: its columns seem to be separated by {separator}; save it with commas")
    if table.empty:
        raise UserError(f"{path} has no rows")
    table.index = pd.RangeIndex(1, len(table) + 1, name=ROW)
    return table


def _require_distinct_columns(path: Path) -> None:
    """UserError for a column that stands twice in a CSV, of which the reader would silently rename the second."""
    with _csv_rows(path) as rows:
        names = Counter(name.strip() for name in next(rows, []))
    repeated = [name for name, count in names.items() if count > 1 and name]
    if repeated:
        raise UserError(f"column {repeated[0]} stands {names[repeated[0]]} times in {path}; rename all but one")


def _require_whole_rows(path: Path) -> None:
    """UserError for a row of fewer cells than the header, which a writer that was cut off leaves, or of more."""
    with _csv_rows(path) as rows:
        num_columns = len(next(rows))
        for number, row in enumerate(filter(None, rows), 1):
            if len(row) != num_columns:
                why = ": the file was cut off" if len(row) < num_columns else ", whose header has fewer"
                raise UserError(f"row {number} of {path} has {len(row)} cells of {num_columns}{why}")


@contextmanager
def _csv_rows(path: Path) -> Iterator[Iterator[list[str]]]:
    """The rows of a CSV, the header first; UserError where they cannot be told apart."""
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            yield csv.reader(file)
    except csv.Error as error:
        raise UserError(f"cannot read {path}: {error}") from error


def require_columns(table: pd.DataFrame, names: tuple[str, ...]) -> None:
    """UserError that names the missing columns and those that exist."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        there = ", ".join(str(name) for name in table.columns)
        raise UserError(f"no column {', '.join(missing)} in the table; it has {there}")


def numeric(table: pd.DataFrame, name: str) -> "pd.Series[float]":
    """The column as float64, NaN where empty; UserError with the first row that holds something else."""
    column = table[name]
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    bad = numbers.isna() & column.notna()
    if bad.any():
        row = first_row(bad)
        raise UserError(f"column {name} holds {column.loc[row]!r} in row {row}, which is not a number")
    return numbers


def first_row(chosen: "pd.Series[bool]") -> int:
    """Number of the first row that is chosen."""
    return int(chosen.index[chosen][0])


def read_records(folder: Path) -> pd.DataFrame:
    """The records of a study: results.csv in its folder, else results.parquet.

    Rows without a test error (points that have not finished) are left out. UserError where there is no table, a column
    is missing, no point has finished, a number is impossible, or two rows are the same point.
    """
    paths = [folder / "results.csv", folder / "results.parquet"]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        reason = "holds no results.csv or results.parquet" if folder.is_dir() else "is no folder"
        raise UserError(f"{folder} {reason}; give a study's, such as runs/quick")
    records = read_table(path)
    if path.suffix == ".csv":
        _require_whole_rows(path)
    require_columns(records, REQUIRED_COLUMNS)
    if "negative_fraction" not in records.columns:
        records["negative_fraction"] = float("nan")
    if "variant" not in records.columns:
        records["variant"] = ""
    records["variant"] = ["" if pd.isna(variant) else str(variant) for variant in records["variant"]]
    for column, groups in SETTING_GROUPS.items():
        _move_settings(records, groups, column)
    shares = [name for name in map(str, records.columns) if name in SHARES or _IS_SHARE.match(name)]
    amounts = [name for name in map(str, records.columns) if name.startswith("num_") or name.endswith("_seconds")]
    for name in ("data_size", "negative_fraction", "test_error", *shares, *amounts):
        records[name] = numeric(records, name)
    finished = records[records["test_error"].notna()].copy()
    if finished.empty:
        raise UserError(f"no row of {path} has a test_error yet")
    _require_possible(finished, shares, amounts)
    return finished


def _move_settings(records: pd.DataFrame, groups: tuple[str, ...], column: str) -> None:
    """Move the settings of these groups from `variant` to the column: "precedence" becomes "precedence tail=1.5"."""
    for variant in records["variant"].unique():
        try:
            settings = shlex.split(variant)
        except ValueError as error:
            raise UserError(f"column variant holds {variant!r}, which cannot be read: {error}") from error
        moved = [setting for setting in settings if setting.partition(".")[0] in groups]
        if moved:
            rows = records["variant"] == variant
            suffix = " ".join(setting.partition(".")[2] for setting in moved)
            records.loc[rows, column] = records.loc[rows, column].astype(str) + f" {suffix}"
            records.loc[rows, "variant"] = shlex.join(setting for setting in settings if setting not in moved)


def measurements(
    rows: pd.DataFrame,
    x: list[str],
    y: str,
    seed_column: str | None,
    *,
    num_test: ArrayLike | None = None,
    chance: float = 0.0,
) -> Measurements:
    """Columns of a table as measurements, x one or more; seeds compare as text, so 1 and "1" are the same seed."""
    seeds = None if seed_column is None else rows[seed_column].astype(str).to_numpy(dtype=str)
    inputs, values = rows[x].to_numpy(dtype=float), rows[y].to_numpy(dtype=float)
    return Measurements.from_columns(inputs, values, seeds, num_test=num_test, chance=chance)


def _require_possible(records: pd.DataFrame, shares: Sequence[str], amounts: Sequence[str]) -> None:
    checks = {
        **{name: records[name].notna() for name in ("task", "model", "algorithm")},
        "data_size": records["data_size"].between(1, 2**53) & (records["data_size"] % 1 == 0),
        "negative_fraction": records["negative_fraction"].isna() | records["negative_fraction"].between(0, 1),
        "test_error": records["test_error"].between(0, 1),
        **{name: records[name].isna() | records[name].between(0, 1) for name in shares},
        **{name: records[name].isna() | records[name].between(0, 2**63) for name in amounts},
        "seed": records["seed"].notna(),
    }
    for name, good in checks.items():
        if not good.all():
            row = first_row(~good)
            raise UserError(f"column {name} holds {records[name].loc[row]} in row {row}, which no point can have")
    repeated = records.duplicated(list(POINT_COLUMNS))
    if repeated.any():
        row = first_row(repeated)
        axes = records[list(POINT_COLUMNS)].itertuples(index=False)
        points = pd.Series([str(point) for point in axes], records.index)
        same = points == points.loc[row]
        more = f" (and {int(repeated.sum()) - 1} more repeat others)" if repeated.sum() > 1 else ""
        raise UserError(
            f"row {row} repeats row {first_row(same)}{more}: task, model, algorithm, size, fraction, seed and variant "
            "are equal; keep one of them"
        )
