"""What the page is told of the state of the swarm, and how Stop gets at a run wherever it is on its way."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from flask import Flask, jsonify
from locust.runners import STATE_CLEANUP, STATE_INIT, STATE_RUNNING, STATE_SPAWNING, STATE_STOPPED, STATE_STOPPING

from harness.swarm.web.swarm_state import SwarmState


class Role:
    def __init__(self, **what):
        self.preparing = self.prepared = self.loading = False
        self.asked = []
        self.__dict__.update(what)

    def stop_preparing(self):
        self.asked.append("stop preparing")

    def let_begin(self):
        self.asked.append("let begin")

    def expose_load(self):
        self.asked.append("expose load")


def environment(**greenlets):
    return SimpleNamespace(runner=SimpleNamespace(**greenlets), web_ui=SimpleNamespace())


@pytest.mark.parametrize(
    ("state", "role", "shown"),
    [
        (STATE_INIT, {}, STATE_INIT),
        (STATE_STOPPED, {}, STATE_STOPPED),
        (STATE_SPAWNING, {"prepared": True}, STATE_SPAWNING),
        (STATE_STOPPED, {"prepared": True}, STATE_SPAWNING),
        (STATE_STOPPED, {"loading": True}, STATE_RUNNING),
        (STATE_STOPPING, {}, STATE_RUNNING),
        (STATE_CLEANUP, {}, STATE_RUNNING),
    ],
)
def test_a_page_that_waits_is_told_of_a_state_in_which_it_goes_on_asking(state, role, shown):
    assert SwarmState(environment(), Role(**role)).shown(state) == shown


def greenlet(done):
    return SimpleNamespace(ready=lambda: done)


@pytest.mark.parametrize(
    ("role", "greenlets", "asked"),
    [
        ({"preparing": True}, {}, ["stop preparing"]),
        ({}, {}, ["let begin"]),
        ({"loading": True}, {}, ["let begin", "expose load"]),
        ({}, {"spawning_greenlet": greenlet(done=False)}, ["let begin", "expose load"]),
        ({}, {"shape_greenlet": greenlet(done=True)}, ["let begin"]),
    ],
)
def test_stop_reaches_a_run_that_is_prepared_begins_or_goes_on(role, greenlets, asked):
    role = Role(**role)
    SwarmState(environment(**greenlets), role).begin_to_stop()
    assert role.asked == asked


class WebUi:
    """As much of Locust's as is extended."""

    def __init__(self):
        self.app = Flask("ui")
        self.template_args = {}
        self.answer = {"state": STATE_STOPPED, "total_rps": 3}
        self.app.add_url_rule("/stats/requests", "locust.request_stats", lambda: jsonify(self.answer))

    def update_template_args(self):
        self.template_args["state"] = STATE_STOPPED


def test_page_and_statistics_say_the_same_and_the_rest_of_the_statistics_stays():
    web_ui = WebUi()
    SwarmState(environment(), Role(loading=True)).show_in(web_ui)
    web_ui.update_template_args()
    answer = web_ui.app.test_client().get("/stats/requests").get_json()
    assert web_ui.template_args["state"] == STATE_RUNNING
    assert answer == {"state": STATE_RUNNING, "total_rps": 3}


def test_a_login_that_is_asked_for_in_place_of_statistics_passes():
    web_ui = WebUi()
    web_ui.app.view_functions["locust.request_stats"] = lambda: "log in"
    SwarmState(environment(), Role()).show_in(web_ui)
    assert web_ui.app.test_client().get("/stats/requests").text == "log in"
