"""Another attention for a model, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from transformers import PreTrainedConfig


@contextmanager
def attending_by(name: str, config: PreTrainedConfig) -> Iterator[None]:
    """The model of this config attends by what the `AttentionInterface` has under the name, then as before."""
    configs = list(_with_parts(config))
    before = [one._attn_implementation for one in configs]
    config._attn_implementation = name
    try:
        yield
    finally:
        for one, own in zip(configs, before, strict=True):  # a config comes before its parts, which it sets too
            one._attn_implementation = own


def _with_parts(config: PreTrainedConfig) -> Iterator[PreTrainedConfig]:
    yield config
    for name in config.sub_configs:
        part = getattr(config, name, None)
        if part is not None:
            yield from _with_parts(part)
