"""A small study with real artifacts of a real world, made without a policy: five samples a problem, values by hand.

Every problem of three steps has a right sample, one that goes wrong with its last step (late), one with its first
(early), one that is wrong at first and right in the end (lucky), and one without an answer, which is PLANTED.

    exhaustive, 4 rollouts   Q of late: 2/5, 3/4, 1/4    early: 2/5, 0/4, 0/4
    adaptive                 rollouts from late's first two steps: 1 of 2; from early's first: 0 of 2
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from synthscale.mixture.example import Example
from synthscale.problem import PrecedenceConfig, PrecedenceTask, Problem, Split
from synthscale.stage.rows import ContinuationRow, PitRow, PrefixValueRow, ProblemRow, SolutionRow
from synthscale.study.roster import Member
from synthscale.table import write_table

PLANTED = "<script>window.pwned=1</script><img src=x onerror=window.pwned=1>"
RIGHT, LATE, EARLY, LUCKY, SILENT = range(5)
ALGORITHMS = ("sft", "rft", "dpo", "step_dpo", "step_mix")
HOME = "/home/somebody/secret"
WORLD = PrecedenceConfig(operators_per_problem=3)


def fabricate(folder: Path, num_problems: int = 12, size: int | None = None) -> Path:
    """Make the study in `folder`/study, its artifacts beside it; the study's folder."""
    made = _Study(folder / "artifacts", num_problems, size or num_problems)
    study = folder / "study"
    study.mkdir(parents=True)
    rows = [made.point(algorithm) for algorithm in ALGORITHMS]
    with (study / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    _write_roster(study, [(row["algorithm"], row["artifact"]) for row in rows])
    return study


def key_of(stage: str, name: str) -> str:
    """The key of an artifact."""
    return f"{stage}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def solutions_of(task: PrecedenceTask, problem: Problem) -> list[str]:
    """The five samples of a problem, by their index."""
    right = task.trace(problem, np.random.default_rng(0))
    first, *_, last = right.split("\n")
    other = _changed(problem.answer)
    bad_last = f"{last.rpartition('=')[0]}= {other} | {other}"
    before, _, after = first.partition(" = ")
    bad_first = f"{before} = {_changed(after[0])}{after[1:]}"
    late = right.removesuffix(last) + bad_last
    return [right, late, bad_first + late.removeprefix(first), bad_first + right.removeprefix(first), PLANTED]


def _changed(value: str) -> str:
    return str((int(value) + 1) % WORLD.num_values)


class _Study:
    """Writes artifacts, each with its manifest."""

    def __init__(self, artifacts: Path, num_problems: int, size: int) -> None:
        self.artifacts, self.size = artifacts, size
        self.task = PrecedenceTask(WORLD)
        self.problems = self.task.problems(Split.TRAIN, num_problems, 1)
        self.solutions = {problem.problem_id: solutions_of(self.task, problem) for problem in self.problems}
        self.data = self._make("synthesize", "data", {}, {"problems.parquet": (ProblemRow, self._problems())})
        self.sft = self._train("sft", self.data, [1.0 / (i + 1) for i in range(100)])
        self.sample = self._make(
            "sample",
            "sample",
            {"data": self.data, "policy": self.sft},
            {"samples.parquet": (SolutionRow, self._samples())},
        )

    def point(self, algorithm: str) -> dict[str, Any]:
        """Make the point's artifacts; its record."""
        policy = self.sft
        if algorithm != "sft":
            compose = self._compose(algorithm)
            policy = self._train(algorithm, compose, [0.5] * 7)
        root = self._make("evaluate", algorithm, {"policy": policy}, {})
        accuracy = 0.4 + 0.05 * ALGORITHMS.index(algorithm)
        axes = {"study": "made_up", "task": "precedence", "model": "tiny", "algorithm": algorithm}
        numbers = {"data_size": self.size, "negative_fraction": None, "seed": 1, "num_test": 100}
        measured = {"test_accuracy": accuracy, "test_error": 1 - accuracy, "wrong_step_share": 0.02}
        precision = 1.0 if algorithm.startswith("step") else None
        return axes | numbers | measured | {"pit_precision": precision, "train_seconds": 2.0, "artifact": root}

    def _compose(self, algorithm: str) -> str:
        inputs = {"data": self.data, "samples": self.sample}
        config: dict[str, Any] = {"pit_rule": "lowest_value", "best_of": 1, "search": None}
        shape = {"rft": "solution", "dpo": "solution", "step_dpo": "step", "step_mix": "divergence"}[algorithm]
        config["mixture"] = {"pair_shape": shape, "negative_fraction": 0.0 if algorithm == "rft" else 1.0}
        if algorithm.startswith("step"):
            inputs["credit"] = self._credit(algorithm)
        if algorithm == "step_mix":
            config |= {"pit_rule": "largest_drop", "search": "adaptive"}
        files = {"examples.parquet": (Example, [one for p in self.problems for one in self._examples(algorithm, p)])}
        return self._make("compose", algorithm, inputs, files, config)

    def _credit(self, algorithm: str) -> str:
        ids = [problem.problem_id for problem in self.problems]
        inputs = {"data": self.data, "samples": self.sample, "policy": self.sft}
        found = [ContinuationRow(i, LATE, 2, self.solutions[i][RIGHT]) for i in ids]
        files: dict[str, Any] = {"continuations.parquet": (ContinuationRow, found)}
        if algorithm == "step_dpo":
            counts = {LATE: [(5, 2), (4, 3), (4, 1)], EARLY: [(5, 2), (4, 0), (4, 0)]}
            config = {"num_rollouts": 4, "max_rollouts": None, "confidence": None}
        else:
            counts = {LATE: [(5, 2), (0, 0), (2, 1)], EARLY: [(5, 2), (2, 0), (0, 0)]}
            config = {"num_rollouts": 1, "max_rollouts": 4, "confidence": 0.7}
            pits = [(LATE, 3, 0.8, True), (EARLY, 1, 0.6, False)]
            files["pits.parquet"] = (PitRow, [PitRow(i, *pit) for i in ids for pit in pits])
        values = [
            PrefixValueRow(i, index, step, *count)
            for i in ids
            for index, of_index in counts.items()
            for step, count in enumerate(of_index)
        ]
        files["prefix_values.parquet"] = (PrefixValueRow, values)
        return self._make("credit", algorithm, inputs, files, config)

    def _examples(self, algorithm: str, problem: Problem) -> Sequence[Example]:
        right, late, early, lucky, _ = self.solutions[problem.problem_id]
        name, prompt = problem.problem_id, self.task.prompt(problem)
        first = self.task.steps(early)[0]
        return {
            "rft": [Example(name, prompt, right), Example(name, prompt, lucky)],
            "dpo": [Example(name, prompt, right, late), Example(name, prompt, lucky, early)],
            "step_dpo": [Example(name, prompt, right, late), Example(name, prompt, lucky, first, False)],
            "step_mix": [Example(name, prompt, right), Example(name, prompt, right, late, True, True)],
        }[algorithm]

    def _train(self, name: str, data: str, losses: Sequence[float]) -> str:
        lines = ["update,train_loss,validation_accuracy"]
        lines += [f"{i},{loss},{0.5 if i == len(losses) else ''}" for i, loss in enumerate(losses, 1)]
        config = {"learning_rate": 1e-3 if name == "sft" else 1e-4, "path": HOME + "/model"}
        return self._make("finetune", name, {"data": data}, {"curves.csv": "\n".join(lines) + "\n"}, config)

    def _make(
        self, stage: str, name: str, inputs: dict[str, str], files: dict[str, Any], config: dict[str, Any] | None = None
    ) -> str:
        key = key_of(stage, name)
        folder = self.artifacts / key
        folder.mkdir(parents=True)
        for file, content in files.items():
            if isinstance(content, str):
                (folder / file).write_text(content)
            else:
                write_table(folder / file, *content)
        sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
        manifest = {"stage": stage, "version": 1, "key": key, "config": {"task": asdict(WORLD)} | (config or {})}
        manifest |= {"inputs": inputs, "measures": {}, "seconds": 1.5, "files": sizes, "device": "cpu"}
        manifest |= {"versions": {"torch": "2.0"}, "git_commit": "c" * 40, "created": "2026-01-02T03:04:05+00:00"}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return key

    def _problems(self) -> list[ProblemRow]:
        return [ProblemRow(problem.problem_id, problem.text, problem.answer) for problem in self.problems]

    def _samples(self) -> list[SolutionRow]:
        verdicts = ("correct", "wrong", "wrong", "correct", "unparseable")
        return [
            SolutionRow(problem.problem_id, index, solution, verdicts[index], 30)
            for problem in self.problems
            for index, solution in enumerate(self.solutions[problem.problem_id])
        ]


def _write_roster(study: Path, done: Sequence[tuple[str, str]]) -> None:
    """A list of points: those that are done, and one that failed."""
    failed = key_of("evaluate", "failed")
    members = [
        Member(f"{name} N=12 seed=1", "precedence", "tiny", name, 12, 0.0, 1, root)
        for name, root in [*done, ("my_method", failed)]
    ]
    content = {"created": 1.0, "members": [asdict(one) for one in members], "inputs": {one.root: [] for one in members}}
    (study / "points").mkdir()
    (study / "points" / "one.json").write_text(json.dumps(content))
    (study / "errors").mkdir()
    trace = f"Traceback:\nRuntimeError: cannot read {HOME}/weights.bin"
    (study / "errors" / f"{failed}.txt").write_text(trace)
