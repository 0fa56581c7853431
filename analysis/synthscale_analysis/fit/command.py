"""`synthscale fit`: a scaling law with intervals, for any table.

    synthscale fit results.csv --x data_size --y test_error --group algorithm --law auto --json fits.json
    synthscale fit runs.csv --x parameters,tokens --y loss --law chinchilla
    synthscale fit results.csv --x data_size --y test_error --group algorithm --baseline sft --target-error 0.3 --power
    synthscale fit results.csv --x data_size --y test_error --chance 0.25 --predict 2048

Rows whose y is empty are left out. A column called `seed` is taken as the seeds, so that the interval comes from seeds
within sizes, and one called `num_test` as test problems behind a rate. Protocol of the fit, and how to choose --delta:
`synthscale.scaling.fit`; intervals: `synthscale.scaling.resample`.
"""

import argparse
import json
import sys

import pandas as pd

from synthscale.scaling import Law
from synthscale.study.error import UserError
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.fit import power, predict, target
from synthscale_analysis.fit.options import AUTO, laws_asked_for, parse_options, settle
from synthscale_analysis.fit.output import GroupFits, as_json, best_fits, fit_table, verdicts_of
from synthscale_analysis.fit.rows import measurements_of, usable_rows
from synthscale_analysis.numbers.fitting import fit_curve
from synthscale_analysis.output import report_console, with_progress, write_atomically
from synthscale_analysis.records import read_table

NO_GROUP = "(no group)"  # of rows whose cell is empty
MANY = 2e8  # log values over all draws: some minutes


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Run the command; argv is without the program's name. 0, or 2 for a table or options that cannot be used."""
    options = parse_options(argv)
    table = read_table(options.table)
    settle(options, [str(name) for name in table.columns])
    laws = laws_asked_for(options)
    table = usable_rows(table, options, takes_logs=laws[0].takes_logs)
    groups = _groups(table, options)
    target.require_baseline([name for name, _ in groups], options)
    fits = _fit_groups(groups, laws, options)
    if all(fitted.fit is None for _, fitted in fits):
        raise UserError("; ".join(dict.fromkeys(note for _, fitted in fits for note in fitted.notes)))
    questions = (predict, target, power)
    answers = [found for question in questions if (found := question.answer(fits, options))]
    console = report_console()
    console.print(fit_table(fits, options))
    verdicts = verdicts_of(fits) if options.law == AUTO else {}
    for group, sentence in verdicts.items():
        console.print(f"{group}: {sentence}", highlight=False, markup=False, soft_wrap=True)
    for found in answers:
        found.show(console)
    if options.figure is not None:
        from synthscale_analysis.fit.figure import table_figure
        from synthscale_analysis.style import save_figure_as

        save_figure_as(table_figure(best_fits(fits), options.x[0], options.y), options.figure)
    if options.json is not None:
        content = as_json(fits, verdicts, options) | {found.key: found.content for found in answers}
        write_atomically(options.json, (json.dumps(content, indent=2) + "\n").encode())
    return 0


def _groups(table: pd.DataFrame, options: argparse.Namespace) -> list[tuple[str, pd.DataFrame]]:
    if options.group is None:
        return [("all rows", table)]
    groups = table.groupby(options.group, sort=True, dropna=False)
    return [(NO_GROUP if pd.isna(name) else str(name), rows) for name, rows in groups]


def _fit_groups(groups: list[tuple[str, pd.DataFrame]], laws: list[Law], options: argparse.Namespace) -> GroupFits:
    jobs = [(name, rows, law) for name, rows in groups for law in laws]
    if (largest := max(len(rows) for _, rows in groups)) * options.bootstrap > MANY:
        told = f"{largest:,} rows times {options.bootstrap:,} draws take minutes; --bootstrap 200 takes less"
        print(f"synthscale fit: {told}", file=sys.stderr)
    return [
        (
            name,
            fit_curve(
                law,
                measurements_of(rows, options),
                options.bootstrap,
                options.seed,
                options.delta,
                options.holdout,
                kind=options.interval,
            ),
        )
        for name, rows, law in with_progress(jobs, "fitting")
    ]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
