from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from analysis import load_run
from analysis.report import write as report
from analysis.report.figures import FIGURES

pytestmark = pytest.mark.slow  # each makes a report

SEPARATE = {"dt", "dd", "td", "th", "li", "tr", "div", "p", "h2", "h3"}
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """The text of each section, every tag with its attributes, and whether tags are balanced."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, str | None]] = []
        self.text: dict[str | None, str] = {}
        self.order: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag, attrs) -> None:
        found = dict(attrs)
        if tag in SEPARATE:
            self.handle_data(" ")
        self.tags.append((tag, found))
        identifier = found.get("id") if tag in ("section", "div", "figure") else None
        if identifier:
            self.order.append(identifier)
        if tag not in VOID:
            self.open.append((tag, identifier))

    def handle_startendtag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        if not self.open or self.open.pop()[0] != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data) -> None:
        if any(tag in ("style", "title") for tag, _ in self.open):
            return
        for identifier in {identifier for _, identifier in self.open} | {None}:
            self.text[identifier] = self.text.get(identifier, "") + data

    def section(self, identifier: str) -> str:
        return " ".join(self.text.get(identifier, "").split())


@pytest.fixture(name="page_of")
def page_of_fixture(no_plots):
    def page_of(folder: Path) -> Page:
        page = Page(report.write_report(load_run(folder)).read_text(encoding="utf-8"))
        assert page.unbalanced == []
        assert page.open == []
        return page

    return page_of


def test_the_verdict_comes_first_with_what_it_means(make_run, ramp, manifest, verdict, page_of) -> None:
    page = page_of(make_run(ramp(seconds=10), manifest, verdict))

    assert page.order[0] == "verdict"
    assert page.section("verdict").startswith("FAIL The routing did not hold")
    assert "What decided it: a checker found a violation: accuracy." in page.section("verdict")
    wanted = [
        "criteria", "checks", "validity", "latency", "load", "fallbacks", "routing", "totals", "confusion",
        "not-tested", "configuration",
    ]  # fmt: skip
    assert [name for name in page.order if name in wanted] == wanted
    assert page.order[-1] == "reproduce"
    assert "missing" not in page.order


def test_every_entry_stands_in_its_section_with_its_evidence(make_run, ramp, manifest, verdict, page_of) -> None:
    page = page_of(make_run(ramp(seconds=10), manifest, verdict))

    for section in ("criteria", "checks", "validity"):
        for entry in verdict[section]:
            assert entry["name"] in page.section(section)
            assert entry["status"] in page.section(section)
            assert entry["detail"] in page.section(section)
    assert "84.5 ms" in page.section("criteria")
    assert "operations 0-17 1-3" in page.section("checks")
    assert "41.5" in page.section("validity")


def test_plots_are_in_the_page_and_as_files_each_with_a_reading(make_run, row, with_ends) -> None:
    rows = with_ends([row(s, [1_000 * (s + 1)] * 30, users=10 * (s + 1)) for s in range(2)])
    folder = make_run(rows)
    (folder / "plots").mkdir()
    (folder / "plots" / "priorities.svg").write_text("of an earlier report")
    (folder / "plots" / "mine.svg").write_text("kept")
    page = Page(report.write_report(load_run(folder)).read_text(encoding="utf-8"))

    drawn = {
        "latency-over-time", "percentile-curve", "latency-heat", "latency-against-users", "confusion-matrix",
        "clocks-over-time", "latency-and-models", "throughput-against-users",
    }  # fmt: skip
    assert sum(tag == "svg" for tag, _ in page.tags) == len(drawn)
    assert "it was highest in the second from 2.0 s on with 2 ms at 20 users." in page.section("latency-over-time")
    assert "p95 is 1 ms at 10 users (1 second) and 2 ms at 20 users (1 second): 2 times as much." in page.section(
        "latency-against-users"
    )
    names = {path.name for path in (folder / "plots").iterdir()}
    assert names == {f"{name}.{kind}" for name in drawn for kind in ("png", "svg")} | {"mine.svg"}


def test_each_plot_is_there_or_a_sentence_says_why_not(make_run, row, page_of) -> None:
    page = page_of(make_run([row(0, [1_000] * 30)]))

    for figure in FIGURES:
        said = page.section(figure.name) or page.text[None]
        assert figure.name in {attributes.get("id") for _, attributes in page.tags}
        assert said
    whole = " ".join(page.text[None].split())
    assert "Latency by priority: not in this run, only priority 4 was sent." in whole
    assert "Who served, and faults: not in this run, no fault was injected, no breaker changed" in whole
    assert "spent their time on: not in this run, too few operations ended ok" in whole


def test_the_four_clocks_stand_in_a_table_of_their_own(make_run, row, page_of) -> None:
    waits = {"service": [700] * 30, "queue": [250] * 30, "lag": [100] * 30}
    text = page_of(make_run([row(0, [1_000] * 30, clocks=waits)])).section("clocks")

    assert text.startswith(
        "Where the time went The response time has a p95 of 1 ms; the harness's own lag one of 0.100 ms"
    )
    assert "response time intended start to outcome 1 ms 1 ms 1 ms 1 ms 100 %" in text
    assert "harness lag" in text
    assert "10 %" in text
    assert "In the second from 0.0 s on, when the p95 of the response time was highest" in text


def test_the_steady_state_stands_beside_the_whole_run(make_run, ramp, manifest, verdict, page_of) -> None:
    assert "steady-state" not in page_of(make_run(ramp(seconds=3), manifest, verdict)).text

    steady = {"throughput_rps": 283.0, "p50_ms": 44.4, "p95_ms": 115.7, "p99_ms": 171.8}
    verdict["totals"] |= {"warm_up_s": 4, **{f"steady_{name}": value for name, value in steady.items()}}
    page = page_of(make_run(ramp(seconds=3), manifest, verdict))

    assert "Steady state, without the warm-up of 4 s: 283 /s, p50 44.4 ms, p95 116 ms, p99 172 ms." in " ".join(
        page.text[None].split()
    )


def test_totals_confusion_configuration_and_command_are_there(make_run, ramp, manifest, verdict, page_of) -> None:
    page = page_of(make_run(ramp(seconds=10), manifest, verdict))

    assert "failed 15" in page.section("totals")
    assert "ok without a usable route 1" in page.section("totals")
    assert "cancelled because the run was stopped 2" in page.section("totals")
    assert "logged by the target at ERROR 4" in page.section("totals")
    assert "fast 600" in page.section("totals")
    assert "ValueError: no 15" in page.section("totals")
    assert "Not in it: 15 failed, 3 cancelled, 2 timeout." in page.section("latency")
    assert "label fast premium greeting 590 3 history 10 277" in page.section("confusion")
    assert "seed 7" in page.section("configuration")
    assert "0123abcd (with changes)" in page.section("configuration")
    assert "deadline_ms" not in page.section("configuration")
    again = page.section("reproduce")
    assert "locust -f locustfiles/route.py --headless --target 'my package.routing:pipeline' --seed 7" in again
    assert "at the commit 0123abcd, with changes that are not in it" in again
    assert "Started as locust --headless --target 'my package.routing:pipeline' --users 100" in again


def test_what_was_not_tested_names_unknown_entries_and_absent_parts(make_run, ramp, manifest, verdict, page_of) -> None:
    verdict["checks"].append({"name": "hang", "status": "UNKNOWN", "detail": "no deadline set"})

    text = page_of(make_run(ramp(seconds=3), manifest, verdict)).section("not-tested")

    assert "hang is UNKNOWN: no deadline set" in text
    assert "consistency_pct == 100 is UNKNOWN: nothing to compare" in text
    assert "No hypothesis was stated" in text
    assert "No fault was injected" in text


def test_hypotheses_and_faults_that_are_there_are_not_called_untested(make_run, manifest, verdict, page_of) -> None:
    verdict["hypotheses"] = [{"name": "H1 stays fast", "status": "VALID", "detail": "n = 5"}]
    folder = make_run([], manifest, verdict)
    (folder / "faults.csv").write_text("name,kind,start_unix_s,end_unix_s\n")

    page = page_of(folder)

    assert "H1 stays fast" in page.section("hypotheses")
    assert "hypothesis" not in page.section("not-tested")
    assert "No fault was injected" not in page.section("not-tested")


def test_a_run_without_verdict_says_what_is_missing_and_counts_the_series(make_run, row, manifest, page_of) -> None:
    rows = [row(0, [1_000] * 30, users=5), row(1, [1_500] * 10, users=8, outcome="failed")]

    page = page_of(make_run(rows, manifest))

    assert page.section("verdict").startswith("NOT JUDGED")
    assert "verdict.json is missing" in page.section("missing")
    assert "criteria" not in page.order
    assert "ok 30" in page.section("totals")
    assert "failed 10" in page.section("totals")
    assert "p99 1 ms" in page.section("totals")
    whole = " ".join(page.text[None].split())
    assert "operations 40 throughput 20 /s p50 1 ms p95 1 ms most users 8 duration 2 s" in whole
    assert "Nothing was judged" in page.section("not-tested")


def test_a_run_with_nothing_but_a_manifest_gets_a_report(make_run, manifest, page_of) -> None:
    page = page_of(make_run(rows=None, manifest=manifest))

    assert "series.csv is missing" in page.section("missing")
    whole = " ".join(page.text[None].split())
    assert "Latency over time: not in this run, no operation ended ok." in whole
    assert whole.count("not in this run") == len(FIGURES)


@pytest.mark.parametrize("word", ["PASS", "PASS WITH CONCERNS", "FAIL", "INCONCLUSIVE", "SOMETHING NEW"])
def test_every_verdict_is_explained(make_run, verdict, page_of, word: str) -> None:
    page = page_of(make_run([], verdict=verdict | {"verdict": word, "reason": None}))

    assert page.section("verdict").startswith(f"{word} ")
    assert len(page.section("verdict")) > len(word) + 20


HOSTILE = ["<script>alert(1)</script>", "x" * 100, "\u202egnp.exe", "'\"><img src=x onerror=alert(1)>", "a\x00b", ""]


def test_what_comes_from_the_target_is_text_and_nothing_else(make_run, row, manifest, verdict, page_of) -> None:
    totals = copy.deepcopy(verdict["totals"])
    totals["label_confusion"] = {name: dict.fromkeys(HOSTILE, 3) for name in HOSTILE}
    totals["routes"] = totals["errors"] = dict.fromkeys(HOSTILE, 3)
    verdict["totals"] = totals
    for section in ("criteria", "checks", "validity", "hypotheses"):
        verdict[section] = [
            {"name": name, "status": name, "actual": name, "target": name, "detail": name, "examples": [name]}
            for name in HOSTILE
        ]
    verdict["verdict"] = verdict["reason"] = HOSTILE[3]
    manifest |= {"run_id": HOSTILE[0], "argv": HOSTILE, "options": {name: name for name in HOSTILE}, "hosts": HOSTILE}
    rows = [row(0, [1_000] * 30, route=route, expected_route=route, user_class=route) for route in HOSTILE[:4]]

    page = page_of(make_run(rows, manifest, verdict))

    assert not {tag for tag, _ in page.tags} & {"script", "img", "iframe", "object", "link", "base"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    for section in ("checks", "totals", "confusion", "configuration"):
        assert "<script>alert(1)</script>" in page.section(section)
        assert "\\u202egnp.exe" in page.section(section)
        assert "a\\x00b" in page.section(section)
        assert "(empty)" in page.section(section)
    assert not re.search("[\x00\u202e]", page.text[None])


def test_half_a_surrogate_pair_does_not_stop_the_report(make_run, verdict, page_of) -> None:
    verdict["totals"]["routes"] = {"\ud800": 5}

    assert "\\ud800 5" in page_of(make_run([], verdict=verdict)).section("totals")


def test_a_target_that_invents_routes_gets_a_table_of_bounded_size(make_run, verdict, page_of) -> None:
    invented = {f"route {n:03}": n for n in range(300)}
    verdict["totals"]["label_confusion"] = {f"label {n}": invented for n in range(100)}
    verdict["totals"]["routes"] = invented

    page = page_of(make_run([], verdict=verdict))

    assert page.section("confusion").startswith("Labels against routes")
    assert "route 299 route 298" in page.section("confusion")
    assert "(others)" in page.section("confusion")
    assert "60 more labels are in verdict.json." in page.section("confusion")
    assert f"(others): 288 more {sum(range(288)):,}" in page.section("totals")
    assert sum(tag == "td" for tag, _ in page.tags) < 1_000


def test_the_page_loads_nothing_from_anywhere(make_run, ramp, manifest, verdict) -> None:
    path = report.write_report(load_run(make_run(ramp(seconds=10), manifest, verdict)))
    # The heat map is a picture inside its SVG: its base64 may hold two slashes.
    source = re.sub(r"data:image/png;base64,[^\"]*", "", path.read_text(encoding="utf-8"))

    assert "//" not in source
    assert "@import" not in source
    links = re.findall(r'(?:href|src)="([^"]*)"', source)
    local = [link for link in links if link and not link.startswith("#")]
    assert local
    assert all((path.parent / link).exists() for link in local)


def test_the_page_follows_the_readers_light_or_dark(make_run, ramp) -> None:
    source = report.write_report(load_run(make_run(ramp(seconds=10)))).read_text(encoding="utf-8")
    figures = "".join(re.findall(r"<svg.*?</svg>", source, re.DOTALL))

    assert "prefers-color-scheme: dark" in source
    assert re.findall(r"#[0-9a-f]{6}\b", figures) == []
    used = set(re.findall(r"var\((--[\w-]+)\)", source))
    light, dark = source.split("prefers-color-scheme: dark", 1)
    assert used <= set(re.findall(r"(--[\w-]+):", light))
    assert used <= set(re.findall(r"(--[\w-]+):", dark))


def test_no_id_occurs_twice_and_every_reference_has_its_target(make_run, ramp, page_of) -> None:
    folder = make_run(ramp(seconds=10))
    page = page_of(folder)
    source = (folder / "report.html").read_text(encoding="utf-8")

    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', source)) | set(re.findall(r"url\(#([^)]+)\)", source)) <= set(ids)


def test_the_same_run_gives_the_same_bytes(make_run, ramp, manifest, verdict) -> None:
    folder = make_run(ramp(seconds=10), manifest, verdict)

    def written() -> dict[str, bytes]:
        report.write_report(load_run(folder))
        files = [folder / "report.html", folder / "report.md", *(folder / "plots").iterdir()]
        return {path.name: path.read_bytes() for path in files}

    first = written()
    assert len(first) > 10
    assert written() == first
