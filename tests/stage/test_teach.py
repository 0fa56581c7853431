"""The pool over real HTTP: exact counts, one order whatever comes first, and nothing lost or paid for twice."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from openai_server import Reply, ScriptedServer
from scripted_teacher import (
    Answer,
    ScriptedTeacher,
    invented_problem,
    right_solutions,
    solution,
    sum_of,
    teacher_config,
)
from synthscale.problem import DatasetConfig, DatasetTask, Split
from synthscale.server.request import OutOfBudget, seed_at
from synthscale.session import Session
from synthscale.stage.rows import ProblemRow, SolutionRow
from synthscale.stage.stage import Node
from synthscale.stage.synthesize import SynthesizeConfig
from synthscale.stage.teach import JOURNAL, TeachConfig
from synthscale.study.store import ArtifactStore
from synthscale.synthesis.pool import Dropped, Question
from synthscale.synthesis.prompts import Ask, problem_ask
from synthscale.synthesis.screen import Reason
from synthscale.table import read_table

KEPT = [1, 4, 8, 10, 12, 13, 14, 15]  # the attempts that come through
TABLES = ("problems.parquet", "traces.parquet", "dropped.parquet")


@pytest.fixture(scope="module")
def gsm8k_config(gsm8k_folder) -> DatasetConfig:
    """Sixteen training, four validation and eight test problems of GSM8K."""
    keys = {"problem_key": "question", "solution_key": "answer", "num_validation": 4}
    return DatasetConfig(name="gsm8k", source=str(gsm8k_folder), **keys)


@pytest.fixture(scope="module")
def task(gsm8k_config) -> DatasetTask:
    return DatasetTask(gsm8k_config)


@pytest.fixture(scope="module")
def teacher(task) -> ScriptedTeacher:
    """Writes a test problem, a seed problem, copies, and what is no problem; and solutions of all kinds."""
    problems = {
        0: Answer(task.problems(Split.TEST, 1, 0)[0].text),
        2: Answer(task.problems(Split.TRAIN, 1, 0)[0].text),
        3: Answer(f"**Problem:** {invented_problem(1).replace('4', '5')}"),  # with other numbers
        5: Answer("<think>Nothing comes to my mind.</think>"),
        6: Answer("A problem that is cut. How", finished=False),
        7: Answer(f"{invented_problem(70)}\n#### 7"),
        9: Answer(f"Once more: {task.problems(Split.VALIDATION, 1, 0)[0].text}"),
    }
    solutions = {
        invented_problem(8): [Answer(solution(sum(sum_of(8))), finished=False), *right_solutions(8, 3)],
        invented_problem(11): [Answer(solution(a)) for a in (1, 1, 2, 2)],
        invented_problem(12): [*right_solutions(12, 2), Answer(solution(3)), right_solutions(12, 1)[0]],
    }
    return ScriptedTeacher(problems, solutions)


class OverHttp:
    """The scripted teacher behind a real server: it knows an attempt by its seed, and a problem by its text."""

    def __init__(self, teacher: ScriptedTeacher, task: DatasetTask, delay_seconds: float = 0.0) -> None:
        seeds = [problem.text for problem in task.problems(Split.TRAIN, len(task.rows.train), 0)]
        asks = [problem_ask(teacher_config(), seeds, attempt) for attempt in range(100)]
        self.attempts = {seed_at(ask.seed, 0): attempt for attempt, ask in enumerate(asks)}
        self.numbers = {invented_problem(number): number for number in range(100)}
        self.teacher, self.delay_seconds = teacher, delay_seconds

    def __call__(self, path: str, body: dict) -> Reply:
        assert path == "/v1/chat/completions" and body["model"] == "scripted"
        user = body["messages"][-1]["content"]
        is_problem = user.startswith("Like these")
        number = self.attempts[body["seed"]] if is_problem else self.numbers[user[len("Solve ") : -len(" with care.")]]
        key = f"problem {number}" if is_problem else f"solutions {number}"
        answers = self.teacher.answer(Question(key, Ask(None, user, 0), 4, 1.0, 1))
        finish = ["stop" if answer.finished else "length" for answer in answers]
        delay = random.Random(body["seed"]).uniform(0, 2 * self.delay_seconds)
        return Reply([answer.text for answer in answers], finish, delay_seconds=delay)


def teach_node(task_config: DatasetConfig, url: str, **keys) -> Node:
    """The stage with a teacher at this address; `server` may hold more of its keys."""
    server = {"url": url, "num_concurrent": 8, "max_backoff_seconds": 0.1} | keys.pop("server", {})
    limits = {"num_problems": 8, "max_problem_tokens": 200, "max_solution_tokens": 100}
    return Node("teach", TeachConfig(task=task_config, teacher=teacher_config(server=server, **limits | keys)))


def tables(folder: Path) -> dict[str, bytes]:
    """The artifact's files, byte for byte."""
    return {name: (folder / name).read_bytes() for name in TABLES}


