"""A toy stage for tests of the store and the study: it does what its config says, in this process or in real ones.

Importing it puts it in the place of the stages named below. Run as a script it makes a node in a process of its own;
worker processes import it again as their main module, so they know it too.

    python toy.py make ROOT CONFIG_JSON
    python toy.py crowd ROOT CONFIG_JSON NUM_PROCESSES
    python toy.py study RUNS_DIR NUM_WORKERS POINTS_JSON
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from synthscale.durable import write_durably
from synthscale.session import Session, checkpoints_of
from synthscale.stage.stage import Node
from synthscale.study.config import ExecutionConfig
from synthscale.study.recipe import Point
from synthscale.study.store import ArtifactStore

VERSION = 1
TOY_STAGES = ("toy", "synthesize", "finetune", "sample", "credit", "compose", "evaluate")

for _stage in TOY_STAGES:
    sys.modules[f"synthscale.stage.{_stage}"] = sys.modules[__name__]


def run(config, inputs, out, session):
    """Write a file, leave a mark of having run, then do what the config says."""
    mark(config, "calls", os.getpid())
    if session.num_ranks > 1:
        meet(config, session)
    if session.rank > 0:
        return {}
    session.advance(1, 2)
    (out / "part").mkdir()
    (out / "part" / "answer.txt").write_text(config.get("text", "answer") * 1000)
    mark_threads(config)
    if "steps" in config:
        (out / "steps.json").write_text(json.dumps(take_steps(config, out, session)))
    if "journals" in config:
        (out / "journals.txt").write_text("".join(write_journals(config["journals"], checkpoints_of(out))))
    if "raise_once" in config and Path(config["raise_once"]).exists():
        Path(config["raise_once"]).unlink()
        raise RuntimeError("raised once")
    time.sleep(config.get("seconds", 0))
    while "hold" in config and Path(config["hold"]).exists():
        time.sleep(0.02)
    if "die_once" in config and Path(config["die_once"]).exists():
        Path(config["die_once"]).unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    if "die_while" in config and Path(config["die_while"]).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    if "raise" in config:
        raise RuntimeError(config["raise"])
    if "fill_bytes" in config:
        (out / "big").write_bytes(b"x" * config["fill_bytes"])
    if "curves" in config:
        (out / "curves.csv").write_text(config["curves"])
    session.advance(2, 2)
    return dict(config.get("measures", {"num_examples": len(inputs)}))


def mark(config, name, text):
    """Add a line to the file that the config has under this name, if it has one."""
    if name in config:
        with Path(config[name]).open("a") as file:
            file.write(f"{text}\n")


def mark_threads(config):
    """Add a line with the sizes of the thread pools of this process, if the config asks for it."""
    if "threads" in config:
        import pyarrow
        import torch

        pools = [torch.get_num_threads(), pyarrow.cpu_count(), pyarrow.io_thread_count()]
        names = ["OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"]
        mark(config, "threads", json.dumps([*pools, *(int(os.environ[name]) for name in names)]))


def meet(config, session):
    """Wait for the other ranks, as what ranks do together does."""
    mark(config, "ranks", session.rank)
    while len(Path(config["ranks"]).read_text().splitlines()) < session.num_ranks:
        time.sleep(0.01)


def take_steps(config, out, session):
    """As many steps as the config says, saved as the session asks for it, from where a killed process left them."""
    checkpoint = checkpoints_of(out) / "steps.json"
    steps = json.loads(checkpoint.read_bytes()) if checkpoint.exists() else []
    for step in range(len(steps), config["steps"]):
        while step == config.get("hold_step") and Path(config["hold"]).exists():
            time.sleep(0.02)
        mark(config, "taken", step)
        steps.append(step**2)
        if session.is_save_due():
            padding = " " * config.get("padding_bytes", 0) if step == config["steps"] - 1 else ""
            write_durably(checkpoint, (json.dumps(steps) + padding).encode())
            session.saved()
    return steps


def write_journals(texts, folder):
    """Add each text to a journal of its own, in folder and in a folder below; what is in them then, text by text."""
    paths = [folder / "answers.journal", folder / "part" / "answers.journal"]
    paths[1].parent.mkdir(exist_ok=True)
    (paths[1].parent / "other").write_text("no journal")
    for path, text in zip(paths, texts, strict=True):
        with path.open("a") as file:
            file.write(text)
    contents = [path.read_text() for path in paths]
    return [content[i] for i in range(len(contents[0])) for content in contents]


@dataclass
class ToyNamed:
    """Stands for any group of a config that the study layer knows by name alone."""

    name: str


@dataclass
class ToyLogger:
    """The logger's config."""

    name: str = "none"
    project: str = "toys"


