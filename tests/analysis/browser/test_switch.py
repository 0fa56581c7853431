"""A chart's buttons put other numbers into its lines, and the choice outlives a change of theme."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from headless_chromium import OpenPage, draw_all, of_charts
from planted_contrasts import costed, rising, rows, sampled
from synthscale_analysis.numbers.pass_at_k import pass_at_k_table
from synthscale_analysis.records import read_records


def costly_study(folder: Path) -> Path:
    records = sampled(rows("sft", lambda size, _: rising(size), (0.0,), "negative_fraction"))
    costed(records, {"sft": 1000.0}).assign(negative_fraction=np.nan).to_csv(folder / "results.csv", index=False)
    return folder


def test_a_chosen_cost_stays_in_another_theme(
    tmp_path: Path, open_page: OpenPage, report_on: Callable[[Path], Path]
) -> None:
    page = open_page(report_on(costly_study(tmp_path)))
    draw_all(page)
    shown = "[chart.layout.xaxis.title.text, Math.round(10 * chart.data[0].x[0])]"
    assert ["tokens trained on", 320_000] in of_charts(page, shown)
    (button,) = [each for each in page.find_elements("css selector", ".updatemenu-button") if each.text == "seconds"]
    button.click()
    seconds = ["seconds of training and sampling", 32]
    assert seconds in of_charts(page, shown)
    page.execute_script("synthscale.toggleTheme()")
    assert seconds in of_charts(page, shown)


def test_a_chosen_size_shows_its_numbers(
    tmp_path: Path, open_page: OpenPage, report_on: Callable[[Path], Path]
) -> None:
    page = open_page(report_on(costly_study(tmp_path)))
    draw_all(page)
    table = pass_at_k_table(read_records(tmp_path)).query("metric == 'pass' and k == 1").set_index("data_size")
    shown = "chart.layout.xaxis.title.text === 'k of pass@k' ? chart.data[0].y[0] : null"
    assert table.loc[256, "mean"] in of_charts(page, shown)
    page.execute_script("""
        for (const chart of document.querySelectorAll('.plot'))
            if (chart.layout.xaxis.title.text === 'k of pass@k')
                Plotly.update(chart, ...chart.layout.updatemenus[0].buttons[0].args);
    """)
    assert table.loc[32, "mean"] in of_charts(page, shown)
