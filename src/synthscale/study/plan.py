"""From the points of a study to its unique stages: what must be made, after what, and for which points.

Points share stages, so a study of p points with s stages each has far fewer than p·s to make. A plan reads the
store and runs nothing; it needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from synthscale.stage.stage import Node
from synthscale.study.recipe import Point
from synthscale.study.store import ArtifactStore


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """One unique stage of a study."""

    node: Node
    layer: int  # 0 takes no input; else one more than the highest of its inputs
    points: tuple[int, ...]  # indices of the points it serves
    done: bool  # its artifact is there
    needed: bool  # it must be made: a root that is not there asks for it


@dataclass(frozen=True, slots=True)
class Plan:
    """A study's unique stages by key, inputs before what needs them."""

    points: tuple[Point, ...]
    nodes: dict[str, PlannedNode]

    @property
    def todo(self) -> list[PlannedNode]:
        """The stages to make, inputs before what needs them."""
        return [planned for planned in self.nodes.values() if planned.needed]

    def data_size(self, key: str) -> int:
        """The largest data size, in problems, among the points that the stage serves."""
        return max(self.points[index].config.data_size for index in self.nodes[key].points)


def make_plan(points: Sequence[Point], store: ArtifactStore) -> Plan:
    """Merge the points' graphs and see what is in the store."""
    served: dict[str, list[int]] = {}
    nodes: dict[str, Node] = {}
    for index, point in enumerate(points):
        for node in point.root.walk():
            nodes.setdefault(node.key, node)
            served.setdefault(node.key, []).append(index)
    done = {key for key, node in nodes.items() if store.find(node) is not None}
    needed = _needed((point.root for point in points), done)
    layers: dict[str, int] = {}
    planned = {}
    for key, node in nodes.items():
        layers[key] = 1 + max((layers[child.key] for child in node.inputs.values()), default=-1)
        planned[key] = PlannedNode(node, layers[key], tuple(served[key]), key in done, key in needed)
    return Plan(tuple(points), planned)


def _needed(roots: Iterable[Node], done: set[str]) -> set[str]:
    """Keys to make: from each root down to what is there, so that inputs of finished stages may have been deleted."""
    needed: set[str] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.key not in done and node.key not in needed:
            needed.add(node.key)
            stack.extend(node.inputs.values())
    return needed