@dataclass
class ToyMixture:
    """The mixture's one axis."""

    negative_fraction: float = 0.5


@dataclass
class ToyTrainer:
    """What worker processes ask of the trainer."""

    num_threads: int = 1


@dataclass
class ToyConfig:
    """What the study layer reads of a run's config."""

    runs_dir: str
    algorithm: ToyNamed
    data_size: int
    seed: int
    logger: ToyLogger
    study_name: str = "toy"
    task: ToyNamed = field(default_factory=lambda: ToyNamed("world"))
    model: ToyNamed = field(default_factory=lambda: ToyNamed("tiny"))
    mixture: ToyMixture = field(default_factory=ToyMixture)
    trainer: ToyTrainer = field(default_factory=ToyTrainer)
    execution: ExecutionConfig = field(default_factory=lambda: ExecutionConfig(max_retries=1))


def toy_point(
    runs_dir, algorithm="sft", data_size=64, seed=0, logger="none", execution=None, num_threads=1, **stages
) -> Point:
    """A point of the toy study; `stages` holds what each stage is to do, by role, `execution` keys of its config.

    sft: synthesize, sft, evaluate. Others: synthesize, sft, sample, credit, compose, policy, evaluate.
    """

    def node(role, **inputs):
        stage = "finetune" if role in ("sft", "policy") else role
        axes = {"role": role, "size": data_size, "seed": seed} | stages.get(role, {})
        # the algorithms share what comes before they part
        own = {} if role in ("synthesize", "sft", "sample") else {"algorithm": algorithm}
        return Node(stage, axes | own, inputs)

    nodes = {"synthesize": node("synthesize")}
    nodes["sft"] = node("sft", data=nodes["synthesize"])
    if algorithm != "sft":
        nodes["sample"] = node("sample", policy=nodes["sft"])
        nodes["credit"] = node("credit", samples=nodes["sample"])
        nodes["compose"] = node("compose", credit=nodes["credit"])
        nodes["policy"] = node("policy", data=nodes["compose"], policy=nodes["sft"])
    nodes["evaluate"] = node("evaluate", policy=list(nodes.values())[-1])
    config = ToyConfig(str(runs_dir), ToyNamed(algorithm), data_size, seed, ToyLogger(logger))
    config.execution = replace(config.execution, **execution or {})
    config.trainer.num_threads = num_threads
    return Point(config, nodes["evaluate"], nodes)


def make(root, config) -> None:
    """Make a node, with a checkpoint after each step."""
    artifact = ArtifactStore(Path(root)).make(Node("toy", json.loads(config)), Session(checkpoint_seconds=0))
    os.write(1, f"{artifact.folder}\n".encode())  # one write, so that many processes can share a pipe


def crowd(root, config, num_processes) -> None:
    """Make one node in many processes at once; copies of this one, since each import would take a while."""
    context = multiprocessing.get_context("fork")
    together = context.Barrier(num_processes)

    def ask():
        together.wait()
        make(root, config)

    processes = [context.Process(target=ask) for _ in range(num_processes)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print("EXITS", json.dumps(sorted(process.exitcode for process in processes)))


def main() -> None:
    """Make one node, in one process or in many, or run a study of toy points and print what became of each."""
    if sys.argv[1] == "make":
        return make(*sys.argv[2:])
    if sys.argv[1] == "crowd":
        return crowd(*sys.argv[2:4], int(sys.argv[4]))
    from synthscale.study.execute import run_points

    runs_dir, num_workers, points = sys.argv[2:]
    points = [toy_point(runs_dir, **point) for point in json.loads(points)]
    outcomes = run_points(points, ArtifactStore(Path(runs_dir) / "artifacts"), num_workers=int(num_workers))
    for outcome in outcomes:
        failure = outcome.failure and [outcome.failure.stage, outcome.failure.message]
        print("OUTCOME", json.dumps([outcome.point.label, outcome.record is not None, failure]))


if __name__ == "__main__":
    main()
