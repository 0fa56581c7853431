"""`synthscale fit`: a scaling law with intervals, for any table.

    synthscale fit results.csv --x data_size --y test_error --group algorithm --law auto --json fits.json
    synthscale fit runs.csv --x parameters,tokens --y loss --law chinchilla
    synthscale fit results.csv --x data_size --y test_error --group algorithm --baseline sft --target-error 0.3 --power

Rows whose y is empty are left out. A column called `seed` is taken as the seeds, so that the interval comes from seeds
within sizes. Protocol of the fit, and how to choose --delta: `synthscale.scaling.fit`.
"""

import argparse
import json
import sys

import pandas as pd

from synthscale.scaling import Law, Measurements
from synthscale_analysis import fit_power, fit_target
from synthscale_analysis.errors import UserError, one_sentence_errors
from synthscale_analysis.fit_options import AUTO, laws_asked_for, parse_options
from synthscale_analysis.fit_output import GroupFits, as_json, best_fits, fit_table, verdicts_of
from synthscale_analysis.fitting import fit_curve
from synthscale_analysis.output import report_console, with_progress, write_atomically
from synthscale_analysis.records import first_row, measurements, numeric, read_table, require_columns


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Run the command; argv is without the program's name. 0, or 2 for a table or options that cannot be used."""
    options = parse_options(argv)
    laws = laws_asked_for(options)
    table = _usable_rows(read_table(options.table), options, takes_logs=laws[0].takes_logs)
    fits = _fit_groups(table, laws, options)
    if all(fitted.fit is None for _, fitted in fits):
        raise UserError("; ".join(dict.fromkeys(note for _, fitted in fits for note in fitted.notes)))
    answers = [found for found in (fit_target.answer(fits, options), fit_power.answer(fits, options)) if found]
    console = report_console()
    console.print(fit_table(fits, options))
    verdicts = verdicts_of(fits) if options.law == AUTO else {}
    for group, sentence in verdicts.items():
        console.print(f"{group}: {sentence}", highlight=False, markup=False, soft_wrap=True)
    for found in answers:
        found.show(console)
    if options.figure is not None:
        from synthscale_analysis.figure_table import table_figure
        from synthscale_analysis.style import save_figure_as

        save_figure_as(table_figure(best_fits(fits), options.x[0], options.y), options.figure)
    if options.json is not None:
        content = as_json(fits, verdicts, options) | {found.key: found.content for found in answers}
        write_atomically(options.json, (json.dumps(content, indent=2) + "\n").encode())
    return 0


def _usable_rows(table: pd.DataFrame, options: argparse.Namespace, *, takes_logs: bool) -> pd.DataFrame:
    """Rows with a value, x and y as numbers, positive where their log is taken; fills in the default seed column."""
    columns = (*options.x, options.y, options.group)
    if options.seed_column is None and "seed" in table.columns and "seed" not in columns:
        options.seed_column = "seed"
    require_columns(table, tuple(name for name in (*columns, options.seed_column) if name is not None))
    for name in (*options.x, options.y):
        table[name] = numeric(table, name)
    usable = table.dropna(subset=[options.y])
    if usable.empty:
        raise UserError(f"column {options.y} is empty in every row")
    for name in (*options.x, options.y):
        is_positive = takes_logs or name == options.y
        good = ((usable[name] > 0) if is_positive else (usable[name] >= 0)) & (usable[name] < float("inf"))
        if not good.all():
            row, needed = first_row(~good), "positive numbers" if is_positive else "numbers of at least 0"
            raise UserError(f"column {name} holds {usable[name].loc[row]:g} in row {row}; a fit needs {needed}")
    return usable


def _fit_groups(table: pd.DataFrame, laws: list[Law], options: argparse.Namespace) -> GroupFits:
    groups = [("all rows", table)]
    if options.group is not None:
        groups = [(str(name), rows) for name, rows in table.groupby(options.group, sort=True, dropna=False)]
    jobs = [(name, rows, law) for name, rows in groups for law in laws]
    return [
        (name, fit_curve(law, _columns(rows, options), options.bootstrap, options.seed, options.delta, options.holdout))
        for name, rows, law in with_progress(jobs, "fitting")
    ]


def _columns(rows: pd.DataFrame, options: argparse.Namespace) -> Measurements:
    return measurements(rows, options.x, options.y, options.seed_column)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
