"""What went wrong on the load side: the load was then not what it was meant to be, or not all that was tested held.

What tasks and listeners of the locustfile raised, what users of other kinds beside ours met, and users that went away.
None of it says anything against the target, so that each row is VALID; but none of it may look like a PASS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from harness.judge.entry import Entry, Status

LISTENER = "listener "
"""How the text of an error begins that a listener raised, and not a task."""

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


def user_errors(errors: Mapping[str, int]) -> Entry:
    """VALID with a concern: tasks or listeners of the locustfile raised (text -> how often, the first one first)."""
    of_tasks = {text: count for text, count in errors.items() if not text.startswith(LISTENER)}
    of_listeners = {text: count for text, count in errors.items() if text.startswith(LISTENER)}
    details, concerns = [], []
    if of_tasks:
        raised = f"tasks of the locustfile raised {_often(sum(of_tasks.values()))}"
        details.append(f"{raised}: what they had still to do was not done; the first: {next(iter(of_tasks))}")
        concerns.append(raised)
    if of_listeners:
        raised = f"listeners raised {_often(sum(of_listeners.values()))}"
        details.append(f"{raised}: what they are for was not done; the first: {next(iter(of_listeners))}")
        concerns.append(f"{raised} ({next(iter(of_listeners))})")
    count = sum(errors.values())
    actual = "1 error" if count == 1 else f"{count:,} errors"
    concern = "; ".join(concerns)
    return Entry("locustfile", Status.VALID, actual, "none", "; ".join(details), required=False, concern=concern)


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


def _named(name: str, requests: Requests) -> str:
    error = f" ({requests.error})" if requests.error else ""
    return f"{name}: {requests.failed:,} of {requests.sent:,}{error}"


def _often(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
