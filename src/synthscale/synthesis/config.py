"""Configs of the teachers, free of anything heavy so that help and plan answer at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from synthscale.problem import ONLY_HOW, DatasetConfig, TaskConfig, check_between
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

    def check_task(self, task: TaskConfig) -> None:
        """Raise ValueError with one sentence if the teacher cannot teach the task."""


@dataclass(kw_only=True, slots=True)
class ProceduralTeacherConfig(TeacherConfig):
    """Solves the world's own problems; of a data set, gives the solutions that it has."""

    def __post_init__(self) -> None:
        TeacherConfig.__post_init__(self)  # `super()` does not find its class where a dataclass has slots
        if self.name != "procedural":
            raise ValueError(f"teacher.name must be procedural, but is {self.name}: a model is teacher=server.")

    def check_task(self, task: TaskConfig) -> None:
        """Raise ValueError for a data set without solutions."""
        if isinstance(task, DatasetConfig) and task.solution_key is None:
            raise ValueError(
                f"task {task.name} has no solutions, since task.solution_key is null, and teacher=procedural can only "
                "give those that a data set has: use teacher=server."
            )


@dataclass(kw_only=True, slots=True)
class ServerTeacherConfig(TeacherConfig):
    """A capable model behind an OpenAI-compatible server writes new problems and several traces for each.

    It fills one pool, whatever sizes and seeds a study asks for: a data set is the first problems of the pool in the
    order of its seed, so that sizes nest and no problem is paid for twice.
    """

    num_problems: int  # of the pool: the largest data size
    server: ServerConfig = field(default_factory=ServerConfig)
    problem_prompt: str  # asks for a new problem; {examples} is where the seed problems go
    solution_prompt: str  # asks for a solution; {problem} is where the problem goes
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
    duplicate_similarity: float = 0.8  # Jaccard similarity of shingles from which a problem is a near duplicate
    shingle_words: int = 3  # words of a shingle for that
    contamination_words: int = 13  # so many words in a row of a held-out problem; of GPT-3 (Brown et al. 2020, App. C)
    # requests for problems, per problem of the pool, before the teacher gives up; the pool is the same for any value
    max_attempts_per_problem: int = field(default=8, metadata=ONLY_HOW)
    seed: int = 0  # of the pool: which seed problems a prompt shows, and the seeds that are sent

    def __post_init__(self) -> None:
        TeacherConfig.__post_init__(self)
        for key, low, high in _RANGES:
            check_between(f"teacher.{key}", getattr(self, key), low, high)
        self._check_templates()
        self._check_votes()
        self._check_server()

    def max_data_size(self, task: TaskConfig) -> int:
        """The whole pool."""
        return self.num_problems

    def check_task(self, task: TaskConfig) -> None:
        """Raise ValueError where there are no seed problems to learn from, or none but those of an invented world."""
        if not isinstance(task, DatasetConfig):
            raise ValueError(
                f"teacher={self.name} cannot write problems of task {task.name}, an invented world that solves its "
                f"own: use teacher=procedural."
            )
        if self.num_seed_problems > task.max_data_size:
            raise ValueError(
                f"teacher.num_seed_problems={self.num_seed_problems} is more than the {task.max_data_size} training "
                f"problems of task {task.name}."
            )

    def _check_templates(self) -> None:
        templates = {
            "problem_prompt": (self.problem_prompt, "{examples}", "the seed problems go"),
            "solution_prompt": (self.solution_prompt, "{problem}", "the problem goes"),
        }
        for key, (template, placeholder, what) in templates.items():
            if template.count(placeholder) != 1:
                raise ValueError(
                    f"teacher.{key} must hold {placeholder} once, where {what}, but holds it "
                    f"{template.count(placeholder)} times."
                )

    def _check_votes(self) -> None:
        if self.traces_per_problem > self.num_solutions:
            raise ValueError(
                f"teacher.traces_per_problem={self.traces_per_problem} is more than the "
                f"teacher.num_solutions={self.num_solutions} that are asked for."
            )
        if self.min_agreement * self.num_solutions <= 1:
            raise ValueError(
                f"teacher.min_agreement={self.min_agreement} of teacher.num_solutions={self.num_solutions} lets one "
                f"solution decide alone, which is no agreement: raise one of them."
            )

    def _check_server(self) -> None:
        self.server.check("teacher.server")
        if not self.server.model:
            raise ValueError("teacher.server.model has no value: it is the name that the teacher is asked for by.")
        if not self.server.url and not self.server.command:
            raise ValueError("teacher.server.url has no value; or teacher.server.command, to start a server.")


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("num_problems", 1, 10_000_000),
    ("num_seed_problems", 1, 1000),
    ("num_solutions", 2, 1000),
    ("min_agreement", 0.01, 1.0),
    ("problem_temperature", 0.0, 10.0),
    ("solution_temperature", 0.0, 10.0),
    ("max_problem_tokens", 1, 1_000_000),
    ("max_solution_tokens", 1, 1_000_000),
    ("max_problem_characters", 1, 1_000_000),
    ("duplicate_similarity", 0.3, 1.0),
    ("shingle_words", 1, 20),
    ("contamination_words", 2, 100),
    ("max_attempts_per_problem", 1, 100_000),
    ("seed", 0, 2**31 - 1),
)
