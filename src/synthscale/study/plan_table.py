"""A plan as text: how many stages of each kind there are, which are there already, and what the others will cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from synthscale.stage.stage import STAGES
from synthscale.study.estimate import Cost, History, estimate
from synthscale.study.plan import Plan, PlannedNode
from synthscale.study.store import ArtifactStore

NOTE = "Tokens and rollouts are estimates for the stages to do; those of credit are at most so many."
HOURS_NOTE = "Hours are summed over the stages to do, each in one job, at the median pace of earlier runs."
ASSUMED_NOTE = "Where there are none, hours are at the pace that execution.assumed_… says."
UNKNOWN_NOTE = "≥: for some of the stages it is not known."


@dataclass(frozen=True, slots=True)
class Row:
    """Stages of one kind and layer, or all of them, with the cost of each that is to do."""

    layer: str
    stage: str
    num_unique: int
    num_there: int
    costs: Sequence[Cost]


COLUMNS: dict[str, Callable[[Row], str]] = {
    "layer": lambda row: row.layer,
    "stage": lambda row: row.stage,
    "unique": lambda row: f"{row.num_unique:,}",
    "there": lambda row: f"{row.num_there:,}",
    "to do": lambda row: f"{len(row.costs):,}",
    "tokens\ntrained": lambda row: total(short, (cost.train_tokens for cost in row.costs)),
    "tokens\nsampled": lambda row: total(short, (cost.sampled_tokens for cost in row.costs)),
    "rollouts\nat most": lambda row: total(short, (cost.rollouts for cost in row.costs)),
    "hours": lambda row: total(hours, (cost.seconds for cost in row.costs)),
}


def print_plan(plan: Plan, store: ArtifactStore, console: Console) -> None:
    """Show the plan, with costs at the pace of what is in the store."""
    rows = make_rows(plan, store)
    everything = rows[-1]
    counts = count(len(plan.points), "point"), count(everything.num_unique, "unique stage")
    console.print(f"{', '.join(counts)}, {everything.num_there:,} there already", highlight=False, soft_wrap=True)
    has_hours = any(cost.seconds is not None for cost in everything.costs)
    columns = {name: cell for name, cell in COLUMNS.items() if has_hours or name != "hours"}
    cells = [[cell(row) for cell in columns.values()] for row in rows]
    console.print(plan_table(list(columns), cells))
    has_unknown = any("≥" in cell for row in cells for cell in row)
    execution = plan.points[0].config.execution
    is_assumed = any((execution.assumed_train_tokens_per_second, execution.assumed_sampled_tokens_per_second))
    notes = {
        NOTE: bool(everything.costs),
        HOURS_NOTE: has_hours,
        ASSUMED_NOTE: has_hours and is_assumed,
        price_note(everything.costs): True,
        UNKNOWN_NOTE: has_unknown,
    }
    for note in (note for note, is_due in notes.items() if note and is_due):
        console.print(note, highlight=False, soft_wrap=True)


def make_rows(plan: Plan, store: ArtifactStore) -> list[Row]:
    """One row for each layer and stage, inputs first, and one for all."""
    groups: dict[tuple[int, str], list[PlannedNode]] = {}
    for planned in sorted(plan.nodes.values(), key=lambda planned: (planned.layer, STAGES.index(planned.node.stage))):
        groups.setdefault((planned.layer, planned.node.stage), []).append(planned)
    history, execution = History(store), plan.points[0].config.execution

    def row(layer: str, stage: str, members: Sequence[PlannedNode]) -> Row:
        costs = [estimate(planned.node, history, execution) for planned in members if planned.needed]
        return Row(layer, stage, len(members), sum(planned.done for planned in members), costs)

    rows = [row(str(layer), stage, members) for (layer, stage), members in groups.items()]
    costs = [cost for one in rows for cost in one.costs]
    return [*rows, Row("", "all", len(plan.nodes), sum(one.num_there for one in rows), costs)]


def price_note(costs: Sequence[Cost]) -> str:
    """What a teacher's requests cost; empty where there is none to ask, or it has no price."""
    price = sum(cost.money or 0.0 for cost in costs)
    return f"The teacher costs {price:,.2f} at the prices of its config, if none of its problems is dropped." * (
        price > 0
    )


def plan_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """The cells as a table; the last row is the total."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)  # within 80 columns
    for name in columns:
        table.add_column(name, justify="left" if name == "stage" else "right", no_wrap=True)
    for index, row in enumerate(rows):
        table.add_row(*row, end_section=index == len(rows) - 2)
    return table


def total(show: Callable[[float], str], values: Iterable[float | None]) -> str:
    """The sum; with ≥ where some are not known, and empty where none is known or it is 0."""
    all_values = list(values)
    known = [value for value in all_values if value is not None]
    if not sum(known):
        return ""
    return ("≥ " if len(known) < len(all_values) else "") + show(sum(known))


def count(number: int, noun: str) -> str:
    """`1 point`, `2 points`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def short(number: float) -> str:
    """Three digits and a unit: 148 k."""
    number = float(f"{number:.3g}")
    for factor, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= factor:
            return f"{number / factor:.3g}{unit}"
    return f"{number:.3g}"


def hours(seconds: float) -> str:
    """Two decimals, but never 0.00."""
    number = round(seconds / 3600, 2)
    return f"{number:,.2f}" if number else "< 0.01"
