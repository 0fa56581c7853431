"""Several processes that train one policy: how Lightning finds them, and where each of them computes."""

from __future__ import annotations

import os
from typing import Any

import lightning
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.strategies import DDPStrategy
from transformers import AutoModelForCausalLM, PreTrainedModel

from synthscale.policy.device import pick_device
from synthscale.session import Session
from synthscale.training.config import Strategy, TrainerConfig
from synthscale.training.lora import add_same_adapters, merge_adapters
from synthscale.training.sharding import ShardedStrategy


def trainer_arguments(config: TrainerConfig, session: Session, model: PreTrainedModel) -> dict[str, Any]:
    """Lightning's arguments for the session's ranks, which srun has started.

    A session of one rank joins nobody, though its job may have several tasks.

    Raises:
        ValueError: if srun did not start the session's ranks.
    """
    num_nodes = _num_nodes(session.num_ranks) if session.num_ranks > 1 else 1
    return {
        "accelerator": pick_device(config.device),
        "devices": session.num_ranks // num_nodes,
        "num_nodes": num_nodes,
        "strategy": _strategy(config, session, model),
        # requeueing is the launcher's affair; without a plugin Lightning takes SLURM's variables for its own
        "plugins": [SLURMEnvironment(auto_requeue=False) if session.num_ranks > 1 else LightningEnvironment()],
        "use_distributed_sampler": False,  # the data deal out shares themselves
    }


def is_sharded(config: TrainerConfig, session: Session) -> bool:
    """Whether each rank holds a part of the policy; one rank alone has it all."""
    return config.strategy is Strategy.fsdp and session.num_ranks > 1


def rank_device(config: TrainerConfig, session: Session) -> str:
    """This rank's own device: of several ranks on a node, each has a GPU."""
    device = pick_device(config.device)
    return f"cuda:{os.environ['SLURM_LOCALID']}" if device == "cuda" and session.num_ranks > 1 else device


def whole_policy(trainer: lightning.Trainer, model: PreTrainedModel) -> PreTrainedModel:
    """The trained policy with its adapters merged, put together on rank 0 where ranks hold parts of it.

    All ranks must call this. It is put together in rank 0's host memory, which must hold it twice.
    """
    if not isinstance(trainer.strategy, ShardedStrategy):
        return merge_adapters(model)
    state = trainer.strategy.lightning_module_state_dict()
    if not trainer.is_global_zero:
        return model
    whole: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
        model.config, dtype=model.dtype
    )
    whole.generation_config = model.generation_config
    add_same_adapters(whole, model)
    whole.load_state_dict({name.removeprefix("model."): tensor for name, tensor in state.items()})
    return merge_adapters(whole)


def _num_nodes(num_ranks: int) -> int:
    num_tasks = int(os.environ.get("SLURM_NTASKS", "0"))
    if num_tasks != num_ranks:
        raise ValueError(f"This is one of {num_ranks} ranks, but srun has started {num_tasks} tasks: start them so.")
    num_nodes = int(os.environ.get("SLURM_NNODES") or os.environ.get("SLURM_JOB_NUM_NODES") or 1)
    if num_ranks % num_nodes:
        raise ValueError(f"{num_ranks} ranks do not spread evenly over {num_nodes} nodes.")
    return num_nodes


def _strategy(config: TrainerConfig, session: Session, model: PreTrainedModel) -> Any:
    if is_sharded(config, session):
        return ShardedStrategy(model)
    return DDPStrategy() if session.num_ranks > 1 else "auto"
