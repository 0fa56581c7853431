"""`synthscale report`: figures and tables of a study, from its records alone.

    synthscale report runs/eightfold

Reads DIR/results.csv (or .parquet) and writes into DIR/report/: error_vs_size, fits and data_multiplier as PNG and SVG,
summary.csv, fits.csv and multipliers.csv; where the points' artifacts are there too, stage_seconds as figure and table.
Laws are fitted at `estimates.STUDY_DELTA`, not at the δ published for training losses. A table of several tasks or
models gives a folder for each pair. A half-finished study gets its report too, with what is missing said under the
table.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
from rich.table import Table

from synthscale_analysis.completeness import gaps
from synthscale_analysis.curves import Curve, curves_of
from synthscale_analysis.errors import UserError, one_sentence_errors
from synthscale_analysis.estimates import BASELINES, NUM_DRAWS, SEED, STUDY_DELTA, STUDY_LAWS, fit_to_curve
from synthscale_analysis.figure_error import NAME as ERROR_NAME
from synthscale_analysis.figure_error import error_figure
from synthscale_analysis.figure_fits import NAME as FITS_NAME
from synthscale_analysis.figure_fits import fits_figure
from synthscale_analysis.figure_multiplier import NAME as MULTIPLIER_NAME
from synthscale_analysis.figure_multiplier import multiplier_figure
from synthscale_analysis.figure_seconds import LEFT_OUT, artifacts_of, seconds_figure
from synthscale_analysis.figure_seconds import NAME as SECONDS_NAME
from synthscale_analysis.freshness import digest_of, is_fresh, mark_fresh
from synthscale_analysis.output import report_console, with_progress, write_atomically
from synthscale_analysis.records import read_records
from synthscale_analysis.stage_seconds import stage_seconds
from synthscale_analysis.studies import TaskModelRecords, studies_in
from synthscale_analysis.style import save_figure
from synthscale_analysis.summary import fits_table, multipliers_table, summary_table

_CAPTION = "× data: multiplier with 95 % interval, at the size where most methods lie inside the baseline's range"
_DESCRIPTION = (
    f"Figures and tables of a study. Laws are fitted with Huber's δ = {STUDY_DELTA:g} on log errors, the scale of the "
    "seeds' spread (synthscale fit --delta takes another); bars are 95 % intervals of the mean over seeds, with a "
    "spread pooled over the sizes of a curve."
)
_SIGNS = {"more_than": "> ", "less_than": "< ", "in_range": ""}


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Run the command; argv is without the program's name. 0, or 2 for a study that cannot be reported on."""
    options = _parser().parse_args(argv)
    if options.bootstrap < 2:
        raise UserError(f"--bootstrap needs at least 2 draws, not {options.bootstrap}")
    if options.seed < 0:
        raise UserError(f"--seed must be at least 0, not {options.seed}")
    records = read_records(options.folder)
    console = report_console()
    for study in studies_in(records, options.folder / "report", options.task, options.model):
        seconds = stage_seconds(study.records, artifacts_of(options.folder))
        summary = write_report(study, options.bootstrap, options.seed, seconds)
        console.print(_printed_table(study, summary))
        notes = gaps(study.records, curves_of(study.records))
        for note in notes if seconds is not None else [*notes, LEFT_OUT]:
            console.print(note, highlight=False)
        console.print(f"Figures and tables: {study.folder}", highlight=False, soft_wrap=True)
    return 0


