"""Problems, solutions, steps and verdicts, and the tasks that offer them."""

from synthscale.problem.answer import AnswerPolicy, Grade, Grader
from synthscale.problem.crossroads import CrossroadsConfig, CrossroadsTask
from synthscale.problem.dataset import DatasetConfig, DatasetTask
from synthscale.problem.equations import equations
from synthscale.problem.precedence import PrecedenceConfig, PrecedenceTask
from synthscale.problem.problem import (
    IF_SET,
    ONLY_HOW,
    ONLY_WITHOUT_FINGERPRINT,
    Problem,
    Split,
    StepTruth,
    Task,
    TaskConfig,
    Verdict,
    check_between,
)
from synthscale.problem.star_graph import StarGraphConfig, StarGraphTask
from synthscale.problem.steps import StepBoundary, exact_steps, join_steps, split_steps
from synthscale.problem.world import World, WorldConfig

__all__ = [
    "IF_SET",
    "ONLY_HOW",
    "ONLY_WITHOUT_FINGERPRINT",
    "WORLDS",
    "AnswerPolicy",
    "CrossroadsConfig",
    "CrossroadsTask",
    "DatasetConfig",
    "DatasetTask",
    "Grade",
    "Grader",
    "PrecedenceConfig",
    "PrecedenceTask",
    "Problem",
    "Split",
    "StarGraphConfig",
    "StarGraphTask",
    "StepBoundary",
    "StepTruth",
    "Task",
    "TaskConfig",
    "Verdict",
    "World",
    "WorldConfig",
    "build_task",
    "build_world",
    "check_between",
    "equations",
    "exact_steps",
    "join_steps",
    "split_steps",
]


#: The embedded worlds: by the name that a task's begins with, config and task.
WORLDS: dict[str, tuple[type[WorldConfig], type[World]]] = {
    "precedence": (PrecedenceConfig, PrecedenceTask),
    "crossroads": (CrossroadsConfig, CrossroadsTask),
    "star_graph": (StarGraphConfig, StarGraphTask),
}


def build_task(config: TaskConfig) -> Task:
    """The task that a config describes.

    Raises:
        ValueError: if no task goes by that config.
    """
    if isinstance(config, WorldConfig):
        return build_world(config)
    if isinstance(config, DatasetConfig):
        return DatasetTask(config)
    raise ValueError(f"task {config.name} has no implementation: its config is neither a world's nor a data set's.")


def build_world(config: WorldConfig) -> World:
    """The embedded world that a config describes."""
    return next(task for of_config, task in WORLDS.values() if isinstance(config, of_config))(config)
