"""The rows of a table that `synthscale fit` uses: numbers where it needs them, seeds, and the size of their test."""

import argparse

import pandas as pd

from synthscale.scaling import Measurements
from synthscale.scaling.measurements import LARGEST
from synthscale.study.error import UserError
from synthscale_analysis.records import first_row, measurements, numeric, require_columns

NUM_TEST = "num_test"
NO_TEST = "none"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the test set."""
    parser.add_argument(
        "--num-test",
        metavar="COL|NUMBER",
        help="test problems behind each y, a rate: their binomial noise weighs rows and widens intervals (default: "
        f"column {NUM_TEST}, where there is one and y lies between 0 and 1; {NO_TEST}: leave it out)",
    )
    parser.add_argument(
        "--chance",
        type=float,
        default=0.0,
        metavar="P",
        help="accuracy of guessing, e.g. 0.25 of four choices: errors are divided by 1 - P, so that 1 is guessing",
    )


def check(options: argparse.Namespace) -> None:
    """UserError for options that make no sense by themselves."""
    if not 0.0 <= options.chance < 1.0:
        raise UserError(f"--chance must be at least 0 and below 1, not {options.chance:g}")


def usable_rows(table: pd.DataFrame, options: argparse.Namespace, *, takes_logs: bool) -> pd.DataFrame:
    """Rows with a value, x and y as numbers in their range.

    Fills in the default columns of seeds and test problems, and how many rows are left out, `num_left_out`.
    """
    columns = (*options.x, options.y, options.group)
    if options.seed_column is None and "seed" in table.columns and "seed" not in columns:
        options.seed_column = "seed"
    require_columns(table, tuple(name for name in (*columns, options.seed_column) if name is not None))
    for name in (*options.x, options.y):
        table[name] = numeric(table, name)
    usable = table.dropna(subset=[options.y]).copy()
    if usable.empty:
        raise UserError(f"column {options.y} is empty in every row")
    options.num_left_out = len(table) - len(usable)
    for name in options.x:
        if (empty := usable[name].isna()).any():
            raise UserError(f"column {name} is empty in row {first_row(empty)}")
    for name in (*options.x, options.y):
        if takes_logs or name == options.y:
            is_share = [name] == options.x and bool(usable[name].between(0, 1).all())
            hint = " (--law mixture takes fractions from 0)" if is_share else ""
            _require(usable, name, usable[name] > 0, f"a fit needs positive numbers{hint}")
        else:
            _require(usable, name, usable[name].between(0, 1), "a fraction lies in [0, 1]")
        ordinary = (usable[name] == 0) | usable[name].between(1 / LARGEST, LARGEST, inclusive="neither")
        _require(usable, name, ordinary, f"a fit needs numbers below {LARGEST:g} and above {1 / LARGEST:g}")
    _set_num_test(usable, options)
    if options.chance > 0 or options.num_test is not None:
        _require(usable, options.y, usable[options.y] <= 1, "--chance and --num-test need rates between 0 and 1")
    return usable


def measurements_of(rows: pd.DataFrame, options: argparse.Namespace) -> Measurements:
    """The rows as measurements; errors are divided by what guessing gets wrong."""
    num_test = options.num_test
    counts = rows[num_test].to_numpy(dtype=float) if isinstance(num_test, str) else num_test
    return measurements(rows, options.x, options.y, options.seed_column, num_test=counts, chance=options.chance)


def noise_text(options: argparse.Namespace) -> str:
    """What was taken into account, for a caption; empty where nothing was."""
    test = ""
    if options.num_test is not None:
        test = f"; with the binomial noise of {options.num_test} test problems"
    unit = 1.0 - options.chance
    return test + (f"; laws are of {options.y} / {unit:g}, of which 1 is guessing" if options.chance else "")


def left_out_text(options: argparse.Namespace) -> str:
    """How many rows have no y, for a caption; empty where all have one."""
    num_rows = options.num_left_out
    told = "1 row without" if num_rows == 1 else f"{num_rows} rows without"
    return f"; {told} {options.y} left out" if num_rows else ""


def _set_num_test(rows: pd.DataFrame, options: argparse.Namespace) -> None:
    """Make `options.num_test` a column, which is checked, a number or None."""
    asked = options.num_test
    if asked is None:
        is_rate = bool((rows[options.y] <= 1).all())
        asked = NUM_TEST if NUM_TEST in rows.columns and is_rate and NUM_TEST not in options.x else NO_TEST
    if asked == NO_TEST:
        options.num_test = None
    elif asked.isascii() and asked.isdigit():
        if int(asked) < 1:
            raise UserError("--num-test needs at least 1 problem")
        options.num_test = int(asked)
    else:
        if asked not in rows.columns and _is_number(asked):
            raise UserError(f"--num-test {asked} is no whole number of problems")
        require_columns(rows, (asked,))
        rows[asked] = numeric(rows, asked)
        good = (rows[asked] >= 1) & (rows[asked] < float("inf"))
        _require(rows, asked, good, "a test has at least 1 problem (--num-test none leaves it out)")
        options.num_test = asked


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _require(rows: pd.DataFrame, name: str, good: "pd.Series[bool]", needed: str) -> None:
    if not good.all():
        row = first_row(~good)
        raise UserError(f"column {name} holds {rows[name].loc[row]:g} in row {row}; {needed}")
