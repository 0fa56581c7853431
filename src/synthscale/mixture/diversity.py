"""RFT's choice among the accepted solutions of a problem: few, and as different from one another as can be.

Yuan et al. (2023, arXiv 2308.01825) keep one solution for each distinct list of equations and prefer those far away in
edit distance. Their code (OFA-Sys/gsm8k-ScRel, collect_rejection_sampling.py) differs from this in three points: it
keeps every distinct list, where at most `num` are kept here; it replaces a kept solution by a later one with the same
equations that is farther from the rest, where the first drawn stands here; and it drops a solution that holds a marked
equation with a wrong result, where the verdict on the final answer is the only judge here.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from rapidfuzz.distance.Levenshtein import normalized_distance

from synthscale.problem import equations


def choose_diverse(solutions: Sequence[str], num: int) -> list[int]:
    """The indices of at most `num` solutions with distinct reasoning, in the order chosen; the first drawn is first.

    Each further one has the largest distance to its nearest chosen one (normalised Levenshtein distance of the texts),
    the earlier drawn where two are as far. Fewer than `num` where fewer are distinct. O(num · n) distances.
    """
    nearest = dict.fromkeys(first_of_each(solutions), 1.0)  # of each candidate, the distance to the nearest chosen one
    chosen: list[int] = []
    while nearest and len(chosen) < num:
        if chosen:
            last = solutions[chosen[-1]]
            for i, distance in nearest.items():  # a distance above the cutoff comes back as 1
                nearest[i] = min(distance, normalized_distance(last, solutions[i], score_cutoff=distance))
        farthest = max(nearest, key=nearest.__getitem__)
        chosen.append(farthest)
        del nearest[farthest]
    return chosen


def first_of_each(solutions: Sequence[str]) -> list[int]:
    """The indices of the first drawn solution of each reasoning."""
    first: dict[Hashable, int] = {}
    for i, solution in enumerate(solutions):
        first.setdefault(reasoning_of(solution), i)
    return list(first.values())


def reasoning_of(solution: str) -> Hashable:
    """What two solutions that reason alike share: their equations, or the whole text, white space aside, without any.

    A text without equations says nothing of its path, so it is equal to no other; an empty list would equal every one.
    """
    return equations(solution) or " ".join(solution.split())
