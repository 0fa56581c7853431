"""How many answers a second a contender grades: wall and CPU time, each measurement in a fresh process of its own.

The process makes its texts from a recipe and warms up on other texts before the clock starts, so that neither imports
nor the start of workers count. All contenders get the same list, checked by its digest, and no text twice, so that no
cache helps. CPU time is that of the process and of all its descendants.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders import Contender, Rewards, opened
from benchmarks.made_pairs import MadePair, Recipe

NUM_WARM_UP_PER_JOB = 200
_WARM_UP_SEED_OFFSET = 1_000_003


@dataclass(frozen=True, slots=True)
class Measurement:
    """One contender on one list of pairs."""

    recipe: Recipe
    contender: Contender
    jobs: int
    wall_seconds: float
    cpu_seconds: float
    false_positives: int  # against the labels that the pairs were made with
    false_negatives: int
    digest: str  # of all texts

    @property
    def answers_per_second(self) -> float:
        """Of wall time."""
        return self.recipe.num_pairs / self.wall_seconds

    @property
    def answers_per_cpu_second(self) -> float:
        """Of the CPU time of all processes."""
        return self.recipe.num_pairs / self.cpu_seconds


def measure(recipe: Recipe, contender: Contender, jobs: int = 1) -> Measurement:
    """Time the contender on the recipe's pairs, in a process that ends afterwards."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as executor:
        return executor.submit(_measure_here, recipe, contender, jobs).result()


def measure_command(recipe: Recipe, jobs: int) -> Measurement:
    """Time `synthscale grade` on a file with the recipe's pairs, its start, its check of the file and all included."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as executor:
        return executor.submit(_measure_command_here, recipe, jobs).result()


def same_texts(measurements: Sequence[Measurement]) -> bool:
    """Whether measurements of one recipe were all made on the same texts."""
    digests = {(measurement.recipe, measurement.digest) for measurement in measurements}
    return len(digests) == len({recipe for recipe, _ in digests})


def _measure_here(recipe: Recipe, contender: Contender, jobs: int) -> Measurement:
    pairs = recipe.make()
    warm_up = replace(recipe, num_pairs=NUM_WARM_UP_PER_JOB * jobs, seed=recipe.seed + _WARM_UP_SEED_OFFSET).make()
    with opened(contender, jobs) as rewards:
        _reward(rewards, warm_up)
        cpu_before, wall_before = cpu_seconds(), time.perf_counter()
        given = _reward(rewards, pairs)
        wall, cpu = time.perf_counter() - wall_before, cpu_seconds() - cpu_before
    return Measurement(
        recipe,
        contender,
        jobs,
        wall,
        cpu,
        false_positives=sum(reward and not pair.is_correct for reward, pair in zip(given, pairs, strict=True)),
        false_negatives=sum(pair.is_correct and not reward for reward, pair in zip(given, pairs, strict=True)),
        digest=_digest(pairs),
    )


def _measure_command_here(recipe: Recipe, jobs: int) -> Measurement:
    pairs = recipe.make()
    with tempfile.TemporaryDirectory(prefix="synthscale-benchmark-") as folder:
        answers, graded = Path(folder, "answers.jsonl"), Path(folder, "graded.jsonl")
        with answers.open("w") as file:
            for pair in pairs:
                file.write(json.dumps({"prediction": pair.prediction, "reference": pair.reference}) + "\n")
        command = [sys.executable, "-m", "synthscale.cli", "grade", str(answers), "--out", str(graded)]
        cpu_before, wall_before = os.times(), time.perf_counter()
        subprocess.run([*command, "--jobs", str(jobs)], check=True, stderr=subprocess.DEVNULL)
        wall, cpu = time.perf_counter() - wall_before, os.times()
        with graded.open() as file:
            given = [json.loads(line)["grade"]["verdict"] == "correct" for line in file]
    return Measurement(
        recipe,
        Contender.OURS,
        jobs,
        wall,
        cpu.children_user + cpu.children_system - cpu_before.children_user - cpu_before.children_system,
        false_positives=sum(reward and not pair.is_correct for reward, pair in zip(given, pairs, strict=True)),
        false_negatives=sum(pair.is_correct and not reward for reward, pair in zip(given, pairs, strict=True)),
        digest=_digest(pairs),
    )


def _reward(rewards: Rewards, pairs: Sequence[MadePair]) -> list[bool]:
    return rewards([pair.prediction for pair in pairs], [pair.reference for pair in pairs])


def _digest(pairs: Sequence[MadePair]) -> str:
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(f"{pair.prediction}\0{pair.reference}\0".encode())
    return digest.hexdigest()[:16]


def cpu_seconds() -> float:
    """CPU time of this process, of children that it has waited for, and of descendants that still run (on Linux)."""
    waited_for = os.times()
    own = time.process_time() + waited_for.children_user + waited_for.children_system
    return own + sum(_seconds_of(process) for process in _descendants(os.getpid()))


def _descendants(process: int) -> list[int]:
    """Processes that still run below this one; none where there is no /proc."""
    children: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # it ended in the meantime
            children += map(int, path.read_text().split())
    return children + [below for child in children for below in _descendants(child)]


def _seconds_of(process: int) -> float:
    """User and system time of a process and of its own children that ended; 0 where it ended in the meantime."""
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0