def asked(server: ScriptedServer) -> Counter:
    """How often each request came."""
    return Counter(json.dumps([body["messages"], body["seed"]]) for body in server.bodies)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, gsm8k_config, teacher, task):
    """The pool as it should be, and the requests that it takes."""
    with ScriptedServer(OverHttp(teacher, task)) as server:
        store = ArtifactStore(tmp_path_factory.mktemp("undisturbed"))
        made = store.make(teach_node(gsm8k_config, server.url))
        return made, asked(server)


def test_the_pool_has_what_came_through_in_the_attempts_order(undisturbed):
    folder = undisturbed[0].folder
    problems = read_table(folder / "problems.parquet", ProblemRow)
    assert [(row.text, row.answer) for row in problems] == [(invented_problem(i), str(sum(sum_of(i)))) for i in KEPT]
    assert [row.problem_id for row in problems] == [row.problem.problem_id for row in problems]
    traces = read_table(folder / "traces.parquet", SolutionRow)
    numbers = {8: 3, 12: 2}
    expected = [(row.problem_id, i) for row, a in zip(problems, KEPT, strict=True) for i in range(numbers.get(a, 4))]
    assert [(row.problem_id, row.index) for row in traces] == expected
    assert all(row.correct for row in traces)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*TABLES, "manifest.json"])


def test_what_was_dropped_is_counted_by_reason_and_can_be_looked_at(undisturbed, task):
    made = undisturbed[0]
    dropped = read_table(made.folder / "dropped.parquet", Dropped)
    assert [(row.attempt, row.reason) for row in dropped] == [
        (0, "contaminated"),
        (2, "duplicate"),
        (3, "near_duplicate"),
        (5, "empty"),
        (6, "cut"),
        (7, "solved"),
        (8, "trace_cut"),
        (9, "contaminated"),
        (11, "disagreement"),
        (12, "trace_wrong"),
        (12, "trace_repeated"),
    ]
    by_attempt = {row.attempt: row for row in dropped}
    assert by_attempt[0].text == task.problems(Split.TEST, 1, 0)[0].text
    assert by_attempt[3].detail == "similarity 1.000 to attempt 1"
    assert by_attempt[11].detail == "1: 2, 2: 2"
    counts = Counter(row.reason for row in dropped)
    assert {name: made.measures[name] for name in made.measures if name.startswith("num_dropped_")} == {
        f"num_dropped_{reason.value}": counts[reason.value] for reason in Reason
    }
    assert made.measures["num_dropped_too_long"] == 0
    assert (made.measures["num_problems"], made.measures["num_traces"]) == (8, 29)
    assert made.measures["num_attempts"] == 16


def test_requests_and_tokens_are_measured_and_a_cost_without_prices_is_not(undisturbed):
    made, requests = undisturbed
    assert made.measures["num_requests"] == len(requests) == 16 + 9
    assert set(requests.values()) == {1}
    assert made.measures["num_prompt_tokens"] > 0 and made.measures["num_completion_tokens"] > 0
    assert made.measures["cost"] is None


def test_no_prompt_shows_a_test_or_validation_problem(undisturbed, task):
    users = [json.loads(request)[0][-1]["content"] for request in undisturbed[1]]
    prompts = [user for user in users if user.startswith("Like these")]
    assert len(prompts) == 16
    texts = {split: [problem.text for problem in task.problems(split, len(task.rows.of(split)), 0)] for split in Split}
    shown = {split: [text for text in texts[split] if any(text in prompt for prompt in prompts)] for split in Split}
    assert len(shown[Split.TRAIN]) > 8
    assert shown[Split.TEST] == shown[Split.VALIDATION] == []


