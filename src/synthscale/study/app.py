"""`synthscale run`: a Hydra application whose task is one point.

Hydra prints several lines for a config that it refuses and exits with 1. Here its exceptions are let through (what
HYDRA_FULL_ERROR=1 asks of it) and become one sentence and exit status 2; status 1 is left to work that was begun and
failed. A user who sets HYDRA_FULL_ERROR=1 sees the traceback.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from rich.console import Console

import synthscale
from synthscale.study.config import ConfigError, register_schemas
from synthscale.study.error import UserError
from synthscale.study.outcome import Outcome, StudyFailed
from synthscale.study.reading import read_once
from synthscale.study.refusal import REFUSALS, sentence
from synthscale.study.target import compose_point, store_of

FULL_ERROR = "HYDRA_FULL_ERROR"
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def run(argv: Sequence[str]) -> int:
    """Run the points that the overrides ask for, and return the exit status."""
    return exit_status(lambda: call_hydra("synthscale run", argv, run_point))


def call_hydra(command: str, argv: Sequence[str], task: Callable[[DictConfig], Any]) -> None:
    """Let Hydra read the rest of the command line and call the task for each job, through its sweeper and launcher.

    Raises:
        Exception: whatever Hydra, the launcher or the task raised.
    """
    sys.argv = [command, *argv]  # hydra.main reads it
    register_schemas()
    with exceptions_let_through(), read_once():
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="config")(task)()


def exit_status(work: Callable[[], None]) -> int:
    """Do the work; what a user can act on becomes one sentence on stderr and an exit status."""
    show_traceback = os.environ.get(FULL_ERROR) == "1"
    try:
        work()
    except KeyboardInterrupt:
        print("Interrupted. What is finished stays; the same command goes on from there.", file=sys.stderr)
        return INTERRUPTED
    except StudyFailed as error:
        if error.pid != os.getpid():  # else the summary has named the points, the stages and the logs
            print(error, file=sys.stderr)
        return 1
    except (UserError, *REFUSALS) as error:
        if show_traceback:
            raise
        print(error if isinstance(error, UserError) else sentence(error), file=sys.stderr)
        return 2 if isinstance(error, (ConfigError, *REFUSALS)) else 1
    except BrokenPipeError:
        raise
    except UnicodeDecodeError as error:
        if show_traceback:
            raise
        print(f"A config file is not UTF-8: {error.reason} at its byte {error.start}.", file=sys.stderr)
        return 2
    except ValueError as error:  # Hydra's own, for flags that exclude each other, and for an option that is no name
        first = (str(error).splitlines() or [""])[0]
        if show_traceback or not ("--run" in first or first.startswith("Config group override must be")):
            raise
        mend = "leave out -m to see a config" if "--run" in first else "name one of the group's options"
        print(f"{first.rstrip('.')}: {mend}.", file=sys.stderr)
        return 2
    except OSError as error:  # before any stage: a stage's own are failures of its points
        place = error.filename or "runs_dir"
        print(f"Cannot use {place}: {error.strerror}; runs_dir says where studies are kept.", file=sys.stderr)
        return 2
    return 0


def run_point(config: DictConfig) -> Outcome:
    """The task of one job: make the point in this process, and show its row.

    Raises:
        StudyFailed: if a stage failed; the summary has said which.
    """
    refuse_settings_of_sweeps()
    point = compose_point(config)
    store = store_of([point])
    from synthscale.study.execute import run_points
    from synthscale.study.summary import print_summary

    console = Console()
    outcome = run_points([point], store, num_workers=0, console=console)[0]
    print_summary([outcome], console)
    if outcome.failure is not None:
        raise StudyFailed(f"{point.label} failed in {outcome.failure.stage}: {outcome.failure.message}")
    if outcome.record is None:
        print(store.make(point.root).folder)
    return outcome


def refuse_settings_of_sweeps() -> None:
    """Raise ConfigError where a launcher or a list of points was asked for, which Hydra does not use for one point."""
    hydra_config = HydraConfig.get()
    if hydra_config.mode is not RunMode.RUN:
        return
    launcher = hydra_config.runtime.choices.get("hydra/launcher")
    if launcher not in ("local", "basic"):
        raise ConfigError(f"hydra/launcher={launcher} starts sweeps: add -m, also for a single point.")
    axes = [name for name in ("params", "zip", "points") if hydra_config.sweeper.get(name)]
    if axes:
        raise ConfigError(f"hydra.sweeper.{axes[0]} is that of a sweep: set hydra.mode: MULTIRUN beside it, or add -m.")


def config_dir() -> Path:
    """The config folder: in the installed package, or beside `src` in a checkout."""
    package = Path(synthscale.__file__).parent
    return package / "conf" if (package / "conf").is_dir() else package.parents[1] / "conf"


@contextlib.contextmanager
def exceptions_let_through() -> Iterator[None]:
    """Keep Hydra from printing an exception and exiting with 1."""
    before = os.environ.get(FULL_ERROR, "0")
    os.environ[FULL_ERROR] = "1"
    try:
        with contextlib.redirect_stderr(WithoutJobNote(sys.stderr)):
            yield
    finally:
        os.environ[FULL_ERROR] = before


class WithoutJobNote:
    """A text stream without the line that Hydra writes for each failed job before it raises what the job raised."""

    NOTE = "Error executing job with overrides"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Pass the text on, unless it is the note."""
        return len(text) if text.startswith(self.NOTE) else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
