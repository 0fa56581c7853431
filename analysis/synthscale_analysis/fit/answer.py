"""What `synthscale fit` answers beside the fits: a table, sentences under it, and a part of the JSON."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Answer:
    """One question's; key: its name in the JSON."""

    key: str
    table: Table
    sentences: list[str]
    content: dict[str, Any]

    def show(self, console: Console) -> None:
        """Print table and sentences."""
        console.print(self.table)
        for sentence in self.sentences:
            console.print(sentence, highlight=False, markup=False, soft_wrap=True)
