"""Criteria: thresholds on measured numbers, written one per line.

Grammar (blank lines and everything behind ``#`` are skipped)::

    criterion := metric comparison number [unit] [ "at" "users" comparison integer ]
    comparison := "<" | "<=" | ">" | ">=" | "=="
    unit := "ms" | "%" | "/s"             (must be the metric's own)

    p95_ms < 500 at users >= 100
    consistency_pct == 100
    availability_pct >= 99.9 %

Latency metrics are over operations that ended ok, measured from the intended start. Latency, throughput and
availability are judged over the steady state of the run (``steady``), where there is one; what they are with the
warm-up stands beside. A metric that was not measured is UNKNOWN: a threshold never passes on absent data. One that no
run could fail, or none could hold (``failed_pct <= 1000``, ``p95_ms < 0``), is refused.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.judge.criteria.series_fold import PERCENTILES, Window
from harness.judge.criteria.steady import WHOLE_RUN, Steady
from harness.judge.entry import Entry, Status, Threshold
from harness.measure.histogram import HIGHEST_US, bucket_of, highest_of
from harness.measure.series_csv import SeriesRow
from harness.words.errors import CriteriaError, cut
from harness.words.files import read_bounded
from harness.words.operation import Outcome

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
_LINE = re.compile(
    r"(?P<metric>\w+)\s*(?P<compare><=|>=|==|<|>)\s*(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>ms|%|/s)?"
    r"(?:\s+at\s+users\s*(?P<users_compare><=|>=|==|<|>)\s*(?P<users>[0-9]+))?"
)
_MOST_BYTES = 1024**2
"""Of a file of criteria: the shipped ones have 500."""
_UNITS = {
    **dict.fromkeys((*PERCENTILES, "mean_ms", "min_ms", "max_ms"), "ms"),
    "availability_pct": "%",
    "failed_pct": "%",
    "consistency_pct": "%",
    "accuracy_pct": "%",
    "throughput_rps": "/s",
    "operations": "",
    "fallback_latency_x": "",
}
_LABELS = {
    **{metric: f"{percent:g}th percentile of the response time" for metric, percent in PERCENTILES.items()},
    "mean_ms": "mean response time",
    "min_ms": "shortest response time",
    "max_ms": "longest response time",
    "availability_pct": "share of operations that ended ok",
    "failed_pct": "share of operations that did not end ok",
    "consistency_pct": "share of decisions that are those of the baseline",
    "accuracy_pct": "share of decisions that are the expected ones",
    "throughput_rps": "operations per second",
    "operations": "operations",
    "fallback_latency_x": "latency with the primary's breaker open, over the primary's",
}
"""What each metric is, in words."""
assert _LABELS.keys() == _UNITS.keys()

_WIDEST = (0.0, math.inf)
_POSSIBLE = {
    **dict.fromkeys(PERCENTILES, (0.0, highest_of(bucket_of(HIGHEST_US)) / 1000)),  # what a histogram can tell
    **dict.fromkeys((metric for metric, unit in _UNITS.items() if unit == "%"), (0.0, 100.0)),
}
"""The smallest and largest value that a metric can have, ``_WIDEST`` where nothing is said."""

_USERS_DIGITS = 9
"""Digits of a number of users: Python reads no integer of more than 4,300, and no machine has a billion."""

_OF_THE_WHOLE_RUN = ("operations",)
_OF_CHECKS = {
    "consistency_pct": "consistency",
    "accuracy_pct": "accuracy",
    "fallback_latency_x": "fallback latency",
}

_RATIO = "highest p50 of operations whose primary's breaker was open, over the p50 of that primary in clean time"

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

    @property
    def threshold(self) -> Threshold:
        """What it asks, as ``verdict.json`` has it."""
        label = _LABELS[self.metric]
        return Threshold(self.metric, label, self.compare, self.number, self.users_compare, self.users)

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
        CriteriaError: the line does not follow the grammar, names no known metric, cannot fail or cannot hold.

    """
    text = " ".join(line.split())
    match = _LINE.fullmatch(text)
    if match is None:
        raise CriteriaError(f"{cut(text, 100)!r} is no criterion, expected e.g. 'p95_ms < 500 at users >= 100'")
    metric = match["metric"]
    if metric not in _UNITS:
        raise CriteriaError(f"no metric {cut(metric, 40)!r}, expected one of {', '.join(_UNITS)}")
    if match["unit"] and match["unit"] != _UNITS[metric]:
        raise CriteriaError(f"{metric} is in {_UNITS[metric] or 'no unit'}, found {match['unit']!r}")
    if match["users"] and metric in _OF_CHECKS:
        raise CriteriaError(f"{metric} is over the whole run, found 'at users'")
    users = _users(match["users_compare"], match["users"]) if match["users"] else None
    criterion = Criterion(text, metric, match["compare"], float(match["number"]), match["users_compare"], users)
    _require_open(criterion)
    return criterion


