"""The load side of a run, in a worker or a single process: what its users share, and what they leave behind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import cast
from uuid import UUID, SafeUUID
from weakref import WeakKeyDictionary

from locust.env import Environment

from harness.load.arrivals.share import Counts
from harness.load.corpus.deck import Deck, deck_of
from harness.loop import HubLoop, Pacer
from harness.measure.blocks import WireBlock
from harness.measure.recorder import Recorder
from harness.measure.series import Series
from harness.measure.vitals import WireVitals
from harness.pipeline.target import Identity
from harness.record.buffer import HistoryBuffer
from harness.swarm.inputs import Inputs
from harness.swarm.loading.gate import Gate
from harness.swarm.wire.delta import Delta
from harness.words.clock import Epoch, now_ns
from harness.words.error_kinds import Kinds
from harness.words.errors import UsageError, one_line
from harness.words.operation import LABELS_KEPT, OTHER, operation_id


def _uuid(number: int) -> UUID:
    """Return the id of a number; ``UUID(int=...)`` spends 1 µs on the arguments it is not given."""
    identifier = _new_object(UUID)
    _set_int(identifier, number)
    _set_is_safe(identifier, _UNKNOWN)
    return identifier


_new_object = object.__new__
_new_tuple = tuple.__new__  # Identity(...) is a Python call more
_UNKNOWN = SafeUUID.unknown
_set_int = UUID.__dict__["int"].__set__  # slots of an object that is immutable once made
_set_is_safe = UUID.__dict__["is_safe"].__set__


class BoundedNames:
    """Texts from the target that become keys: the first ``LABELS_KEPT`` as they are, the rest as one."""

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept: set[str] = set()

    def of(self, text: str) -> str:
        """Return the key for a text."""
        if text in self.kept:
            return text
        if len(self.kept) >= LABELS_KEPT:
            return OTHER
        self.kept.add(text)
        return text


class BoundedErrors(BoundedNames):
    """Names of errors: messages that differ only in an id are one."""

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        super().__init__()
        self._kinds = Kinds()

    def of(self, text: str) -> str:
        """Return the key for a message."""
        return super().of(self._kinds.of(text))


class Session:
    """What the users of one worker share during one run.

    Args:
        inputs: what the run is made of.
        run_id: the run.
        loop: drives the target.
        epoch: the offset of ``clock``.
        worker: the index of this one.
        workers: how many there are.
        clock: monotonic nanoseconds.

    """

    def __init__(
        self,
        inputs: Inputs,
        run_id: str,
        loop: HubLoop,
        epoch: Epoch,
        worker: int,
        workers: int,
        clock: Callable[[], int] = now_ns,
    ) -> None:
        self._clock = clock
        self.inputs = inputs
        self.run_id = run_id
        self.loop = loop
        self.worker = worker
        self.runner = inputs.runner
        self.deadline_s = inputs.options.deadline_s
        self.started = 0
        self.gate = Gate(clock)
        self.routes = BoundedNames()
        self.names = BoundedNames()
        self.errors = BoundedErrors()
        self.log_records: Mapping[str, int] = {}
        self.before_take: list[Callable[[], None]] = []  # what notes down the latest before it is handed over
        self.count_users: Callable[[], int] = lambda: 0
        self.pacers: Mapping[str, Pacer] = {}  # by name of an open-loop user class
        self._taken = 0
        self.take_vitals: Callable[[], list[WireVitals]] = list
        self.take_blocks: Callable[[], list[WireBlock]] = list
        self._users_started = 0
        self._users: dict[int, int] = {}
        self._edges: list[tuple[object, ...]] = []
        self._workers = workers
        self.epoch = epoch
        self._series = Series(epoch, self.routes.of)
        self._history = HistoryBuffer(epoch)
        self._recorder = Recorder(
            operations=(self._history.fold, self._series.fold),
            spans=(self._history.fold_spans,),
            attempts=(self._history.fold_attempts,),
        )
        self.record = self._recorder.record
        """Write down one operation, its spans, and the attempts its target told."""
        self._decks: dict[tuple[frozenset[int], str | None], Deck] = {}
        self._id_prefix = (int.from_bytes(run_id.encode()[-8:]) & 0xFFFFFFFF) << 96

    def new_user(self) -> int:
        """Return the ordinal of a user that starts."""
        ordinal = self._users_started
        self._users_started += 1
        self.sample_users(self.count_users() + 1)
        return ordinal

    def identity(self, operation: int, user: Identity) -> Identity:
        """Return the ids of one operation of ``user``: its request and its pipeline run have the same, unique one."""
        unique = _new_object(UUID)  # as _uuid does, without the call
        _set_int(unique, self._id_prefix | operation)
        _set_is_safe(unique, _UNKNOWN)
        return _new_tuple(Identity, (unique, unique, user.session_id, user.user_id))

    def user_identity(self, ordinal: int) -> Identity:
        """Return the ids that all operations of a user share."""
        number = self._id_prefix | operation_id(self.worker, ordinal)
        nobody = _uuid(0)
        return Identity(nobody, nobody, _uuid(number | 2 << 88), _uuid(number | 3 << 88))

    def deck(self, priorities: Collection[int], kind: str | None) -> Deck:
        """Return the deck of some priorities and a kind; of any kind where there is none of that kind.

        Raises:
            UsageError: the corpus has no scenario of these priorities.

        """
        key = (frozenset(priorities), kind)
        deck = self._decks.get(key)
        if deck is None:
            made = deck_of(
                self.inputs.scenarios,
                priorities,
                kind,
                seed=self.inputs.options.seed,
                worker=self.worker,
                workers=self._workers,
            )
            if made is None:
                raise UsageError(f"the corpus has no scenario of priority {sorted(key[0])}")
            deck = made
            self._decks[key] = deck
        return deck

    def note(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Write down rows of another table of the history: injections, calls of backends, edges."""
        if table == "edges":
            rows = list(rows)
            self._edges += rows
        self._history.note(table, rows)

    def sample_users(self, users: int) -> None:
        """Note how many users run now; a second counts with the last that was seen in it."""
        self._users[self.epoch.second(self._clock())] = users

    def take(self, *, final: bool = False) -> Delta:
        """Return what came since the last call, and forget it."""
        for gather in self.before_take:
            gather()
        self._recorder.hand_on()
        users, self._users = self._users, {}
        edges, self._edges = self._edges, []
        seq = self._taken
        self._taken += 1
        return {
            "run_id": self.run_id,
            "worker": self.worker,
            "seq": seq,
            "gathered_ns": self._clock() + self.epoch.offset_ns,
            "arrivals": self.started,
            "history": self._history.take(),
            "series": self._series.take(),
            "users": users,
            "edges": [(cast(int, at_ns) + self.epoch.offset_ns, *rest) for at_ns, *rest in edges],
            "log_records": dict(self.log_records),
            "schedule": self._take_schedule(),
            "held_back_s": self.gate.held_back_s,
            "clock_offset": None,
            "vitals": self.take_vitals(),
            "blocks": self.take_blocks(),
            "broken": None if self.loop.broken is None else one_line(self.loop.broken),
            "final": final,
        }

    def _take_schedule(self) -> Counts:
        """Return what all schedules counted since the last call."""
        total: Counts = {}
        for pacer in self.pacers.values():
            for second, (due, not_delivered) in pacer.counts().items():
                counts = total.setdefault(second, [0, 0])
                counts[0] += due
                counts[1] += not_delivered
        return total


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
