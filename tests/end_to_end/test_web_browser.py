"""The web UI in a real browser: start form, a mistake in it, the baseline, a run, Stop, verdict and report."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from locust_process import PATIENCE_S, free_port
from playwright.sync_api import Page, expect, sync_playwright
from user_folder import Folder
from web_ui import WebUi

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which(CHROMIUM) is None, reason="chromium is not installed (.ci/run installs it)"),
]


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES.split())
        try:
            opened = browser.new_page(viewport={"width": 1200, "height": 1600})
            opened.set_default_timeout(PATIENCE_S * 1000)
            expect.set_options(timeout=PATIENCE_S * 1000)
            yield opened
        finally:
            browser.close()


def test_a_run_from_the_start_form_to_the_report(folder: Folder, page: Page) -> None:
    port = free_port()
    process = folder.start("--web-host", "127.0.0.1", "--web-port", port, target="harness.stages.reference:build")
    process.wait_for("Starting web interface")
    site = WebUi(port).root
    page.goto(site + "/routeswarm/report")
    expect(page.locator("body")).to_contain_text("No run has ended yet")

    page.goto(site)
    page.get_by_role("button", name="Custom parameters").click(timeout=10_000)
    shown = {
        name: page.locator(f"[name={name}]").input_value()
        for name in ("graphScope", "corpus", "criteria", "deadlineMs", "seed", "baselineSize", "resultsDir", "target")
    }
    assert shown == {
        "graphScope": "shared",
        "corpus": "corpus.jsonl",
        "criteria": "criteria.txt",
        "deadlineMs": "30000",
        "seed": "1",
        "baselineSize": "20",
        "resultsDir": "results",
        "target": "harness.stages.reference:build",
    }

    for name, wrong, complaint in (
        ("target", "fast:pipelin", "--target fast:pipelin: fast has no attribute 'pipelin', did you mean 'pipeline'?"),
        ("seed", "minus one", "'minus one'"),
        ("corpus", "absent.jsonl", "absent.jsonl"),
    ):
        good = page.locator(f"[name={name}]").input_value()
        page.fill(f"[name={name}]", wrong)
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("alert").filter(has_text=complaint)).to_have_count(1)
        page.fill(f"[name={name}]", good)
    assert folder.runs == []

    line = page.get_by_role("status").filter(has_text="RouteSwarm")
    expect(line).to_have_count(0)
    page.fill("[name=target]", "fast:gated")
    page.fill("[name=seed]", "11")
    page.fill("[name=userCount]", "10")
    page.fill("[name=spawnRate]", "10")
    page.get_by_role("button", name="Start").click()
    expect(line).to_contain_text("baseline before the load: scenario 1 of 20")
    (folder.path / "open").touch()
    rows = page.locator("table tbody tr")
    expect(rows.filter(has_text="long")).to_contain_text("ROUTE")
    expect(rows.filter(has_text="short")).to_contain_text("ROUTE")
    folder.wait_for_history(parts=2)
    expect(line).to_contain_text(f"running {folder.run.path.name}")
    expect(line.get_by_role("link")).to_have_count(0)

    page.get_by_role("button", name="Stop").click()
    process.wait_for("verdict  PASS")
    run = folder.run
    run.assert_complete()
    run.assert_conserved(least=20)
    assert run.manifest["options"]["target"] == "fast:gated"
    assert run.manifest["options"]["seed"] == 11
    expect(page.locator("body")).to_contain_text("stopped", ignore_case=True)

    expect(line).to_contain_text("PASS: every criterion and every check holds")
    page.get_by_role("tab", name="Download Data").click()
    expect(page.get_by_role("link", name="RouteSwarm report")).to_have_attribute("href", "./routeswarm/report")
    with page.expect_popup() as opened:
        line.get_by_role("link", name="Report of the last run").click()
    report = opened.value
    expect(report.locator("body")).to_contain_text(run.path.name)
    expect(report.locator("body")).to_contain_text("PASS")
    expect(report.get_by_role("group", name="Latency over time")).to_be_visible()

    process.interrupt()
    assert process.wait() == 0
