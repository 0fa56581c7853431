"""Configs of the teachers, free of anything heavy so that help and plan answer at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from synthscale.problem import TaskConfig, check_between
from synthscale.server.config import ServerConfig


@dataclass(kw_only=True, slots=True)
class TeacherConfig:
    """Who writes D_syn's problems and traces."""

    name: str
    traces_per_problem: int = 1  # that are kept; distinct ones only, so there may be fewer

    def __post_init__(self) -> None:
        check_between("teacher.traces_per_problem", self.traces_per_problem, 1, 1000)

    def max_data_size(self, task: TaskConfig) -> int:
        """The most problems that D_syn can have."""
        return task.max_data_size


@dataclass(kw_only=True, slots=True)
class ProceduralTeacherConfig(TeacherConfig):
    """Solves the world's own problems; of a data set, gives the solutions that it has."""


@dataclass(kw_only=True, slots=True)
class ServerTeacherConfig(TeacherConfig):
    """A capable model behind an OpenAI-compatible server writes new problems and several traces for each.

    It fills one pool, whatever sizes and seeds a study asks for: a data set is the first problems of the pool in the
    order of its seed, so that sizes nest and no problem is paid for twice.
    """

    num_problems: int  # of the pool: the largest data size
    server: ServerConfig = field(default_factory=ServerConfig)
    problem_prompt: str = "???"  # asks for a new problem; {examples} is where the seed problems go
    solution_prompt: str = "???"  # asks for a solution; {problem} is where the problem goes
    problem_system_prompt: str | None = None
    solution_system_prompt: str | None = None
    num_seed_problems: int = 4  # in a prompt, drawn from D_real
    num_solutions: int = 4  # asked for each new problem; they vote for its answer
    min_agreement: float = 0.5  # share of the solutions that must give the answer
    problem_temperature: float = 1.0
    solution_temperature: float = 0.7
    max_problem_tokens: int = 512
    max_solution_tokens: int = 1024
    max_problem_characters: int = 4000
    duplicate_similarity: float = 0.8  # estimated Jaccard similarity from which a problem is a near duplicate
    shingle_words: int = 3  # words of a shingle for that
    contamination_words: int = 13  # a problem that shares so many words in a row with a test problem is dropped
    max_attempts_per_problem: int = 8  # requests for problems, per problem of the pool, before the teacher gives up
    seed: int = 0  # of the pool: which seed problems a prompt shows, and the seeds that are sent

    def max_data_size(self, task: TaskConfig) -> int:
        """The whole pool."""
        return self.num_problems
