"""The page in a real browser: nothing wider than the window, at the widths of a phone's and of a desk's."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import sync_playwright

from analysis import load_run
from analysis.files.history import SCHEMAS
from analysis.report import write as report

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which(CHROMIUM) is None, reason="chromium is not installed (.ci/run installs it)"),
]
WIDER = """() => [...document.querySelectorAll('.scroll')]
    .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.closest('section').id)"""


def test_no_table_is_wider_than_the_window(make_run, ramp, manifest, verdict, write_part, operation, no_plots) -> None:
    long = "4 of 4 windows recovered from, after 0.21 to 1.71 s, the longest after 'premium is down' and its like"
    verdict["checks"][1] |= {"actual": long, "target": long, "detail": "evidence " * 40}
    folder = make_run(ramp(seconds=10), manifest, verdict)
    error = operation(17, 1.0, 2.0, error="ConnectionError: " + "x" * 200, scenario="a-scenario-of-a-long-name-0001")
    write_part(folder / "history", "operations", [dict(zip(SCHEMAS["operations"].names, error, strict=False))])
    page = report.write_report(load_run(folder))
    assert "a-scenario-of-a-long-name-0001" in page.read_text(encoding="utf-8")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox"])
        try:
            for width in (640, 1100, 1600):
                opened = browser.new_page(viewport={"width": width, "height": 900})
                opened.goto(page.as_uri())
                assert opened.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
                assert opened.evaluate(WIDER) == []
            opened.set_viewport_size({"width": 700, "height": 900})  # a page of paper
            opened.emulate_media(media="print")
            assert opened.evaluate(WIDER) == []
            styles = "[...document.querySelectorAll('.scroll')].map(each => getComputedStyle(each).overflowX)"
            assert set(opened.evaluate(styles)) == {"visible"}
        finally:
            browser.close()
