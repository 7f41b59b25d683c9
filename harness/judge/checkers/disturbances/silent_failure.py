"""Silent failures: operations that say ok and are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from harness.judge.checker import OfOperations
from harness.judge.checkers.disturbances.ledger import Ledger
from harness.judge.entry import EXAMPLES, Entry, Status, zero_of
from harness.judge.evidence import Evidence
from harness.words.operation import Flag, Operation, Outcome


class Unaccounted(Protocol):
    """What the faults of a plan came to, of it what said ok (``disturbances.ledger``)."""

    @property
    def silent(self) -> int:
        """How many operations said ok though nothing accounts for a fault that hit them."""

    @property
    def quotes(self) -> str:
        """Some of them, in words."""

    @property
    def examples(self) -> Sequence[int]:
        """Their ids."""


class SilentFailure(OfOperations):
    """No operation says ok while it carries no usable route, or was hit by a fault that nothing accounts for.

    No usable route is none, a malformed one, or one of absurd length. What the faults of a plan came to, ``ledger``
    says. Source: Huang et al. 2017, differential observability.
    """

    name = "silent failure"
    place = 130
    means = '"ok" without a usable route, or with a fault that nothing accounts for'
    advice = (
        "Read the operations' flag: no_route is often a breaker that answers, or a route under another name. Of faults "
        "the ledger says more."
    )
    invalid_when = (
        "an operation ended ok and is flagged `no_route`, `malformed` or `oversized`, or was hit by a fault that "
        "nothing accounts for (see the ledger)"
    )
    unknown_when = "none ended ok"
    source = (
        "differential observability, Huang et al. 2017. What the target logged is not taken into account: log records "
        "belong to no operation yet"
    )

    def __init__(self, ledger: Unaccounted | None = None) -> None:
        self._ledger = ledger
        self._cases = 0
        self._flagged: dict[Flag, int] = {}
        self._examples: list[int] = []

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the checker of one run: beside the run's own ledger."""
        return cls(evidence.once(Ledger.of))

    def add(self, operation: Operation) -> None:
        """Look at one operation that ended ok."""
        if operation.outcome is not Outcome.OK:
            return
        self._cases += 1
        if operation.flag is not None:
            self._flagged[operation.flag] = self._flagged.get(operation.flag, 0) + 1
            if len(self._examples) < EXAMPLES:
                self._examples.append(operation.id)

    def close(self) -> Entry:
        """INVALID if an ok operation has no usable route, UNKNOWN where no operation ended ok."""
        if not self._cases:
            return Entry(self.name, Status.UNKNOWN, None, "0", "no operation ended ok")
        silent = sum(self._flagged.values())
        parts = []
        if silent:
            kinds = ", ".join(f"{flag.value} {count:,}" for flag, count in sorted(self._flagged.items()))
            parts.append(f"{silent:,} of {self._cases:,} operations said ok and had no usable route ({kinds})")
        examples = tuple(self._examples)
        if self._ledger is not None and (hit := self._ledger.silent):
            silent += hit
            parts.append(f"{hit:,} said ok and nothing accounts for a fault that hit them: {self._ledger.quotes}")
            examples = (*examples, *self._ledger.examples)[:EXAMPLES]
        detail = "; ".join(parts) or f"ok without a usable route: {zero_of(self._cases)}"
        status = Status.INVALID if silent else Status.VALID
        return Entry(self.name, status, f"{silent:,}", "0", detail, examples)
