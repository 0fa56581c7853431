"""What the tests of several rooms share: worlds, policies, and configs as the command line composes them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import synthscale
from synthscale.problem import PrecedenceConfig, PrecedenceTask, Split

# before torch is imported here or in a child: the models are so small that threads only wait for one another
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).parents[1]
CONF = REPOSITORY / "conf"


@pytest.fixture(scope="session")
def task() -> PrecedenceTask:
    """The default world."""
    return PrecedenceTask(PrecedenceConfig())


@pytest.fixture
def hand_task() -> PrecedenceTask:
    """A world whose truths can be worked out by hand.

    Values 0 to 4; +, - and * have their usual meaning modulo 5; * binds tighter than -, and - tighter than +.
    """
    task = PrecedenceTask(PrecedenceConfig(num_operators=3, num_values=5, operators_per_problem=3))
    a, b = np.meshgrid(np.arange(5), np.arange(5), indexing="ij")
    task.__dict__["tables"] = np.stack([(a + b) % 5, (a - b) % 5, (a * b) % 5])
    task.__dict__["levels"] = np.array([0, 1, 2])
    return task


@pytest.fixture(scope="session")
def base_folder() -> Path:
    """The folder of the base policy that ships with the package, found by its key."""
    from synthscale.stage.pretrain import PretrainConfig
    from synthscale.stage.stage import Node

    folder = Path(synthscale.__file__).parent / "policy" / "base" / Node("pretrain", PretrainConfig()).key
    assert (folder / "manifest.json").exists(), f"the shipped base is not the one the code asks for: {folder.name}"
    return folder


@pytest.fixture(scope="session")
def base_policy(base_folder: Path) -> SimpleNamespace:
    """The shipped base; not to be trained."""
    from synthscale.policy.policy import load_policy

    model, tokenizer = load_policy(base_folder / "model")
    return SimpleNamespace(model=model.eval(), tokenizer=tokenizer)


@pytest.fixture
def random_policy(task: PrecedenceTask) -> Callable[[int], SimpleNamespace]:
    """Makes a fresh policy of one layer and 16 dimensions from a seed."""
    import torch

    from synthscale.policy.config import ArchitectureConfig
    from synthscale.policy.tiny import build_model, build_tokenizer

    def make(seed: int = 0) -> SimpleNamespace:
        tokenizer = build_tokenizer(task.words)
        torch.manual_seed(seed)
        config = ArchitectureConfig(hidden_size=16, intermediate_size=32, num_layers=1, num_heads=2)
        return SimpleNamespace(model=build_model(config, tokenizer).eval(), tokenizer=tokenizer)

    return make


@pytest.fixture(scope="session")
def traces(task: PrecedenceTask) -> list[tuple]:
    """Problems with a right solution each."""
    generator = np.random.default_rng(0)
    return [(problem, task.trace(problem, generator)) for problem in task.problems(Split.TRAIN, 64, seed=7)]


@pytest.fixture(scope="session")
def compose() -> Callable:
    """The config that `synthscale run` composes from these overrides, as Hydra has it."""
    from hydra import compose, initialize_config_dir

    from synthscale.study.config import register_schemas

    register_schemas()

    def make(*overrides: str, **kwargs):
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            return compose("config", overrides=list(overrides), **kwargs)

    return make


@pytest.fixture(scope="session")
def compose_run(compose: Callable) -> Callable:
    """The typed config of a run with these overrides; asked for twice it is the same object."""
    from synthscale.study.config import to_run_config

    return cache(lambda *overrides: to_run_config(compose(*overrides)))
