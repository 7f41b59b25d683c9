"""What went wrong on the load side: the load was then not what it was meant to be, or not all that was tested held.

What the locustfile raised, what users of other kinds beside ours met, and users that went away. None of it says
anything against the target, so that each row is VALID unless the load was not the planned one; but none is a PASS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from harness.judge.entry import Entry, Status

LISTENER, GREENLET, SHAPE = "listener ", "greenlet ", "load shape"
"""How the text of an error begins that somebody else raised than a task."""

_WHO = {
    "": ("tasks of the locustfile", "what they had still to do was not done"),
    LISTENER: ("listeners", "what they are for was not done"),
    GREENLET: ("greenlets", "what they had still to do was not done"),
    SHAPE: ("the load shape", "it was asked no more"),
}

_NAMED = 5
"""Kinds of requests that a row names."""


class Requests(NamedTuple):
    """Requests of one kind that users of other kinds made."""

    sent: int
    failed: int
    error: str | None  # the most frequent one


class Gone(NamedTuple):
    """Users that went away before the end of the load."""

    since_s: float  # seconds of the load from which on they were gone
    there: int  # how many there were at the end
    asked: int


class Early(NamedTuple):
    """A load that ended before it was to end."""

    lasted_s: float
    asked_s: float | None  # its run time; None of a load shape that went on
    by: str | None  # place in the locustfile that ended it; None where somebody else did (Ctrl-C, a signal, Stop)


def user_errors(errors: Mapping[str, int]) -> Entry:
    """VALID with a concern: the locustfile raised (text -> how often, the first one first); INVALID if its shape did.

    A load shape that raises is asked no more: the load was not what was planned from then on.
    """
    by_whom: dict[str, dict[str, int]] = {}
    for text, count in errors.items():
        who = next((begin for begin in (LISTENER, GREENLET, SHAPE) if text.startswith(begin)), "")
        by_whom.setdefault(who, {})[text] = count
    details, concerns = [], []
    for who, texts in sorted(by_whom.items()):
        raised = f"{_WHO[who][0]} raised {_often(sum(texts.values()))}"
        details.append(f"{raised}: {_WHO[who][1]}; the first: {next(iter(texts))}")
        concerns.append(f"{raised} ({next(iter(texts))})" if who else raised)
    count = sum(errors.values())
    actual = "1 error" if count == 1 else f"{count:,} errors"
    invalid = SHAPE in by_whom
    return Entry(
        "locustfile",
        Status.INVALID if invalid else Status.VALID,
        actual,
        "none",
        "; ".join(details),
        required=False,
        concern=None if invalid else "; ".join(concerns),
    )


def other_users(requests: Mapping[str, Requests]) -> Entry:
    """VALID, with a concern where requests that are no operations failed (type and name -> how many)."""
    count, failed = sum(each.sent for each in requests.values()), sum(each.failed for each in requests.values())
    broken = sorted(((each.failed, name) for name, each in requests.items() if each.failed), reverse=True)
    actual, concern = f"{failed:,} of {count:,} failed", None
    detail = f"requests of other users of the locustfile, which no criterion or check looks at: {len(requests):,} kinds"
    if broken:
        named = [_named(name, requests[name]) for _, name in broken[:_NAMED]]
        detail = "; ".join([*named, *([f"{len(broken) - _NAMED:,} more kinds"] if len(broken) > _NAMED else [])])
        concern = f"{actual} of the requests of other users ({broken[0][1]})"
    return Entry("other users", Status.VALID, actual, "none failed", detail, required=False, concern=concern)


def gone(users: Gone) -> Entry:
    """VALID with a concern: users went away before the load was over, and nobody sent what they would have."""
    left = users.asked - users.there
    which = f"all {users.asked:,}" if not users.there else f"{left:,} of {users.asked:,}"
    concern = f"{which} users had gone after {users.since_s:.0f} s, before the end of the load"
    detail = f"{concern}: they stopped themselves, or raised where no task runs (on_start)"
    actual = f"{users.there:,} of {users.asked:,}"
    return Entry("users", Status.VALID, actual, "all to the end", detail, required=False, concern=concern)


def ended_early(load: Early) -> Entry:
    """VALID with a concern: the load did not last as long as it was meant to, and what was to come was not tested."""
    planned = "its load shape had ended" if load.asked_s is None else f"its {load.asked_s:g} s were over"
    by = "" if load.by is None else f", by {load.by}"
    concern = f"the load ended after {load.lasted_s:.1f} s, before {planned}{by}"
    detail = concern if by else f"{concern}: it was stopped (Ctrl-C, a signal, the web UI, or workers that left)"
    target = "to its end" if load.asked_s is None else f"{load.asked_s:g} s"
    return Entry("run time", Status.VALID, f"{load.lasted_s:.1f} s", target, detail, required=False, concern=concern)


def _named(name: str, requests: Requests) -> str:
    error = f" ({requests.error})" if requests.error else ""
    return f"{name}: {requests.failed:,} of {requests.sent:,}{error}"


def _often(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
