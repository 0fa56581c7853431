"""A part of a study's findings: a figure and the tables of its numbers, each a function of the material."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.figure import Figure

from synthscale_analysis.material import Material


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What NAME.png and NAME.svg show, and the tables with its numbers.

    figure: None for a piece of tables alone. tables: NAME.csv by their names. pages: NAME.md. is_of_all: made of all
    tasks and models together; others are made of each. A function that has nothing to show raises UserError.
    """

    name: str
    figure: Callable[[Material], Figure] | None = None
    tables: Mapping[str, Callable[[Material], pd.DataFrame]] = field(default_factory=dict)
    pages: Mapping[str, Callable[[Material], str]] = field(default_factory=dict)
    is_of_all: bool = False
