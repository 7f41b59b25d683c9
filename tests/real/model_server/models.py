"""What a model answers, how long it takes, and what goes wrong: settings, and how they are read from JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any, TypeVar


class SettingsError(ValueError):
    """Settings that are none, in one line."""


def _in_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise SettingsError(f"{name}: expected {least:g} to {most:g}, found {value!r}")


class Kind(StrEnum):
    """What becomes of a call."""

    OK = "ok"
    RATE_LIMITED = "rate_limited"
    """429 with ``retry-after``."""
    SERVER_ERROR = "server_error"
    """500."""
    HANG = "hang"
    """Nothing is sent until the caller leaves."""
    SLOW_TOKENS = "slow_tokens"
    """The answer comes, token by token, ``token_ms`` of the behaviour apart."""
    CUT_STREAM = "cut_stream"
    """The connection is closed in the middle of the answer, after ``after_tokens``."""
    MALFORMED = "malformed"
    """200, and a body that is not JSON."""
    WRONG_MODEL = "wrong_model"
    """The answer says that ``answers_as`` gave it."""
    RESET = "reset"
    """The connection is reset (RST) before anything is sent."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What goes wrong with the calls of a model.

    Attributes:
        kind: what becomes of a call that it meets; the others are ``ok``.
        share: of the calls that it meets, 0 to 1.
        calls: how many calls it may meet from when it was set; None: no end.
        retry_after_s: of ``rate_limited``.
        token_ms: of ``slow_tokens``, between two tokens.
        after_tokens: of ``cut_stream``, tokens that are sent.
        answers_as: of ``wrong_model``, the name in the answer.

    """

    kind: Kind = Kind.OK
    share: float = 1.0
    calls: int | None = None
    retry_after_s: float = 1.0
    token_ms: float = 50.0
    after_tokens: int = 1
    answers_as: str = "another-model"

    def __post_init__(self) -> None:
        _in_range("share", self.share, 0, 1)
        for name in ("retry_after_s", "token_ms", "after_tokens"):
            _in_range(name, getattr(self, name), 0, math.inf)
        if self.calls is not None:
            _in_range("calls", self.calls, 0, math.inf)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says to a text that contains something, whatever the case."""

    contains: str
    says: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model.

    Attributes:
        latency_ms: from the request to the first byte of the answer; the median, where there is jitter.
        jitter: sigma of the lognormal distribution by which latency varies; 0: it does not.
        token_ms: between two tokens of a stream.
        answers: the first whose ``contains`` is in the last message of the user is what the model says.
        otherwise: what it says where none is.
        dimensions: of an embedding.
        behaviour: what goes wrong.

    """

    name: str
    latency_ms: float = 20.0
    jitter: float = 0.0
    token_ms: float = 0.0
    answers: tuple[Answer, ...] = ()
    otherwise: str = "ok"
    dimensions: int = 64
    behaviour: Behaviour = Behaviour()

    def __post_init__(self) -> None:
        if not self.name:
            raise SettingsError("name: expected one, found ''")
        for field in ("latency_ms", "jitter", "token_ms"):
            _in_range(field, getattr(self, field), 0, math.inf)
        _in_range("dimensions", self.dimensions, 1, 4096)

    def says(self, text: str) -> str:
        """Return what the model says to a text."""
        lowered = text.lower()
        return next((answer.says for answer in self.answers if answer.contains.lower() in lowered), self.otherwise)

    def latency_s(self, seed: int, number: int) -> float:
        """Return how long the answer to the ``number``-th call takes."""
        if not self.jitter:
            return self.latency_ms / 1e3
        radius = math.sqrt(-2 * math.log(1 - chance(seed, self.name, number, "radius")))
        normal = radius * math.cos(2 * math.pi * chance(seed, self.name, number, "angle"))  # Box and Muller, 1958
        return self.latency_ms / 1e3 * math.exp(self.jitter * normal)


def chance(seed: int, model: str, number: int, what: str) -> float:
    """Return a number in [0, 1) that these four decide."""
    # A generator seeded per call would cost ten times the microsecond of a hash.
    digest = blake2b(f"{number}:{what}:{model}:{seed}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56


def model_from(settings: Mapping[str, Any], base: Model) -> Model:
    """Return ``base`` with some settings replaced; raise ``SettingsError`` for one that is none."""
    given = dict(settings)
    if "answers" in given:
        entries = given["answers"]
        if not isinstance(entries, list):
            raise SettingsError(f"answers: expected a list, found {entries!r}")
        given["answers"] = tuple(_replaced(Answer("", ""), entry, "answers: ") for entry in entries)
    if "behaviour" in given:
        given["behaviour"] = _replaced(Behaviour(), given["behaviour"], "behaviour: ")
    if given.get("name", base.name) != base.name:
        raise SettingsError(f"name: expected {base.name!r}, found {given['name']!r}")
    return _replaced(base, given)


Settings = TypeVar("Settings", Model, Behaviour, Answer)

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "float": (int, float),
    "int": int,
    "int | None": (int, type(None)),
    "str": str,
    "Kind": str,
    "Behaviour": Behaviour,
    "tuple[Answer, ...]": tuple,
}
"""What JSON may give for a field, by its annotation."""


def _replaced(base: Settings, settings: object, where: str = "") -> Settings:
    if not isinstance(settings, Mapping):
        raise SettingsError(f"{where}expected an object, found {settings!r}")
    fields = {field.name: str(field.type) for field in dataclasses.fields(base)}
    given: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in fields:
            raise SettingsError(f"{where}expected one of {', '.join(fields)}, found {name!r}")
        if not isinstance(value, _TYPES[fields[name]]) or isinstance(value, bool):
            raise SettingsError(f"{where}{name}: expected {fields[name]}, found {value!r}")
        given[name] = _kind(value, where) if fields[name] == "Kind" else value
    try:
        return dataclasses.replace(base, **given)
    except SettingsError as error:
        raise SettingsError(f"{where}{error}") from None


def _kind(value: object, where: str) -> Kind:
    if value not in list(Kind):
        raise SettingsError(f"{where}kind: expected one of {', '.join(Kind)}, found {value!r}")
    return Kind(str(value))


def settings_of(model: Model) -> dict[str, Any]:
    """Return a model's settings as JSON has them; ``model_from`` reads them."""
    return dataclasses.asdict(model)
