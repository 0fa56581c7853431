"""What tests ask of a headless Chromium that has a report's page open; the browser itself is a fixture of theirs."""

import json
from collections.abc import Callable
from typing import Any

from selenium import webdriver

DESKTOP, PHONE = (1440, 900), (390, 844)
Driver = webdriver.Chrome
OpenPage = Callable[..., Driver]


def requests(driver: Driver) -> set[str]:
    """Schemes of everything that the browser has asked for since this was last asked."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return {url.split(":")[0] for url in sent}


def draw_all(driver: Driver) -> int:
    """Scroll through the page as a reader does until every chart and widget is filled; the number of charts."""
    return int(
        driver.execute_async_script("""
            const done = arguments[0];
            (async () => {
                for (const element of document.querySelectorAll("main [data-source]")) {
                    element.scrollIntoView({behavior: "instant"});
                    await new Promise((go) => requestAnimationFrame(() => setTimeout(go, 60)));
                }
                done(document.querySelectorAll("main .plot").length);
            })();
        """)
    )


def of_charts(driver: Driver, expression: str) -> list[Any]:
    """What the JavaScript expression in `chart`, a drawn plot's element, is for each chart of the page."""
    return list(driver.execute_script(f"return [...document.querySelectorAll('.plot')].map((chart) => {expression})"))
