"""Configs of the policy room, free of torch so that help and plan answer at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from synthscale.problem import check_between


@dataclass(kw_only=True, slots=True)
class ArchitectureConfig:
    """A Llama-architecture decoder; the defaults have 0.16 M parameters."""

    hidden_size: int = 64
    intermediate_size: int = 192
    num_layers: int = 3
    num_heads: int = 4
    max_length_tokens: int = 128

    def __post_init__(self) -> None:
        for key in ("hidden_size", "intermediate_size", "num_layers", "num_heads", "max_length_tokens"):
            check_between(f"model.architecture.{key}", getattr(self, key), 1, 1_000_000)
        if self.hidden_size % (2 * self.num_heads):  # RoPE turns pairs of dimensions
            raise ValueError(
                "model.architecture.hidden_size must be an even multiple of model.architecture.num_heads, "
                f"but is {self.hidden_size}, with {self.num_heads} heads."
            )


@dataclass(kw_only=True, slots=True)
class ModelConfig:
    """The learner before any fine-tuning.

    Without a `path` the base is the artifact of the `pretrain` stage for this task and architecture; the one of the
    default task ships with the package. With a `path`, any folder that transformers loads.
    """

    name: str
    path: str | None = None
    architecture: ArchitectureConfig = field(default_factory=ArchitectureConfig)


@dataclass(kw_only=True, slots=True)
class SamplerConfig:
    """How solutions are drawn from a policy, for samples and for rollouts alike."""

    temperature: float
    num_samples: int  # a problem; M
    max_new_tokens: int = 64
    max_batch_rows: int = 1024  # rows decoded together; bounds the memory of the KV cache

    def __post_init__(self) -> None:
        check_between("sampler.temperature", self.temperature, 0.01, 10.0)
        check_between("sampler.num_samples", self.num_samples, 1, 10_000)
        check_between("sampler.max_new_tokens", self.max_new_tokens, 1, 100_000)
        check_between("sampler.max_batch_rows", self.max_batch_rows, 1, 1_000_000)
