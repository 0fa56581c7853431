"""Tasks from files: splits that do not meet, references that are checked at the door, verdicts by the verifier."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from synthscale.problem import DatasetConfig, DatasetTask, Problem, Split, Verdict, build_task
from synthscale.problem.answer import AnswerPolicy, Presence
from synthscale.problem.rows import Unreadable
from synthscale.stage.stage import STAGES, Node, plain
from synthscale.stage.synthesize import SynthesizeConfig

KEYS = {"name": "gsm8k", "problem_key": "question", "solution_key": "answer", "num_validation": 5}


@pytest.fixture
def gsm8k(gsm8k_folder: Path) -> DatasetTask:
    task = build_task(DatasetConfig(source=str(gsm8k_folder), **KEYS))
    assert isinstance(task, DatasetTask)
    return task


def folder_with(tmp_path: Path, *rows: object, test: int = 1) -> str:
    """A data set whose training file holds the rows, after three good ones."""
    good = [{"problem": f"What is 1 + {i}?", "solution": f"It is \\boxed{{{i + 1}}}."} for i in range(3 + test)]
    lines = [row if isinstance(row, str) else json.dumps(row) for row in (*good[:3], *rows)]
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "train.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in good[3:]))
    return str(tmp_path)


def test_splits_do_not_meet_and_sizes_nest(gsm8k: DatasetTask) -> None:
    of = {split: {p.text for p in gsm8k.problems(split, len(gsm8k.rows.of(split)))} for split in Split}
    assert [len(of[split]) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)] == [15, 5, 8]
    assert len(set().union(*of.values())) == 28
    small, large = (gsm8k.problems(Split.TRAIN, size, seed=3) for size in (4, 9))
    assert large[:4] == small and gsm8k.problems(Split.TRAIN, 9, seed=4) != large


def test_a_problem_of_the_test_file_is_no_training_problem(tmp_path: Path) -> None:
    leaked = [
        {"problem": text, "solution": "\\boxed{4}"}
        for text in ("What is 1 + 3?", "what is 1  + 3? ", "What is １ + 3?")
    ]
    task = DatasetTask(DatasetConfig(name="own", source=folder_with(tmp_path, *leaked)))
    rows = [row.problem.text for split in (Split.TRAIN, Split.VALIDATION) for row in task.rows.of(split)]
    assert sorted(rows) == ["What is 1 + 0?", "What is 1 + 1?", "What is 1 + 2?"]


def test_the_own_solution_is_correct_and_another_answer_is_wrong(gsm8k: DatasetTask) -> None:
    for problem in gsm8k.problems(Split.TRAIN, 15):
        solution = gsm8k.trace(problem, np.random.default_rng(0))
        assert gsm8k.verdict(problem, solution) is Verdict.CORRECT
        assert gsm8k.verdict(problem, solution + "7") is Verdict.WRONG
        assert gsm8k.verdict(problem, "I do not know.") is Verdict.UNPARSEABLE
        assert gsm8k.step_truths(problem, solution.split("\n")) == []


def test_the_policy_of_the_task_decides(tmp_path: Path) -> None:
    source = folder_with(tmp_path, {"problem": "How long is it?", "solution": "\\boxed{5 \\text{ cm}}"})
    problem = Problem("How long is it?", r"5 \text{ cm}")
    strict = AnswerPolicy(units=Presence.required)
    verdicts = [DatasetTask(DatasetConfig(name="own", source=source, **more)).verdict(problem, r"\boxed{5}")
                for more in ({}, {"answers": strict})]  # fmt: skip
    assert verdicts == [Verdict.CORRECT, Verdict.WRONG]


def test_spellings_of_one_number_vote_together(gsm8k: DatasetTask) -> None:
    assert {gsm8k.answer(text) for text in (r"\boxed{\frac12}", "The answer is 0.5.", "#### 1/2")} == {"1/2"}
    assert gsm8k.answer("no idea at all") is None


REFUSED = [
    ("not json", "line 4 of", "no JSON"),
    ("[1]", "line 4 of", "no JSON object"),
    ({"problem": "x?"}, "line 4 of", "no text under 'solution'; its fields are problem"),
    ({"problem": 5.0, "solution": None}, "line 4 of", "no text under 'solution'"),
    ({"problem": "x?", "solution": "I could not say what it might be."}, "line 4 of", "task.unreadable=drop"),
    ({"problem": "x?", "solution": r"\boxed{\frac{1}{}"}, "line 4 of", "cannot read"),
    ({"problem": "x?", "solution": "So the total is 10."}, "line 4 of", "cannot read: 'So"),
    ({"problem": " ", "solution": "#### 1"}, "line 4 of", "an empty text"),
    ({"problem": "what is  1 + 0?", "solution": "#### 77"}, "line 4 of", "asks what an earlier line asks"),
    ('{"problem": "\\ud800", "solution": "1"}', "line 4 of", "half a character"),
    ("[" * 100_000, "line 4 of", "no JSON"),
]


@pytest.mark.parametrize(("row", "where", "what"), REFUSED, ids=[what for *_, what in REFUSED])
def test_a_bad_line_is_refused_with_its_number(tmp_path: Path, row: object, where: str, what: str) -> None:
    with pytest.raises(ValueError) as refused:
        DatasetConfig(name="own", source=folder_with(tmp_path, row))
    assert where in str(refused.value) and what in str(refused.value)


def test_unreadable_references_can_be_dropped(tmp_path: Path) -> None:
    row = {"problem": "x?", "solution": "I could not say what it might be."}
    config = DatasetConfig(name="own", source=folder_with(tmp_path, row), unreadable=Unreadable.drop)
    assert config.max_data_size + config.max_validation == 3


def test_other_content_is_another_data_set(tmp_path: Path) -> None:
    first = DatasetConfig(name="own", source=folder_with(tmp_path)).fingerprint
    source = folder_with(tmp_path, {"problem": "y?", "solution": "#### 2"})
    assert DatasetConfig(name="own", source=source).fingerprint != first
    with pytest.raises(ValueError, match="another data set"):
        DatasetConfig(name="own", source=source, fingerprint=first)


def test_a_missing_file_and_missing_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no train\.jsonl"):
        DatasetConfig(name="own", source=str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="both null"):
        DatasetConfig(name="own", source=folder_with(tmp_path), solution_key=None)


def test_the_same_files_elsewhere_are_the_same_data_set(tmp_path: Path) -> None:
    places = [folder_with(tmp_path / name) for name in ("here", "there")]
    one, other = (DatasetConfig(name="own", source=place) for place in places)
    assert plain(one, for_identity=True) == plain(other, for_identity=True) and plain(one) != plain(other)


def test_other_test_problems_leave_all_but_teach_and_evaluate_alone(tmp_path: Path) -> None:
    def key(stage: str, source: str) -> str:
        task = DatasetConfig(name="own", source=source)
        synthesize = SynthesizeConfig(task=task, traces_per_problem=1, num_problems=1, seed=0)
        return Node(stage, synthesize).key  # of any stage: what is hashed is the config

    before, after = folder_with(tmp_path / "before"), folder_with(tmp_path / "after", test=2)
    leaking = folder_with(tmp_path / "leaking", test=2)
    with (Path(leaking) / "test.jsonl").open("a") as file:
        file.write(json.dumps({"problem": "What is 1 + 0?", "solution": "#### 1"}) + "\n")
    for stage in STAGES:
        same = key(stage, before) == key(stage, after)
        assert same is (stage not in ("teach", "evaluate")), stage
        assert key(stage, leaking) not in (key(stage, before), key(stage, after))  # a training problem fewer


def test_a_process_that_finds_other_files_refuses_them(tmp_path: Path) -> None:
    """A config is made where a study is planned, and may be used on another machine."""
    config = DatasetConfig(name="own", source=folder_with(tmp_path))
    (tmp_path / "test.jsonl").write_text(json.dumps({"problem": "z?", "solution": "#### 2"}) + "\n")
    with pytest.raises(ValueError, match=r"task\.test_fingerprint=.* another data set"):
        build_task(config)


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"train_split": "../train"}, "task.train_split"),
        ({"test_split": "train"}, "both train"),
        ({"prompt_template": "Solve it."}, "task.prompt_template"),
        ({"prompt_template": "Q: {problem}\\nA:"}, "holds a backslash and an n"),
        ({"num_validation": 0}, "task.num_validation"),
    ],
)
def test_keys_out_of_range_are_refused(tmp_path: Path, keys: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        DatasetConfig(name="own", source=folder_with(tmp_path), **keys)
