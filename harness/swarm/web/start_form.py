"""The start form: a run of what it names, or in one line why not; and what it may change of a run that goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields

import gevent
from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from locust.argument_parser import default_args_dict, get_parser
from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_SPAWNING, MasterRunner
from locust.util.timespan import parse_timespan

from harness.swarm.keeping.keeper import Keeper
from harness.swarm.options import Options
from harness.swarm.roles.role import logger
from harness.swarm.roles.run_owner import KeepingRole
from harness.swarm.terminal import say
from harness.swarm.web.may_name import FILES, CommandLine
from harness.words.arguments import LARGEST
from harness.words.clock import now_ns
from harness.words.errors import RouteSwarmError, UsageError, one_line

OURS = frozenset(option.name for option in fields(Options))
"""Names of RouteSwarm's options in the form."""

OF_LOAD = frozenset({"user_count", "spawn_rate"})
"""What may change while a run goes on."""

OF_LOCUST = OF_LOAD | {"host", "run_time", "user_classes", "shape_class", "profile"}
"""Locust's own fields; it takes any option of the process by its name (web.py, ``swarm``; locust 2.47)."""

NOTICE_NS = 15_000_000_000
"""How long a notice can be read."""

View = Callable[[], ResponseReturnValue]


class StartForm:
    """The start form: Locust's own, after the inputs were read and the run was prepared.

    Args:
        environment: Locust's, with a web UI.
        role: prepares a run.
        command_line: what was named before there was a form.
        start: Locust's own view.

    """

    def __init__(self, environment: Environment, role: KeepingRole, command_line: CommandLine, start: View) -> None:
        self._environment = environment
        self._role = role
        self._command_line = command_line
        self._start = start
        self._options = vars(environment.parsed_options)
        self._refused: tuple[str, int] | None = None  # why an edit was, and when

    @property
    def notice(self) -> str:
        """Why the last edit of the run was refused, for a while: that form of Locust closes without the answer."""
        if self._refused is None or not self._role.loading or now_ns() - self._refused[1] > NOTICE_NS:
            return ""
        return f"not changed: {self._refused[0]}"

    def start(self) -> ResponseReturnValue:
        """Start a run, change the load of the one that goes on, or say why not."""
        try:
            self._require_fields()
            if self._goes_on():
                return self._edited()
            self._require_ready()
            if not _has_numbers(request.form):
                return self._start()  # which says what is wrong with them
            load = _load_of(request.form)
        except UsageError as error:
            return self._refusal(str(error))
        except ValueError:
            return self._start()
        reason = self._prepare(load)
        return self._launch() if reason is None else self._refusal(reason)

    def _require_fields(self) -> None:
        shown = OF_LOCUST | (get_parser().args_included_in_web_ui.keys() - default_args_dict().keys())
        unknown = sorted(request.form.keys() - shown)
        if unknown:
            raise UsageError(f"{unknown[0][:40]!r}: the form has no such field")

    def _goes_on(self) -> bool:
        runner = self._environment.runner
        return self._role.loading and runner is not None and runner.state in (STATE_SPAWNING, STATE_RUNNING)

    def _require_ready(self) -> None:
        runner = self._environment.runner
        if self._role.loading:
            raise UsageError("the run before is still being stopped")
        if self._role.preparing or self._role.prepared:
            raise UsageError("a run is being prepared")
        if isinstance(runner, MasterRunner) and not runner.clients.ready:
            raise UsageError("no worker is ready yet")

    def _edited(self) -> ResponseReturnValue:
        self._refused = None
        try:
            return self._edit()
        except UsageError as error:
            self._refused = str(error), now_ns()
            raise

    def _edit(self) -> ResponseReturnValue:
        """Change the users of the run that goes on, and nothing else of it."""
        changed = sorted(name for name in request.form.keys() - OF_LOAD if self._changes(name))
        if changed:
            raise UsageError(f"{changed[0]}: cannot change while a run goes on; Stop it, and start a new one")
        if self._environment.shape_class is not None:
            raise UsageError("the load shape says how many users there are; Stop it, and start a new run")
        users, rate = _whole(request.form.get("user_count")), _number(request.form.get("spawn_rate"))
        if users is None or not 0 < users <= LARGEST:
            raise UsageError(f"user_count: expected a whole number from 1 to {LARGEST}; Stop ends the run")
        if rate is None or rate <= 0:
            raise UsageError("spawn_rate: expected users per second, more than 0")
        answer = self._keeping_its_run_time()
        if _succeeded(answer):
            self._role.note_load(users, rate)
        return answer

    def _changes(self, name: str) -> bool:
        """Whether a field of the form has another value than the run."""
        given, has = request.form.getlist(name), self._options.get(name)
        if name == "user_classes":
            chosen = {user.__name__ for user in self._environment.user_classes}
            return set(given) not in (chosen, set(self._environment.available_user_classes or ()))  # the page sends all
        if name == "run_time":
            return _seconds(given[0]) != (has or None)
        if name == "shape_class":
            shape = self._environment.shape_class
            return given[0] != ("Default" if shape is None else type(shape).__name__)
        if isinstance(has, list):
            return given != [str(each) for each in has]
        return given[0] != ("" if has is None else str(has).lower() if isinstance(has, bool) else str(has))

    def _keeping_its_run_time(self) -> ResponseReturnValue:
        """Let Locust change the load; it would forget when the run is to end (web.py, ``swarm``; locust 2.47)."""
        web_ui = self._environment.web_ui
        assert web_ui is not None
        timer, web_ui._run_time_greenlet = web_ui._run_time_greenlet, None
        run_time = self._options.get("run_time")
        try:
            return self._without_picker()
        finally:
            web_ui._cancel_run_time_timer()  # of the field, which is the run's own, counted anew
            web_ui._run_time_greenlet, self._options["run_time"] = timer, run_time

    def _prepare(self, load: dict[str, object]) -> str | None:
        """Prepare a run with the options of the form; return what is wrong with them, which are then not kept."""
        before, environment = dict(self._options), self._environment
        shape, classes = environment.shape_class, environment.user_classes
        ours = {name: request.form[name] for name in self._options.keys() & request.form.keys() & OURS}
        try:
            self._command_line.require(ours)
            self._options.update(ours, **load)
            self._take_picked()
            self._role.open_run()
        except Exception as error:  # noqa: BLE001  # whatever it was, the form says it and can be sent again
            told = self._told(error)
            self._options.update(before)
            environment.shape_class, environment.user_classes = shape, classes
            return told
        return None

    def _take_picked(self) -> None:
        """Take user classes and load shape of the form, where there is a choice; Locust does so after the baseline."""
        environment, web_ui = self._environment, self._environment.web_ui
        if web_ui is None or not web_ui.userclass_picker_is_active:
            return
        known, names = environment.available_user_classes or {}, request.form.getlist("user_classes")
        if unknown := [name for name in names if name not in known]:
            raise UsageError(f"no user class {unknown[0]!r}, expected some of {', '.join(known)}")
        self._role.forget_left_out()
        web_ui._update_user_classes({name: user for name, user in known.items() if not names or name in names})
        self._take_shape(request.form.get("shape_class", "Default"))

    def _take_shape(self, name: str) -> None:
        shapes = self._environment.available_shape_classes or {}
        if name not in ("", "Default", *shapes):
            raise UsageError(f"no load shape {name!r}, expected Default or one of {', '.join(shapes)}")
        shape = self._environment.shape_class = shapes.get(name)
        if shape is not None:
            shape.runner = self._environment.runner

    def _launch(self) -> ResponseReturnValue:
        """Have Locust start the users; a run that it does not start is over."""
        answer = self._without_picker()
        if not _succeeded(answer):
            self._role.stop_preparing()
            return answer
        web_ui, keeper = self._environment.web_ui, self._role.keeper
        starting = None if web_ui is None else web_ui._swarm_greenlet
        if starting is not None and isinstance(self._environment.runner, MasterRunner):
            # A master whose last worker has just gone starts nothing, and says so in its log alone.
            starting.link(lambda _: gevent.spawn(self._give_up, keeper))
        return answer

    def _give_up(self, keeper: Keeper | None) -> None:
        """End a run that was prepared and not begun, unless another one was prepared meanwhile."""
        if self._role.keeper is keeper:
            self._role.stop_preparing()

    def _without_picker(self) -> ResponseReturnValue:
        """Call Locust's view, which takes classes and shape of the form only where it believes there is a choice."""
        web_ui = self._environment.web_ui
        assert web_ui is not None
        active, web_ui.userclass_picker_is_active = web_ui.userclass_picker_is_active, False
        try:
            return self._start()
        finally:
            web_ui.userclass_picker_is_active = active

    def _told(self, error: Exception) -> str:
        """Return what the page is told of an error; what may quote a file stays in the terminal."""
        if not isinstance(error, (RouteSwarmError, OSError)):
            logger.error("while preparing a run", exc_info=error)
            return f"the run could not be prepared: {one_line(error)}"
        message = str(error)
        for name in FILES:
            path = self._command_line.place(name, str(self._options.get(name) or ""))
            if path is not None and message.startswith(str(path)) and path.is_file():
                say(message)
                return f"{_place_in(message, str(path))}: cannot be used; what is wrong is in Locust's terminal"
        return message

    def _refusal(self, reason: str) -> ResponseReturnValue:
        return jsonify({"success": False, "message": reason, "host": self._environment.host})


def _place_in(message: str, path: str) -> str:
    """Return the path and the line with which a message begins."""
    line = message[len(path) :].partition(":")[2].partition(":")[0]
    return f"{path}:{line}" if line.isdigit() else path


def _succeeded(answer: ResponseReturnValue) -> bool:
    return isinstance(answer, Response) and answer.is_json and bool(answer.get_json().get("success"))


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


def _has_numbers(form: Mapping[str, str]) -> bool:
    """Whether users and rate are absent (a load shape needs none) or numbers that are not negative."""
    given = [_number(form[name]) for name in OF_LOAD & form.keys()]
    return all(number is not None and number >= 0 for number in given)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _whole(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None


def _seconds(text: str) -> int | None:
    try:
        return parse_timespan(text) if text else None
    except ValueError:
        return -1  # no run has that
