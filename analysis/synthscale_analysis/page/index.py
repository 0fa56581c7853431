"""A study of several tasks or models: one page that leads to each one's report, with what it found in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from synthscale_analysis.material import Material
from synthscale_analysis.page.render import assets, policy, template
from synthscale_analysis.page.scope import studies_named
from synthscale_analysis.sections.headline import lead


@dataclass(frozen=True, slots=True)
class _Line:
    """Of one task and model; page: its address, relative to the index."""

    task: str
    model: str
    num_points: int
    page: str
    lead: str


def render_index(materials: Sequence[Material], page_name: str) -> str:
    """The index of these parts of a study, each with its page of that name in its folder, which is the index's."""
    lines = [
        _Line(
            task=material.study.task,
            model=material.study.model,
            num_points=len(material.records),
            page=f"{quote(material.study.folder.name)}/{page_name}",
            lead=lead(material),
        )
        for material in materials
    ]
    names = dict.fromkeys(studies_named(material) for material in materials)
    return template("index.html").render(
        title=", ".join(names), lines=lines, policy=policy(()), style=Markup("\n".join(assets(("page",), "css")))
    )
