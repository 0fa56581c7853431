"""`synthscale plan`: what `synthscale run` would do with the same arguments, and what it would cost; writes nothing.

It goes through Hydra as `run` does, with another task: one that keeps the points instead of making them. Where Hydra
and its launchers would write is a temporary folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence

from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig
from rich.console import Console

from synthscale.study.app import call_hydra, exit_status, refuse_settings_of_sweeps, run_point
from synthscale.study.config import ConfigError
from synthscale.study.estimate import History
from synthscale.study.plan import Plan, make_plan
from synthscale.study.plan_table import print_plan
from synthscale.study.readiness import cut_solutions, refuse_missing_keys
from synthscale.study.recipe import Point
from synthscale.study.target import compose_point, store_of

COMMAND = "synthscale plan"
Preview = Callable[[Plan, Console], None]


def plan(argv: Sequence[str]) -> int:
    """Show the plan of the points that the overrides ask for, and return the exit status."""
    task = PlanTask()

    def work() -> None:
        with tempfile.TemporaryDirectory(prefix="synthscale-plan-") as folder:
            call_hydra(COMMAND, with_overrides(argv, writing_into(folder)), task)
        if task.points:  # none after --help, --cfg, --info
            task.show(Console())

    return exit_status(work)


class PlanTask:
    """Keeps points to plan them: a single one as Hydra's task function, those of a sweep from a `StudyLauncher`."""

    __module__ = run_point.__module__  # Hydra names the job by it: as under `run`

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.preview: Preview | None = None

    def __call__(self, config: DictConfig) -> None:
        """Take the place of `run_point`."""
        refuse_settings_of_sweeps()
        self.points.append(compose_point(config))

    def keep(self, points: Sequence[Point], preview: Preview) -> None:
        """Take a sweep's points, with what their launcher shows of the plan."""
        self.points += points
        self.preview = preview

    def show(self, console: Console) -> None:
        """Show the plan of all that was kept."""
        store = store_of(self.points)
        plan = make_plan(self.points, store)
        print_plan(plan, store, console)
        if self.preview is not None:
            self.preview(plan, console)
        try:
            refuse_missing_keys(plan)
            note = cut_solutions(plan, History(store))
        except ConfigError as error:  # a run would be refused; a plan needs no key
            note = f"Before it can run: {error}"
        if note is not None:
            console.print(note, highlight=False, markup=False, soft_wrap=True)


def writing_into(folder: str) -> list[str]:
    """Overrides that keep Hydra's files in `folder`, and let its help name this command."""
    quoted = "'" + folder.replace("\\", "\\\\").replace("'", "\\'") + "'"
    folders = [f"hydra.run.dir={quoted}", f"hydra.sweep.dir={quoted}", "hydra.output_subdir=null"]
    return [*folders, f"hydra.help.app_name='{COMMAND}'"]


def with_overrides(argv: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The command line with more overrides after its own, which have to stand together."""
    parser = get_args_parser()
    parser.prog = COMMAND
    own = parser.parse_args(list(argv)).overrides
    end = len(argv) - [*reversed(argv)].index(own[-1]) if own else len(argv)
    return [*argv[:end], *overrides, *argv[end:]]
