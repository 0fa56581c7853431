"""Configs of the training room, free of torch so that help and plan answer at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from synthscale.policy.config import Device
from synthscale.problem import IF_SET, ONLY_HOW, check_between


class Precision(Enum):
    """Lightning's names for the numbers that a training keeps weights in and those that it computes in.

    Whatever they are, a policy is saved in `model.dtype`.
    """

    full = "32-true"  # all in float32
    bf16_mixed = "bf16-mixed"  # weights and optimizer in float32, products of matrices in bfloat16 (autocast)
    bf16 = "bf16-true"  # all in bfloat16: half the memory, and small updates are lost to rounding


class Strategy(Enum):
    """How several ranks train one policy: a copy on each (ddp), or a part of it on each (fsdp); auto is ddp."""

    auto = "auto"
    ddp = "ddp"
    fsdp = "fsdp"


@dataclass(kw_only=True, slots=True)
class TrainerConfig:
    """The optimizer and the machine; what a method owns (rates, updates, loss weights) stands in `algorithm`."""

    batch_size: int  # sequences an update, of all ranks together; a pair has two
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    warmup_share: float = 0.05  # of the updates, linear; then cosine to zero
    adam_beta2: float = 0.98
    # Adam's epsilon; null: 1e-8, torch's. Adam takes a whole step along the smallest gradient as long as it keeps its
    # sign, such as that of words which no example has: an epsilon of the gradients' size leaves them where they are.
    adam_epsilon: float | None = field(default=None, metadata=IF_SET)
    num_validations: int = 4  # times that validation loss and accuracy are measured, evenly over the updates
    num_validation: int = 200  # problems
    device: Device = Device.auto
    precision: Precision = Precision.full
    strategy: Strategy = Strategy.auto  # of several ranks
    micro_batch_size: int | None = field(default=None, metadata=ONLY_HOW)  # sequences run at once; null: all a rank has
    num_threads: int = 1  # of torch, in each process

    def __post_init__(self) -> None:
        check_between("trainer.batch_size", self.batch_size, 3, 100_000)  # below it a mixed batch may be empty
        check_between("trainer.weight_decay", self.weight_decay, 0.0, 10.0)
        check_between("trainer.max_grad_norm", self.max_grad_norm, 1e-6, 1e6)
        check_between("trainer.warmup_share", self.warmup_share, 0.0, 1.0)
        check_between("trainer.adam_beta2", self.adam_beta2, 0.0, 0.99999)
        if self.adam_epsilon is not None:
            check_between("trainer.adam_epsilon", self.adam_epsilon, 1e-16, 1.0)
        check_between("trainer.num_validations", self.num_validations, 1, 1000)
        check_between("trainer.num_validation", self.num_validation, 1, 1_000_000)
        if self.micro_batch_size is not None:
            check_between("trainer.micro_batch_size", self.micro_batch_size, 1, 100_000)
        check_between("trainer.num_threads", self.num_threads, 1, 1024)
