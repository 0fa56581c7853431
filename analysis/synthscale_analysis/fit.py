"""`synthscale fit`: a scaling law with intervals, for any table.

    synthscale fit results.csv --x data_size --y test_error --group algorithm --law auto --json fits.json
    synthscale fit runs.csv --x parameters,tokens --y loss --law chinchilla

Rows whose y is empty are left out and counted in the notes. A column called `seed` is taken as the seeds, so that the
interval comes from seeds within sizes. Protocol of the fit, and how to choose --delta: `synthscale.scaling.fit`.
"""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from synthscale.scaling import HUBER_DELTA, LAWS, Law, Measurements, best_of
from synthscale_analysis.errors import UserError, one_sentence_errors
from synthscale_analysis.fitting import FittedCurve, fit_curve, verdict_on
from synthscale_analysis.output import FORMATS, report_console, with_progress, write_atomically
from synthscale_analysis.records import first_row, measurements, numeric, read_table, require_columns

AUTO = "auto"
_DELTA_HELP = (
    "log residual beyond which a point is an outlier (Huber's δ; default: %(default)g, as published for training "
    "losses; for test errors give their spread over seeds, e.g. 0.1, as report does)"
)


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Run the command; argv is without the program's name. 0, or 2 for a table or options that cannot be used."""
    options = _parser().parse_args(argv)
    if options.bootstrap < 2:
        raise UserError(f"--bootstrap needs at least 2 draws, not {options.bootstrap}")
    if options.figure is not None and options.figure.suffix[1:] not in FORMATS:
        raise UserError(f"--figure {options.figure} must end in {', '.join('.' + name for name in FORMATS)}")
    if options.holdout < 0:
        raise UserError(f"--holdout must be at least 0, not {options.holdout}")
    if options.seed < 0:
        raise UserError(f"--seed must be at least 0, not {options.seed}")
    if not options.delta > 0:
        raise UserError(f"--delta must be positive, not {options.delta:g}")
    laws = _laws(options)
    table = _usable_rows(read_table(options.table), options, takes_logs=laws[0].takes_logs)
    fits = _fit_groups(table, laws, options)
    if all(fitted.fit is None for _, fitted in fits):
        raise UserError("; ".join(dict.fromkeys(note for _, fitted in fits for note in fitted.notes)))
    console = report_console()
    console.print(_fit_table(fits, options))
    verdicts = _verdicts(fits) if options.law == AUTO else {}
    for group, sentence in verdicts.items():
        console.print(f"{group}: {sentence}", highlight=False, markup=False, soft_wrap=True)
    if options.figure is not None:
        from synthscale_analysis.figure_table import table_figure
        from synthscale_analysis.style import save_figure_as

        save_figure_as(table_figure(_best_fits(fits), options.x[0], options.y), options.figure)
    if options.json is not None:
        write_atomically(options.json, (json.dumps(_as_json(fits, verdicts, options), indent=2) + "\n").encode())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="synthscale fit", description="Fit a scaling law to a table, with intervals.")
    parser.add_argument("table", type=Path, help="a .csv or .parquet file")
    parser.add_argument("--x", required=True, help="column of sizes, e.g. data_size, or columns: parameters,tokens")
    parser.add_argument("--y", required=True, help="column of errors or losses, e.g. test_error")
    parser.add_argument("--group", help="column whose values are fitted apart, e.g. algorithm")
    parser.add_argument("--seed-column", help="column of seeds (default: seed, where there is one)")
    parser.add_argument(
        "--law",
        choices=[*LAWS, AUTO],
        default="power",
        help="law to fit (default: power); auto: every law of as many sizes as --x names, and which of them holds",
    )
    parser.add_argument(
        "--holdout", type=int, default=0, metavar="K", help="say how far a fit without the K largest sizes is off there"
    )
    parser.add_argument("--bootstrap", type=int, default=1000, help="draws of the bootstrap (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap (default: 0)")
    parser.add_argument("--delta", type=float, default=HUBER_DELTA, help=_DELTA_HELP)
    parser.add_argument("--figure", type=Path, help="draw rows and fits into this .svg, .pdf or .png file")
    parser.add_argument("--json", type=Path, help="write the fits to this file as well")
    return parser


def _laws(options: argparse.Namespace) -> list[Law]:
    """The laws that are asked for; splits --x."""
    options.x = [name.strip() for name in options.x.split(",")]
    num_inputs = len(options.x)
    if "" in options.x or len({*options.x, options.y}) <= num_inputs:
        raise UserError(f"--x {','.join(options.x)} and --y {options.y} must name different columns, each once")
    if options.holdout and num_inputs > 1:
        raise UserError("--holdout needs sizes in an order, and so one --x column")
    if options.figure and num_inputs > 1:
        raise UserError("--figure draws against one --x column")
    if options.law == AUTO:
        laws = [law for law in LAWS.values() if len(law.input_names) == num_inputs and law.takes_logs]
        if not laws:
            raise UserError(f"no law takes {num_inputs} --x columns")
        return laws
    law = LAWS[options.law]
    if len(law.input_names) != num_inputs:
        raise UserError(f"law {law.name} takes --x {','.join(law.input_names)}, but --x names {num_inputs} columns")
    return [law]


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


