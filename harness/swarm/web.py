"""The web UI: bad input is said in the start form, and the report of the last run has a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from flask import jsonify, make_response, render_template_string, request, send_from_directory
from flask.typing import ResponseReturnValue
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_STOPPED, MasterRunner
from werkzeug.security import safe_join

from harness.words.errors import RouteSwarmError

REPORT_PATH = "/routeswarm/report"
View = Callable[..., ResponseReturnValue]


def extend(environment: Environment, open_run: Callable[[], None]) -> None:
    """Make the start form refuse bad input, and serve the newest report.

    Args:
        environment: Locust's, with a web UI that has not started yet.
        open_run: validates the inputs as the options are now and prepares a run; raises ``UsageError``.

    """
    web_ui = environment.web_ui
    assert web_ui is not None
    assert web_ui.app is not None
    assert environment.parsed_options is not None
    options = vars(environment.parsed_options)
    protected = cast(Callable[[View], View], web_ui.auth_required_if_enabled)
    start = cast(View, web_ui.app.view_functions["locust.swarm"])

    preparing: list[bool] = []

    def swarm() -> ResponseReturnValue:
        if environment.runner is None or environment.runner.state not in (STATE_INIT, STATE_STOPPED):
            return start()  # the form edits a run that goes on
        if isinstance(environment.runner, MasterRunner) and not environment.runner.clients.ready:
            return refusal("no worker is ready yet")
        if preparing:
            return refusal("a run is being prepared")
        if not _is_number(request.form.get("user_count")) or not _is_number(request.form.get("spawn_rate")):
            return start()  # which says what is wrong with them
        before = dict(options)
        preparing.append(True)
        options.update({name: request.form[name] for name in options.keys() & request.form.keys() & OURS})
        try:
            open_run()
        except (RouteSwarmError, OSError) as error:
            options.update(before)
            return refusal(str(error))
        finally:
            preparing.clear()
        return start()

    def refusal(reason: str) -> ResponseReturnValue:
        return jsonify({"success": False, "message": reason, "host": environment.host})

    def report(name: str = "report.html") -> ResponseReturnValue:
        reports = sorted(Path(options["results_dir"] or "results").resolve().glob("*Z-*/report.html"))
        if not reports:
            return make_response("No run has ended yet.", 404)
        run = reports[-1].parent
        if name.endswith("/") and safe_join(str(run), name) is not None and (run / name).is_dir():
            return render_template_string(
                _LISTING, name=name, files=sorted(path.name for path in (run / name).iterdir())
            )
        return send_from_directory(run, name)

    web_ui.app.view_functions["locust.swarm"] = protected(swarm)
    web_ui.app.add_url_rule(REPORT_PATH, "routeswarm.report", protected(report))
    web_ui.app.add_url_rule(f"{REPORT_PATH.rsplit('/', 1)[0]}/<path:name>", "routeswarm.file", protected(report))


def _is_number(text: str | None) -> bool:
    """Whether a field of the form is absent (a load shape needs none) or a number that is not negative."""
    try:
        return text is None or 0 <= float(text) < float("inf")
    except ValueError:
        return False


_LISTING = """<!doctype html><title>{{ name }}</title>
<ul>{% for file in files %}<li><a href="{{ file }}">{{ file }}</a></li>{% endfor %}</ul>
"""

OURS = frozenset({"target", "graph_scope", "corpus", "criteria", "deadline_ms", "seed", "baseline_size", "results_dir"})
"""Names of RouteSwarm's options in the form."""
