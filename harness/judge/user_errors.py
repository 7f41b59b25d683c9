"""What tasks of the locustfile raised: the load was then not what it was meant to be."""

from __future__ import annotations

from collections.abc import Mapping

from harness.judge.entry import Entry, Status


def user_errors(errors: Mapping[str, int]) -> Entry:
    """VALID with a concern: tasks of the locustfile raised (text -> how often, the first one first)."""
    count, first = sum(errors.values()), next(iter(errors))
    raised = f"tasks of the locustfile raised {count:,} times"
    detail = f"{raised}: what they had still to do was not done; the first: {first}"
    return Entry("locustfile", Status.VALID, f"{count:,} errors", "none", detail, required=False, concern=raised)
