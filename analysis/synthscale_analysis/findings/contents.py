"""Which figures and tables belong to which study, by its folder in analysis/results: the one place that says it.

A new study is a line here, and its records in analysis/results/NAME/results.csv (`findings.keep`).
"""

from collections.abc import Mapping, Sequence

from synthscale_analysis.findings.pieces import (
    CEILING,
    CREDIT_COST,
    ROUNDS,
    SEARCH,
    SLOPE,
    WRONG_STEPS,
    WRONG_STEPS_OF_MODELS,
    arms,
)
from synthscale_analysis.piece import Piece
from synthscale_analysis.pieces import COST, ERROR, FITS, HEAT_MAP, MULTIPLIER, PASS_AT_K, SATURATION

_CURVES = (ERROR, FITS, MULTIPLIER, COST, PASS_AT_K, CEILING, WRONG_STEPS)
_POSITIVES, _UPDATES = "step_mix mixture.negative_fraction=0", "algorithm.second.updates_per_problem"

STUDIES: Mapping[str, Sequence[Piece]] = {
    "eightfold": (*_CURVES, arms("rft")),
    "eightfold_slow": (*_CURVES, arms("rft")),
    "pairs": (
        arms("rft"),
        arms("step_mix algorithm.preference_weight=0.0", name="arms_same_batches"),
        arms(f"step_mix {_UPDATES}=0.78125", _POSITIVES, name="arms_as_many_passes"),
        arms(f"{_POSITIVES} {_UPDATES}=5.0", "rft", name="arms_as_many_updates"),
        arms(f"step_mix {_UPDATES}=10.0", name="arms_twice_as_many_updates"),
        WRONG_STEPS,
    ),
    "sides": (
        arms("step_mix algorithm.preference_weight=0.0"),
        arms("step_mix algorithm.only_side=null algorithm.preference_weight=0.5", name="arms_less_both_sides"),
        WRONG_STEPS,
    ),
    "mixture": (HEAT_MAP,),
    "saturation": (SATURATION,),
    "spurious": (
        arms("rft mixture.steps=null", "rft", "sft_matched", "sft"),
        arms("sft_matched", "sft", name="arms_less_sft"),
    ),
    "credit": (CREDIT_COST,),
    "star_graph": (arms("sft_matched", "sft"),),
    "star_graph_large": (arms("sft_matched"),),
    "rounds": (ROUNDS,),
    "slope": (SLOPE, ERROR, MULTIPLIER, arms("rft")),
    "epsilon": (WRONG_STEPS_OF_MODELS,),
    "search": (SEARCH,),
    "search_slow": (SEARCH,),
    "search_mix": (SEARCH,),
    "search_mix_slow": (SEARCH,),
    "search_star": (SEARCH,),
}
