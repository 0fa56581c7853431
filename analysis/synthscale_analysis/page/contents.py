"""What the page tells, in order."""

from synthscale_analysis.page.section import MakesSection
from synthscale_analysis.sections import (
    cost,
    credit,
    headline,
    heat_map,
    multiplier,
    pass_at_k,
    provenance,
    saturation,
    scaling,
    solutions,
    spurious,
    training,
)

CONTENTS: tuple[MakesSection, ...] = (
    *(headline, scaling, multiplier, heat_map, saturation, pass_at_k),
    *(credit, solutions, spurious, cost, training, provenance),
)
