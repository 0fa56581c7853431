"""The report's page in a browser: drawn, filtered, themed, printed, and nothing of a study's text is more than text."""

from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from headless_chromium import PHONE, Driver, OpenPage, draw_all, of_charts

MOST_BYTES = 8_000_000
PLANTED = "<script>window.pwned=1</script><img src=x onerror=window.pwned=1></script>"
SHOWN = (
    "chart.data.filter((trace) => [undefined, true].includes(trace.visible)).map((trace) => (trace.meta ?? {}).method)"
)
LABELS_AT_AXES = """[...chart.querySelectorAll('.xtick text, .ytick text, .g-xtitle text')].map((label) => {
    const [box, whole] = [label.getBoundingClientRect(), chart.getBoundingClientRect()];
    const angle = (label.getAttribute('transform') || '').match(/rotate\\(([-\\d.]+)/);
    const [left, right] = [box.left - whole.left, box.right - whole.left];
    return {text: label.textContent, angle: angle && Number(angle[1]), left, right, width: whole.width};
})"""
Records = Callable[..., pd.DataFrame]
Report = Callable[[Path], Path]


def shown(driver: Driver) -> list[list[str]]:
    """Methods with a visible trace, for each chart."""
    return of_charts(driver, SHOWN)


def place_of(driver: Driver, section: str) -> int:
    """Which of the page's charts is the first of the section."""
    return of_charts(driver, "chart.closest('section').id").index(section)


def test_every_chart_is_drawn_once_it_is_near(open_page: OpenPage, quick_folder: Path) -> None:
    driver = open_page(quick_folder)
    assert not all(of_charts(driver, "Boolean(chart.dataset.drawn)")), "charts far below wait"
    assert draw_all(driver) >= 3
    assert all(of_charts(driver, "chart.querySelector('svg.main-svg .trace, svg.main-svg .hm') !== null"))
    assert all(of_charts(driver, "chart.getBoundingClientRect().height > 200"))


def test_the_file_is_small_enough(quick_folder: Path) -> None:
    assert (quick_folder / "report" / "index.html").stat().st_size < MOST_BYTES


def test_a_click_in_the_legend_hides_the_method_there_alone(open_page: OpenPage, quick_folder: Path) -> None:
    driver = open_page(quick_folder)
    draw_all(driver)
    before = shown(driver)
    toggles = driver.find_elements(By.CSS_SELECTOR, "#scaling .legendtoggle")
    driver.execute_script("arguments[0].scrollIntoView({behavior: 'instant', block: 'center'})", toggles[2])
    toggles[2].click()
    driver.execute_async_script("setTimeout(arguments[0], 600)")  # plotly waits for the second click of two
    after = shown(driver)
    place = place_of(driver, "scaling")
    assert "RFT" in before[place] and "RFT" not in after[place]
    assert after[:place] + after[place + 1 :] == before[:place] + before[place + 1 :]


def test_the_filter_hides_a_method_in_all_charts(open_page: OpenPage, quick_folder: Path) -> None:
    driver = open_page(quick_folder)
    draw_all(driver)
    assert sum("RFT" in methods for methods in shown(driver)) >= 2
    box = driver.find_element(By.CSS_SELECTOR, '.methods input[value="RFT"]')
    box.click()
    assert not any("RFT" in methods for methods in shown(driver))
    assert "1 hidden" in driver.find_element(By.CLASS_NAME, "hidden-count").text
    box.click()
    assert sum("RFT" in methods for methods in shown(driver)) >= 2


def test_none_and_all(open_page: OpenPage, quick_folder: Path) -> None:
    driver = open_page(quick_folder)
    draw_all(driver)
    driver.find_element(By.CSS_SELECTOR, "[data-all=hide]").click()
    assert not any(method for methods in shown(driver) for method in methods)
    driver.find_element(By.CSS_SELECTOR, "[data-all=show]").click()
    assert any(method for methods in shown(driver) for method in methods)


def test_bands_show_where_they_are_few(open_page: OpenPage, quick_folder: Path) -> None:
    driver = open_page(quick_folder)
    draw_all(driver)
    bands = (
        "chart.data.filter((trace) => (trace.meta ?? {}).band && trace.visible !== false).map((trace) => trace.opacity)"
    )
    place = place_of(driver, "scaling")
    assert set(of_charts(driver, bands)[place]) == {0}
    for box in driver.find_elements(By.CSS_SELECTOR, ".methods input")[3:]:
        box.click()
    assert of_charts(driver, bands)[place] == [1, 1, 1]


