"""The load side of a run, in a worker or a single process: what its users share, and what they leave behind."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypedDict
from uuid import UUID, SafeUUID
from weakref import WeakKeyDictionary

from locust.env import Environment

from harness.load.deck import Deck
from harness.loop import HubLoop
from harness.measure.series import Series, WireRow
from harness.record.history import HistoryBuffer
from harness.swarm.inputs import Inputs
from harness.target.target import Identity
from harness.words.clock import Epoch, now_ns
from harness.words.errors import UsageError
from harness.words.operation import Operation, SpanTuple

LABELS_KEPT = 200
"""Distinct routes and errors that get rows of their own; a target that invents routes must not fill the memory."""

OTHER = "(other)"


class Delta(TypedDict):
    """What a worker hands over, about once a second. Only types that msgpack carries."""

    run_id: str
    worker: int
    arrivals: int  # operations started since the run began
    series: list[WireRow]
    users: dict[int, int]  # Unix second -> users of this worker
    history: dict[str, bytes]  # table -> Arrow stream
    log_records: dict[str, int]  # level -> records the target logged since the run began
    final: bool


_set_int = UUID.__dict__["int"].__set__  # slots of an object that is immutable once made
_set_is_safe = UUID.__dict__["is_safe"].__set__


class Labels:
    """Texts from the target that become keys: the first ``LABELS_KEPT`` as they are, the rest as one."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: set[str] = set()

    def of(self, text: str) -> str:
        """Return the key for a text."""
        if text in self._kept:
            return text
        if len(self._kept) >= LABELS_KEPT:
            return OTHER
        self._kept.add(text)
        return text


class Session:
    """What the users of one worker share during one run."""

    def __init__(self, inputs: Inputs, run_id: str, loop: HubLoop, epoch: Epoch, worker: int, workers: int) -> None:
        self.inputs = inputs
        self.run_id = run_id
        self.loop = loop
        self.worker = worker
        self.runner = inputs.runner
        self.deadline_s = inputs.options.deadline_s
        self.arrivals = 0
        self.routes = Labels()
        self.errors = Labels()
        self.log_records: Mapping[str, int] = {}
        self._users_started = 0
        self._users: dict[int, int] = {}
        self._users_before = 0  # at the last sample: a second begins with those of the second before
        self._workers = workers
        self._epoch = epoch
        self._series = Series(epoch)
        self._history = HistoryBuffer(epoch)
        self._decks: dict[tuple[frozenset[int], str | None], Deck] = {}
        self._id_prefix = (int.from_bytes(run_id.encode()[-8:]) & 0xFFFFFFFF) << 96

    def new_user(self) -> int:
        """Return the ordinal of a user that starts."""
        ordinal = self._users_started
        self._users_started += 1
        self.sample_users(self._users_before + 1)
        return ordinal

    def uuid(self, number: int, purpose: int) -> UUID:
        """Return an id that is unique in the run for its purpose (0 run, 1 request, 2 session, 3 user)."""
        identifier = object.__new__(UUID)  # UUID(int=...) spends 1 µs on the arguments it is not given
        _set_int(identifier, self._id_prefix | purpose << 88 | number)
        _set_is_safe(identifier, SafeUUID.unknown)
        return identifier

    def identity(self, operation: int, user: Identity) -> Identity:
        """Return the ids of one operation of ``user``."""
        return Identity(self.uuid(operation, 0), self.uuid(operation, 1), user.session_id, user.user_id)

    def user_identity(self, ordinal: int) -> Identity:
        """Return the ids that all operations of a user share."""
        number = self.worker << 40 | ordinal
        nobody = self.uuid(0, 0)
        return Identity(nobody, nobody, self.uuid(number, 2), self.uuid(number, 3))

    def deck(self, priorities: Collection[int], kind: str | None) -> Deck:
        """Return the deck of some priorities and a kind; of any kind where there is none of that kind.

        Raises:
            UsageError: the corpus has no scenario of these priorities.

        """
        key = (frozenset(priorities), kind)
        deck = self._decks.get(key)
        if deck is None:
            of_band = [scenario for scenario in self.inputs.scenarios if scenario.priority in key[0]]
            of_kind = [scenario for scenario in of_band if kind is None or scenario.kind == kind]
            if not of_band:
                raise UsageError(f"the corpus has no scenario of priority {sorted(key[0])}")
            name = f"{sorted(key[0])} {kind}"
            seed, worker = self.inputs.options.seed, self.worker
            deck = Deck(of_kind or of_band, seed=seed, name=name, worker=worker, workers=self._workers)
            self._decks[key] = deck
        return deck

    def record(self, operation: Operation, spans: Sequence[SpanTuple]) -> None:
        """Write down one operation."""
        self._history.add(operation, spans)
        route = operation.route
        if route is not None and self.routes.of(route) is OTHER:
            operation = operation._replace(route=OTHER)
        self._series.add(operation)

    def sample_users(self, users: int) -> None:
        """Note how many users run now; a second counts with the most it saw."""
        second = self._epoch.second(now_ns())
        self._users[second] = max(users, self._users.get(second, self._users_before))
        self._users_before = users

    def take(self, *, final: bool = False) -> Delta:
        """Return what came since the last call, and forget it."""
        users, self._users = self._users, {}
        return {
            "run_id": self.run_id,
            "worker": self.worker,
            "arrivals": self.arrivals,
            "series": self._series.take(),
            "users": users,
            "history": self._history.take(),
            "log_records": dict(self.log_records),
            "final": final,
        }


_sessions: WeakKeyDictionary[Environment, Session] = WeakKeyDictionary()


def open_session(environment: Environment, session: Session) -> None:
    """Make ``session`` the one that new users of ``environment`` join."""
    _sessions[environment] = session


def session_of(environment: Environment) -> Session:
    """Return the session of the run that goes on in ``environment``.

    Raises:
        UsageError: no run goes on there.

    """
    session = _sessions.get(environment)
    if session is None:
        raise UsageError("no run: a RouteUser was started before the run was prepared")
    return session
