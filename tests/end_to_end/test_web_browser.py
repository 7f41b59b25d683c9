"""The web UI in a real browser: a run from the form to its report, runs one after the other, and pages of others."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from locust_process import PATIENCE_S, free_port, wait_until
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
        switches = [*SWITCHES.split(), "--host-resolver-rules=MAP evil.example 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=switches)
        try:
            opened = browser.new_page(viewport={"width": 1200, "height": 1600})
            opened.set_default_timeout(PATIENCE_S * 1000)
            expect.set_options(timeout=PATIENCE_S * 1000)
            yield opened
        finally:
            browser.close()


def test_a_run_from_the_start_form_to_the_report(folder: Folder, page: Page) -> None:
    folder.draws_reports = True
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
    process.wait_for("verdict  ")
    run = folder.run
    run.assert_concluded("PASS")
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


def test_a_new_run_is_offered_after_stop_and_edit_changes_its_users(
    folder: Folder, page: Page, spread: list[str]
) -> None:
    port = free_port()
    process = folder.start("--web-host", "127.0.0.1", "--web-port", port, *spread)
    process.wait_for("Starting web interface")
    ui = WebUi(port)
    wait_until(lambda: ui.ready_workers() == (2 if spread else 0), "the workers")
    page.goto(ui.root)
    page.fill("[name=userCount]", "4")
    page.fill("[name=spawnRate]", "20")
    page.get_by_role("button", name="Start").click()
    for number in (1, 2):
        folder.wait_for_history(parts=1, run=number)
        page.get_by_role("button", name="Edit").click()
        page.locator("[name=userCount]").fill("6")
        page.get_by_role("button", name="Update").click()
        wait_until(lambda: ui.get("/stats/requests")["user_count"] == 6, "six users")
        page.get_by_role("button", name="Edit").click()
        page.get_by_role("button", name="Custom parameters").click()
        page.locator("[name=resultsDir]").fill("elsewhere")
        page.get_by_role("button", name="Update").click()
        expect(page.get_by_role("status").filter(has_text="results_dir: cannot change")).to_have_count(1)
        page.get_by_role("button", name="Stop").click()
        process.wait_for("verdict  ", times=number)
        folder.runs[number - 1].assert_conserved(least=1)
        page.get_by_role("button", name="New").click()
        wait_until(lambda: ui.ready_workers() == (2 if spread else 0), "the workers are ready again")
        page.get_by_role("button", name="Start").click()


# What a page of another origin can have a browser send, and what it gets to see of the answers.
OTHER_PAGE = """<!doctype html><title>a page</title>
<form id="form" method="post" action="SITE/swarm" target="hidden"><input name="user_count" value="1">
<input name="spawn_rate" value="1"></form><iframe name="hidden"></iframe><iframe id="frame" src="SITE/"></iframe>
<script>
  const body = new URLSearchParams({ user_count: "1", spawn_rate: "1" });
  const read = (path, options) => fetch("SITE" + path, options).then((answer) => answer.text()).then(
    (text) => text, () => "");
  const image = new Promise((done) => {
    const shown = new Image();
    shown.onload = () => done("an image");
    shown.onerror = () => done("");
    shown.src = "SITE/assets/favicon-light.png";
  });
  const script = new Promise((done) => {
    const loaded = document.createElement("script");
    loaded.onload = () => done("a script");
    loaded.onerror = () => done("");
    loaded.src = "SITE/assets/SCRIPT";
    document.head.append(loaded);
  });
  document.getElementById("form").submit();
  window.got = Promise.all([
    read("/swarm", { method: "POST", body }),
    read("/swarm", { method: "POST", body, mode: "no-cors" }),
    read("/swarm", { method: "POST", body, credentials: "include" }),
    read("/user", { method: "POST", body: "{}", headers: { "content-type": "application/json" } }),
    read("/stop", { method: "POST" }),
    read("/stats/requests"), read("/logs"), read("/routeswarm/status"), read("/"), image, script,
  ]);
</script>"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def other_site(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A web server of somebody else: its folder and its port."""
    pages = tmp_path / "pages"
    pages.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(pages)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield pages, server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1"])  # another site, and another server of this machine
def test_a_page_of_another_origin_gets_and_does_nothing(
    folder: Folder, page: Page, spread: list[str], other_site: tuple[Path, int], host: str
) -> None:
    port = free_port()
    process = folder.start("--web-port", port, *spread)
    process.wait_for("Starting web interface")
    ui = WebUi(port)
    wait_until(lambda: ui.ready_workers() == (2 if spread else 0), "the workers")
    pages, other_port = other_site
    page.goto(ui.root)
    script = page.locator("script[src*=assets]").first.get_attribute("src") or ""
    (pages / "index.html").write_text(OTHER_PAGE.replace("SCRIPT", script.rpartition("/")[2]).replace("SITE", ui.root))
    page.goto(f"http://{host}:{other_port}/")
    assert set(page.evaluate("window.got")) == {""}
    assert page.frame_locator("#frame").locator("[name=userCount]").count() == 0
    assert ui.get("/stats/requests")["state"] == "ready"
    assert folder.runs == []

    # Its name leads here now (DNS rebinding): for the browser it is the same origin.
    answer = page.goto(f"http://evil.example:{port}/")
    assert answer is not None
    assert answer.status == 403
    assert page.evaluate("fetch('/swarm', { method: 'POST', body: 'user_count=1' }).then((it) => it.status)") == 403
    assert folder.runs == []
