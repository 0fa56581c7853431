"""Problems, solutions, steps and verdicts, and the tasks that offer them."""

from synthscale.problem.answer import AnswerPolicy, Grade, Grader
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
from synthscale.problem.steps import StepBoundary, exact_steps, join_steps, split_steps

__all__ = [
    "IF_SET",
    "ONLY_HOW",
    "ONLY_WITHOUT_FINGERPRINT",
    "AnswerPolicy",
    "DatasetConfig",
    "DatasetTask",
    "Grade",
    "Grader",
    "PrecedenceConfig",
    "PrecedenceTask",
    "Problem",
    "Split",
    "StepBoundary",
    "StepTruth",
    "Task",
    "TaskConfig",
    "Verdict",
    "build_task",
    "check_between",
    "equations",
    "exact_steps",
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
    if isinstance(config, DatasetConfig):
        return DatasetTask(config)
    raise ValueError(f"task {config.name} has no implementation: its config is neither a world's nor a data set's.")
