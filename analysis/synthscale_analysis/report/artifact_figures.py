"""The static figures that are drawn from what the artifacts hold, by their names."""

from collections.abc import Callable

from matplotlib.figure import Figure

from synthscale_analysis.figures.credit import NAME as CREDIT_NAME
from synthscale_analysis.figures.credit import credit_figure
from synthscale_analysis.figures.spurious import NAME as SPURIOUS_NAME
from synthscale_analysis.figures.spurious import spurious_figure
from synthscale_analysis.figures.training import NAME as TRAINING_NAME
from synthscale_analysis.figures.training import training_figure
from synthscale_analysis.material import Material

#: NAME.png and NAME.svg of each.
ARTIFACT_FIGURES: dict[str, Callable[[Material], Figure | None]] = {
    CREDIT_NAME: credit_figure,
    SPURIOUS_NAME: spurious_figure,
    TRAINING_NAME: training_figure,
}