@pytest.mark.parametrize("num_concurrent", [1, 3, 64])
def test_the_order_does_not_depend_on_which_answers_come_first(
    tmp_path, gsm8k_config, teacher, task, undisturbed, num_concurrent
):
    with ScriptedServer(OverHttp(teacher, task, delay_seconds=0.02)) as server:
        node = teach_node(gsm8k_config, server.url, server={"num_concurrent": num_concurrent})
        made = ArtifactStore(tmp_path).make(node)
        assert asked(server) == undisturbed[1]
    assert tables(made.folder) == tables(undisturbed[0].folder)


def journal_of(root: Path, node: Node) -> Path:
    return root / ".making" / node.key / "checkpoints" / JOURNAL


def num_journaled(journal: Path) -> int:
    """Answers that are in the journal whole."""
    lines = journal.read_text().splitlines(keepends=True) if journal.exists() else []
    return sum('"kind": "answered"' in line and line.endswith("\n") for line in lines)


MAKE = """
import json, sys
from synthscale.problem import DatasetConfig
from synthscale.server.config import ServerConfig
from synthscale.stage.stage import Node
from synthscale.stage.teach import TeachConfig
from synthscale.study.store import ArtifactStore
from synthscale.synthesis.config import ServerTeacherConfig
from pathlib import Path
root, task, teacher = json.loads(sys.argv[1])
teacher["server"] = ServerConfig(**teacher["server"])
keys = {key: task[key] for key in ("name", "source", "problem_key", "solution_key", "num_validation")}
config = TeachConfig(task=DatasetConfig(**keys), teacher=ServerTeacherConfig(**teacher))
ArtifactStore(Path(root)).make(Node("teach", config))
"""


@pytest.mark.parametrize("num_answers", [3, 19])  # while problems are asked for, and while solutions are
def test_after_kill_9_the_pool_is_the_same_and_no_answer_is_asked_for_again(
    tmp_path, gsm8k_config, teacher, task, undisturbed, num_answers
):
    with ScriptedServer(OverHttp(teacher, task, delay_seconds=0.1)) as server:
        node = teach_node(gsm8k_config, server.url, server={"num_concurrent": 2})
        plain = {key: value for key, value in dataclasses.asdict(gsm8k_config).items() if isinstance(value, str | int)}
        given = json.dumps([str(tmp_path), plain, dataclasses.asdict(node.config.teacher)])
        victim = subprocess.Popen([sys.executable, "-c", MAKE, given])
        end = time.monotonic() + 60
        while num_journaled(journal_of(tmp_path, node)) < num_answers:
            assert victim.poll() is None and time.monotonic() < end
            time.sleep(0.01)
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        journaled, before = num_journaled(journal_of(tmp_path, node)), len(server.bodies)
        assert num_answers <= journaled < len(undisturbed[1])
        server.reply = OverHttp(teacher, task)
        made = ArtifactStore(tmp_path).make(node)
        assert len(server.bodies) - before == len(undisturbed[1]) - journaled
        assert set(asked(server)) == set(undisturbed[1])
    assert tables(made.folder) == tables(undisturbed[0].folder)
    assert made.measures["num_requests"] == len(undisturbed[1])


