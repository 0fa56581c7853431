"""A picture of one section of a report's page, as Chromium shows it: those of the README.

    python analysis/page_picture.py runs/quick/report/index.html solutions analysis/results/quick/solutions.png

Needs Debian's packages chromium and chromium-driver, as the tests of the page do.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

from selenium import webdriver

WIDTH_PIXELS, MOST_PIXELS = 1280, 1100
SECONDS_TO_DRAW = 3.0


def main(argv: list[str]) -> int:
    """Take the picture; argv is without the program's name."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("page", type=Path, help="a report's index.html")
    parser.add_argument("section", help="the section's anchor, as in the page's address")
    parser.add_argument("out", type=Path, help="a .png file")
    parser.add_argument("--skip", type=int, default=0, help="pixels at the section's top to leave out")
    options = parser.parse_args(argv)
    with _browser() as browser:
        browser.get(options.page.resolve().as_uri())
        section = browser.find_element("id", options.section)
        browser.execute_script("arguments[0].scrollIntoView()", section)
        time.sleep(SECONDS_TO_DRAW)
        box = browser.execute_script(
            "const b = arguments[0].getBoundingClientRect(); return [b.top, b.height]", section
        )
        browser.execute_script(f"window.scrollBy(0, {box[0] + options.skip})")
        browser.set_window_size(WIDTH_PIXELS, int(min(MOST_PIXELS, box[1] - options.skip)))
        time.sleep(SECONDS_TO_DRAW)
        browser.save_screenshot(str(options.out))
    return 0


def _browser() -> webdriver.Chrome:
    settings = webdriver.ChromeOptions()
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--hide-scrollbars",
        f"--window-size={WIDTH_PIXELS},{MOST_PIXELS}",
    ):
        settings.add_argument(argument)
    return webdriver.Chrome(settings, webdriver.ChromeService(shutil.which("chromedriver")))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
