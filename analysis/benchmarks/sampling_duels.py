"""Sampling beside transformers' `generate`: solutions of problems, and rollouts from the prefixes of solutions.

`generate` gets left-padded prompts, as many samples a prompt in one call, and but for `rollouts_one_by_one` as many
prompts a call as is fastest for it here; SDPA, inference mode and its default cache. Tokens are counted up to and with
the first that ends a sample, on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.duel import Duel
from benchmarks.llama import VOCABULARY, random_llama
from synthscale.problem import PrecedenceConfig, PrecedenceTask, Split, Verdict

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from synthscale.policy.prompter import Prompt, Prompter
    from synthscale.policy.sampler import Sampler

NUM_PROBLEMS, NUM_SAMPLES = 64, 16
NUM_ROLLOUTS = 5
NUM_ENDS = 340  # of the words: a sample of random weights goes on after a word with 96 %


@contextmanager
def tiny_samples() -> Iterator[Duel]:
    """Tokens a second of solutions by the base policy that ships with the package."""
    from synthscale.policy.prompter import Prompt

    task, model, prompter = base_policy()
    prompts = [Prompt(task.prompt(problem)) for problem in task.problems(Split.TEST, NUM_PROBLEMS, seed=0)]
    work = f"tiny, {NUM_PROBLEMS} problems of {len(prompter.ids(prompts[0]))} tokens × {NUM_SAMPLES} samples"
    with duel(work, model, prompter, prompts, NUM_SAMPLES, 64, prompts_at_once=64, bar=3.0) as opened:
        yield opened


@contextmanager
def llama_samples() -> Iterator[Duel]:
    """Tokens a second of a Llama of 20 M random weights; a sample has at most 24 tokens, about 15 in the mean."""
    from synthscale.policy.prompter import Prompt

    model, prompter = wordy_llama()
    generator = np.random.default_rng(0)
    words = [generator.integers(VOCABULARY - 3, size=generator.integers(40, 101)) for _ in range(NUM_PROBLEMS)]
    prompts = [Prompt(" ".join(f"w{word}" for word in prompt)) for prompt in words]
    work = f"Llama of 20 M, {NUM_PROBLEMS} prompts of 40 to 100 tokens × {NUM_SAMPLES} samples"
    with duel(work, model, prompter, prompts, NUM_SAMPLES, 24, prompts_at_once=4, bar=3.0) as opened:
        yield replace(opened, max_rounds=3)


@contextmanager
def rollouts() -> Iterator[Duel]:
    """Tokens a second of rollouts from every prefix of the base policy's own wrong solutions."""
    with rollouts_of(num_problems=64, prompts_at_once=128, bar=None) as opened:
        yield opened


@contextmanager
def rollouts_one_by_one() -> Iterator[Duel]:
    """The same beside one call of `generate` for each prefix."""
    with rollouts_of(num_problems=8, prompts_at_once=1, bar=5.0) as opened:
        yield opened


@contextmanager
def rollouts_of(num_problems: int, prompts_at_once: int, bar: float | None) -> Iterator[Duel]:
    """Rollouts for so many problems beside `generate`, which gets so many prefixes a call."""
    task, model, prompter = base_policy()
    prompts = prefixes_of_samples(task, model, prompter, num_problems)
    work = f"tiny, {len(prompts)} prefixes of solutions × {NUM_ROLLOUTS} rollouts"
    with duel(work, model, prompter, prompts, NUM_ROLLOUTS, 64, prompts_at_once, bar) as opened:
        yield opened


@contextmanager
def duel(
    work: str,
    model: PreTrainedModel,
    prompter: Prompter,
    prompts: Sequence[Prompt],
    num_samples: int,
    max_new_tokens: int,
    prompts_at_once: int,
    bar: float | None,
) -> Iterator[Duel]:
    """Our sampler beside `generate`, which gets so many prompts a call."""
    import transformers

    sampler = sampler_of(model, prompter, max_new_tokens)
    seeds = iter(range(1_000_000))

    def ours() -> float:
        drawn = sampler.sample(prompts, num_samples, temperature=1.0, seed=next(seeds))
        return float(sum(sample.num_tokens for samples in drawn for sample in samples))

    def theirs() -> float:
        ids = [prompter.ids(prompt) for prompt in prompts]
        parts = [ids[start : start + prompts_at_once] for start in range(0, len(ids), prompts_at_once)]
        return float(sum(generated(model, sampler, part, num_samples, max_new_tokens) for part in parts))

    peer = f"transformers {transformers.__version__} generate, {prompts_at_once} prompts × {num_samples} a call"
    yield Duel(work, "tokens", peer, ours, theirs, bar=bar)


