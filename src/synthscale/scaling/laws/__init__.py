"""The laws: what error is expected after training on so much data. Each is a class with one instance here."""

from synthscale.scaling.laws.broken import Broken
from synthscale.scaling.laws.chinchilla import Chinchilla
from synthscale.scaling.laws.law import Bound, FloatArray, Law
from synthscale.scaling.laws.mixture import Mixture
from synthscale.scaling.laws.power import Power, PowerOffset

LAWS: dict[str, Law] = {law.name: law for law in (Power(), PowerOffset(), Chinchilla(), Broken(), Mixture())}

__all__ = ["LAWS", "Bound", "FloatArray", "Law", "law_named"]


def law_named(name: str) -> Law:
    """The law of that name; ValueError, with the names there are, for any other."""
    if name not in LAWS:
        raise ValueError(f"no law is named {name!r}; there are {', '.join(sorted(LAWS))}")
    return LAWS[name]