def test_who_runs_out_of_budget_goes_on_when_it_is_raised_and_pays_for_nothing_twice(
    tmp_path, gsm8k_config, teacher, task, undisturbed
):
    store, spent = ArtifactStore(tmp_path), []
    with ScriptedServer(OverHttp(teacher, task)) as server:
        prices = {"price_per_million_prompt_tokens": 1e6, "price_per_million_completion_tokens": 1e6}

        def node(max_cost: float) -> Node:
            return teach_node(gsm8k_config, server.url, server=prices | {"max_cost": max_cost})

        assert len({node(cost).key for cost in (1.0, 4000.0, 1e9)}) == 1
        for max_cost in (1500.0, 2200.0):
            with pytest.raises(OutOfBudget, match="max_cost"):
                store.make(node(max_cost))
            spent.append(len(server.bodies))
            assert list(journal_of(tmp_path, node(1.0)).parent.iterdir()) == [journal_of(tmp_path, node(1.0))]
        assert 0 < spent[0] < spent[1] < len(undisturbed[1])
        made = store.make(node(1e9))
        assert set(asked(server).values()) == {1}
        assert len(server.bodies) == len(undisturbed[1])
    assert tables(made.folder) == tables(undisturbed[0].folder)
    tokens = made.measures["num_prompt_tokens"] + made.measures["num_completion_tokens"]
    assert made.measures["cost"] == pytest.approx(tokens)


def test_a_teacher_that_was_given_up_goes_on_with_more_attempts(tmp_path, gsm8k_config, teacher, task, undisturbed):
    store = ArtifactStore(tmp_path)
    with ScriptedServer(OverHttp(teacher, task)) as server:
        node = teach_node(gsm8k_config, server.url, max_attempts_per_problem=1)
        with pytest.raises(ValueError, match=r"gave 2 of 8 problems in 8 attempts .*contaminated 1"):
            store.make(node)
        assert store.find(node) is None
        more = teach_node(gsm8k_config, server.url, max_attempts_per_problem=2)
        assert more.key == node.key
        made = store.make(more)
        assert asked(server) == undisturbed[1]
    assert tables(made.folder) == tables(undisturbed[0].folder)
    assert list((tmp_path / ".making").iterdir()) == []


def test_data_sets_of_the_pool_nest_and_share_it(tmp_path, gsm8k_config, teacher, task, undisturbed):
    store = ArtifactStore(tmp_path)
    with ScriptedServer(OverHttp(teacher, task)) as server:
        pool = teach_node(gsm8k_config, server.url)

        def problems(size: int, seed: int) -> list[ProblemRow]:
            config = SynthesizeConfig(task=gsm8k_config, traces_per_problem=2, num_problems=size, seed=seed)
            made = store.make(Node("synthesize", config, {"pool": pool}))
            assert made.measures["num_traces"] == 2 * size
            return read_table(made.folder / "problems.parquet", ProblemRow)

        assert problems(3, 1) == problems(8, 1)[:3]
        assert problems(8, 1) != problems(8, 2)
        assert set(problems(8, 1)) == set(problems(8, 2))
        assert asked(server) == undisturbed[1]


def test_the_bar_goes_up_to_the_pools_size(tmp_path, gsm8k_config, teacher, task):
    told: list[tuple[int, int]] = []
    with ScriptedServer(OverHttp(teacher, task)) as server:
        session = Session(lambda done, total, note="": told.append((done, total)))
        ArtifactStore(tmp_path).make(teach_node(gsm8k_config, server.url), session)
    assert {total for _, total in told} == {8}
    assert max(done for done, _ in told) == told[-1][0] == 8


SCRIPT = """
import os, re, sys
from pathlib import Path
sys.path.append({tests!r})
from openai_server import Reply
from scripted_teacher import invented_problem, solution
Path({starts!r}).open("a").write(f"{{os.getpid()}}\\n")

def reply(path, body):
    user = body["messages"][-1]["content"]
    if user.startswith("Like these"):
        return Reply([invented_problem(body["seed"] % 1000)])
    total = sum(map(int, re.findall("[0-9]+", user)))
    return Reply([solution(total, way) for way in range(body["n"])])
"""


def test_a_teacher_of_ones_own_is_started_once_for_its_model_and_stopped(tmp_path, gsm8k_config):
    tests, script, starts = Path(__file__).parents[1], tmp_path / "script.py", tmp_path / "starts"
    script.write_text(SCRIPT.format(tests=str(tests), starts=str(starts)))
    command = f"{sys.executable} {tests / 'openai_server.py'} --port {{port}} --script {script} {{model}}"
    node = teach_node(gsm8k_config, "", server={"url": None, "command": command}, num_problems=5)
    made = ArtifactStore(tmp_path / "store").make(node)
    assert made.measures["num_problems"] == 5
    (pid,) = starts.read_text().split()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
