"""Finetune: one phase of training, from a base or an SFT policy, on traces or on a composed training set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from synthscale.policy.config import LoraConfig, PolicyConfig
from synthscale.problem import IF_SET, ONLY_HOW, ONLY_WITHOUT_FINGERPRINT, Task, TaskConfig
from synthscale.session import Session, checkpoints_of
from synthscale.stage.stage import Artifact, Measures
from synthscale.training.config import TrainerConfig

if TYPE_CHECKING:
    from torch import Tensor

    from synthscale.mixture.example import Example
    from synthscale.training.data import SumOverRanks
    from synthscale.training.tokens import Tokens

VERSION = 3
REFERENCES = "reference_logprobs.safetensors"


@dataclass(kw_only=True, slots=True)
class FinetuneConfig:
    """One phase of training.

    Inputs: `policy` (or `path`) is where training starts; `data` is a synthesize or a compose artifact; `reference`,
    the reference policy, is needed where the data hold pairs.
    """

    task: TaskConfig
    trainer: TrainerConfig
    # of validation, as the sampler has them
    max_new_tokens: int = 64
    stop: list[str] | None = field(default=None, metadata=IF_SET)
    max_batch_rows: int = field(default=1024, metadata=ONLY_HOW)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    # a model folder or hub name, where no `policy` artifact is the start
    path: str | None = field(default=None, metadata=ONLY_WITHOUT_FINGERPRINT)
    fingerprint: str | None = field(default=None, metadata=IF_SET)  # of the folder's files
    revision: str | None = None
    lora: LoraConfig = field(default_factory=LoraConfig)
    gradient_checkpointing: bool = field(default=False, metadata=ONLY_HOW)
    learning_rate: float = 1e-3
    num_updates: int = 100
    beta: float = 0.1
    preference_weight: float = 1.0
    eos_after_prefix: bool = False
    seed: int = 0
    # the cap on exp(A / beta), where the data's steps have advantages
    max_weight: float | None = field(default=None, metadata=IF_SET)
    # "chosen" or "rejected", where one side of pairs alone counts
    only_side: str | None = field(default=None, metadata=IF_SET)


def run(config: FinetuneConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `model/`, `curves.csv`, and with pairs `reference_logprobs.safetensors`."""
    import torch

    from synthscale.policy.model_source import check_fingerprint
    from synthscale.policy.policy import load_policy, max_length, save_policy
    from synthscale.policy.prompter import Prompter
    from synthscale.problem import build_task
    from synthscale.training.activations import recompute_activations
    from synthscale.training.data import MixedDataModule
    from synthscale.training.encoding import Encoder
    from synthscale.training.fit import fit
    from synthscale.training.logprobs import can_pack
    from synthscale.training.lora import add_adapters
    from synthscale.training.module import Objective
    from synthscale.training.precision import weight_dtype
    from synthscale.training.ranks import is_sharded, rank_device
    from synthscale.training.tokens import keep_tokens
    from synthscale.training.validation import Validator

    if config.path is not None:
        check_fingerprint(config.path, config.fingerprint)
    torch.manual_seed(config.seed)
    task = build_task(config.task)
    in_parts = is_sharded(config.trainer, session)
    device = rank_device(config.trainer, session)
    # FSDP moves to the GPU what a rank is to hold
    model, tokenizer = load_policy(
        policy_folder(config.path, inputs, "policy"),
        config.policy,
        device="cpu" if in_parts else device,
        revision=config.revision,
    )
    saved_dtype = model.dtype
    model.to(weight_dtype(config.trainer.precision))  # type: ignore[arg-type]
    add_adapters(model, config.lora, config.seed)
    if config.gradient_checkpointing:
        recompute_activations(model)
    encoder = Encoder(Prompter(tokenizer, config.policy), eos_after_prefix=config.eos_after_prefix)
    examples = keep_tokens(
        checkpoints_of(out) / f"tokens-{session.rank}",
        lambda: encoder.encode_all(read_examples(task, inputs["data"])),
    )
    refuse_too_long(examples.longest, max_length(model))
    validator = Validator(
        task,
        model,
        encoder,
        num_problems=config.trainer.num_validation,
        max_new_tokens=config.max_new_tokens,
        max_batch_rows=config.max_batch_rows,
        stop=config.stop or (),
        in_lock_step=in_parts,
    )
    data = MixedDataModule(
        examples,
        validator.examples(),
        batch_size=config.trainer.batch_size,
        num_updates=config.num_updates,
        seed=config.seed,
        pad_id=tokenizer.pad_token_id,
        reference_logprobs=references(config, inputs, examples, device, out, session),
        micro_batch_size=config.trainer.micro_batch_size,
        is_packed=can_pack(model),
        rank=session.rank,
        num_ranks=session.num_ranks,
    )
    objective = Objective(
        config.learning_rate,
        config.num_updates,
        config.beta,
        config.preference_weight,
        config.max_weight,
        config.only_side,
    )
    result = fit(model, data, objective, config.trainer, validator.accuracy, session, checkpoints_of(out))
    if session.rank == 0:
        save_policy(result.model, tokenizer, out / "model", dtype=saved_dtype)
        result.write_curves(out / "curves.csv")
    return result.measures()


