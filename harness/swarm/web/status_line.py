"""A line below Locust's own page that says what the run does and came to.

Locust's start form waits in silence for the baseline, and its tabs learn nothing more once the users have stopped (it
asks for statistics only while users run; locust 2.47).
"""

from __future__ import annotations

from flask.typing import ResponseReturnValue


def with_line(page: ResponseReturnValue) -> ResponseReturnValue:
    """Return Locust's page with the line below it; what is no page (a redirection, an error) as it is."""
    return page + _LINE if isinstance(page, str) else page


_LINE = """
<style>body { padding-bottom: 48px }</style>
<div id="routeswarm" role="status" hidden style="position: fixed; bottom: 0; left: 0; right: 0; z-index: 1500;
  padding: 10px 24px; background: #14342b; color: #fff; font: 15px/1.4 Roboto, Helvetica, Arial, sans-serif">
  <b>RouteSwarm</b> &nbsp; <span></span> &nbsp;
  <strong style="color: #ffd479"></strong> &nbsp;
  <a href="./routeswarm/report" target="_blank" style="color: #9fe3c5">Report of the last run</a>
</div>
<script>
  (() => {
    const line = document.getElementById("routeswarm");
    const [text, notice, report] = ["span", "strong", "a"].map((name) => line.querySelector(name));
    const show = (status) => {
      text.textContent = status.text;
      notice.textContent = status.notice;
      report.hidden = !status.report;
      line.hidden = !status.text && !status.report;
    };
    const ask = async () => {
      try {
        show(await (await fetch("./routeswarm/status")).json());
      } catch {
        show({ text: "no answer from Locust", notice: "", report: false });
      }
      setTimeout(ask, 1000);
    };
    ask();
  })();
</script>
"""
