"""A headless Chromium, and a study's page open in it.

    def test_something(open_page, quick_folder):
        driver = open_page(quick_folder)    # DIR/report/index.html, read from the disk
        draw_all(driver)

A test fails where the page has left an error in the console or has asked for anything but itself.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from fabricated_study import fabricate
from headless_chromium import DESKTOP, PHONE, Driver, OpenPage, requests
from synthscale_analysis.extract.extraction import extract_tables
from synthscale_analysis.material import Material
from synthscale_analysis.output import write_atomically
from synthscale_analysis.page.render import render_page
from synthscale_analysis.records import read_records
from synthscale_analysis.report.files import PAGE
from synthscale_analysis.studies import studies_in

REQUIRE = "SYNTHSCALE_REQUIRE_CHROMIUM"
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
NUM_DRAWS = 10
NUM_PROBLEMS = 5


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Driver]:
    """One browser for all tests; skipped where there is none, unless the environment requires it."""
    if BROWSER is None or DRIVER is None:
        if os.environ.get(REQUIRE):
            pytest.fail(f"{REQUIRE} is set, and there is no chromium with its chromedriver")
        pytest.skip("no chromium with its chromedriver")
    options = Options()
    options.binary_location = BROWSER
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "hide-scrollbars"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture
def open_page(chromium: Driver) -> Iterator[OpenPage]:
    """Opens the page of the report in a study's folder, at a width and height in pixels and in a theme."""

    def open_at(folder: Path, size: tuple[int, int] = DESKTOP, theme: str = "light") -> Driver:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        chromium.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        )
        chromium.get((folder / "report" / "index.html").resolve().as_uri())
        return chromium

    for kind in ("browser", "performance"):
        chromium.get_log(kind)  # of an earlier test
    yield open_at
    chromium.execute_script("localStorage.clear()")  # a theme that the test has chosen
    complaints = [entry["message"] for entry in chromium.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert not complaints
    assert requests(chromium) <= {"file", "data", "blob"}


@pytest.fixture(scope="session")
def report_on() -> Callable[[Path], Path]:
    """Makes the page alone of a study of one task and model, with few draws, and returns the study's folder."""

    def make(folder: Path) -> Path:
        (study,) = studies_in(read_records(folder), folder / "report")
        write_atomically(study.folder / PAGE, render_page(Material(study, folder, NUM_DRAWS)).encode())
        return folder

    return make


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory, report_on: Callable[[Path], Path]) -> Path:
    """A study with artifacts, the tables made from them, and its page."""
    study = fabricate(tmp_path_factory.mktemp("solutions"), NUM_PROBLEMS)
    (part,) = studies_in(read_records(study), study / "report")
    extract_tables(Material(part, study))
    return report_on(study)


@pytest.fixture(scope="session")
def quick_folder(tmp_path_factory: pytest.TempPathFactory, report_on: Callable[[Path], Path]) -> Path:
    """The committed records of the quick study, without artifacts, with their page."""
    folder = tmp_path_factory.mktemp("quick")
    shutil.copy(Path(__file__).parents[3] / "analysis" / "results" / "quick" / "results.csv", folder)
    return report_on(folder)