def _fit_groups(table: pd.DataFrame, laws: list[Law], options: argparse.Namespace) -> list[tuple[str, FittedCurve]]:
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


def _fit_table(fits: list[tuple[str, FittedCurve]], options: argparse.Namespace) -> Table:
    names = list(dict.fromkeys(name for _, fitted in fits for name in fitted.law.parameter_names))
    inputs = ", ".join(f"{name} is {x}" for name, x in zip(fits[0][1].law.input_names, options.x, strict=True))
    caption = f"95 % intervals from {options.bootstrap} bootstrap draws; {inputs}; Huber δ {options.delta:g}"
    table = Table(title=f"{options.y} against {', '.join(options.x)}", caption=caption)
    for heading in (options.group or "group", "law", *names):
        table.add_column(heading, overflow="fold")
    for heading in ("AICc", *(["held out"] if options.holdout else []), "rows", "sizes", "seeds"):
        table.add_column(heading, justify="right")
    table.add_column("notes")
    for group, fitted in fits:
        counts = (str(fitted.measurements.num_rows), str(fitted.measurements.num_sizes), fitted.seeds_per_size)
        cells = [parameter_text(fitted, name) for name in names]
        table.add_row(group, fitted.law.formula, *cells, *_judgement(fitted, options), *counts, "; ".join(fitted.notes))
    return table


def _judgement(fitted: FittedCurve, options: argparse.Namespace) -> list[str]:
    judged = fitted.judged
    aicc = "" if judged is None or not math.isfinite(judged.aicc) else f"{judged.aicc:.1f}"
    held_out = "" if judged is None or judged.held_out is None else f"{judged.held_out:.1%}"
    return [aicc, held_out] if options.holdout else [aicc]


def _best_fits(fits: list[tuple[str, FittedCurve]]) -> list[tuple[str, FittedCurve]]:
    """One fit a group: of the law that holds, as far as can be told."""
    best = []
    for group in dict.fromkeys(group for group, _ in fits):
        own = [fitted for name, fitted in fits if name == group]
        judged = [fitted.judged for fitted in own if fitted.judged is not None]
        law = best_of(judged).fit.law if judged else own[0].law
        best.append((group, next(fitted for fitted in own if fitted.law is law)))
    return best


def _verdicts(fits: list[tuple[str, FittedCurve]]) -> dict[str, str]:
    """By group."""
    groups = dict.fromkeys(group for group, _ in fits)
    return {group: verdict_on([fitted for name, fitted in fits if name == group]) for group in groups}


def parameter_text(fitted: FittedCurve, name: str) -> str:
    """A parameter with its interval, as "0.152 [0.11, 0.19]"; empty where the law has none of that name."""
    if fitted.fit is None or name not in fitted.fit.parameters:
        return ""
    interval = fitted.interval(name)
    bounds = "" if interval is None else f" [{interval.low:.3g}, {interval.high:.3g}]"
    return f"{fitted.fit.parameters[name]:.3g}{bounds}"


def _as_json(
    fits: list[tuple[str, FittedCurve]], verdicts: dict[str, str], options: argparse.Namespace
) -> dict[str, Any]:
    names = ("x", "y", "group", "seed_column", "bootstrap", "seed", "delta", "holdout")
    settings = {name: getattr(options, name) for name in names} | {"x": ",".join(options.x)}
    written = [_fit_as_json(group, fitted) for group, fitted in fits]
    return {"table": str(options.table), **settings, "verdicts": verdicts, "fits": written}


def _fit_as_json(group: str, fitted: FittedCurve) -> dict[str, Any]:
    parameters = {}
    for name, estimate in (fitted.fit.parameters if fitted.fit else {}).items():
        interval = fitted.interval(name)
        low, high = (None, None) if interval is None else (interval.low, interval.high)
        parameters[name] = {"estimate": estimate, "low": low, "high": high}
    return {
        "group": group,
        "law": fitted.law.name,
        "formula": fitted.law.formula,
        "parameters": parameters,
        "objective": fitted.fit.objective if fitted.fit else None,
        "aicc": fitted.judged.aicc if fitted.judged and math.isfinite(fitted.judged.aicc) else None,
        "held_out_error": fitted.judged.held_out if fitted.judged else None,
        "num_rows": fitted.measurements.num_rows,
        "num_sizes": fitted.measurements.num_sizes,
        "num_seeds": fitted.measurements.num_seeds().tolist(),
        "resampled": fitted.bootstrap.resampled if fitted.bootstrap else None,
        "converged": fitted.fit.converged if fitted.fit else None,
        "notes": list(fitted.notes),
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
