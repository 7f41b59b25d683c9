"""Criteria: thresholds on measured numbers, written one per line.

Grammar (blank lines and everything behind ``#`` are skipped)::

    criterion := metric comparison number [unit] [ "at" "users" comparison integer ]
    comparison := "<" | "<=" | ">" | ">=" | "=="
    unit := "ms" | "%" | "/s"             (must be the metric's own)

    p95_ms < 500 at users >= 100
    consistency_pct == 100
    availability_pct >= 99.9 %

Latency metrics are over operations that ended ok, measured from the intended start. A metric that was not measured
is UNKNOWN: a threshold never passes on absent data.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.judge.entry import Entry, Status, percent
from harness.measure.histogram import Histogram, within_ms
from harness.measure.series import SeriesRow
from harness.words.errors import CriteriaError
from harness.words.operation import STOPPED_ROUTE, Outcome

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
_LINE = re.compile(
    r"(?P<metric>\w+)\s*(?P<compare><=|>=|==|<|>)\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|%|/s)?"
    r"(?:\s+at\s+users\s*(?P<users_compare><=|>=|==|<|>)\s*(?P<users>\d+))?"
)
_PERCENTILES = {"p50_ms": 50.0, "p90_ms": 90.0, "p95_ms": 95.0, "p99_ms": 99.0, "p999_ms": 99.9}
_UNITS = {
    **dict.fromkeys((*_PERCENTILES, "mean_ms", "min_ms", "max_ms"), "ms"),
    "availability_pct": "%",
    "failed_pct": "%",
    "consistency_pct": "%",
    "accuracy_pct": "%",
    "throughput_rps": "/s",
    "operations": "",
}
_OF_CHECKS = {"consistency_pct": "consistency", "accuracy_pct": "accuracy"}

DEFAULT_CRITERIA = """\
p95_ms < 500 at users >= 100    # ROUTE-003: P95 latency under 100 concurrent requests
consistency_pct == 100          # ROUTE-003: routing decision consistency
availability_pct >= 99.9        # ROUTE-004: availability with fallbacks
"""


@dataclass(frozen=True, slots=True)
class Criterion:
    """A threshold on one metric, perhaps only over the seconds with a certain number of concurrent users."""

    text: str
    metric: str
    compare: str
    number: float
    users_compare: str | None = None
    users: int | None = None

    def covers(self, users: int | None) -> bool:
        """Whether a second with ``users`` concurrent users counts; an unmeasured number covers nothing."""
        if self.users is None or self.users_compare is None:
            return True
        return users is not None and _COMPARE[self.users_compare](users, self.users)

    def holds(self, value: float) -> bool:
        """Whether a measured value meets the threshold."""
        return _COMPARE[self.compare](value, self.number)


def parse_criterion(line: str) -> Criterion:
    """Return the criterion of one line.

    Raises:
        CriteriaError: the line does not follow the grammar, or names no known metric.

    """
    text = " ".join(line.split())
    match = _LINE.fullmatch(text)
    if match is None:
        raise CriteriaError(f"{text!r} is no criterion, expected e.g. 'p95_ms < 500 at users >= 100'")
    metric = match["metric"]
    if metric not in _UNITS:
        raise CriteriaError(f"no metric {metric!r}, expected one of {', '.join(_UNITS)}")
    if match["unit"] and match["unit"] != _UNITS[metric]:
        raise CriteriaError(f"{metric} is in {_UNITS[metric] or 'no unit'}, found {match['unit']!r}")
    if match["users"] and metric in _OF_CHECKS:
        raise CriteriaError(f"{metric} is over the whole run, found 'at users'")
    users = int(match["users"]) if match["users"] else None
    return Criterion(text, metric, match["compare"], float(match["number"]), match["users_compare"], users)


def parse_criteria(text: str, source: str) -> tuple[Criterion, ...]:
    """Return the criteria of a text; errors name ``source`` and the line.

    Raises:
        CriteriaError: a line does not parse, or there is no criterion at all.

    """
    criteria = []
    for number, line in enumerate(text.splitlines(), 1):
        body = line.split("#", 1)[0].strip()
        if not body:
            continue
        try:
            criteria.append(parse_criterion(body))
        except CriteriaError as error:
            raise CriteriaError(f"{source}:{number}: {error}") from None
    if not criteria:
        raise CriteriaError(f"{source}: no criterion found, expected lines such as 'p95_ms < 500 at users >= 100'")
    return tuple(criteria)


def read_criteria(path: Path) -> tuple[Criterion, ...]:
    """Return the criteria of a file.

    Raises:
        CriteriaError: the file cannot be read or a line does not parse.

    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise CriteriaError(f"{path}: cannot read criteria: {reason}") from error
    return parse_criteria(text, str(path))


