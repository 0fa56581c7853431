"""The end of a run: one table of accuracies, where the results are, and which points failed and why."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from synthscale.study.outcome import Outcome
from synthscale.study.record import Record, algorithm_rank, study_folder
from synthscale.study.variant import Placed, settings_of, variants

_ROW_AXES = ("task", "model", "algorithm", "variant", "negative_fraction")
_OF_ALGORITHM = ("task", "model", "algorithm")
_OTHER_AXES = {"task": (), "model": (), "variant": _OF_ALGORITHM, "negative_fraction": _OF_ALGORITHM}


def print_summary(outcomes: Sequence[Outcome], console: Console) -> None:
    """Show what the points reached, then where it is kept, then what failed."""
    records = named_records(outcomes)
    if len(records) == 1 and len(outcomes) == 1:
        console.print(record_table(records[0]))
    elif records:
        console.print("Test accuracy, %: mean ± sd over seeds, by number of problems", highlight=False, soft_wrap=True)
        console.print(accuracy_table(records))
    for folder in dict.fromkeys(study_folder(outcome.point.config) for outcome in outcomes if outcome.record):
        console.print(f"Results: {folder / 'results.csv'}", markup=False, highlight=False, soft_wrap=True)
    print_failures(outcomes, console)


def named_records(outcomes: Sequence[Outcome]) -> list[Record]:
    """The records with their variants among these points, as in the study's table."""
    pairs = [(outcome.record, outcome.point.config) for outcome in outcomes if outcome.record is not None]
    groups: dict[tuple[str, str], list[tuple[int, Placed]]] = {}
    for number, (record, config) in enumerate(pairs):
        axes = (record.data_size, record.negative_fraction, record.seed)
        placed = Placed(record.algorithm, axes, settings_of(config))
        groups.setdefault((record.task, record.model), []).append((number, placed))
    records = [record for record, _ in pairs]
    for group in groups.values():
        for (number, _), variant in zip(group, variants([placed for _, placed in group]), strict=True):
            records[number] = replace(records[number], variant=variant)
    return records


def print_failures(outcomes: Sequence[Outcome], console: Console) -> None:
    """Each failed point with the stage, the last line of its error, and its log."""
    failed = [(outcome.point.label, outcome.failure) for outcome in outcomes if outcome.failure is not None]
    if not failed:
        return
    console.print(f"{len(failed)} of {len(outcomes)} points failed:", markup=False, highlight=False)
    for label, failure in failed:
        line = f"  {label}: {failure.stage}: {failure.message} (log: {failure.log})"
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def accuracy_table(records: Sequence[Record]) -> Table:
    """Test accuracy in per cent by algorithm and data size: mean ± standard deviation over seeds."""
    sizes = sorted({record.data_size for record in records})
    axes = [axis for axis in _ROW_AXES if axis == "algorithm" or varies(axis, records)]
    table = Table()
    for axis in axes:
        # a variant may be longer than a line; what it reached has to be seen beside it
        table.add_column(axis, no_wrap=axis != "variant", overflow="fold" if axis == "variant" else "ellipsis")
    for size in sizes:
        table.add_column(str(size), justify="right", no_wrap=True)
    rows: dict[tuple[str, ...], list[Record]] = {}
    for record in sorted(
        records, key=lambda r: (r.task, r.model, algorithm_rank(r.algorithm), r.variant or "", r.negative_fraction or 0)
    ):
        rows.setdefault(tuple(axis_text(record, axis) for axis in axes), []).append(record)
    for names, members in rows.items():
        cells = (accuracy_cell(r.test_accuracy for r in members if r.data_size == size) for size in sizes)
        table.add_row(*names, *cells)
    return table


def axis_text(record: Record, axis: str) -> str:
    """The record's value on the axis, empty where it has none; of a variant a setting a line."""
    value = getattr(record, axis)
    if axis == "variant":
        return "\n".join(shlex.quote(setting) for setting in shlex.split(value or ""))
    return "" if value is None else str(value)


def varies(axis: str, records: Iterable[Record]) -> bool:
    """Whether the axis takes several values; a negative fraction that belongs to its algorithm does not count."""
    values: dict[tuple[str, ...], set[object]] = {}
    for record in records:
        others = tuple(getattr(record, other) for other in _OTHER_AXES[axis])
        values.setdefault(others, set()).add(getattr(record, axis))
    return any(len(taken) > 1 for taken in values.values())


def accuracy_cell(accuracies: Iterable[float | None]) -> str:
    """`51.2 ± 1.3`; without ± for one seed, and empty where nothing was measured."""
    measured = [accuracy for accuracy in accuracies if accuracy is not None]
    if not measured:
        return ""
    mean = f"{100 * statistics.fmean(measured):.1f}"  # in this order, as a report does: ties round alike
    return mean if len(measured) == 1 else f"{mean} ± {100 * statistics.stdev(measured):.1f}"


def record_table(record: Record) -> Table:
    """One point's row, set upright; what was not measured is left out."""
    table = Table(show_header=False)
    for name in record.__dataclass_fields__:
        value = getattr(record, name)
        if value is not None:
            table.add_row(name, f"{value:.4g}" if isinstance(value, float) else str(value))
    return table
