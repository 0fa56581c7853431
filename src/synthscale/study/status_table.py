"""A study's status to look at: counts by algorithm and data size, then what failed and why; or the same as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from synthscale.study.record import algorithm_rank
from synthscale.study.roster import Member
from synthscale.study.status import PointStatus, State, StudyStatus

_STYLES = {State.done: "green", State.running: "cyan", State.queued: "", State.failed: "bold red", State.missing: "dim"}
_USUAL_REASONS = ("PENDING", "Dependency", "Priority", "Resources", "JobArrayTaskLimit", "BeginTime")
_SHOWN_LABELS = 3
_SHOWN_FAILURES = 20


def status_view(study: Path, status: StudyStatus, note: str | None) -> RenderableType:
    """The table, the failures and what to do next."""
    lines: list[RenderableType] = [headline(study, status), status_table(status)]
    failures = status.failures
    for failure, members in list(failures.items())[:_SHOWN_FAILURES]:
        labels = ", ".join(member.label for member in members[:_SHOWN_LABELS])
        more = f" and {len(members) - _SHOWN_LABELS} more" if len(members) > _SHOWN_LABELS else ""
        job = f" in job {failure.job_id}" if failure.job_id else ""
        lines.append(Text(f"{failure.stage} failed{job} for {labels}{more}: {failure.reason} (log: {failure.log})"))
    if len(failures) > _SHOWN_FAILURES:
        lines.append(Text(f"{len(failures) - _SHOWN_FAILURES} more stages failed; --json lists all."))
    num_blocked = sum(stage.state is State.blocked for stage in status.stages.values())
    if num_blocked:
        lines.append(Text(f"{num_blocked} stages are blocked: what they need has failed or is missing."))
    waiting = {p.because.reason: p.because for p in status.points if p.state is State.queued and p.because is not None}
    for reason, stage in waiting.items():
        if reason is not None and not reason.endswith(_USUAL_REASONS):
            lines.append(Text(f"Job {stage.job_id} waits: {reason}."))
    if note:
        lines.append(Text(note))
    return Group(*lines)


def headline(study: Path, status: StudyStatus) -> Text:
    """`runs/quick: 48 points: 40 done, 8 queued.`"""
    counts = ", ".join(f"{status.count(state)} {state.value}" for state in _STYLES if status.count(state))
    return Text(f"{study}: {len(status.points)} points: {counts}.")


def status_table(status: StudyStatus) -> Table:
    """Points by algorithm and size, each cell with its counts by state."""
    sizes = sorted({point.member.data_size for point in status.points})
    varied = [axis for axis in ("task", "model") if len({getattr(p.member, axis) for p in status.points}) > 1]
    table = Table()
    for name in (*varied, "algorithm"):
        table.add_column(name, no_wrap=True)
    for size in sizes:
        table.add_column(str(size), justify="right")
    rows: dict[tuple[str, ...], list[PointStatus]] = {}
    for point in sorted(status.points, key=lambda p: _order(p.member)):
        axes = tuple(str(getattr(point.member, axis)) for axis in varied)
        rows.setdefault((*axes, point.member.algorithm), []).append(point)
    for names, points in rows.items():
        cells = (_cell([point for point in points if point.member.data_size == size]) for size in sizes)
        table.add_row(*names, *cells)
    return table


def status_json(study: Path, status: StudyStatus, note: str | None) -> str:
    """All of it for scripts: `counts`, and the `points` with their axes, state, and what it comes from."""
    content: dict[str, Any] = {
        "study": str(study),
        "counts": {state.value: status.count(state) for state in _STYLES},
        "note": note,
        "points": [_point_json(point) for point in status.points],
    }
    return json.dumps(content, indent=1)


def _point_json(point: PointStatus) -> dict[str, Any]:
    because = point.because
    return {
        **asdict(point.member),
        "state": point.state.value,
        "stage": because and because.key,
        "reason": because and because.reason,
        "job_id": because and because.job_id,
        "log": str(because.log) if because and because.log else None,
    }


def _cell(points: Sequence[PointStatus]) -> Text:
    counts = Counter(point.state for point in points)
    parts = [Text(f"{counts[state]} {state.value}", style) for state, style in _STYLES.items() if counts[state]]
    return Text("\n").join(parts)


def _order(member: Member) -> tuple[Any, ...]:
    return (member.task, member.model, algorithm_rank(member.algorithm))
