"""The corpus: a file of scenarios, one JSON object a line.

Fields of a scenario: ``id`` (text, unique in the file), ``text`` (any text, also empty), ``priority`` (0-9, 9
most urgent), and optionally ``metadata`` (object), ``expected_route`` (the golden route), ``label`` (what a
human called it) and ``tags`` (list of text). Blank lines are skipped. A mistake is one ``CorpusError``, the
first in the file, as ``FILE:LINE: what was found, what was expected``.

The file is read line by line; what stays in memory are its scenarios, which are shuffled.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, NoReturn, TypeAlias, cast

import msgspec

from harness.load.corpus.bands import KINDS, OTHER_KIND, PRIORITIES
from harness.words.errors import CorpusError
from harness.words.files import TooLongError, lines_bounded
from harness.words.operation import ROUTE_LABEL_LIMIT

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"
"""What a JSON document can hold."""

DEFAULT_CORPUS: Final = Path(__file__).parents[1] / "corpora" / "default.jsonl"
"""The corpus that is used when none is named; ``scripts/build_corpus.py`` builds it."""

_REQUIRED = ("id", "text", "priority")
_OPTIONAL = ("metadata", "expected_route", "label", "tags")
_FIELDS = frozenset(_REQUIRED + _OPTIONAL)
_FIELD_LIST = ", ".join(_REQUIRED) + ", and optionally " + ", ".join(_OPTIONAL)
_BOM = b"\xef\xbb\xbf"
_NO_METADATA: Final[Mapping[str, JSON]] = MappingProxyType({})  # one for all scenarios: a dict takes 64 bytes
MOST_DEPTH = 100
"""Brackets in each other: a target that walks through metadata has a stack, too."""
_MOST_BYTES = 4 * 1024**3
_MOST_BYTES_OF_LINE = 16 * 1024**2
_SHOWN = 60  # characters of a wrong value quoted in an error


@dataclass(frozen=True, slots=True)
class Scenario:
    """One input and what is expected of it."""

    id: str
    text: str
    priority: int
    metadata: Mapping[str, JSON] = field(default_factory=dict, hash=False)
    expected_route: str | None = None
    label: str | None = None
    tags: tuple[str, ...] = ()
    _nested: bool = field(init=False, repr=False, compare=False, default=False)

    def __post_init__(self) -> None:
        if self.priority not in PRIORITIES:
            raise ValueError(f"priority {self.priority!r} is outside 0-9")
        nested = any(isinstance(value, (dict, list)) for value in self.metadata.values())
        object.__setattr__(self, "_nested", nested)

    @property
    def kind(self) -> str:
        """The first tag that is one of ``KINDS``, else ``other``."""
        return next((tag for tag in self.tags if tag in KINDS), OTHER_KIND)

    def fresh_metadata(self) -> dict[str, JSON]:
        """Return a copy of the metadata that shares nothing mutable with this scenario."""
        if self._nested:
            return {key: _copied(value) for key, value in self.metadata.items()}
        return dict(self.metadata)


@dataclass(frozen=True, slots=True)
class Corpus:
    """The scenarios of one file, in its order, with the SHA-256 of its bytes."""

    path: str
    digest: str
    scenarios: tuple[Scenario, ...]
    routes: frozenset[str] = field(init=False, repr=False, compare=False)
    """The golden routes the file names."""

    def __post_init__(self) -> None:
        named = {scenario.expected_route for scenario in self.scenarios}
        object.__setattr__(self, "routes", frozenset(route for route in named if route is not None))

    def __len__(self) -> int:
        return len(self.scenarios)

    def __iter__(self) -> Iterator[Scenario]:
        return iter(self.scenarios)


def read_corpus(path: str | os.PathLike[str]) -> Corpus:
    """Read and validate the whole file.

    Raises:
        CorpusError: the file cannot be read, holds no scenario, or a line of it is none.
    """
    digest = hashlib.sha256()
    scenarios = tuple(_read(path, digest.update))
    return Corpus(path=os.fspath(path), digest=digest.hexdigest(), scenarios=scenarios)


def write_corpus(scenarios: Iterable[Scenario], path: str | os.PathLike[str]) -> None:
    """Write ``scenarios`` to ``path``, replacing it in one step; equal scenarios give equal bytes.

    A link stays one, and what it leads to is replaced; the mode of a file that is there is kept. Optional fields that
    are empty are left out. Printable characters stay as they are; invisible ones
    (controls, bidirectional marks, joiners) are escaped, so that a reviewer sees them.

    Raises:
        OSError: the file cannot be written; what was there before is untouched.
    """
    target = Path(path).resolve()
    scratch = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with scratch.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(scenario_line(scenario) + "\n" for scenario in scenarios)
        if target.exists():
            scratch.chmod(stat.S_IMODE(target.stat().st_mode))
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def scenario_line(scenario: Scenario) -> str:
    """Return the line of ``scenario``, without its line end."""
    fields: dict[str, object] = {"id": scenario.id, "text": scenario.text, "priority": scenario.priority}
    if scenario.metadata:
        fields["metadata"] = dict(scenario.metadata)
    if scenario.expected_route is not None:
        fields["expected_route"] = scenario.expected_route
    if scenario.label is not None:
        fields["label"] = scenario.label
    if scenario.tags:
        fields["tags"] = list(scenario.tags)
    line = json.dumps(fields, ensure_ascii=False, allow_nan=False)
    return line if line.isprintable() else "".join(map(_visible, line))


def _visible(char: str) -> str:
    """Return ``char``, or its JSON escape when it does not show (general categories C*, Zl, Zp)."""
    category = unicodedata.category(char)
    if category[0] != "C" and category not in {"Zl", "Zp"}:
        return char
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def _copied(value: JSON) -> JSON:
    """Return a deep copy of a JSON value (copy.deepcopy takes ten times as long)."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copied(inner) for inner in value]
    return value


