"""FSDP for any device: torch shards on CPUs as well as on GPUs, and Lightning's strategy only expects the latter.

On CPUs two or more gloo processes train what GPUs would, which is how this is tested.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from lightning.pytorch.plugins.precision import FSDPPrecision
from lightning.pytorch.strategies import FSDPStrategy
from torch.distributed.fsdp import (
    FullOptimStateDictConfig,
    FullStateDictConfig,
    FullyShardedDataParallel,
    MixedPrecision,
    StateDictType,
)
from transformers import PreTrainedModel


class KeptPrecision(FSDPPrecision):
    """Leaves weights and inputs in the dtypes that they have; `training.precision` says what they are."""

    def __init__(self) -> None:
        super().__init__("32-true")

    def convert_module(self, module: torch.nn.Module) -> torch.nn.Module:
        """The module as it is; Lightning's own would make all weights float32."""
        return module


class ShardedStrategy(FSDPStrategy):
    """Lightning's FSDP, one unit a decoder layer, on GPUs or on CPUs."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__(
            auto_wrap_policy=decoder_layers(model) or None,
            mixed_precision=MixedPrecision(),
            precision_plugin=KeptPrecision(),
        )

    def _setup_model(self, model: torch.nn.Module) -> torch.nn.Module:
        if self.root_device.type != "cpu":
            return super()._setup_model(model)
        return FullyShardedDataParallel(
            model,
            device_id=self.root_device,
            mixed_precision=self.mixed_precision,
            sharding_strategy=self.sharding_strategy,
            **self.kwargs,
        )

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """The whole state, on rank 0 alone."""
        assert self.model is not None
        with self._whole_state():
            return self.model.state_dict()

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """The whole state in the form that an optimizer of one process has, on rank 0 alone."""
        if self.root_device.type != "cpu":
            return super().optimizer_state(optimizer)
        assert self.model is not None
        optimizer = getattr(optimizer, "_optimizer", optimizer)  # Lightning's wrapper, or torch's own
        with self._whole_state():
            state = FullyShardedDataParallel.optim_state_dict(self.model, optimizer)
            if self.global_rank == 0:
                from torch.distributed.fsdp import OptimStateKeyType

                state = FullyShardedDataParallel.rekey_optim_state_dict(state, OptimStateKeyType.PARAM_ID, self.model)
            return state

    def _whole_state(self) -> AbstractContextManager[object]:
        """Gathers on rank 0, in host memory.

        On a CPU what is moved to the host is no copy, and its memory is given back after the gathering: so nothing is.
        """
        assert self.model is not None
        is_elsewhere = self.root_device.type != "cpu"
        return FullyShardedDataParallel.state_dict_type(
            self.model,
            StateDictType.FULL_STATE_DICT,
            FullStateDictConfig(offload_to_cpu=is_elsewhere, rank0_only=True),
            FullOptimStateDictConfig(offload_to_cpu=is_elsewhere, rank0_only=True),
        )


def decoder_layers(model: PreTrainedModel) -> set[type[torch.nn.Module]]:
    """The classes of the layers that the model says are not to be split."""
    names = model._no_split_modules or ()
    return {type(module) for module in model.modules() if type(module).__name__ in names}