def references(
    config: FinetuneConfig,
    inputs: Mapping[str, Artifact],
    examples: Tokens,
    device: str,
    out: Path,
    session: Session,
) -> Callable[[SumOverRanks], Tensor]:
    """What finds the reference policy's log-probabilities of the pairs, [P, 2], when the ranks can speak."""
    import shutil

    import torch

    from synthscale.policy.policy import load_policy
    from synthscale.training.precision import weight_dtype
    from synthscale.training.references import keep_references
    from synthscale.training.tokens import pair_mask

    def find(sum_over_ranks: SumOverRanks) -> Tensor:
        if not pair_mask(examples).any():
            return torch.zeros(0, 2)
        reference, tokenizer = load_policy(
            policy_folder(config.path, inputs, "reference"), config.policy, device=device, revision=config.revision
        )
        precision = config.trainer.precision
        reference.to(weight_dtype(precision))  # type: ignore[arg-type]
        kept = checkpoints_of(out) / REFERENCES
        logprobs_P2 = keep_references(
            kept,
            reference,
            examples,
            examples.digest(),
            tokenizer.pad_token_id,
            config.trainer.micro_batch_size or 4 * config.trainer.batch_size,
            precision,
            sum_over_ranks,
            rank=session.rank,
            num_ranks=session.num_ranks,
        )
        if session.rank == 0:
            shutil.copyfile(kept, out / REFERENCES)
        return logprobs_P2

    return find


def refuse_too_long(longest: int, most: int | None) -> None:
    """Raise ValueError if a sequence is longer than the model has positions for."""
    if most is not None and longest > most:
        raise ValueError(
            f"the longest example has {longest} tokens, prompt and solution, and the model takes {most}: choose "
            "another model, or leave such problems out."
        )


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


def read_examples(task: Task, data: Artifact) -> Iterator[Example]:
    """The training set in a stream: a composed one as it is, or D_syn's traces as positives."""
    from synthscale.mixture.example import Example
    from synthscale.stage.by_problem import RowsByProblem
    from synthscale.stage.rows import ProblemRow, SolutionRow
    from synthscale.table import iterate_table

    if data.manifest["stage"] == "compose":
        yield from iterate_table(data.folder / "examples.parquet", Example)
        return
    traces = RowsByProblem(data.folder / "traces.parquet", SolutionRow)
    for row in iterate_table(data.folder / "problems.parquet", ProblemRow):
        prompt = task.prompt(row.problem)
        yield from (Example(row.problem_id, prompt, trace.solution) for trace in traces.of(row.problem_id))
    traces.end()
