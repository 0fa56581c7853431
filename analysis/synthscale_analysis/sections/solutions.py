"""Look at the data: a browser of solutions with their advantages, pits and pairs."""

from collections.abc import Mapping
from typing import Any

from synthscale_analysis.extract.solutions import NUM_PROBLEMS
from synthscale_analysis.extract.tables import NO_ARTIFACTS, SOLUTIONS, curve_by_artifact, read_json
from synthscale_analysis.material import Material
from synthscale_analysis.page.section import Points, Prose, Section, Widget

ANCHOR, TITLE = "solutions", "Look at the data"
_LEAD = (
    "What the policy wrote, how each step changed its chance of a right answer, and which pairs were made of it. "
    "Read a few before trusting a curve."
)
_WORDS = (
    "Q, the value of the first steps of a solution, is the chance that a continuation of them ends right. It is "
    "estimated from rollouts, so it is rough: “2 of 5” says that two of five rollouts ended right.",
    "A, a step's advantage, is Q after the step minus Q before it: blue steps raised the chance, orange ones "
    "lowered it.",
    "The pit is the step of a wrong solution that credit assignment blames: up to it the answer could still be "
    "saved. Its frame and its bar are the pit's own, whatever the colour.",
    "A right solution can hold steps that did not help, or are wrong and were made good by luck: spurious steps. "
    "Its values are known as far as it began like a wrong solution that rollouts were drawn for.",
)
#: Of the embedded world, whose solutions nobody could read without it.
_WORLD = (
    "The world: expressions over invented operators, each with a table of its own and a place in a hidden order of "
    "precedence. A step such as “p1 4 + 5 = 2 | 0 * 2” takes operator 1 (counted from 0), its operands and the table's "
    "value, and behind the bar what is left. It is right when the operator's turn has come and value and copy are "
    "exact, judged on what the step before it left: after a wrong step, a right one still leads to a wrong answer.",
)
_TRUTH = "“Truly wrong” is what the task's own world says of a step; no method sees it."
_KEYS = (
    "The arrow keys ← and → go from problem to problem while a button or a solution has the focus; the address "
    "in the browser's bar leads back to what is shown."
)


def section(material: Material) -> Section | str:
    """A sentence where there is nothing to look at."""
    content = read_json(material, SOLUTIONS)
    data = None if content is None else browser_data(material, content)
    if data is None or not data["views"]:
        return f"{TITLE}: no solutions to show; {NO_ARTIFACTS}."
    knows = any(one["wrong"] is not None for a_set in data["sets"] for p in a_set["problems"] for one in p["solutions"])
    is_embedded = material.study.task.startswith("precedence")
    words = [*(_WORLD if is_embedded else ()), *_WORDS, *([_TRUTH] if knows else [])]
    return Section(ANCHOR, TITLE, _LEAD, [Points(words), Widget(ANCHOR, data), Prose(f"{_rule(data)} {_KEYS}")])


def browser_data(material: Material, content: Mapping[str, Any]) -> dict[str, Any]:
    """Sets and views as the script takes them; views of points that are not in the records are left out."""
    curves = curve_by_artifact(material)
    order = {curve.label: place for place, curve in enumerate(material.curves)}
    views = [
        {
            **view,
            "id": str(view["artifact"]).rpartition("-")[2][:8],
            "label": curves[view["artifact"]].label,
            "pairs_of": _pairs_of(view),
            "explains": explanation(view),
        }
        for view in content["views"]
        if view["artifact"] in curves
    ]
    # what credit assignment did is what the page is for: methods that have it come first
    views.sort(key=lambda view: (not view["has_credit"], -view["data_size"], order[view["label"]]))
    used = {view["set"] for view in views}
    return {"views": views, "sets": [one for one in content["sets"] if one["id"] in used]}


def explanation(view: Mapping[str, Any]) -> str:
    """How this method came to its values, pits and pairs, in words."""
    parts = [_values(view), _pit(view), _pair(view)] if view["has_credit"] else [_no_credit(view), _pair(view)]
    return " ".join(part for part in parts if part)


def _pairs_of(view: Mapping[str, Any]) -> str:
    if not view.get("negative_fraction"):
        return "none"
    return "solution" if view.get("pair_shape") == "solution" else "step"


def _values(view: Mapping[str, Any]) -> str:
    if view.get("max_rollouts") is None:
        return (
            f"Q: {view['num_rollouts']} rollouts from each prefix of a wrong solution; before the first step, "
            "all samples of the problem."
        )
    return (
        f"Q: rollouts go where they are expected to tell most of the pit, at most {view['max_rollouts']} rounds "
        f"of them for a wrong solution, until one step is its pit with a chance of {view['confidence']:g}. So Q "
        "is known at few prefixes: from these rollouts and from samples that began alike."
    )


def _pit(view: Mapping[str, Any]) -> str:
    is_lowest, best_of = view.get("pit_rule") == "lowest_value", view.get("best_of") or 1
    if view.get("max_rollouts") is not None:
        seen = "" if is_lowest else ", if anything right was seen to leave the solution before it"
        return f"Pit: the likeliest step{seen}."
    if view.get("pit_rule") == "first_wrong":
        return "Pit: the first step that is truly wrong, as the world knows."
    if not is_lowest:
        return "Pit: the first step with the lowest advantage, if that is below 0."
    value = "Q is lowest" if best_of == 1 else f"the chance that any of {best_of} continuations is right is lowest"
    return f"Pit: the first step after which {value}."


def _pair(view: Mapping[str, Any]) -> str:
    if _pairs_of(view) == "none":
        return ""
    if _pairs_of(view) == "solution":
        return "Pairs: a whole wrong solution against a right one of the same problem."
    before = " from before the pit" if view.get("chosen_from") == "rollouts" else ""
    chosen = f"a right {'rollout' if before else 'sample'} of the same problem{before}"
    only = ", of which the first token that differs counts alone" if view.get("pair_shape") == "divergence" else ""
    return f"Pairs: the wrong solution up to its pit against {chosen}{only}."


def _no_credit(view: Mapping[str, Any]) -> str:
    imitated = "" if view.get("negative_fraction") == 1 else " Right samples that it imitates are marked."
    return f"This method assigns no credit to steps, so there are no values.{imitated}"


def _rule(data: Mapping[str, Any]) -> str:
    """How the problems were chosen, so that nobody takes them for picked ones."""
    considered = max(one["num_considered"] for one in data["sets"])
    return (
        f"Problems are not picked: of the first {considered:,} of a data set, ordered by their share of right "
        f"samples, up to {NUM_PROBLEMS} at even distances are here, the hardest first and the middle one opened, "
        "from the first seed and the largest, smallest and middle size."
    )
