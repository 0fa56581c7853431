"""Sections to one HTML file that fetches nothing.

Everything that came from a study (names, model output) is text: jinja2 escapes it in the template, and data for scripts
stand in JSON elements in which no character can end the element. The page's policy allows the page's own scripts, by
their hashes, and nothing from elsewhere, so that even HTML that got through could neither run nor call home.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from synthscale_analysis.material import Material
from synthscale_analysis.page.chart import HEIGHT_PIXELS, dash
from synthscale_analysis.page.contents import CONTENTS
from synthscale_analysis.page.scope import scope_of, title_of
from synthscale_analysis.page.section import Block, Chart, DataTable, MakesSection, Points, Prose, Section, Widget

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("colours", "methods", "charts", "page")
NOTHING = "'none'"
MISSING_TITLE = "What is missing"
#: In a JSON string these are the same characters; in HTML they are no markup, and in no script do they end a line.
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@dataclass(frozen=True, slots=True)
class _Method:
    """An entry of the page's filter of methods. dashes: as SVG has them; empty for a solid line."""

    label: str
    colour: str
    dashes: str


def render_page(material: Material, modules: Sequence[MakesSection] = CONTENTS) -> str:
    """The page of one task and model. modules: of the sections."""
    made = [module.section(material) for module in modules]
    sections = [part for part in made if isinstance(part, Section)]
    blocks = [block for section in sections for block in section.blocks]
    names = sorted({block.name for block in blocks if isinstance(block, Widget)})
    scripts = [get_plotlyjs(), *assets(SCRIPTS[:-1], "js"), *assets(names, "js"), *assets(SCRIPTS[-1:], "js")]
    scripts = [script.replace("\r\n", "\n").replace("\r", "\n") for script in scripts]  # as a parser reads, and hashes
    page = {
        "title": title_of(material),
        "scope": scope_of(material),
        "methods": [_method(curve.label, curve.colour, dash(curve.line_style)) for curve in material.curves],
        "sections": _views(sections),
        "missing_title": MISSING_TITLE,
        "gaps": material.gaps,
        "absent": [part for part in made if isinstance(part, str)],
    }
    return template("page.html").render(
        page=page,
        policy=policy(scripts),
        style=Markup("\n".join([*assets(("page",), "css"), *assets(names, "css")])),
        scripts=[Markup(script) for script in scripts],
    )


def json_in_html(text: str) -> Markup:
    """JSON that stands in a script element as it is: nothing in it ends the element."""
    for character, written in _ESCAPES.items():
        text = text.replace(character, written)
    return Markup(text)


def typeset(text: str) -> str:
    """The text with spaces that break no line where a line should not break: "95 %", "p = 0.04"."""
    return re.sub(r"(?<=\d) (?=%)|(?<=\b[a-zA-Z]) (?=[=<>] )|(?<=[=<>]) (?=\d)", "\u00a0", text)


def breakable(text: str) -> Markup:
    """The text, escaped, with a place to break the line after the dots and underscores of a config's key."""
    return Markup(re.sub(r"(?<=\w[._])(?=[a-zA-Z])", "<wbr>", str(escape(text))))


def template(name: str) -> Template:
    """An HTML file of the assets, in which what is filled in is text."""
    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"typeset": typeset, "breakable": breakable}
    return environment.get_template(name)


def assets(names: Iterable[str], extension: str) -> list[str]:
    """Contents of those that are there."""
    paths = [ASSETS / f"{name}.{extension}" for name in names]
    return [path.read_text(encoding="utf-8") for path in paths if path.is_file()]


def policy(scripts: Sequence[str]) -> str:
    """Scripts by their hashes; styles inline, which plotly sets on elements; images that the page itself makes."""
    hashes = [f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts]
    rules = [f"default-src {NOTHING}", f"script-src {' '.join(hashes) or NOTHING}", "style-src 'unsafe-inline'"]
    return "; ".join([*rules, "img-src data: blob:", f"base-uri {NOTHING}", f"form-action {NOTHING}"])


def _method(label: str, colour: str, dashes: str) -> _Method:
    return _Method(label, colour, "" if dashes == "solid" else dashes.replace("px", ""))


def _views(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """Sections as the template has them, with a number for each block on the page."""
    views, number = [], 0
    for section in sections:
        blocks = []
        for block in section.blocks:
            number += 1
            blocks.append(_view(block, f"data-{number}"))
        views.append({"anchor": section.anchor, "title": section.title, "lead": section.lead, "blocks": blocks})
    return views


def _view(block: Block, identity: str) -> dict[str, Any]:
    match block:
        case Chart(figure, caption, static):
            height = figure.layout.height or HEIGHT_PIXELS
            view = {"kind": "chart", "json": json_in_html(figure.to_json()), "height": height}
            return view | {"id": identity, "caption": caption, "static": static}
        case DataTable(columns, rows, caption, numeric, folded):
            cells = [list(zip(columns, row, strict=True)) for row in rows]
            view = {"kind": "table", "columns": columns, "rows": cells, "numeric": numeric}
            return view | {"id": identity, "caption": caption, "folded": folded}
        case Widget(name, data):
            text = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
            return {"kind": "widget", "id": identity, "name": name, "json": json_in_html(text)}
        case Prose():
            return {"kind": "prose"} | asdict(block)
        case Points():
            return {"kind": "points"} | asdict(block)
