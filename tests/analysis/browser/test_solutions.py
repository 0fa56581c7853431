"""The browser of solutions: opened, filtered, searched, walked by keys, linked to; and what a model wrote is text."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from fabricated_study import EARLY, LATE, PLANTED, key_of
from headless_chromium import PHONE, Driver, OpenPage
from synthscale_analysis.extract.tables import SOLUTIONS

WIDGET = ".widget-solutions"
NUM_PROBLEMS = 5  # of the study with artifacts


def widget_of(driver: Driver) -> WebElement:
    """The filled widget, in view."""
    widget = driver.find_element(By.CSS_SELECTOR, WIDGET)
    driver.execute_script("arguments[0].scrollIntoView({behavior: 'instant'})", widget)
    WebDriverWait(driver, 20).until(lambda _: widget.find_elements(By.CSS_SELECTOR, ".solution"))
    return widget


def choose(widget: WebElement, name: str, text: str) -> None:
    Select(widget.find_element(By.CLASS_NAME, f"{name}-choice")).select_by_visible_text(text)


def click(element: WebElement) -> None:
    """Click without the scrolling, which is smooth and takes its time."""
    element.parent.execute_script("arguments[0].click()", element)


def solutions(widget: WebElement) -> list[WebElement]:
    return widget.find_elements(By.CSS_SELECTOR, ".solution")


def chips(solution: WebElement) -> list[str]:
    return [chip.text for chip in solution.find_elements(By.CSS_SELECTOR, ".chips .chip")]


def test_a_wrong_solution_with_its_values_pit_and_pair(open_page: OpenPage, made_up: Path) -> None:
    widget = widget_of(open_page(made_up))
    assert len(solutions(widget)) == 5
    late = solutions(widget)[LATE]
    assert chips(late) == ["+0.35", "−0.50", "−0.25"]
    assert "pit at step 3" in late.text and "step 3 is truly wrong" in late.text
    assert late.get_attribute("open") == "true", "the first that made a pair is open"
    steps = late.find_elements(By.CLASS_NAME, "step")
    assert "Q 0.40 2 of 5 → 0.75 3 of 4" in steps[0].text and "A +0.35" in steps[0].text
    assert "0.00 it is wrong" in steps[2].text and "pit" in steps[2].text and "✗ truly wrong" in steps[2].text
    sides = late.find_elements(By.CLASS_NAME, "side")
    assert [side.find_element(By.TAG_NAME, "h5").text for side in sides] == ["chosen", "rejected"]
    texts = [side.find_element(By.CLASS_NAME, "written").text.split("\n") for side in sides]
    assert texts[0][:2] == texts[1][:2] and texts[0][2] != texts[1][2]
    marks = [side.find_element(By.TAG_NAME, "mark").text for side in sides]
    assert marks[0] != marks[1], "the first difference is marked on both sides"
    assert late.find_element(By.CLASS_NAME, "common").text.split("\n")[:2] == texts[0][:2]


def test_how_often_a_solution_was_drawn_is_said_of_all_samples(
    open_page: OpenPage, made_up: Path, report_on: Callable[[Path], Path], tmp_path: Path
) -> None:
    study = Path(shutil.copytree(made_up, tmp_path / "study"))
    table = study / "report" / SOLUTIONS
    content = json.loads(table.read_text(encoding="utf-8"))
    for problem in content["sets"][0]["problems"]:
        problem["num_samples"], problem["solutions"][LATE]["copies"] = 16, 8
    table.write_text(json.dumps(content), encoding="utf-8")
    widget = widget_of(open_page(report_on(study)))
    assert "8 of 16 samples are this solution" in solutions(widget)[LATE].text
    assert sum("samples are" in solution.text for solution in solutions(widget)) == 1


def test_shades_follow_the_advantage_and_numbers_say_it_too(open_page: OpenPage, made_up: Path) -> None:
    widget = widget_of(open_page(made_up))
    raises, lowers, _ = solutions(widget)[LATE].find_elements(By.CSS_SELECTOR, ".step .text")
    assert "raises" in str(raises.get_attribute("class")) and "lowers" in str(lowers.get_attribute("class"))
    assert raises.value_of_css_property("background-color") != lowers.value_of_css_property("background-color")


def test_methods_show_what_they_know(open_page: OpenPage, made_up: Path) -> None:
    widget = widget_of(open_page(made_up))
    choose(widget, "method", "per-step mix")
    late = solutions(widget)[LATE]
    assert "pit, chance 0.80" in late.text and "2 rollouts after this step" in late.text
    assert "counts alone" in widget.find_element(By.CLASS_NAME, "explains").text
    assert "Right ways on from here" in late.text
    choose(widget, "method", "RFT")
    assert not widget.find_elements(By.CSS_SELECTOR, ".solution .chip")
    assert sum("imitated" in solution.text for solution in solutions(widget)) == 2
    choose(widget, "method", "DPO")
    assert sum("made a pair" in solution.text for solution in solutions(widget)) == 2


@pytest.mark.parametrize(
    ("filter_", "num"),
    [
        ("with a pit", 2),
        ("wrong", 2),
        ("right", 2),
        ("right, but with a spurious step", 2),
        ("without a readable answer", 1),
    ],
)
def test_filters(open_page: OpenPage, made_up: Path, filter_: str, num: int) -> None:
    widget = widget_of(open_page(made_up))
    choose(widget, "filter", filter_)
    assert len(solutions(widget)) == num
    assert f"of {NUM_PROBLEMS}; {num * NUM_PROBLEMS} solutions" in widget.find_element(By.CLASS_NAME, "count").text


def test_search(open_page: OpenPage, made_up: Path) -> None:
    widget = widget_of(open_page(made_up))
    question = widget.find_element(By.CLASS_NAME, "question").text
    box = widget.find_element(By.CLASS_NAME, "search")
    box.send_keys(question)
    assert "Problem 1 of 1" in widget.find_element(By.CLASS_NAME, "count").text
    box.send_keys(" and nothing like it")
    assert "No solution fits" in widget.find_element(By.CLASS_NAME, "count").text and not solutions(widget)


def test_buttons_and_arrow_keys_walk_through_the_problems(open_page: OpenPage, made_up: Path) -> None:
    widget = widget_of(open_page(made_up))
    count = widget.find_element(By.CLASS_NAME, "count")
    assert f"Problem 3 of {NUM_PROBLEMS}" in count.text, "the middle one is opened"
    back, on = widget.find_elements(By.CLASS_NAME, "step-button")
    click(on)
    assert "Problem 4 of" in count.text
    on.send_keys(Keys.ARROW_RIGHT)
    assert "Problem 5 of" in count.text and not on.is_enabled()
    back.send_keys(Keys.ARROW_LEFT)
    assert "Problem 4 of" in count.text
    box = widget.find_element(By.CLASS_NAME, "search")
    box.send_keys(Keys.ARROW_LEFT)
    assert "Problem 4 of" in count.text, "in a text the arrow moves the cursor"


def test_a_solution_opens_by_the_keyboard(open_page: OpenPage, made_up: Path) -> None:
    widget = widget_of(open_page(made_up))
    early = solutions(widget)[EARLY]
    assert early.get_attribute("open") is None
    early.find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    assert early.get_attribute("open") == "true" and early.find_elements(By.CLASS_NAME, "step")
    assert "It ends with the pit" in early.text


def test_a_link_leads_back_to_what_was_shown(open_page: OpenPage, made_up: Path) -> None:
    driver = open_page(made_up)
    widget = widget_of(driver)
    choose(widget, "method", "DPO")
    click(widget.find_elements(By.CLASS_NAME, "step-button")[1])
    click(solutions(widget)[EARLY].find_element(By.TAG_NAME, "summary"))
    question = widget.find_element(By.CLASS_NAME, "question").text
    address = driver.current_url
    assert f"#solutions={key_of('evaluate', 'dpo').partition('-')[2][:8]}/" in address.replace("%2F", "/")
    driver.get("about:blank")
    driver.get(address)
    WebDriverWait(driver, 20).until(lambda _: driver.find_elements(By.CSS_SELECTOR, f"{WIDGET} .solution"))
    widget = driver.find_element(By.CSS_SELECTOR, WIDGET)
    assert widget.find_element(By.CLASS_NAME, "question").text == question
    assert Select(widget.find_element(By.CLASS_NAME, "method-choice")).first_selected_option.text == "DPO"
    assert [one.get_attribute("open") for one in solutions(widget)].index("true") == EARLY


def test_a_link_to_nothing_changes_nothing(open_page: OpenPage, made_up: Path) -> None:
    driver = open_page(made_up)
    widget = widget_of(driver)
    for address in ("#solutions=", "#solutions=%E0%A4%A", "#solutions=x/y/z", "#solutions=<script>/1"):
        driver.execute_script("location.hash = arguments[0]", address)
    assert len(solutions(widget)) == 5


def test_what_a_model_wrote_is_text(open_page: OpenPage, made_up: Path) -> None:
    driver = open_page(made_up)
    widget = widget_of(driver)
    choose(widget, "filter", "without a readable answer")
    assert widget.find_element(By.CSS_SELECTOR, ".solution .text").text == PLANTED
    assert driver.execute_script("return window.pwned") is None
    assert not widget.find_elements(By.CSS_SELECTOR, "script, img")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(open_page: OpenPage, made_up: Path, theme: str) -> None:
    driver = open_page(made_up, PHONE, theme)
    widget = widget_of(driver)
    for solution in solutions(widget):
        if solution.get_attribute("open") is None:
            driver.execute_script("arguments[0].open = true", solution)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
