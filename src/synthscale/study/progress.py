"""What a run shows while it goes: bars on a terminal, one plain line a finished point elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from synthscale.stage.stage import Node
from synthscale.study.outcome import Outcome
from synthscale.study.plan import Plan

SECONDS_BETWEEN_LINES = 30.0  # without a terminal, while no point ends


class Display(Protocol):
    """Told what happens; shows what it likes."""

    def find(self, num_points: int) -> None:
        """So many points were there before the run."""
        ...

    def begin(self, node: Node) -> None:
        """A stage started."""
        ...

    def advance(self, node: Node, done: int, total: int, note: str = "") -> None:
        """A stage went along, as its note says."""
        ...

    def end(self, node: Node) -> None:
        """A stage ended."""
        ...

    def settle(self, outcome: Outcome) -> None:
        """A point ended."""
        ...

    def say(self, text: str) -> None:
        """Something to know."""
        ...


@contextmanager
def show_progress(plan: Plan, console: Console) -> Iterator[Display]:
    """The display that suits the console, for as long as the stages of the plan are made."""
    if not console.is_terminal:
        yield LineDisplay(plan, console)
        return
    note = TextColumn("{task.fields[note]}", markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), note)
    with Progress(*columns, console=console, transient=True) as progress:
        yield BarDisplay(plan, progress)


class LineDisplay:
    """One line for each point that ends."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self._console = console
        self._num_points = len(plan.points)
        self._num_settled = 0
        self._num_stages = len(plan.todo)
        self._num_ended = 0
        self._start = self._spoke = time.monotonic()

    def find(self, num_points: int) -> None:
        """Count them, and say so once."""
        self._num_settled = num_points
        if num_points:
            self.say(f"{num_points} of {self._num_points} points were there already.")

    def begin(self, node: Node) -> None:
        """Say nothing."""

    def advance(self, node: Node, done: int, total: int, note: str = "") -> None:
        """Say nothing."""

    def end(self, node: Node) -> None:
        """Say how far the stages are, once in a while."""
        self._num_ended += 1
        if time.monotonic() - self._spoke >= SECONDS_BETWEEN_LINES:
            seconds = time.monotonic() - self._start
            self.say(f"{self._num_ended} of {self._num_stages} stages are done ({seconds:.0f} s)")

    def settle(self, outcome: Outcome) -> None:
        """Count the point and say what it reached."""
        self._num_settled += 1
        seconds = time.monotonic() - self._start
        self.say(f"[{self._num_settled}/{self._num_points}] {result_line(outcome)} ({seconds:.0f} s)")

    def say(self, text: str) -> None:
        """Print a line."""
        self._spoke = time.monotonic()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class BarDisplay:
    """A bar for the study and one for each stage that runs."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self._plan = plan
        self._progress = progress
        self._study = progress.add_task("stages", total=len(plan.todo), note="")
        self._bars: dict[str, TaskID] = {}

    def find(self, num_points: int) -> None:
        """Say so once."""
        if num_points:
            self.say(f"{num_points} of {len(self._plan.points)} points were there already.")

    def begin(self, node: Node) -> None:
        """Add the stage's bar, which pulses until its first report; one that is tried again keeps its bar."""
        if node.key not in self._bars:
            label = f"  {stage_label(self._plan, node)}"
            self._bars[node.key] = self._progress.add_task(label, total=None, note="")

    def advance(self, node: Node, done: int, total: int, note: str = "") -> None:
        """Move the stage's bar; the last note stays."""
        self._progress.update(self._bars[node.key], completed=done, total=total)
        if note:
            self._progress.update(self._bars[node.key], note=note)

    def end(self, node: Node) -> None:
        """Remove the stage's bar and move the study's."""
        self._progress.remove_task(self._bars.pop(node.key))
        self._progress.advance(self._study)

    def settle(self, outcome: Outcome) -> None:
        """Print the point above the bars."""
        self.say(result_line(outcome))

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._progress.console.print(text, markup=False, highlight=False)


def stage_label(plan: Plan, node: Node) -> str:
    """The stage and the point that it serves, with how many more."""
    served = plan.nodes[node.key].points
    more = f" and {len(served) - 1} more" if len(served) > 1 else ""
    return f"{node.stage} · {plan.points[served[0]].label}{more}"


def result_line(outcome: Outcome) -> str:
    """One line on what became of the point."""
    if outcome.failure is not None:
        return f"{outcome.point.label}: failed in {outcome.failure.stage}: {outcome.failure.message}"
    if outcome.record is None or outcome.record.test_accuracy is None:
        return f"{outcome.point.label}: {outcome.point.root.key}"
    return f"{outcome.point.label}: test accuracy {outcome.record.test_accuracy:.3f}"
