"""`synthscale fit --predict X[,X…]`: what each group's law says at these sizes, and how far from the data they lie.

    synthscale fit results.csv --x data_size --y test_error --predict 1024,8192
    synthscale fit runs.csv --x parameters,tokens --y loss --law chinchilla --predict 7e10:1.4e12

Of a law of several inputs, a point's inputs are joined by colons. Intervals are of the law's value, not of one more run
there, which has its own noise. With `--law auto`, the law is the one that holds.
"""

import argparse
import math
from typing import Any

import numpy as np
from rich.table import Table

from synthscale.scaling import FAR, extrapolation
from synthscale.study.error import UserError
from synthscale_analysis.fit.answer import Answer
from synthscale_analysis.fit.output import GroupFits, best_fits
from synthscale_analysis.numbers.fitting import FittedCurve

WORDS = {"": "", "extrapolated": "extrapolated", "far": f"far beyond the data (> {FAR:g}×)"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Option of this question."""
    parser.add_argument(
        "--predict", metavar="X[,X…]", help="say what the law gives at these x; N:D at points of two inputs"
    )


def check(options: argparse.Namespace) -> None:
    """Make `options.predict` a list of points, a list of numbers each; UserError where it is none."""
    if options.predict is None:
        return
    try:
        points = [[float(number) for number in point.split(":")] for point in options.predict.split(",")]
    except ValueError:
        points = []
    good = [len(point) == len(options.x) and all(math.isfinite(n) and n >= 0 for n in point) for point in points]
    if not points or not all(good):
        each = "a number" if len(options.x) == 1 else f"{len(options.x)} numbers joined by colons"
        raise UserError(f"--predict {options.predict}: each point is {each}, of at least 0")
    options.predict = points


def answer(fits: GroupFits, options: argparse.Namespace) -> Answer | None:
    """Values of every group's law at the points; None where none were asked for."""
    if options.predict is None:
        return None
    _require_inside(fits[0][1], options)
    table = Table(title=f"{options.y} by the law", caption="95 % intervals of the law's value, not of one more run")
    for name in (options.group or "group", "law", ", ".join(options.x), options.y, "notes"):
        table.add_column(name, overflow="fold")
    groups = []
    for group, fitted in best_fits(fits):
        found = [] if fitted.fit is None else predictions(fitted, options.predict)
        groups.append({"group": group, "law": fitted.law.name, "points": found})
        for one in found:
            at = ", ".join(f"{number:,g}" if number < 1e6 else f"{number:g}" for number in one["x"])
            table.add_row(group, fitted.law.name, at, _value_text(one), WORDS[one["mark"] or ""])
    return Answer("predictions", table, [], {"groups": groups})


def predictions(fitted: FittedCurve, points: list[list[float]]) -> list[dict[str, Any]]:
    """By point: x, estimate, low and high in the table's units, and its mark, "extrapolated", "far" or None."""
    inputs = np.array(points)
    estimates, band = fitted.predict(inputs), fitted.band(inputs)
    marks = extrapolation(fitted.law, fitted.measurements, inputs)
    return [
        {
            "x": point,
            "estimate": float(estimates[number]),
            "low": None if band is None else float(band.low[number]),
            "high": None if band is None else float(band.high[number]),
            "mark": marks[number] or None,
        }
        for number, point in enumerate(points)
    ]


def _value_text(found: dict[str, Any]) -> str:
    ends = "" if found["low"] is None else f" [{found['low']:.3g}, {found['high']:.3g}]"
    return f"{found['estimate']:.3g}{ends}"


def _require_inside(fitted: FittedCurve, options: argparse.Namespace) -> None:
    """UserError for a point that the law does not take."""
    numbers = [number for point in options.predict for number in point]
    if fitted.law.takes_logs and min(numbers) <= 0:
        raise UserError(f"--predict asks for x = {min(numbers):g}, and law {fitted.law.name} takes positive x")
    if not fitted.law.takes_logs and max(numbers) > 1:
        raise UserError(f"--predict asks for x = {max(numbers):g}, and a fraction lies in [0, 1]")