def write_report(
    study: TaskModelRecords, num_draws: int, seed: int, seconds: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Write figures and tables of one task and model into its folder, unless they are there; the summary table.

    seconds: what `stage_seconds` returns; without it there is no figure of them.
    """
    if seconds is not None:
        write_atomically(study.folder / f"{SECONDS_NAME}.csv", _csv(seconds))
        save_figure(seconds_figure(seconds), study.folder, SECONDS_NAME)
    else:  # an earlier report's would be of other artifacts
        for extension in ("csv", "png", "svg"):
            (study.folder / f"{SECONDS_NAME}.{extension}").unlink(missing_ok=True)
    digest = digest_of(study.records, num_draws, seed)
    has_baseline = bool(study.records["algorithm"].isin(BASELINES).any())
    figures = (ERROR_NAME, FITS_NAME, *([MULTIPLIER_NAME] if has_baseline else []))
    drawn = [f"{name}.{extension}" for name in figures for extension in ("png", "svg")]
    if is_fresh(study.folder, digest, ["summary.csv", "fits.csv", "multipliers.csv", *drawn]):
        return pd.read_csv(study.folder / "summary.csv")
    curves = curves_of(study.records)
    jobs = [(curve, law) for law in STUDY_LAWS for curve in curves]
    fits = [fit_to_curve(curve, law, num_draws, seed) for curve, law in with_progress(jobs, "fitting")]
    power_fits = [fit for fit, (_, law) in zip(fits, jobs, strict=True) if law == "power"]
    summary = summary_table(study.records, curves, num_draws, seed)
    write_atomically(study.folder / "summary.csv", _csv(summary))
    write_atomically(study.folder / "multipliers.csv", _csv(multipliers_table(study.records, curves, num_draws, seed)))
    write_atomically(study.folder / "fits.csv", _csv(fits_table([curve for curve, _ in jobs], fits)))
    save_figure(error_figure(study.records, power_fits), study.folder, ERROR_NAME)
    save_figure(fits_figure(study.records, power_fits), study.folder, FITS_NAME)
    if has_baseline:
        save_figure(multiplier_figure(study.records, num_draws, seed), study.folder, MULTIPLIER_NAME)
    mark_fresh(study.folder, digest)
    return summary


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="synthscale report", description=_DESCRIPTION)
    parser.add_argument("folder", metavar="DIR", type=Path, help="the study's folder, e.g. runs/eightfold")
    parser.add_argument("--task", help="only this task")
    parser.add_argument("--model", help="only this model")
    parser.add_argument("--bootstrap", type=int, default=NUM_DRAWS, help=f"draws (default: {NUM_DRAWS})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed of the bootstrap (default: {SEED})")
    return parser


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()


def _printed_table(study: TaskModelRecords, summary: pd.DataFrame) -> Table:
    """Curves × sizes: accuracy, mean ± sd over seeds; then the multipliers at one telling size."""
    usual = int(summary["num_seeds"].mode().iloc[0])
    title = f"{study.task}, {study.model}: test accuracy in %, mean ± sd over seeds ({usual} unless said)"
    table = Table(title=title, caption=_CAPTION)
    table.add_column("algorithm")
    sizes = sorted(summary["data_size"].unique())
    for size in sizes:
        table.add_column(f"{size:,}", justify="right")
    present = set(study.records["algorithm"])
    telling = {name: _telling_size(summary, name) for name in BASELINES if name in present}
    for baseline, size in telling.items():
        table.add_column(f"× data vs {baseline}\nat {size:,}")
    for curve in curves_of(study.records):
        rows = _rows_of(summary, curve).set_index("data_size", drop=False)
        row_at = {size: rows.loc[size] if size in rows.index else None for size in sizes}
        cells = [_accuracy(row, usual) for row in row_at.values()]
        table.add_row(curve.label, *cells, *(_multiplier(row_at[telling[name]], curve, name) for name in telling))
    return table


def _rows_of(summary: pd.DataFrame, curve: Curve) -> pd.DataFrame:
    rows = summary[summary["algorithm"] == curve.algorithm]
    return rows if curve.negative_fraction is None else rows[rows["negative_fraction"] == curve.negative_fraction]


def _accuracy(row: "pd.Series[float] | None", usual_num_seeds: int) -> str:
    if row is None:
        return "–"
    spread = "" if pd.isna(row["sd_test_accuracy"]) else f" ± {100 * row['sd_test_accuracy']:.1f}"
    seeds = "" if row["num_seeds"] == usual_num_seeds else f" ({row['num_seeds']})"
    return f"{100 * row['mean_test_accuracy']:.1f}{spread}{seeds}"


def _telling_size(summary: pd.DataFrame, baseline: str) -> int:
    """The size at which most curves lie inside the baseline's range, the largest of equals.

    Not simply the largest size: there every method that beats the baseline is beyond its range, and "> 1" would be all
    that the table says. One size for all methods, so that they can be compared.
    """
    inside = (summary[f"multiplier_vs_{baseline}_status"] == "in_range").groupby(summary["data_size"]).sum()
    return int(inside[inside == inside.max()].index.max())


def _multiplier(row: "pd.Series[float] | None", curve: Curve, baseline: str) -> str:
    """As "1.7 [1.2, > 2]"; a dash where there is none."""
    name = f"multiplier_vs_{baseline}"
    if curve.algorithm == baseline:
        return "1 (baseline)"
    if row is None or pd.isna(row[name]):
        return "–"
    low, high = (_bounded(row, f"{name}_{end}") for end in ("low", "high"))
    return _bounded(row, name) + (f" [{low}, {high}]" if low and high else "")


def _bounded(row: "pd.Series[float]", name: str) -> str:
    return "" if pd.isna(row[name]) else f"{_SIGNS[str(row[name + '_status'])]}{row[name]:.2f}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
