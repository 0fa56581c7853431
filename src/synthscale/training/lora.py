"""Low-rank adapters (Hu et al. 2021, by peft): in the model while it is trained, and merged into its weights then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from synthscale.policy.config import LoraConfig


def add_adapters(model: PreTrainedModel, config: LoraConfig, seed: int) -> None:
    """Put new adapters into the model, which are nothing yet, and freeze all else; with a rank of 0 do nothing.

    They are of the model's dtype, since FSDP shards weights of one dtype together.

    Raises:
        ValueError: if the model has no layer of a name in `target_modules`, or one that is tied to another.
    """
    if config.rank == 0:
        return
    import peft

    refuse_unknown_targets(model, config.target_modules)
    all_linear = config.target_modules == ["all-linear"]
    adapters = peft.LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # a share of the rank need not be whole
        lora_dropout=config.dropout,
        target_modules="all-linear" if all_linear else config.target_modules,
        task_type=peft.TaskType.CAUSAL_LM,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _inject(model, adapters)


def refuse_unknown_targets(model: PreTrainedModel, targets: Sequence[str]) -> None:
    """Raise ValueError for a name in `target_modules` that no layer of the model has; peft skips it in silence."""
    layers = [
        name for name, module in model.named_modules() if getattr(getattr(module, "weight", None), "ndim", 0) == 2
    ]
    unknown = [
        target
        for target in targets
        if target != "all-linear" and not any(f".{name}".endswith(f".{target}") for name in layers)
    ]
    if unknown:
        names = ", ".join(sorted({name.rpartition(".")[2] for name in layers}))
        raise ValueError(f"model.lora.target_modules names {unknown[0]}, and the model's layers are {names}.")


def has_adapters(model: PreTrainedModel) -> bool:
    """Whether `add_adapters` put some in."""
    return hasattr(model, "peft_config")


def add_same_adapters(model: PreTrainedModel, other: PreTrainedModel) -> None:
    """Give the model adapters like the other's, if that has some, for weights that come from there."""
    if has_adapters(other):
        _inject(model, _configs(other)["default"])


@torch.no_grad()
def merge_adapters(model: PreTrainedModel) -> PreTrainedModel:
    """The model with its adapters' products added to its weights, and without adapters; it is changed in place.

    Sums are taken in single precision, so that weights of fewer bits are rounded once.
    """
    if not has_adapters(model):
        return model
    from peft.tuners.tuners_utils import BaseTunerLayer

    dtype = model.dtype
    for name, layer in list(model.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            model.get_submodule(name).float()
            layer.merge(safe_merge=True)
            model.set_submodule(name, layer.get_base_layer())
    del model.peft_config
    model.to(dtype)  # type: ignore[arg-type]
    return model.requires_grad_(True)


def _inject(model: PreTrainedModel, adapters: Any) -> None:
    import peft

    try:
        peft.inject_adapter_in_model(adapters, model)
    except ValueError as error:
        raise ValueError(f"model.lora.target_modules: {str(error).partition('. ')[0]}.") from error
    ends = (model.get_input_embeddings(), model.get_output_embeddings())  # type: ignore[no-untyped-call]
    if model.config.tie_word_embeddings and any(
        isinstance(end, peft.tuners.tuners_utils.BaseTunerLayer) for end in ends
    ):
        raise ValueError(
            "model.lora.target_modules: the head and the embeddings of this model are tied, so neither can be adapted."
        )


def _configs(model: PreTrainedModel) -> dict[str, Any]:
    configs: dict[str, Any] = model.peft_config
    return configs
