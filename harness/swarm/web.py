"""The web UI: bad input is said in the start form, a line says what the run does, and its report has a page.

The line is laid below Locust's own page: its start form waits in silence for the baseline, and its tabs learn
nothing more once the users have stopped (it asks for statistics only while users run; locust 2.47).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import cast

from flask import jsonify, make_response, render_template_string, request, send_from_directory
from flask.typing import ResponseReturnValue
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_STOPPED, MasterRunner
from locust.stats import PERCENTILES_TO_REPORT, StatsCSVFileWriter
from locust.util.timespan import parse_timespan
from werkzeug.security import safe_join

from harness.swarm.keeping_role import KeepingRole
from harness.swarm.options import Options
from harness.swarm.role import logger
from harness.swarm.statistics import DownloadedCsv
from harness.words.errors import RouteSwarmError, one_line

View = Callable[..., ResponseReturnValue]


def extend(environment: Environment, role: KeepingRole) -> None:
    """Make the start form refuse bad input, and show what the run does, its verdict and its report.

    Args:
        environment: Locust's, with a web UI that has not started yet.
        role: prepares a run, and knows what it does and came to.

    """
    web_ui, options = environment.web_ui, environment.parsed_options
    assert web_ui is not None
    assert web_ui.app is not None
    assert options is not None
    protected = cast(Callable[[View], View], web_ui.auth_required_if_enabled)
    views, results = web_ui.app.view_functions, _Results(vars(options))
    form = _StartForm(environment, role, cast(View, views["locust.swarm"]))
    page, stop_load = cast(View, views["locust.index"]), cast(View, views["locust.stop"])

    def index() -> ResponseReturnValue:
        return _with_line(page())

    def status() -> ResponseReturnValue:
        return jsonify({"text": role.status(), "report": results.newest() is not None})

    def stop() -> ResponseReturnValue:
        role.stop_preparing()  # Locust knows of no run yet, and would say that it is stopped
        return stop_load()

    views["locust.swarm"] = protected(form.start)
    views["locust.stop"] = protected(stop)
    views["locust.index"] = protected(index)
    base = f"{options.web_base_path}/routeswarm"
    web_ui.app.add_url_rule(f"{base}/status", "routeswarm.status", protected(status))
    web_ui.app.add_url_rule(f"{base}/report", "routeswarm.report", protected(results.report))
    web_ui.app.add_url_rule(f"{base}/<path:name>", "routeswarm.file", protected(results.file))
    if not isinstance(web_ui.stats_csv_writer, StatsCSVFileWriter):  # with --csv, it writes Locust's files as well
        web_ui.stats_csv_writer = DownloadedCsv(environment, PERCENTILES_TO_REPORT)
    links = web_ui.template_args.setdefault("extended_csv_files", [])
    links.append({"href": "./routeswarm/report", "title": "RouteSwarm report"})


class _StartForm:
    """The start form: Locust's own, after the inputs were read and the run was prepared.

    Args:
        environment: Locust's.
        role: prepares a run.
        start: Locust's own view.

    """

    def __init__(self, environment: Environment, role: KeepingRole, start: View) -> None:
        self._environment = environment
        self._role = role
        self._start = start
        self._options = vars(environment.parsed_options)

    def start(self) -> ResponseReturnValue:
        """Start a run, or say why not."""
        runner = self._environment.runner
        if runner is None or runner.state not in (STATE_INIT, STATE_STOPPED):
            return self._start()  # the form edits a run that goes on
        if isinstance(runner, MasterRunner) and not runner.clients.ready:
            return self._refusal("no worker is ready yet")
        if self._role.ending:
            return self._refusal("the run before is still being stopped")
        if self._role.preparing:
            return self._refusal("a run is being prepared")
        if not _is_number(request.form.get("user_count")) or not _is_number(request.form.get("spawn_rate")):
            return self._start()  # which says what is wrong with them
        try:
            load = _load_of(request.form)
        except ValueError:
            return self._start()
        reason = self._prepare(load)
        return self._start() if reason is None else self._refusal(reason)

    def _prepare(self, load: dict[str, object]) -> str | None:
        """Prepare a run with the options of the form; return what is wrong with them, which are then not kept."""
        before, shape = dict(self._options), self._environment.shape_class
        ours = {name: request.form[name] for name in self._options.keys() & request.form.keys() & OURS}
        self._options.update(ours, **load)
        self._take_shape()
        try:
            self._role.open_run()
        except Exception as error:  # noqa: BLE001  # whatever it was, the form says it and can be sent again
            self._options.update(before)
            self._environment.shape_class = shape
            if isinstance(error, (RouteSwarmError, OSError)):
                return str(error)
            logger.exception("while preparing a run")
            return f"the run could not be prepared: {one_line(error)}"
        return None

    def _take_shape(self) -> None:
        """Take the load shape of the form, where there is a choice; Locust does so too late to refuse it."""
        web_ui, known = self._environment.web_ui, self._environment.available_shape_classes
        if web_ui is not None and web_ui.userclass_picker_is_active and known is not None:
            self._environment.shape_class = known.get(request.form.get("shape_class", ""))

    def _refusal(self, reason: str) -> ResponseReturnValue:
        return jsonify({"success": False, "message": reason, "host": self._environment.host})


class _Results:
    """The newest run that has a report.

    Args:
        options: of the process, by name; the start form changes them.

    """

    def __init__(self, options: dict[str, object]) -> None:
        self._options = options

    def newest(self) -> Path | None:
        """Return the folder of the newest run that has a report."""
        results = Path(str(self._options["results_dir"] or "results")).resolve()
        return max((path.parent for path in results.glob("*Z-*/report.html")), default=None)

    def report(self) -> ResponseReturnValue:
        """Show its report."""
        return self.file("report.html")

    def file(self, name: str) -> ResponseReturnValue:
        """Send another file of it, to which the report links, or list a folder of it."""
        run = self.newest()
        if run is None:
            return make_response("No run has ended yet.", 404)
        if name.endswith("/") and safe_join(str(run), name) is not None and (run / name).is_dir():
            files = sorted(path.name for path in (run / name).iterdir())
            return render_template_string(_LISTING, name=name, files=files)
        return send_from_directory(run, name)


def _load_of(form: Mapping[str, str]) -> dict[str, object]:
    """Return Locust's own options of the form by their names; raises ``ValueError`` for one it will refuse."""
    load: dict[str, object] = {}
    if "user_count" in form:
        load["num_users"] = int(form["user_count"])
    if "spawn_rate" in form:
        load["spawn_rate"] = float(form["spawn_rate"])
    if "run_time" in form:  # emptied, Locust would keep that of the run before
        load["run_time"] = parse_timespan(form["run_time"]) if form["run_time"] else None
    return load


