"""Less memory for more time: activations that the backward pass computes again in place of keeping them."""

from __future__ import annotations

import warnings

from transformers import PreTrainedModel


def recompute_activations(model: PreTrainedModel) -> None:
    """Keep a layer's input alone while the model is trained, and run the layer again in the backward pass.

    By non-reentrant checkpoints, which work with frozen weights and with FSDP, and repeat a dropout's draws.

    Raises:
        ValueError: if the model cannot.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", FutureWarning
            )  # transformers 5.23 has a new name for it, which 5.20 has not
            model.gradient_checkpointing_enable({"use_reentrant": False})  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise ValueError(f"model.gradient_checkpointing=true: {error}") from error
