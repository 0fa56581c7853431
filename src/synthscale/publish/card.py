"""The README of an export: a card with the front matter that the Hugging Face hub reads, and tables of what is known.

Only what was measured and written into manifests is in it. Texts of models are not: they are in the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

DROPPED = "num_dropped_"  # begins a measure of how many were dropped, and for what reason


@dataclass(frozen=True, slots=True)
class Card:
    """A title, what the hub's index shall know, and sections of Markdown."""

    title: str
    front: Mapping[str, Any]
    summary: str
    sections: dict[str, str] = field(default_factory=dict)

    def markdown(self) -> str:
        """The README's text; a section without content is left out."""
        front = yaml.safe_dump(dict(self.front), sort_keys=False, allow_unicode=True, width=120)
        parts = [f"---\n{front}---\n", f"# {self.title}\n", f"{self.summary}\n"]
        parts += [f"## {heading}\n\n{body}\n" for heading, body in self.sections.items() if body]
        return "\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; nothing where there are no rows."""
    lines = ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    rule = "|" + "---|" * len(head)
    return "\n".join(["| " + " | ".join(head) + " |", rule, *lines]) if lines else ""


def cell(value: object) -> str:
    """A value in a table: four digits of a number, an empty cell for what was not measured, no break in a text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return " ".join(str(value).split()).replace("|", "\\|")


def shell(commands: Iterable[str]) -> str:
    """A block of commands."""
    return "\n".join(["```sh", *commands, "```"])


def measures_table(measures: Mapping[str, Any]) -> str:
    """What a stage measured, but for the drops, which have a table of their own."""
    others = {name: value for name, value in measures.items() if not name.startswith(DROPPED) and value is not None}
    return table(["measure", "value"], others.items())


def drops_table(measures: Mapping[str, Any]) -> str:
    """How many were dropped for each reason, the most frequent first."""
    drops = [(count, name.removeprefix(DROPPED)) for name, count in measures.items() if name.startswith(DROPPED)]
    return table(["reason", "dropped"], [(name, count) for count, name in sorted(drops, reverse=True) if count])


def versions_table(manifest: Mapping[str, Any]) -> str:
    """What the artifact was made with, and when."""
    made = {"git commit": manifest["git_commit"] or "unknown (an installed package)", "made": manifest["created"]}
    return table(["", ""], [*manifest["versions"].items(), *made.items()])
