"""What the page tells, in order."""

from importlib import import_module
from importlib.util import find_spec

from synthscale_analysis.page.section import MakesSection

NAMES = (
    *("headline", "scaling", "multiplier", "heat_map", "saturation", "pass_at_k"),
    *("credit", "solutions", "spurious", "cost", "training", "provenance"),
)


def contents() -> list[MakesSection]:
    """Modules of `synthscale_analysis.sections`, each a section."""
    names = [f"synthscale_analysis.sections.{name}" for name in NAMES]
    return [import_module(name) for name in names if find_spec(name)]
