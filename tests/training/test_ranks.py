"""What Lightning is told of the ranks that srun has started."""

from __future__ import annotations

import signal

import pytest
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.strategies import DDPStrategy, FSDPStrategy

from synthscale.session import Session
from synthscale.training import ranks
from synthscale.training.config import Device, Strategy, TrainerConfig
from synthscale.training.ranks import is_sharded, rank_device, trainer_arguments
from synthscale.training.sharding import ShardedStrategy

CPU = TrainerConfig(batch_size=4, device=Device.cpu)
SHARDED = TrainerConfig(batch_size=4, device=Device.cpu, strategy=Strategy.fsdp)


@pytest.fixture
def srun(monkeypatch):
    """Sets the variables that srun would."""

    def start(**slurm: int) -> None:
        for name, value in slurm.items():
            monkeypatch.setenv(f"SLURM_{name}", str(value))

    return start


@pytest.mark.parametrize("strategy", [Strategy.auto, Strategy.ddp])
def test_one_rank_joins_nobody(random_policy, srun, strategy):
    srun(NTASKS=4, NTASKS_PER_NODE=2, NNODES=2, PROCID=3, LOCALID=1, JOB_ID=5)
    config = TrainerConfig(batch_size=4, device=Device.cpu, strategy=strategy)
    arguments = trainer_arguments(config, Session(), random_policy(0).model)
    assert (arguments["devices"], arguments["num_nodes"], arguments["strategy"]) == (1, 1, "auto")
    assert [type(plugin) for plugin in arguments["plugins"]] == [LightningEnvironment]


@pytest.mark.parametrize(
    ("slurm", "devices", "num_nodes"),
    [
        ({"NTASKS": 4, "NTASKS_PER_NODE": 2, "NNODES": 2}, 2, 2),
        ({"NTASKS": 4, "NTASKS_PER_NODE": 1, "JOB_NUM_NODES": 4}, 1, 4),
        ({"NTASKS": 4, "NTASKS_PER_NODE": 4, "NNODES": 1, "JOB_NUM_NODES": 3}, 4, 1),
        ({"NTASKS": 4, "NTASKS_PER_NODE": 4}, 4, 1),
    ],
)
def test_several_ranks_are_sruns_tasks(random_policy, srun, slurm, devices, num_nodes):
    srun(**slurm, PROCID=3, JOB_ID=5)
    arguments = trainer_arguments(CPU, Session(rank=3, num_ranks=4), random_policy(0).model)
    assert (arguments["devices"], arguments["num_nodes"]) == (devices, num_nodes)
    assert isinstance(arguments["strategy"], DDPStrategy)
    (plugin,) = arguments["plugins"]
    assert isinstance(plugin, SLURMEnvironment) and not plugin.auto_requeue
    plugin.validate_settings(devices, num_nodes)


@pytest.mark.parametrize(
    ("slurm", "sentence"),
    [
        ({}, "one of 4 ranks, but srun has started 0 tasks"),
        ({"NTASKS": 2}, "one of 4 ranks, but srun has started 2 tasks"),
        ({"NTASKS": 4, "NNODES": 3}, "4 ranks do not spread evenly over 3 nodes"),
    ],
)
def test_ranks_that_srun_did_not_start_are_refused(random_policy, srun, slurm, sentence):
    srun(**slurm)
    with pytest.raises(ValueError, match=sentence):
        trainer_arguments(CPU, Session(rank=1, num_ranks=4), random_policy(0).model)


def test_fsdp_shards_layer_by_layer(random_policy, srun, monkeypatch):
    srun(NTASKS=2, NTASKS_PER_NODE=2, NNODES=1, PROCID=1, LOCALID=1, JOB_ID=5)
    model = random_policy(0).model
    for device in ("cuda", "cpu"):
        monkeypatch.setattr(ranks, "pick_device", lambda _, device=device: device)
        strategy = trainer_arguments(SHARDED, Session(rank=1, num_ranks=2), model)["strategy"]
        assert isinstance(strategy, FSDPStrategy)
        assert strategy.kwargs["auto_wrap_policy"]._module_classes == {type(model.model.layers[0])}
        assert strategy.kwargs["use_orig_params"]  # adapters and frozen weights stand side by side in a layer


def test_one_rank_has_nobody_to_share_with(random_policy):
    assert not is_sharded(SHARDED, Session())
    assert trainer_arguments(SHARDED, Session(), random_policy(0).model)["strategy"] == "auto"
    assert is_sharded(SHARDED, Session(rank=1, num_ranks=2))
    assert not is_sharded(CPU, Session(rank=1, num_ranks=2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_fsdp_rounds_nothing_by_itself(random_policy, dtype):
    """Lightning's would make all weights float32, or inputs and rotary positions bfloat16."""
    model = random_policy(0).model.to(dtype)
    strategy = ShardedStrategy(model)
    assert {p.dtype for p in strategy.precision_plugin.convert_module(model).parameters()} == {dtype}
    config = strategy.mixed_precision_config
    assert (config.param_dtype, config.reduce_dtype, config.buffer_dtype) == (None, None, None)


def test_each_rank_on_a_node_has_its_gpu(srun, monkeypatch):
    monkeypatch.setattr(ranks, "pick_device", lambda device: "cuda")
    srun(LOCALID=3)
    config = TrainerConfig(batch_size=4)
    assert rank_device(config, Session(rank=7, num_ranks=8)) == "cuda:3"
    assert rank_device(config, Session()) == "cuda"
    monkeypatch.undo()
    assert rank_device(CPU, Session(rank=7, num_ranks=8)) == "cpu"


def test_lightning_leaves_the_requeueing_signals_alone(random_policy, train, positives):
    """submitit has SIGUSR2; SIGUSR1 would be Lightning's."""
    handlers = []
    session = Session(lambda *_: handlers.append([signal.getsignal(s) for s in (signal.SIGUSR1, signal.SIGUSR2)]))
    train(random_policy(0), positives, 1, session=session)
    assert handlers == [[signal.SIG_DFL, signal.SIG_DFL]]