class Window:
    """A fold of series rows: what was measured over the seconds a criterion covers."""

    def __init__(self) -> None:
        self.ok = Histogram()
        self.sum_ns = 0
        self.min_ns: int | None = None
        self.max_ns = 0
        self.outcomes: dict[str, int] = {}
        self.stopped = 0  # cancelled by the harness
        self.seconds: dict[int, int] = {}  # second -> operations

    def add(self, row: SeriesRow) -> None:
        """Take one row."""
        cell = row.cell
        self.seconds[row.key.second] = self.seconds.get(row.key.second, 0) + cell.count
        self.outcomes[row.key.outcome] = self.outcomes.get(row.key.outcome, 0) + cell.count
        if row.key.route == STOPPED_ROUTE:
            self.stopped += cell.count
        if row.key.outcome == Outcome.OK:
            self.ok.merge(cell.histogram.counts)
            self.sum_ns += cell.sum_ns
            self.max_ns = max(self.max_ns, cell.max_ns)
            if cell.min_ns is not None:
                self.min_ns = cell.min_ns if self.min_ns is None else min(self.min_ns, cell.min_ns)

    def measure(self, metric: str) -> float | None:
        """Return the value of a metric over the window, None where it was not measured."""
        ok = self.outcomes.get(Outcome.OK, 0)
        if metric in _PERCENTILES:
            value = self.ok.percentile_us(_PERCENTILES[metric]) if self.mostly_ok else None
            return within_ms(value, self.min_ns, self.max_ns)
        if metric == "operations":
            return float(sum(self.outcomes.values())) if self.seconds else None
        if metric == "throughput_rps":
            return self._throughput()
        if metric in ("availability_pct", "failed_pct"):
            judged = sum(self.outcomes.values()) - self.stopped
            return percent(ok if metric == "availability_pct" else judged - ok, judged)
        if not ok or not self.mostly_ok:
            return None
        return {"mean_ms": self.sum_ns / ok, "min_ms": float(self.min_ns or 0), "max_ms": float(self.max_ns)}[
            metric
        ] / 1e6

    @property
    def mostly_ok(self) -> bool:
        """Whether the latency of what ended ok can stand for the operations: not where most did not end ok."""
        return 2 * self.outcomes.get(Outcome.OK, 0) >= sum(self.outcomes.values()) - self.stopped

    def _throughput(self) -> float | None:
        """Return operations per second over whole seconds: the first and the last one are cut by the window."""
        if not self.seconds:
            return None
        first, last = min(self.seconds), max(self.seconds)
        inside = sum(count for second, count in self.seconds.items() if first < second < last)
        return inside / (last - first - 1) if last - first > 1 else None


def judge_criteria(
    criteria: Iterable[Criterion], series: Iterable[SeriesRow], of_checks: Mapping[str, float | None]
) -> list[Entry]:
    """Decide each criterion over the series; ``of_checks`` gives the percentages that checkers measured."""
    wanted = [(criterion, Window()) for criterion in criteria]
    users_max: int | None = None
    for row in series:
        if row.users is not None:
            users_max = max(users_max or 0, row.users)
        for criterion, window in wanted:
            if criterion.covers(row.users):
                window.add(row)
    return [_decide(criterion, window, users_max, of_checks) for criterion, window in wanted]


def _decide(
    criterion: Criterion, window: Window, users_max: int | None, of_checks: Mapping[str, float | None]
) -> Entry:
    metric = criterion.metric
    of_check = _OF_CHECKS.get(metric)
    value = of_checks.get(of_check) if of_check else window.measure(metric)
    target = f"{criterion.compare} {criterion.number:.12g} {_UNITS[metric]}".strip()
    if value is None:
        return Entry(criterion.text, Status.UNKNOWN, None, target, _why_unknown(criterion, window, users_max))
    status = Status.PASS if criterion.holds(value) else Status.FAIL
    if of_check:
        detail = f"measured by the checker {of_check!r}"
    else:
        operations = sum(window.outcomes.values())
        ok = window.outcomes.get(Outcome.OK, 0)
        which = (
            f"{ok:,} that ended ok of {operations:,}"
            if metric.endswith("_ms") and ok < operations
            else f"{operations:,}"
        )
        detail = f"over {which} operations in {len(window.seconds):,} seconds"
    return Entry(criterion.text, status, f"{_shown(value)} {_UNITS[metric]}".strip(), target, detail)


def _shown(value: float) -> str:
    """Return a value with enough digits that it never looks like a threshold it misses."""
    return f"{value:.9g}" if value < 1000 else f"{value:,.3f}"


def _why_unknown(criterion: Criterion, window: Window, users_max: int | None) -> str:
    if criterion.metric in _OF_CHECKS:
        return f"the checker {_OF_CHECKS[criterion.metric]!r} had nothing to compare"
    if criterion.users is not None and not window.seconds:
        most = "no operation at all" if users_max is None else f"at most {users_max}"
        return f"no second had users {criterion.users_compare} {criterion.users} ({most})"
    if not window.seconds:
        return "no operation was recorded"
    if criterion.metric.endswith("_ms") and window.outcomes.get(Outcome.OK) and not window.mostly_ok:
        return "fewer than half of the operations ended ok: their latency does not stand for the rest"
    return "no operation ended ok" if criterion.metric.endswith("_ms") else "too few operations"
