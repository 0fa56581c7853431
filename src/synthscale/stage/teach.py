"""Teach: the pool of new problems and verified traces that a capable model behind a server writes.

Every answer goes into a journal before it is used, and a problem's fate depends on answers alone: a run that follows a
killed one, one that was out of budget or one that gave up pays for nothing twice and ends with the same pool.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from synthscale.problem import TaskConfig, Verdict, build_task
from synthscale.session import Session, checkpoints_of
from synthscale.stage.rows import ProblemRow, SolutionRow
from synthscale.stage.stage import Artifact, Measures
from synthscale.synthesis.config import ServerTeacherConfig

if TYPE_CHECKING:
    from synthscale.server.client import Choice, Client
    from synthscale.synthesis.pool import Dropped, Question, Taught

VERSION = 1
JOURNAL = "answers.journal"


@dataclass(kw_only=True, slots=True)
class TeachConfig:
    """A pool; it does not depend on a study's sizes and seeds."""

    task: TaskConfig
    teacher: ServerTeacherConfig


def run(config: TeachConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `problems.parquet`, `traces.parquet`, with every distinct right trace, and `dropped.parquet`."""
    from synthscale.synthesis.pool import fill_pool
    from synthscale.synthesis.screen import Screen

    teacher, task = config.teacher, build_task(config.task)
    screen = Screen(teacher, config.task, task)
    with open_client(teacher, out, session) as client:

        def answer(questions: Sequence[Question], start: int, end: int) -> Sequence[Sequence[Choice]]:
            with session.part(start, end, teacher.num_problems):
                return ask(client, questions)

        measures = write_pool(out, fill_pool(teacher, task, screen, answer))
        return measures | client.meter.measures()


@contextmanager
def open_client(teacher: ServerTeacherConfig, out: Path, session: Session) -> Iterator[Client]:
    """A client of the teacher; a server is started for it where something is missing in the journal, and stopped."""
    from synthscale.server.client import Client
    from synthscale.server.process import serve

    config, model, folder = teacher.server, teacher.server.model, checkpoints_of(out)
    assert model is not None, "ServerTeacherConfig asks for it"
    with ExitStack() as stack:

        @cache
        def url() -> str:
            return config.url or stack.enter_context(serve(config, model, folder / "server_log.journal", session))

        client = Client(config, url=url, model=model, journal=folder / JOURNAL, session=session, place="teacher.server")
        yield stack.enter_context(client)


def ask(client: Client, questions: Sequence[Question]) -> list[list[Choice]]:
    """Have the questions answered, as chats."""
    from synthscale.server.client import Message, Request

    requests = []
    for question in questions:
        turns = [("system", question.ask.system), ("user", question.ask.user)]
        messages = tuple(Message(role, content) for role, content in turns if content is not None)
        numbers = question.num_samples, question.temperature, question.max_tokens, question.ask.seed
        requests.append(Request(question.key, messages, *numbers))
    return client.ask(requests)


def write_pool(out: Path, results: Iterator[Taught | Dropped]) -> Measures:
    """Write what the teacher gave, row by row, and count it."""
    from synthscale.synthesis.pool import Dropped
    from synthscale.synthesis.screen import Reason
    from synthscale.table import TableWriter

    counts, num_problems, num_traces, num_attempts = Counter[str](), 0, 0, 0
    with (
        TableWriter(out / "problems.parquet", ProblemRow) as problems,
        TableWriter(out / "traces.parquet", SolutionRow) as traces,
        TableWriter(out / "dropped.parquet", Dropped) as dropped,
    ):
        for result in results:
            num_attempts += 1
            rejected = [result] if isinstance(result, Dropped) else result.dropped
            dropped.write(rejected)
            counts.update(row.reason for row in rejected)
            if isinstance(result, Dropped):
                continue
            problem = result.problem
            problems.write([ProblemRow(problem.problem_id, problem.text, problem.answer)])
            rows = enumerate(result.traces)
            traces.write(SolutionRow(problem.problem_id, i, text, Verdict.CORRECT.value) for i, text in rows)
            num_problems, num_traces = num_problems + 1, num_traces + len(result.traces)
    measures: Measures = {"num_problems": num_problems, "num_traces": num_traces, "num_attempts": num_attempts}
    return measures | {f"num_dropped_{reason.value}": counts[reason.value] for reason in Reason}
