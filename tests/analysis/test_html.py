from __future__ import annotations

from analysis import load_run


def test_a_run_shows_its_verdict_size_and_what_is_missing(make_run, row, manifest, verdict) -> None:
    folder = make_run([row(0, [1000])], manifest, verdict)
    (folder / "locust_stats.csv").unlink()

    page = load_run(folder)._repr_html_()

    assert "FAIL" in page
    assert "20250219T212000Z-route-1f3a" in page
    assert ">900<" in page
    assert "locust_stats.csv is missing." in page


def test_a_run_that_was_not_judged_says_so(make_run) -> None:
    assert "NOT JUDGED" in load_run(make_run([]))._repr_html_()


def test_a_verdict_shows_every_entry_with_its_status(make_run, verdict) -> None:
    shown = load_run(make_run([], verdict=verdict)).verdict
    assert shown is not None
    page = shown._repr_html_()

    for entry in (*shown.criteria, *shown.checks, *shown.validity):
        assert entry.name.replace("<", "&lt;").replace(">", "&gt;") in page
    assert "INVALID" in page


def test_what_the_target_says_is_escaped(make_run, verdict) -> None:
    verdict["checks"][0]["detail"] = "<script>alert(1)</script>\x1b"
    shown = load_run(make_run([], verdict=verdict)).verdict
    assert shown is not None

    assert "<script>" not in shown._repr_html_()
    assert "&lt;script&gt;" in shown._repr_html_()
    assert "\x1b" not in shown._repr_html_()
