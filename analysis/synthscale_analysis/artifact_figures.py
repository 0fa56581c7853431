"""The static figures that are drawn from what the artifacts hold, by their names."""

from collections.abc import Callable

from matplotlib.figure import Figure

from synthscale_analysis.figure_credit import NAME as CREDIT_NAME
from synthscale_analysis.figure_credit import credit_figure
from synthscale_analysis.figure_spurious import NAME as SPURIOUS_NAME
from synthscale_analysis.figure_spurious import spurious_figure
from synthscale_analysis.figure_training import NAME as TRAINING_NAME
from synthscale_analysis.figure_training import training_figure
from synthscale_analysis.material import Material

#: NAME.png and NAME.svg of each.
ARTIFACT_FIGURES: dict[str, Callable[[Material], Figure | None]] = {
    CREDIT_NAME: credit_figure,
    SPURIOUS_NAME: spurious_figure,
    TRAINING_NAME: training_figure,
}
