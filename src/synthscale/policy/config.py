"""Configs of the policy room, free of torch so that help and plan answer at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from synthscale.problem import ONLY_HOW, check_between
from synthscale.server.config import ServerConfig


class Device(Enum):
    """Where a stage computes; auto takes a GPU where there is one."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Dtype(Enum):
    """The numbers that weights are kept in; auto is what the model's own files say."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


class Attention(Enum):
    """transformers' implementation of attention; auto is its own choice for the model."""

    auto = "auto"
    eager = "eager"
    sdpa = "sdpa"
    flash_attention_2 = "flash_attention_2"


class PromptFormat(Enum):
    """How a task's prompt is put to the model."""

    plain = "plain"  # as it is
    chat = "chat"  # as the user's turn in the tokenizer's chat template


class SamplerKind(Enum):
    """Who decodes."""

    in_process = "in_process"  # the process that runs the stage
    server = "server"  # an OpenAI-compatible server


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
class PolicyConfig:
    """How a policy is loaded and prompted, the same wherever it is trained, sampled or evaluated."""

    dtype: Dtype = Dtype.auto
    attention: Attention = Attention.auto
    prompt_format: PromptFormat = PromptFormat.plain
    system_prompt: str | None = None  # of a chat; null leaves it to the template

    def __post_init__(self) -> None:
        if self.system_prompt is not None and self.prompt_format is PromptFormat.plain:
            raise ValueError("model.system_prompt is part of a chat: it needs model.prompt_format=chat.")


@dataclass(kw_only=True, slots=True)
class LoraConfig:
    """Low-rank adapters (Hu et al. 2021), merged into the weights when a phase of training ends."""

    rank: int = 0  # 0 trains all weights
    alpha: float = 32.0
    dropout: float = 0.0
    target_modules: list[str] = field(default_factory=lambda: ["all-linear"])

    def __post_init__(self) -> None:
        check_between("model.lora.rank", self.rank, 0, 100_000)
        check_between("model.lora.alpha", self.alpha, 1e-6, 1e6)
        check_between("model.lora.dropout", self.dropout, 0.0, 0.99)
        if not self.target_modules:
            raise ValueError("model.lora.target_modules is empty; [all-linear] is every linear layer but the head.")
        if "all-linear" in self.target_modules and len(self.target_modules) > 1:
            raise ValueError("model.lora.target_modules holds all-linear and other names: it is one or the other.")


@dataclass(kw_only=True, slots=True)
class ModelConfig(PolicyConfig):
    """The learner before any fine-tuning.

    Without a `path` the base is the artifact of the `pretrain` stage for this task and architecture; the one of the
    default task ships with the package. With a `path`, any causal LM that transformers loads.
    """

    name: str
    path: str | None = None  # a folder, or a name on the hub
    revision: str | None = None  # of a model on the hub: a branch, tag or commit
    lora: LoraConfig = field(default_factory=LoraConfig)
    gradient_checkpointing: bool = field(default=False, metadata=ONLY_HOW)  # less memory, about a third more time
    architecture: ArchitectureConfig = field(default_factory=ArchitectureConfig)

    @property
    def policy(self) -> PolicyConfig:
        """What every stage that loads a policy has to know."""
        return PolicyConfig(
            dtype=self.dtype,
            attention=self.attention,
            prompt_format=self.prompt_format,
            system_prompt=self.system_prompt,
        )


@dataclass(kw_only=True, slots=True)
class SamplerConfig:
    """How solutions are drawn from a policy, for samples and for rollouts alike."""

    kind: SamplerKind = SamplerKind.in_process
    temperature: float
    num_samples: int  # a problem; M
    max_new_tokens: int = 64
    stop: list[str] = field(default_factory=list)  # texts that end a solution, and are no part of it
    max_batch_rows: int = 1024  # in process: decoded together, at least all of one prompt; bounds the KV cache
    server: ServerConfig = field(default_factory=ServerConfig)

    def __post_init__(self) -> None:
        check_between("sampler.temperature", self.temperature, 0.01, 10.0)
        check_between("sampler.num_samples", self.num_samples, 1, 10_000)
        check_between("sampler.max_new_tokens", self.max_new_tokens, 1, 100_000)
        check_between("sampler.max_batch_rows", self.max_batch_rows, 1, 1_000_000)
        if "" in self.stop:
            raise ValueError("sampler.stop holds an empty text, which would end every solution before it begins.")
        if any("\\n" in text for text in self.stop):
            raise ValueError(
                f"sampler.stop holds a backslash and an n, {self.stop}, and no line break: write it in YAML, or in "
                "bash with $'…' around the override."
            )
        self.server.check("sampler.server")
        if self.kind is SamplerKind.server and not self.server.url and not self.server.command:
            raise ValueError("sampler.kind=server needs sampler.server.url, or sampler.server.command to start one.")