def _read(path: str | os.PathLike[str], see: Callable[[bytes], object]) -> Iterator[Scenario]:
    """Yield the scenarios of ``path``; hand every raw line to ``see``."""
    name = os.fspath(path)
    ids: set[str] = set()
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    try:
        for number, raw in enumerate(lines_bounded(Path(name), _MOST_BYTES, _MOST_BYTES_OF_LINE), start=1):
            see(raw)
            line = raw.removeprefix(_BOM) if number == 1 else raw
            if not line.strip():
                continue
            scenario = _scenario(line, f"{name}:{number}", shared)
            if scenario.id in ids:
                found = f"the id {_shown(scenario.id)} of line {_line_of(scenario.id, name)} again"
                _reject(f"{name}:{number}", found, "an id used once")
            ids.add(scenario.id)
            yield scenario
    except TooLongError as error:
        raise CorpusError(f"{name}: found {error}, expected JSON Lines, one scenario a line") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CorpusError(f"{name}: found {reason}, expected a readable file of JSON Lines") from error
    if not ids:
        _reject(name, "no scenario", "one JSON object a line")


def _line_of(identifier: str, name: str) -> int:
    """Return the first line that holds a scenario of this id; all lines up to it are known to be good."""
    with Path(name).open("rb") as file:
        for number, raw in enumerate(file, start=1):
            line = raw.removeprefix(_BOM)
            if line.strip() and _object(line, name)["id"] == identifier:
                return number
    raise AssertionError("the file changed while it was read")


def _scenario(line: bytes, place: str, shared: dict[tuple[str, ...], tuple[str, ...]]) -> Scenario:
    """Return the scenario ``line`` holds, or raise a ``CorpusError`` that names ``place``.

    What many scenarios have alike is kept once: routes, labels, and the tags that are in ``shared``.
    """
    fields = _object(line, place)
    for missing in _REQUIRED:
        if missing not in fields:
            _reject(place, f"no field {missing!r}", f"the fields {_FIELD_LIST}")
    for unknown in fields:
        if unknown not in _FIELDS:
            _reject(place, f"unknown field {_shown(unknown)}", f"the fields {_FIELD_LIST}")
    return Scenario(
        id=_text(fields, "id", place),
        text=_any_text(fields["text"], place),
        priority=_priority(fields["priority"], place),
        metadata=_metadata(fields.get("metadata"), place),
        expected_route=_route(fields, place),
        label=_optional_text(fields, "label", place),
        tags=shared.setdefault(tags := _tags(fields.get("tags"), place), tags),
    )


