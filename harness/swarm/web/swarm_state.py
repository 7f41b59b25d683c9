"""What state the page is told that the swarm is in, and how Stop gets at a load that Locust is about to start.

Locust's page asks for the state while it is *running* or *spawning*, and never again (webui, locust 2.47). It offers a
new run when it is *stopped*. But a master passes through *stopping*, a single process through *cleanup*, and a run that
begins is *ready* or *stopped* until its first user is there: each time the page would stay as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import cast

from flask import Response
from flask.typing import ResponseReturnValue
from locust.env import Environment
from locust.runners import STATE_CLEANUP, STATE_RUNNING, STATE_SPAWNING, STATE_STOPPING
from locust.web import WebUI

from harness.swarm.roles.run_owner import KeepingRole

_BUSY = frozenset({STATE_SPAWNING, STATE_RUNNING})
_ENDING = frozenset({STATE_STOPPING, STATE_CLEANUP})


class SwarmState:
    """The state of the swarm as the page should see it.

    Args:
        environment: Locust's, with a web UI.
        role: knows what run there is.

    """

    def __init__(self, environment: Environment, role: KeepingRole) -> None:
        self._environment = environment
        self._role = role

    def shown(self, state: str) -> str:
        """Return what to tell the page of a state of Locust's."""
        if state in _BUSY:
            return state
        if self._role.prepared:
            return STATE_SPAWNING
        return STATE_RUNNING if self._role.loading or state in _ENDING else state

    def show_in(self, web_ui: WebUI) -> None:
        """Have Locust's page and its statistics say that."""
        assert web_ui.app is not None
        update, views = web_ui.update_template_args, web_ui.app.view_functions
        statistics = cast(Callable[[], ResponseReturnValue], views["locust.request_stats"])

        def update_and_show() -> None:
            update()  # type: ignore[no-untyped-call]  # Locust's
            web_ui.template_args["state"] = self.shown(web_ui.template_args["state"])

        def show_in_statistics() -> ResponseReturnValue:
            answer = statistics()
            if not isinstance(answer, Response) or not answer.is_json:
                return answer  # a login that is asked for
            said = answer.get_json()
            # A new answer: Locust keeps its own for those who ask in the next two seconds.
            return Response(json.dumps({**said, "state": self.shown(said["state"])}), mimetype="application/json")

        web_ui.update_template_args = update_and_show  # type: ignore[method-assign]
        views["locust.request_stats"] = show_in_statistics

    def begin_to_stop(self) -> None:
        """Make sure that Locust's own Stop, which comes next, stops a run also where Locust does not know of it yet.

        It does nothing in the state *stopped* (a master: in *ready* too), and a load shape or the greenlet that starts
        users begin in these (runners.py, ``stop``, ``start_shape``, ``_start``; locust 2.47).
        """
        if self._role.preparing:
            self._role.stop_preparing()
            return
        self._role.let_begin()
        if self._role.loading or self._is_starting():
            self._role.expose_load()

    def _is_starting(self) -> bool:
        runner, web_ui = self._environment.runner, self._environment.web_ui
        greenlets = (
            getattr(web_ui, "_swarm_greenlet", None),
            getattr(runner, "spawning_greenlet", None),
            getattr(runner, "shape_greenlet", None),
        )
        return any(greenlet is not None and not greenlet.ready() for greenlet in greenlets)