def generated(
    model: PreTrainedModel,
    sampler: Sampler,
    prompts_ids: list[list[int]],
    num_samples: int,
    max_new_tokens: int,
    temperature: float = 1.0,
) -> int:
    """The tokens that one call of `generate` draws."""
    import torch
    from transformers import GenerationConfig

    inputs = sampler.tokenizer.pad({"input_ids": prompts_ids}, padding_side="left", return_tensors="pt")
    chance = {"temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature else {}
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=temperature > 0,
        **chance,
        num_return_sequences=num_samples,
        max_new_tokens=max_new_tokens,
        eos_token_id=sampler.end_ids,
        pad_token_id=sampler.tokenizer.pad_token_id,
    )
    with torch.inference_mode():
        output = model.generate(**inputs, generation_config=config)[:, inputs["input_ids"].shape[1] :]  # type: ignore[operator]
    ends = torch.isin(output, torch.tensor(sampler.end_ids))
    return int((ends.cumsum(1) - ends.long() == 0).sum())  # not behind an end


def sampler_of(model: PreTrainedModel, prompter: Prompter, max_new_tokens: int) -> Sampler:
    """Ours, with the batch that it has by default."""
    from synthscale.policy.config import SamplerConfig
    from synthscale.policy.sampler import Sampler

    config = SamplerConfig(temperature=1.0, num_samples=NUM_SAMPLES, max_new_tokens=max_new_tokens)
    return Sampler.build(config, model, prompter)


def base_policy() -> tuple[PrecedenceTask, PreTrainedModel, Prompter]:
    """The default task and the policy that ships for it."""
    import synthscale
    from synthscale.policy.config import PolicyConfig
    from synthscale.policy.policy import load_policy
    from synthscale.policy.prompter import Prompter
    from synthscale.stage.pretrain import PretrainConfig
    from synthscale.stage.stage import Node

    base = Path(synthscale.__file__).parent / "policy" / "base"
    model, tokenizer = load_policy(base / Node("pretrain", PretrainConfig()).key / "model")
    return PrecedenceTask(PrecedenceConfig()), model.train(False), Prompter(tokenizer, PolicyConfig())


def wordy_llama() -> tuple[PreTrainedModel, Prompter]:
    """A Llama of 20 M weights, almost as likely to write any word as any other; many of which end a sample."""
    from synthscale.policy.config import PolicyConfig
    from synthscale.policy.prompter import Prompter
    from synthscale.policy.tiny import build_tokenizer

    tokenizer = build_tokenizer([f"w{i}" for i in range(VOCABULARY - 3)])
    model = random_llama(tokenizer.eos_token_id, tokenizer.pad_token_id).train(False)
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, *range(VOCABULARY - NUM_ENDS, VOCABULARY)]
    return model, Prompter(tokenizer, PolicyConfig())


def prefixes_of_samples(
    task: PrecedenceTask, model: PreTrainedModel, prompter: Prompter, num_problems: int
) -> list[Prompt]:
    """Every prefix that the credit stage would roll out from, of up to four wrong samples of each problem."""
    from synthscale.policy.prompter import Prompt

    problems = task.problems(Split.TEST, num_problems, seed=0)
    prompts = [Prompt(task.prompt(problem)) for problem in problems]
    drawn = sampler_of(model, prompter, 64).sample(prompts, NUM_SAMPLES, temperature=1.0, seed=0)
    prefixes = []
    for problem, prompt, samples in zip(problems, prompts, drawn, strict=True):
        texts = dict.fromkeys(s.text for s in samples if task.verdict(problem, s.text) == Verdict.WRONG)
        steps = [task.steps(text) for text in list(texts)[:4]]
        found = dict.fromkeys("".join(one[:i]) for one in steps for i in range(1, len(one)))
        prefixes += [Prompt(prompt.text, prefix) for prefix in found]
    return prefixes
