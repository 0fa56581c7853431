"""Generated formulas with variables: two that differ on a good part of the line are never the same.

mpmath evaluates them here from the tree that they were written from, at points near zero and far from it, so that
neither the grammar nor the balls are asked. The second formula is the first with one rule of rewriting applied, some of
which hold everywhere (a + b = b + a), some for positive numbers alone (√x² = x), some never.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import mpmath
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mpc, mpf

from synthscale.problem.answer import Grader

Tree = tuple  # (kind, part, …); ("number", 3), ("variable", "x")
NUM_POINTS = 60
SCALES = (1, 5, 30, 300)
LEAST_DIFFERENT = 0.25  # of the points with real values

FORMS = {
    **{"+": r"\left({}+{}\right)", "-": r"\left({}-{}\right)", "*": "({})({})", "/": r"\frac{{{}}}{{{}}}"},
    **{"sqrt": r"\sqrt{{{}}}", "abs": r"\left|{}\right|", "sin": r"\sin({})", "ln": r"\ln({})", "exp": "e^{{{}}}"},
    **{"floor": r"\lfloor {} \rfloor", "max": r"\max({}, {})", "square": "({})^2", "negative": "(-({}))"},
}
BINARY = ["+", "-", "*", "/", "max"]
UNARY = ["sqrt", "abs", "sin", "ln", "exp", "floor", "square", "negative"]


def write(tree: Tree) -> str:
    kind, *parts = tree
    return str(parts[0]) if kind in ("number", "variable") else FORMS[kind].format(*map(write, parts))


def floor(value: mpc) -> mpf:
    real = real_part(value)
    if abs(real - mpmath.nint(real)) < mpf(10) ** -15:
        raise ValueError("which side it is on depends on rounding")
    return mpmath.floor(real)


def real_part(value: mpc) -> mpf:
    if abs(mpmath.im(value)) > mpf(10) ** -20:
        raise ValueError("it is not real")
    return mpmath.re(value)


VALUES: dict[str, Callable[..., mpc]] = {
    **{"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b},
    **{"max": lambda a, b: max(real_part(a), real_part(b)), "sqrt": mpmath.sqrt, "abs": abs, "sin": mpmath.sin},
    **{"ln": mpmath.log, "exp": mpmath.exp, "floor": floor, "square": lambda a: a * a, "negative": lambda a: -a},
}


def value(tree: Tree, point: Mapping[str, mpf]) -> mpc:
    """The value at a point; ValueError where it is none or too large to be told from another."""
    kind, *parts = tree
    if kind == "number":
        return mpf(parts[0])
    if kind == "variable":
        return point[parts[0]]
    arguments = [value(part, point) for part in parts]
    if any(abs(argument) > 50 for argument in arguments if kind in ("exp", "sin")):
        raise ValueError("it is too large")
    found = VALUES[kind](*arguments)
    if abs(found) > mpf(10) ** 25:
        raise ValueError("it is too large")
    return found


def share_different(one: Tree, other: Tree) -> tuple[float, int]:
    """At which part of the points with two real values these differ, and how many such points there are."""
    draw = random.Random("points")
    different = compared = 0
    for k in range(NUM_POINTS):
        point = {name: mpf(draw.uniform(-1, 1) * SCALES[k % len(SCALES)]) for name in "xyab"}
        try:
            a, b = (real_part(value(tree, point)) for tree in (one, other))
        except (ValueError, ZeroDivisionError, OverflowError):
            continue
        compared += 1
        different += abs(a - b) > mpf(10) ** -15 * (1 + abs(a) + abs(b))
    return different / max(compared, 1), compared


def rules(tree: Tree) -> list[Tree]:
    """What the tree may be rewritten as, rightly or not."""
    match tree:
        case ("+" | "*" | "max" as kind, a, b):
            swapped: list[Tree] = [(kind, b, a)]
            return [*swapped, a, b] if kind == "max" else swapped
        case ("-", a, b):
            return [("negative", ("-", b, a)), ("-", b, a), ("abs", tree)]
        case ("abs", a):
            return [a, ("sqrt", ("square", a))]
        case ("sqrt", ("square", a)):
            return [a, ("abs", a)]
        case ("sqrt" | "ln" as kind, ("*", a, b)):
            return [({"sqrt": "*", "ln": "+"}[kind], (kind, a), (kind, b))]
        case ("ln", ("square", a)):
            return [("*", ("number", 2), ("ln", a)), ("*", ("number", 2), ("ln", ("abs", a)))]
        case ("floor", a):
            return [a, ("-", ("floor", ("+", a, ("number", 1))), ("number", 1))]
        case ("square", ("+", a, b)):
            return [("+", ("+", ("square", a), ("*", ("number", 2), ("*", a, b))), ("square", b))]
        case ("variable", _):
            return [("abs", tree), ("sqrt", ("square", tree)), ("exp", ("ln", tree)), ("/", ("square", tree), tree)]
        case ("number", number):
            return [("number", number + 1)]
        case ("negative", a):
            return [a, ("*", ("number", -1), a)]
    return []


@st.composite
def trees(draw: st.DrawFn, variables: str, depth: int) -> Tree:
    if depth == 0 or draw(st.integers(0, 6)) == 0:
        variable = st.sampled_from(variables).map(lambda name: ("variable", name))
        return draw(variable | variable | st.integers(1, 20).map(lambda number: ("number", number)))
    kind = draw(st.sampled_from(BINARY + UNARY))
    return (kind, *(draw(trees(variables, depth - 1)) for _ in range(1 + (kind in BINARY))))


@st.composite
def rewritten(draw: st.DrawFn, tree: Tree) -> Tree:
    """The tree with one rule applied, at its root or in one of its parts."""
    inner = [i for i, part in enumerate(tree) if isinstance(part, tuple)]
    if inner and (not rules(tree) or draw(st.booleans())):
        at = draw(st.sampled_from(inner))
        return (*tree[:at], draw(rewritten(tree[at])), *tree[at + 1 :])
    return draw(st.sampled_from(rules(tree) or [("+", tree, ("number", 1))]))


PAIRS = st.sampled_from(["x", "x", "xy", "ab"]).flatmap(
    lambda names: trees(names, 3).flatmap(lambda tree: st.tuples(st.just(tree), rewritten(tree)))
)


@pytest.fixture(scope="module")
def grader(workers) -> Grader:
    grader = Grader(time_limit_seconds=2)
    grader.workers = workers
    return grader


@given(pair=PAIRS)
@settings(max_examples=120, deadline=None, derandomize=True)
def test_different_formulas_are_never_the_same(grader: Grader, pair: tuple[Tree, Tree]) -> None:
    with mpmath.workdps(40):
        share, compared = share_different(*pair)
    assume(share >= LEAST_DIFFERENT and compared >= 20)
    one, other = map(write, pair)
    assert not grader.grade(one, other).correct, (one, other, share)
    assert not grader.grade(other, one).correct, (other, one, share)