def _object(line: bytes, place: str) -> dict[str, JSON]:
    """Return the JSON object ``line`` holds."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        _reject(place, f"byte 0x{line[error.start]:02x} at column {error.start + 1}", "UTF-8")
    try:
        value = msgspec.json.decode(line)
        # A colon follows every key; the others are in text, or follow a key given twice.
        if line.count(b":") != _keys(value):
            _refuse_keys_given_twice(line, place)
    except (msgspec.DecodeError, RecursionError) as error:
        _reject(place, f"no JSON ({error})", f"a JSON object, nested at most {MOST_DEPTH} deep")
    if not isinstance(value, dict):
        _reject(place, _shown(value), "a JSON object")
    return cast("dict[str, JSON]", value)


def _keys(value: object, depth: int = 0) -> int:
    """Return how many keys a JSON value holds, inner ones as well; raise RecursionError where it is too deep."""
    if depth > MOST_DEPTH:
        raise RecursionError("too many brackets")
    if isinstance(value, dict):
        return len(value) + sum(_keys(inner, depth + 1) for inner in value.values() if isinstance(inner, (dict, list)))
    return sum(_keys(inner, depth + 1) for inner in value) if isinstance(value, list) else 0


def _refuse_keys_given_twice(line: bytes, place: str) -> None:
    def look(pairs: list[tuple[str, object]]) -> None:
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            _reject(place, f"the key {_shown(twice)} twice", "each key once")

    # Numbers stay text: Python refuses to read one of over 4,300 digits.
    json.loads(line, object_pairs_hook=look, parse_int=str, parse_float=str)


def _any_text(value: JSON, place: str) -> str:
    if not isinstance(value, str):
        _reject(place, f"text {_shown(value)}", "text in quotes")
    return value


def _text(fields: Mapping[str, JSON], name: str, place: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or not value.strip():
        _reject(place, f"{name} {_shown(value)}", "text that is not blank")
    return value


def _optional_text(fields: Mapping[str, JSON], name: str, place: str) -> str | None:
    return None if fields.get(name) is None else sys.intern(_text(fields, name, place))


def _route(fields: Mapping[str, JSON], place: str) -> str | None:
    route = _optional_text(fields, "expected_route", place)
    if route is not None and len(route) > ROUTE_LABEL_LIMIT:
        found = f"an expected_route of {len(route):,} characters"
        _reject(place, found, f"at most {ROUTE_LABEL_LIMIT}, as long as a route's label can be")
    return route


def _priority(value: JSON, place: str) -> int:
    # bool is an int in Python, not in JSON.
    if not isinstance(value, int) or isinstance(value, bool) or value not in PRIORITIES:
        _reject(place, f"priority {_shown(value)}", "a whole number 0-9")
    return value


def _metadata(value: JSON, place: str) -> Mapping[str, JSON]:
    if value is None:
        return _NO_METADATA
    if not isinstance(value, dict):
        _reject(place, f"metadata {_shown(value)}", "a JSON object")
    return value


def _tags(value: JSON, place: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        _reject(place, f"tags {_shown(value)}", "a list of text")
    return tuple(cast("list[str]", value))


def _shown(value: object) -> str:
    """Return ``value`` as JSON, cut to ``_SHOWN`` characters."""
    try:
        text = json.dumps(value, ensure_ascii=True)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _reject(place: str, found: str, expected: str) -> NoReturn:
    raise CorpusError(f"{place}: found {found}, expected {expected}")
