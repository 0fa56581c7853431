"""The report's page as text: nothing in it can end an element that it should not, or be fetched."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest

from synthscale_analysis.material import Material
from synthscale_analysis.page.chart import house_figure
from synthscale_analysis.page.render import breakable, json_in_html, render_page, typeset
from synthscale_analysis.page.section import Chart, DataTable, Points, Prose, Section, Widget
from synthscale_analysis.sections import multiplier
from synthscale_analysis.sections.headline import holm, lead
from synthscale_analysis.studies import TaskModelRecords

PLANTED = "</script><script>window.pwned=1</script>&\u2028\u2029<!--"
Records = Callable[..., pd.DataFrame]


class Planted:
    """A section whose every text is markup."""

    def section(self, material: Material) -> Section:
        blocks = (
            Chart(house_figure().update_layout(title=PLANTED), PLANTED),
            DataTable((PLANTED,), ((PLANTED,),), PLANTED),
            Prose(PLANTED),
            Points((PLANTED,)),
            Widget("none_of_that_name", {PLANTED: [PLANTED, None]}),
        )
        return Section("planted", PLANTED, PLANTED, blocks)


class Absent:
    """A section that the study has nothing for."""

    def section(self, material: Material) -> str:
        return PLANTED


@pytest.fixture
def page(records: Records, tmp_path: Path) -> str:
    study = TaskModelRecords(PLANTED, PLANTED, records({"sft": 1.0, PLANTED: 1.2}), tmp_path / "report")
    return render_page(Material(study, tmp_path, 2), (Planted(), Absent()))


def scripts_of(page: str) -> list[str]:
    """What runs."""
    return re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)


def test_markup_of_a_study_is_text_everywhere(page: str) -> None:
    rest = page
    for script in scripts_of(page):
        rest = rest.replace(script, "")
    assert "window.pwned" in rest
    assert "<script>window.pwned" not in rest and "<!--" not in rest


def test_scripts_are_those_that_the_policy_names(page: str) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    hashes = {b64encode(sha256(script.encode()).digest()).decode() for script in scripts_of(page)}
    assert hashes == set(re.findall(r"sha256-([^&]*)&#39;", policy))
    assert "default-src &#39;none&#39;" in policy and "http" not in policy


def test_data_are_read_back_as_they_were(page: str) -> None:
    data = [json.loads(text) for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page)]
    assert data[0]["layout"]["title"]["text"] == PLANTED
    assert data[1] == {PLANTED: [PLANTED, None]}


def test_nothing_in_json_ends_its_element() -> None:
    written = json_in_html(json.dumps(PLANTED, ensure_ascii=False))
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == PLANTED


def test_the_caption_of_the_second_baseline_stands_alone(records: Records, tmp_path: Path) -> None:
    material = Material(TaskModelRecords("task", "model", records(), tmp_path / "report"), tmp_path, 20)
    made = multiplier.section(material)
    assert isinstance(made, Section)
    captions = [block.caption for block in made.blocks if isinstance(block, Chart)]
    start = "How many times the method's data "
    assert captions[0].startswith(f"{start}the baseline, SFT, matched updates, needs for the same test error.")
    assert captions[1].startswith(f"{start}another baseline, SFT, needs for the same test error;")


def test_lines_break_where_they_may() -> None:
    assert typeset("95 % of 3 (p = 0.04), < 2.0") == "95\u00a0% of 3 (p\u00a0=\u00a00.04), <\u00a02.0"
    assert breakable("a.b_c <b>. 0.5") == "a.<wbr>b_<wbr>c &lt;b&gt;. 0.5"


def test_p_values_are_adjusted_for_their_number():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({"alone": 0.2}) == {"alone": 0.2} and holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}


def test_what_p_is_corrected_for_is_said(records: Records, tmp_path: Path) -> None:
    table = records({"sft": 1.0, "rft": 2.5, "dpo": 1.0})
    said = lead(Material(TaskModelRecords("task", "model", table, tmp_path / "report"), tmp_path, 200))
    assert "The p-values are corrected for the 2 methods compared (Holm 1979)." in said
