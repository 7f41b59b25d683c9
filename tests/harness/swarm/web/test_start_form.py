"""The start form by itself: requests of Flask, a role that notes what it is asked, and a view in place of Locust's."""

from __future__ import annotations

from argparse import Namespace
from types import SimpleNamespace

import pytest
from flask import Flask, jsonify
from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_STOPPED

from harness.swarm import NormalUser
from harness.swarm.web import start_form as module
from harness.swarm.web.may_name import CommandLine
from harness.swarm.web.start_form import NOTICE_NS, StartForm
from harness.words.errors import UsageError

OPTIONS = {
    "target": "a:b",
    "graph_scope": "shared",
    "corpus": None,
    "criteria": None,
    "fault_plan": None,
    "deadline_ms": 1000,
    "seed": 1,
    "results_dir": "results",
    "baseline_size": "auto",
    "no_report": False,
    "draws_report": True,
    "num_users": 10,
    "spawn_rate": 2.0,
    "run_time": None,
}


class Role:
    """A role that prepares runs, or says why not."""

    def __init__(self):
        self.loading = self.preparing = self.prepared = False
        self.keeper = None
        self.raises = None
        self.opened, self.stopped, self.changed = [], 0, []
        self.options = {}

    def open_run(self):
        if self.raises is not None:
            raise self.raises
        self.opened.append(dict(self.options))

    def stop_preparing(self):
        self.stopped += 1

    def note_load(self, users, rate):
        self.changed.append((users, rate))

    def forget_left_out(self):
        """Nothing was."""


class Page:
    """The form on a page, and what came of it."""

    def __init__(self):
        self.environment = Environment(user_classes=[NormalUser], parsed_options=Namespace(**OPTIONS))
        self.environment.runner = SimpleNamespace(state=STATE_STOPPED)
        self.environment.web_ui = SimpleNamespace(
            userclass_picker_is_active=False,
            _swarm_greenlet=None,
            _run_time_greenlet="timer",
            _cancel_run_time_timer=lambda: None,
        )
        self.role = Role()
        self.role.options = vars(self.environment.parsed_options)
        self.started = 0
        self.starts = True
        self.form = StartForm(self.environment, self.role, CommandLine.of(self.environment.parsed_options), self.start)
        self.app = Flask("page")
        self.app.add_url_rule("/swarm", "swarm", self.form.start, methods=["POST"])

    def start(self):
        self.started += 1
        return jsonify({"success": self.starts})

    def post(self, **fields):
        """Return whether the form was taken, and why not."""
        answer = self.app.test_client().post("/swarm", data=fields).get_json()
        return answer["success"], answer.get("message", "")


@pytest.fixture
def page():
    return Page()


def test_a_run_is_prepared_with_the_options_of_the_form_and_then_started(page):
    assert page.post(user_count="7", spawn_rate="3", seed="9")[0]
    (options,) = page.role.opened
    assert (options["num_users"], options["spawn_rate"], options["seed"]) == (7, 3.0, "9")
    assert page.started == 1


@pytest.mark.parametrize("error", [UsageError("no such target"), OSError(28, "full"), ZeroDivisionError("bug")])
def test_what_cannot_be_prepared_is_said_and_changes_nothing(page, error):
    before = dict(page.role.options)
    page.role.raises = error
    taken, message = page.post(user_count="7", spawn_rate="3")
    assert not taken
    assert message
    assert (page.role.options, page.started) == (before, 0)


def test_a_field_that_the_form_does_not_show_is_refused(page):
    assert not page.post(user_count="1", spawn_rate="1", locustfile="/etc/passwd")[0]
    assert page.role.opened == []


@pytest.mark.parametrize("busy", ["preparing", "prepared", "loading"])
def test_a_run_is_not_started_while_another_is_on_its_way(page, busy):
    setattr(page.role, busy, True)
    assert not page.post(user_count="1", spawn_rate="1")[0]
    assert (page.role.opened, page.started) == ([], 0)


@pytest.mark.parametrize("fields", [{"user_count": "many"}, {"user_count": "-1"}, {"spawn_rate": "nan"}])
def test_what_is_no_number_is_left_to_locust_to_refuse(page, fields):
    page.starts = False
    assert not page.post(**{"user_count": "1", "spawn_rate": "1", **fields})[0]
    assert (page.role.opened, page.started) == ([], 1)


def test_a_run_that_locust_does_not_start_is_over(page):
    page.starts = False
    page.post(user_count="1", spawn_rate="1")
    assert page.role.stopped == 1


class TestWhileARunGoesOn:
    @pytest.fixture(autouse=True)
    def _running(self, page):
        page.role.loading = True
        page.environment.runner.state = STATE_RUNNING

    def test_its_load_may_change_and_its_run_time_stays(self, page):
        assert page.post(user_count="20", spawn_rate="5")[0]
        assert page.role.changed == [(20, 5.0)]
        assert page.environment.web_ui._run_time_greenlet == "timer"
        assert page.role.opened == []

    @pytest.mark.parametrize(
        "fields",
        [
            {"user_count": "0"},
            {"user_count": "1.5"},
            {"spawn_rate": "0"},
            {"user_count": "20", "seed": "2"},
            {"user_count": "20", "run_time": "5s"},
        ],
    )
    def test_nothing_else_may_and_why_is_shown_for_a_while(self, page, fields, monkeypatch):
        now_ns = [0]
        monkeypatch.setattr(module, "now_ns", lambda: now_ns[0])
        taken, message = page.post(**{"user_count": "20", "spawn_rate": "5", **fields})
        assert not taken
        assert message in page.form.notice
        assert (page.role.changed, page.started) == ([], 0)
        now_ns[0] = NOTICE_NS + 1
        assert page.form.notice == ""

    def test_a_change_that_is_taken_clears_the_notice(self, page):
        page.post(user_count="0", spawn_rate="5")
        assert page.form.notice
        page.post(user_count="3", spawn_rate="5")
        assert page.form.notice == ""

    def test_a_load_shape_says_how_many_users_there_are(self, page):
        page.environment.shape_class = object()
        assert not page.post(user_count="20", spawn_rate="5")[0]
