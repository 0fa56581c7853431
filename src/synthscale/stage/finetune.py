"""Finetune: one phase of training, from a base or an SFT policy, on traces or on a composed training set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthscale.problem import PrecedenceConfig
from synthscale.session import Session
from synthscale.stage.stage import Artifact, Measures
from synthscale.training.config import TrainerConfig

if TYPE_CHECKING:
    from synthscale.mixture.example import Example

VERSION = 1


@dataclass(kw_only=True, slots=True)
class FinetuneConfig:
    """One phase of training.

    Inputs: `policy` (or `path`) is where training starts; `data` is a synthesize or a compose artifact; `reference`,
    the reference policy, is needed where the data hold pairs.
    """

    task: PrecedenceConfig
    trainer: TrainerConfig
    max_new_tokens: int = 64
    path: str | None = None  # a model folder, where no `policy` artifact is the start
    learning_rate: float = 1e-3
    num_updates: int = 100
    beta: float = 0.1
    preference_weight: float = 1.0
    eos_after_prefix: bool = False
    seed: int = 0


def run(config: FinetuneConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `model/`, `curves.csv`, and with pairs `reference_logprobs.safetensors`."""
    import torch
    from safetensors.torch import save_file

    from synthscale.policy.policy import load_policy, save_policy
    from synthscale.problem import build_task
    from synthscale.training.data import MixedDataModule
    from synthscale.training.encoding import Encoder
    from synthscale.training.fit import fit, pick_device, reference_logprobs
    from synthscale.training.module import Objective
    from synthscale.training.validation import Validator

    torch.manual_seed(config.seed)
    device = pick_device(config.trainer.device)
    model, tokenizer = load_policy(policy_folder(config.path, inputs, "policy"), device)
    encoder = Encoder(tokenizer, eos_after_prefix=config.eos_after_prefix)
    examples = [encoder.encode(example) for example in read_examples(inputs["data"])]
    logprobs_P2 = torch.zeros(0, 2)
    if any(example.is_pair for example in examples):
        reference, _ = load_policy(policy_folder(config.path, inputs, "reference"), device)
        logprobs_P2 = reference_logprobs(reference, examples, tokenizer.pad_token_id, 4 * config.trainer.batch_size)
        save_file({"logprobs": logprobs_P2}, out / "reference_logprobs.safetensors")
    validator = Validator(
        build_task(config.task),
        model,
        tokenizer,
        encoder,
        num_problems=config.trainer.num_validation,
        max_new_tokens=config.max_new_tokens,
    )
    data = MixedDataModule(
        examples,
        validator.examples(),
        batch_size=config.trainer.batch_size,
        num_updates=config.num_updates,
        seed=config.seed,
        pad_id=tokenizer.pad_token_id,
        reference_logprobs_P2=logprobs_P2,
    )
    objective = Objective(config.learning_rate, config.num_updates, config.beta, config.preference_weight)
    result = fit(model, data, objective, config.trainer, validator.accuracy, session.advance)
    save_policy(model, tokenizer, out / "model")
    result.write_curves(out / "curves.csv")
    return result.measures()


def policy_folder(path: str | None, inputs: Mapping[str, Artifact], name: str) -> Path | str:
    """The folder of an input policy, or the model's own path where the point starts from one.

    Raises:
        ValueError: if there is neither.
    """
    if name in inputs:
        return inputs[name].folder / "model"
    if path is None:
        raise ValueError(f"finetune has neither an input {name} nor model.path.")
    return path


def read_examples(data: Artifact) -> list[Example]:
    """The training set: a composed one as it is, or D_syn's traces as positives."""
    from synthscale.mixture.example import Example
    from synthscale.stage.rows import ProblemRow, SolutionRow
    from synthscale.stage.table import read_table

    if data.manifest["stage"] == "compose":
        return read_table(data.folder / "examples.parquet", Example)
    problems = {row.problem_id: row.problem for row in read_table(data.folder / "problems.parquet", ProblemRow)}
    traces = read_table(data.folder / "traces.parquet", SolutionRow)
    return [Example(row.problem_id, problems[row.problem_id].prompt, row.solution) for row in traces]