def _users(compare: str, digits: str) -> int:
    if len(digits.lstrip("0")) > _USERS_DIGITS:
        raise CriteriaError(f"'at users' has a number of {len(digits):,} digits, expected at most {_USERS_DIGITS}")
    users = int(digits)
    if compare == "<" and users == 0:
        raise CriteriaError("no second has users < 0, expected another number")
    return users


def _require_open(criterion: Criterion) -> None:
    """Refuse a criterion that every possible value of its metric would meet, or none."""
    metric, number, holds = criterion.metric, criterion.number, criterion.holds
    if not math.isfinite(number):
        raise CriteriaError(f"{metric} {criterion.compare} a number too large to compare with, expected a smaller one")
    lowest, highest = _POSSIBLE.get(metric, _WIDEST)
    at_the_ends = holds(lowest), holds(highest)
    inside = criterion.compare == "==" and lowest <= number <= highest
    if all(at_the_ends) or not (any(at_the_ends) or inside):
        unit = f" {_UNITS[metric]}" if _UNITS[metric] else ""
        range_ = f"at least 0{unit}" if math.isinf(highest) else f"between 0 and {highest:,.0f}{unit}"
        never = "fail" if all(at_the_ends) else "hold"
        raise CriteriaError(f"{cut(criterion.text, 100)!r} cannot {never}: {metric} is always {range_}")


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
        text = read_bounded(path, _MOST_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = "not UTF-8" if isinstance(error, UnicodeDecodeError) else getattr(error, "strerror", None) or error
        raise CriteriaError(f"{path}: cannot read criteria: {why}") from error
    return parse_criteria(text, str(path))


@dataclass(frozen=True, slots=True)
class _Measured:
    """What was measured of the seconds with certain users: with the warm-up and, where there is one, without."""

    whole: Window
    steady: Window
    remark: Steady
    users_max: int | None

    def over(self, metric: str) -> Window:
        """Return the window a metric is judged over: the steady state, or all where nothing lies in it."""
        return self.steady if self.trims(metric) else self.whole

    def trims(self, metric: str) -> bool:
        """Whether a warm-up is left out of a metric."""
        return bool(self.remark.warm_up_s and self.steady.seconds) and metric not in _OF_THE_WHOLE_RUN


def judge_criteria(
    criteria: Iterable[Criterion],
    series: Iterable[SeriesRow],
    of_checks: Mapping[str, float | None],
    steady: Steady = WHOLE_RUN,
) -> list[Entry]:
    """Decide each criterion over the series; ``of_checks`` gives what checkers measured."""
    rows = list(series)
    measured: dict[tuple[str | None, int | None], _Measured] = {}
    users_max = max((row.users for row in rows if row.users is not None), default=None)
    entries = []
    for criterion in criteria:
        of_users = criterion.users_compare, criterion.users
        if of_users not in measured:
            measured[of_users] = _measure(criterion, rows, steady, users_max)
        entries.append(_decide(criterion, measured[of_users], of_checks))
    return entries


def _measure(criterion: Criterion, series: Sequence[SeriesRow], steady: Steady, users_max: int | None) -> _Measured:
    measured = _Measured(Window(), Window(), steady, users_max)
    for row in series:
        if criterion.covers(row.users):
            measured.whole.add(row)
            if steady.warm_up_s and steady.covers(row.key.second):
                measured.steady.add(row)
        else:
            measured.whole.pass_over(row.key.second)
            measured.steady.pass_over(row.key.second)
    return measured


def _decide(criterion: Criterion, measured: _Measured, of_checks: Mapping[str, float | None]) -> Entry:
    metric = criterion.metric
    of_check = _OF_CHECKS.get(metric)
    window = measured.over(metric)
    value = of_checks.get(of_check) if of_check else window.measure(metric)
    target = f"{criterion.compare} {criterion.number:.12g} {_UNITS[metric]}".strip()
    if value is None:
        why = _why_unknown(criterion, window, measured.users_max)
        return Entry(criterion.text, Status.UNKNOWN, None, target, why, threshold=criterion.threshold)
    status = Status.PASS if criterion.holds(value) else Status.FAIL
    if of_check:
        detail = f"measured by the checker {of_check!r}" if metric.endswith("_pct") else _RATIO
        return Entry(criterion.text, status, _shown(value, metric), target, detail, threshold=criterion.threshold)
    detail = _covered(metric, window) + _with_warm_up(metric, measured)
    concern = _only_without_warm_up(criterion, measured) if status is Status.PASS else None
    shown, threshold = _shown(value, metric), criterion.threshold
    return Entry(criterion.text, status, shown, target, detail, concern=concern, threshold=threshold)


def _covered(metric: str, window: Window) -> str:
    operations, ok = sum(window.outcomes.values()), window.outcomes.get(Outcome.OK, 0)
    partly = metric.endswith("_ms") and ok < operations
    which = f"{ok:,} that ended ok of {operations:,}" if partly else f"{operations:,}"
    return f"over {which} operations in {len(window.seconds):,} seconds"


def _with_warm_up(metric: str, measured: _Measured) -> str:
    """Return what a detail adds on the warm-up: the number with it, or why it is not left out."""
    if metric in _OF_THE_WHOLE_RUN:
        return ""
    if measured.trims(metric):
        value = measured.whole.measure(metric)
        shown = "not measured" if value is None else _shown(value, metric)
        more = f" (while users were started; {measured.remark.why_no_more})" if measured.remark.why_no_more else ""
        return f"; the whole run with its warm-up of {measured.remark.warm_up_s:,} s{more}: {shown}"
    if measured.remark.warm_up_s:
        return "; the warm-up included: none of these seconds is in the steady state"
    return f"; the warm-up included: {measured.remark.why_no_more}" if measured.remark.why_no_more else ""


def _only_without_warm_up(criterion: Criterion, measured: _Measured) -> str | None:
    """Return the concern that a criterion which holds would break with the warm-up."""
    value = measured.whole.measure(criterion.metric) if measured.trims(criterion.metric) else None
    if value is None or criterion.holds(value):
        return None
    shown = _shown(value, criterion.metric)
    return f"{criterion.text} holds only without the warm-up of {measured.remark.warm_up_s:,} s ({shown} with it)"


def _shown(value: float, metric: str) -> str:
    """Return a value and its unit, with enough digits that it never looks like a threshold it misses."""
    number = f"{value:.9g}" if value < 1000 else f"{value:,.3f}"
    return f"{number} {_UNITS[metric]}".strip()


def _why_unknown(criterion: Criterion, window: Window, users_max: int | None) -> str:
    if criterion.metric == "fallback_latency_x":
        return "too few operations fell back while their primary's breaker was open, or were served by it in clean time"
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
