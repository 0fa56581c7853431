"""What the page is made of.

A chart's traces carry `legendgroup=curve.label` and `meta={"method": curve.label}` (`chart.of_curve` gives both): the
page's filter of methods hides them in all charts at once. Traces without it stay.

A widget is the place for what is no chart and no table. `Widget("solutions", data)` becomes

    <div class="widget widget-solutions" data-source="data-7"></div>
    <script type="application/json" id="data-7">...</script>

and the page takes in `assets/solutions.css` and `assets/solutions.js` once, where there are such files. The script
registers how the element is filled, which happens when it comes near the view, once:

    synthscale.widgets.solutions = function (element, data) { element.append(...); };

What it may use of `assets/page.js`:

    synthscale.draw(element, figure)  a plotly figure ({data, layout}) in the page's colours, drawn again with the theme
    synthscale.isHidden(method)       whether the reader has switched a method off
    document: "synthscale:methods"    an event, whenever that has changed
    document: "synthscale:theme"      an event, when light has become dark or the reverse

Colours are the custom properties at the top of `assets/page.css`, which change with the theme.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from plotly.graph_objects import Figure

from synthscale_analysis.material import Material


@dataclass(frozen=True, slots=True)
class Chart:
    """A plotly figure, drawn when it comes into view.

    caption: how to read it. static: name of the matplotlib figure of the same numbers beside the page, without its
    extension; None where there is none.
    """

    figure: Figure
    caption: str
    static: str | None = None


@dataclass(frozen=True, slots=True)
class DataTable:
    """A table; cells are text, and are escaped.

    numeric: the columns that are set flush right. folded: what to click on to see the table; empty for one in sight.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    numeric: frozenset[str] = frozenset()
    folded: str = ""


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph of text, escaped."""

    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list of sentences, escaped."""

    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Widget:
    """An element that a script of the page fills from data.

    name: of the script in `assets/` and of the element's class; data: JSON types. What the script shows of the data it
    sets as text, never as HTML.
    """

    name: str
    data: Any


Block = Chart | DataTable | Prose | Points | Widget


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page. lead: the finding in a sentence or two, first. blocks: what shows it."""

    anchor: str
    title: str
    lead: str
    blocks: Sequence[Block] = field(default_factory=tuple)


class MakesSection(Protocol):
    """A module of `synthscale_analysis.sections`.

    Its function returns a section, or one sentence that says why the study has none: listed at the page's end.
    """

    def section(self, material: Material) -> Section | str: ...
