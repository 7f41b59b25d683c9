"""The web UI: who may ask it, what its start form may name, what it shows of a run, and where the report is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from flask import Response, jsonify
from flask.typing import ResponseReturnValue
from locust.env import Environment
from locust.stats import PERCENTILES_TO_REPORT, StatsCSVFileWriter

from harness.swarm.keeping.locust_csv import DownloadedCsv, defused_rows
from harness.swarm.roles.run_owner import KeepingRole
from harness.swarm.terminal import say
from harness.swarm.web import doors
from harness.swarm.web.may_name import CommandLine
from harness.swarm.web.report_page import Results
from harness.swarm.web.start_form import StartForm
from harness.swarm.web.status_line import with_line
from harness.swarm.web.swarm_state import SwarmState

View = Callable[..., ResponseReturnValue]


def _download_defused(environment: Environment, protected: Callable[[View], View]) -> None:
    """Have no cell of what can be downloaded be a formula; the files of ``--csv`` hold texts as they are.

    Those are written by a writer that Locust's ``main`` keeps for itself, so that the UI may have another one.
    """
    web_ui, options = environment.web_ui, environment.parsed_options
    assert web_ui is not None
    assert options is not None
    written = web_ui.stats_csv_writer
    web_ui.stats_csv_writer = DownloadedCsv(environment, PERCENTILES_TO_REPORT)
    if not (options.stats_history_enabled and isinstance(written, StatsCSVFileWriter)):
        return
    path = Path(written.stats_history_file_name()).absolute()

    def history() -> ResponseReturnValue:
        written.stats_history_flush()  # else it may lack the last 10 s (stats.py, CSV_STATS_FLUSH_INTERVAL_SEC)
        headers = {"Content-Disposition": "attachment; filename=requests_full_history.csv", "Cache-Control": "no-cache"}
        return Response(defused_rows(path), mimetype="text/csv", headers=headers)

    assert web_ui.app is not None
    web_ui.app.view_functions["locust.request_stats_full_history_csv"] = protected(history)


def extend(environment: Environment, role: KeepingRole) -> None:
    """Shut the web UI to other pages, refuse bad input in its form, and show what the run does, its verdict and report.

    Args:
        environment: Locust's, with a web UI that has not started yet.
        role: prepares a run, and knows what it does and came to.

    """
    web_ui, options = environment.web_ui, environment.parsed_options
    assert web_ui is not None
    assert web_ui.app is not None
    assert options is not None
    if doors.is_open(web_ui.host) and not web_ui.web_login:
        say(doors.WARNING.format(where=doors.place(web_ui.host), port=web_ui.port))
    doors.shut(
        web_ui.app, web_ui.host, str(options.web_name), str(getattr(options, "web_host_display_name", None) or "")
    )
    protected = cast(Callable[[View], View], web_ui.auth_required_if_enabled)
    views, results = web_ui.app.view_functions, Results(vars(options))
    form = StartForm(environment, role, CommandLine.of(options), cast(View, views["locust.swarm"]))
    state = SwarmState(environment, role)
    page, stop_load = cast(View, views["locust.index"]), cast(View, views["locust.stop"])

    def index() -> ResponseReturnValue:
        return with_line(page())

    def status() -> ResponseReturnValue:
        return jsonify({"text": role.status(), "notice": form.notice, "report": results.newest() is not None})

    def stop() -> ResponseReturnValue:
        state.begin_to_stop()
        answer = stop_load()
        role.stop_preparing()  # one whose load has not begun: Locust knows of no run yet
        return answer

    views["locust.swarm"] = protected(form.start)
    views["locust.stop"] = protected(stop)
    views["locust.index"] = protected(index)
    state.show_in(web_ui)
    base = f"{options.web_base_path}/routeswarm"
    web_ui.app.add_url_rule(f"{base}/status", "routeswarm.status", protected(status))
    web_ui.app.add_url_rule(f"{base}/report", "routeswarm.report", protected(results.report))
    web_ui.app.add_url_rule(f"{base}/<path:name>", "routeswarm.file", protected(results.file))
    _download_defused(environment, protected)
    links = web_ui.template_args.setdefault("extended_csv_files", [])
    links.append({"href": "./routeswarm/report", "title": "RouteSwarm report"})