def looks(driver: Driver) -> tuple[str, Any]:
    """The page's background, and the colour of its first chart's letters."""
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    return background, of_charts(driver, "chart.layout.font.color")[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_is_the_systems_until_it_is_chosen(open_page: OpenPage, quick_folder: Path, theme: str) -> None:
    driver = open_page(quick_folder, theme=theme)
    draw_all(driver)
    first = looks(driver)
    assert (first[0] == "rgb(255, 255, 255)") == (theme == "light")
    driver.find_element(By.CLASS_NAME, "theme").click()
    second = looks(driver)
    assert all(one != other for one, other in zip(first, second, strict=True))
    driver.find_element(By.CLASS_NAME, "theme").click()
    assert looks(driver) == first


@pytest.mark.parametrize("size", [PHONE, (768, 1024), (1440, 900)])
def test_the_page_never_scrolls_sideways(open_page: OpenPage, quick_folder: Path, size: tuple[int, int]) -> None:
    driver = open_page(quick_folder, size=size)
    draw_all(driver)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("study", ["quick_folder", "made_up"])
def test_on_a_phone_numbers_and_names_at_the_axes_are_level_and_whole(
    open_page: OpenPage, request: pytest.FixtureRequest, study: str
) -> None:
    driver = open_page(request.getfixturevalue(study), size=PHONE)
    draw_all(driver)
    places = of_charts(driver, LABELS_AT_AXES)
    assert sum(map(len, places)) > 20
    for label in (label for chart in places for label in chart):
        assert label["angle"] in (0, None), label
        assert label["left"] >= -1 and label["right"] <= label["width"] + 1, label


def test_on_a_phone_the_panels_open_over_the_page_one_at_a_time(open_page: OpenPage, quick_folder: Path) -> None:
    driver = open_page(quick_folder, size=PHONE)
    contents, methods = driver.find_elements(By.CSS_SELECTOR, ".panel > summary")
    links = driver.find_elements(By.CSS_SELECTOR, ".contents a")
    assert not links[0].is_displayed()
    contents.click()
    assert links[0].is_displayed()
    methods.click()  # what closes the other panel is told of it a moment later
    WebDriverWait(driver, 20).until(lambda _: not links[0].is_displayed())
    assert driver.find_element(By.CSS_SELECTOR, ".method").is_displayed()
    contents.click()
    WebDriverWait(driver, 20).until(lambda _: links[1].is_displayed())
    links[1].click()
    WebDriverWait(driver, 20).until(lambda _: not links[1].is_displayed(), "it closes once it has been used")


def test_it_prints_light_with_every_chart(open_page: OpenPage, quick_folder: Path) -> None:
    driver = open_page(quick_folder, theme="dark")
    printed = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert b64decode(printed["data"]).startswith(b"%PDF")
    assert all(of_charts(driver, "Boolean(chart.dataset.drawn)")), "those that were never in view too"
    driver.execute_async_script("setTimeout(arguments[0], 300)")
    assert looks(driver)[0] != "rgb(255, 255, 255)", "and is dark again afterwards"
    driver.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert looks(driver) == ("rgb(255, 255, 255)", "rgb(29,29,31)")
    driver.execute_script("window.dispatchEvent(new Event('afterprint'))")


def test_headings_are_in_order_and_charts_are_described(open_page: OpenPage, quick_folder: Path) -> None:
    driver = open_page(quick_folder)
    levels = driver.execute_script("return [...document.querySelectorAll('h1, h2, h3, h4')].map((one) => one.tagName)")
    assert levels[0] == "H1" and levels.count("H1") == 1 and set(levels[1:]) <= {"H2", "H3"}
    captions = "document.getElementById(chart.getAttribute('aria-labelledby')).textContent.length > 20"
    assert all(of_charts(driver, captions))


def test_names_that_are_markup_stay_text(
    open_page: OpenPage, report_on: Report, records: Records, tmp_path: Path
) -> None:
    table = records({"sft": 1.0, "sft_matched": 1.2, PLANTED: 1.7})
    table.assign(study=PLANTED, task=PLANTED, model=PLANTED).to_csv(tmp_path / "results.csv", index=False)
    driver = open_page(report_on(tmp_path))
    draw_all(driver)
    assert driver.execute_script("return window.pwned") is None
    assert driver.find_element(By.TAG_NAME, "h1").text.count(PLANTED) == 3
    assert PLANTED in [element.text for element in driver.find_elements(By.CSS_SELECTOR, "#headline tbody th")]
    assert PLANTED in [element.text for element in driver.find_elements(By.CSS_SELECTOR, "#scaling .legendtext")]
    assert not driver.find_elements(By.CSS_SELECTOR, "main img")


HALF_FINISHED: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "some points missing": lambda table: table.drop(index=[1, 4, 8]),
    "one seed": lambda table: table[table["seed"] == 0],
    "one size": lambda table: table[table["data_size"] == 64],
    "one method": lambda table: table[table["algorithm"] == "rft"],
    "one point": lambda table: table.head(1),
    "no errors": lambda table: table.assign(test_error=0.0, test_accuracy=1.0),
    "no errors of the baseline": lambda table: table.assign(
        test_error=table["test_error"].where(table["algorithm"] != "sft", 0.0)
    ),
    "no baseline": lambda table: table[~table["algorithm"].isin(["sft", "sft_matched"])],
    "the required columns alone": lambda table: table.drop(columns=["study", "negative_fraction", "train_seconds"]),
}


@pytest.mark.parametrize("state", HALF_FINISHED)
def test_a_half_finished_study_has_its_page(
    open_page: OpenPage, report_on: Report, records: Records, tmp_path: Path, state: str
) -> None:
    HALF_FINISHED[state](records()).to_csv(tmp_path / "results.csv", index=False)
    driver = open_page(report_on(tmp_path))
    draw_all(driver)
    assert all(of_charts(driver, "chart.querySelector('svg.main-svg') !== null"))
    assert driver.find_element(By.ID, "missing").find_elements(By.CSS_SELECTOR, "li, p")