def _is_number(text: str | None) -> bool:
    """Whether a field of the form is absent (a load shape needs none) or a number that is not negative."""
    try:
        return text is None or 0 <= float(text) < float("inf")
    except ValueError:
        return False


def _with_line(page: ResponseReturnValue) -> ResponseReturnValue:
    """Return Locust's page with the line below it; what is no page (a redirection, an error) as it is."""
    return page + _LINE if isinstance(page, str) else page


_LISTING = """<!doctype html><title>{{ name }}</title>
<ul>{% for file in files %}<li><a href="{{ file }}">{{ file }}</a></li>{% endfor %}</ul>
"""

_LINE = """
<style>body { padding-bottom: 48px }</style>
<div id="routeswarm" role="status" hidden style="position: fixed; bottom: 0; left: 0; right: 0; z-index: 1500;
  padding: 10px 24px; background: #14342b; color: #fff; font: 15px/1.4 Roboto, Helvetica, Arial, sans-serif">
  <b>RouteSwarm</b> &nbsp; <span></span> &nbsp;
  <a href="./routeswarm/report" target="_blank" style="color: #9fe3c5">Report of the last run</a>
</div>
<script>
  (() => {
    const line = document.getElementById("routeswarm");
    const [text, report] = [line.querySelector("span"), line.querySelector("a")];
    const show = (status) => {
      text.textContent = status.text;
      report.hidden = !status.report;
      line.hidden = !status.text && !status.report;
    };
    const ask = async () => {
      try {
        show(await (await fetch("./routeswarm/status")).json());
      } catch {
        show({ text: "no answer from Locust", report: false });
      }
      setTimeout(ask, 1000);
    };
    ask();
  })();
</script>
"""

OURS = frozenset(option.name for option in fields(Options))
"""Names of RouteSwarm's options in the form."""
