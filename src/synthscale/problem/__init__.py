"""Problems, solutions, steps and verdicts, and the tasks that offer them."""

from synthscale.problem.precedence import PrecedenceConfig, PrecedenceTask
from synthscale.problem.problem import (
    Problem,
    Split,
    StepTruth,
    Task,
    TaskConfig,
    Verdict,
    check_between,
    join_steps,
    split_steps,
)

__all__ = [
    "PrecedenceConfig",
    "PrecedenceTask",
    "Problem",
    "Split",
    "StepTruth",
    "Task",
    "TaskConfig",
    "Verdict",
    "build_task",
    "check_between",
    "join_steps",
    "split_steps",
]


def build_task(config: TaskConfig) -> Task:
    """The task that a config describes.

    Raises:
        ValueError: if no task goes by that config.
    """
    if isinstance(config, PrecedenceConfig):
        return PrecedenceTask(config)
    raise ValueError(f"task {config.name} has no implementation; there is: precedence.")
