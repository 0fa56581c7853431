"""Options of `synthscale fit`: what can be asked for, and the laws that it means."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from synthscale.command_line import CommandLine
from synthscale.scaling import HUBER_DELTA, LAWS, IntervalKind, Law
from synthscale.study.error import UserError
from synthscale_analysis.fit import files, power, predict, rows, target
from synthscale_analysis.fit.laws import LAWS_HELP
from synthscale_analysis.options import as_options
from synthscale_analysis.output import FORMATS

AUTO = "auto"
NUM_DRAWS = 4000
_DELTA_HELP = (
    "log residual beyond which a point is an outlier (Huber's δ; default: %(default)g, as published for training "
    "losses; for test errors give their spread over seeds, e.g. 0.1, as report does)"
)


def parse_options(argv: list[str]) -> argparse.Namespace:
    """Options that make sense without the table; `x` is the list of --x columns. UserError for others."""
    parser = _parser()
    options = parser.parse_args(as_options(argv, "fit", parser))
    options.x_as_given = options.x
    options.x = [name.strip() for name in options.x.split(",")]
    if options.bootstrap < 2:
        raise UserError(f"--bootstrap needs at least 2 draws, not {options.bootstrap}")
    if options.figure is not None and options.figure.suffix[1:] not in FORMATS:
        raise UserError(f"--figure {options.figure} must end in {', '.join('.' + name for name in FORMATS)}")
    if options.holdout < 0:
        raise UserError(f"--holdout must be at least 0, not {options.holdout}")
    if options.seed < 0:
        raise UserError(f"--seed must be at least 0, not {options.seed}")
    if not (options.delta > 0 and math.isfinite(options.delta)):
        raise UserError(f"--delta must be a positive number, not {options.delta:g}")
    files.check(options)
    rows.check(options)
    return options


def settle(options: argparse.Namespace, columns: Sequence[str]) -> None:
    """Make `x` the columns that --x means in this table, and check what depends on how many they are.

    A column of exactly that name, commas and all, wins over a list.
    """
    if options.x_as_given in columns:
        options.x = [options.x_as_given]
    if "" in options.x:
        raise UserError(f"--x {options.x_as_given!r} has an empty name in it")
    predict.check(options)
    target.check(options)
    power.check(options)


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine("fit", "Fit a scaling law to a table, with intervals.", LAWS_HELP)
    parser.add_argument("table", type=Path, help="a .csv or .parquet file")
    parser.add_argument("--x", required=True, help="column of sizes, e.g. data_size, or columns: parameters,tokens")
    parser.add_argument("--y", required=True, help="column of errors or losses, e.g. test_error")
    parser.add_argument("--group", help="column whose values are fitted apart, e.g. algorithm")
    parser.add_argument("--seed-column", help="column of seeds (default: seed, where there is one)")
    parser.add_argument(
        "--law",
        choices=[*LAWS, AUTO],
        default="power",
        help="law to fit, see below (default: power); auto: every law of as many sizes as --x names, and which holds",
    )
    parser.add_argument(
        "--holdout", type=int, default=0, metavar="K", help="say how far a fit without the K largest sizes is off there"
    )
    parser.add_argument(
        "--bootstrap", type=int, default=NUM_DRAWS, help="draws of the bootstrap (default: %(default)d)"
    )
    parser.add_argument(
        "--interval",
        type=IntervalKind,
        choices=list(IntervalKind),
        default=IntervalKind.PERCENTILE,
        help="percentiles of the draws (default), or these corrected for bias and skew (Efron 1987)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap (default: 0)")
    parser.add_argument("--delta", type=float, default=HUBER_DELTA, help=_DELTA_HELP)
    parser.add_argument("--figure", type=Path, help="draw rows and fits into this .svg, .pdf or .png file")
    parser.add_argument("--json", type=Path, help="write the fits to this file as well")
    rows.add_arguments(parser)
    predict.add_arguments(parser)
    target.add_arguments(parser)
    power.add_arguments(parser)
    return parser


def laws_asked_for(options: argparse.Namespace) -> list[Law]:
    """The laws that are asked for."""
    num_inputs = len(options.x)
    if len({*options.x, options.y}) <= num_inputs:
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
