"""What the tests of several rooms share: worlds, policies, and configs as the command line composes them."""

from __future__ import annotations

import os
import sys
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

sys.path.append(str(Path(__file__).parent))  # `from openai_server import ScriptedServer`

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
    from synthscale.policy.config import PolicyConfig
    from synthscale.policy.policy import load_policy
    from synthscale.policy.prompter import Prompter

    model, tokenizer = load_policy(base_folder / "model")
    return SimpleNamespace(model=model.eval(), tokenizer=tokenizer, prompter=Prompter(tokenizer, PolicyConfig()))


@pytest.fixture(scope="session")
def gsm8k_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty training and eight test problems of GSM8K, as published (tests/problem/gsm8k_sample.md)."""
    lines = (REPOSITORY / "tests" / "problem" / "gsm8k_sample.jsonl").read_text().splitlines(keepends=True)
    folder = tmp_path_factory.mktemp("gsm8k")
    (folder / "train.jsonl").write_text("".join(lines[:20]))
    (folder / "test.jsonl").write_text("".join(lines[20:28]))
    return folder


def save_llama(folder: Path, *, hidden_size: int, num_layers: int) -> Path:
    """A Llama with random weights and a tokenizer of bytes, as transformers saves them."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*alphabet, "<s>", "</s>"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=hidden_size,
        intermediate_size=2 * hidden_size,
        num_hidden_layers=num_layers,
        num_attention_heads=hidden_size // 16,
        max_position_embeddings=2048,
        bos_token_id=vocabulary["<s>"],
        eos_token_id=vocabulary["</s>"],
        pad_token_id=vocabulary["</s>"],
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def small_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of one layer."""
    return save_llama(tmp_path_factory.mktemp("small_llama"), hidden_size=32, num_layers=1)


@pytest.fixture(scope="session")
def two_layer_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers, enough to learn sums of two small numbers in seconds."""
    return save_llama(tmp_path_factory.mktemp("two_layer_llama"), hidden_size=64, num_layers=2)


@pytest.fixture
def random_policy(task: PrecedenceTask) -> Callable[[int], SimpleNamespace]:
    """Makes a fresh policy of one layer and 16 dimensions from a seed."""
    import torch

    from synthscale.policy.config import ArchitectureConfig, PolicyConfig
    from synthscale.policy.prompter import Prompter
    from synthscale.policy.tiny import build_model, build_tokenizer

    def make(seed: int = 0) -> SimpleNamespace:
        tokenizer = build_tokenizer(task.words)
        torch.manual_seed(seed)
        config = ArchitectureConfig(hidden_size=16, intermediate_size=32, num_layers=1, num_heads=2)
        return SimpleNamespace(
            model=build_model(config, tokenizer).eval(),
            tokenizer=tokenizer,
            prompter=Prompter(tokenizer, PolicyConfig()),
        )

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
