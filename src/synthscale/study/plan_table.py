"""A plan as text: how many stages of each kind there are, which are there already, and what the others will cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from synthscale.stage.stage import STAGES
from synthscale.study.estimate import Cost, History, estimate
from synthscale.study.plan import Plan, PlannedNode
from synthscale.study.store import ArtifactStore

NOTE = (
    "Tokens and rollouts are estimates for the stages to do. How many rollouts credit needs shows when the samples are "
    "drawn: it is at most as many as here."
)
HOURS_NOTE = "Hours are summed over stages, each in one process, at the median pace of earlier runs; ≥ where some have none."


@dataclass(frozen=True, slots=True)
class Row:
    """Stages of one kind and layer, or all of them, with the cost of each that is to do."""

    layer: str
    stage: str
    num_unique: int
    num_there: int
    costs: Sequence[Cost]


def print_plan(plan: Plan, store: ArtifactStore, console: Console) -> None:
    """Show the plan, with costs at the pace of what is in the store."""
    rows = make_rows(plan, store)
    total = rows[-1]
    counts = [(len(plan.points), "point"), (total.num_unique, "unique stage")]
    said = [f"{number:,} {noun}{'' if number == 1 else 's'}" for number, noun in counts]
    console.print(f"{', '.join(said)}, {total.num_there:,} there already", highlight=False)
    has_hours = any(cost.seconds is not None for cost in total.costs)
    console.print(plan_table(rows, has_hours=has_hours))
    if total.costs:
        console.print(NOTE, highlight=False)
    if has_hours:
        console.print(HOURS_NOTE, highlight=False)


def make_rows(plan: Plan, store: ArtifactStore) -> list[Row]:
    """One row for each layer and stage, inputs first, and one for all."""
    groups: dict[tuple[int, str], list[PlannedNode]] = {}
    for planned in sorted(plan.nodes.values(), key=lambda planned: (planned.layer, STAGES.index(planned.node.stage))):
        groups.setdefault((planned.layer, planned.node.stage), []).append(planned)
    history = History(store)

    def row(layer: str, stage: str, members: Sequence[PlannedNode]) -> Row:
        costs = [estimate(planned.node, history) for planned in members if planned.needed]
        return Row(layer, stage, len(members), sum(planned.done for planned in members), costs)

    rows = [row(str(layer), stage, members) for (layer, stage), members in groups.items()]
    costs = [cost for one in rows for cost in one.costs]
    return [*rows, Row("", "all", len(plan.nodes), sum(one.num_there for one in rows), costs)]


def plan_table(rows: Sequence[Row], *, has_hours: bool) -> Table:
    """The rows as a table; the last is the total."""
    columns: dict[str, Callable[[Row], str]] = {
        "layer": lambda row: row.layer,
        "stage": lambda row: row.stage,
        "unique": lambda row: f"{row.num_unique:,}",
        "there": lambda row: f"{row.num_there:,}",
        "to do": lambda row: f"{len(row.costs):,}",
        "tokens\ntrained": lambda row: total(short, (cost.train_tokens for cost in row.costs)),
        "tokens\nsampled": lambda row: total(short, (cost.sampled_tokens for cost in row.costs)),
        "rollouts": lambda row: total(short, (cost.rollouts for cost in row.costs)),
    }
    if has_hours:
        columns["hours"] = lambda row: total(hours, (cost.seconds for cost in row.costs))
    table = Table()
    for name in columns:
        table.add_column(name, justify="left" if name == "stage" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(cell(row) for cell in columns.values()), end_section=row is rows[-2])
    return table


def total(show: Callable[[float], str], values: Iterable[float | None]) -> str:
    """The sum; with ≥ where some are not known, and empty where none is known or it is 0."""
    all_values = list(values)
    known = [value for value in all_values if value is not None]
    if not sum(known):
        return ""
    return ("≥ " if len(known) < len(all_values) else "") + show(sum(known))


def short(number: float) -> str:
    """Three digits and a unit: 148 k."""
    number = float(f"{number:.3g}")
    for factor, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= factor:
            return f"{number / factor:.3g}{unit}"
    return f"{number:.3g}"


def hours(seconds: float) -> str:
    """Two decimals; two digits of less than a tenth."""
    number = seconds / 3600
    return f"{number:,.2f}" if number >= 0.1 else f"{number:.2g}"
