"""What a report says in words: numbers as text, the verdict's meaning, and one sentence per plot.

Sentences are computed from statistics frames (see ``analysis.statistics``) and say 'no data' for an empty one.
"""

from __future__ import annotations

import json
import math
import re
from typing import Protocol

import numpy as np
import pandas as pd

MEANINGS = {
    "PASS": "Every criterion held, no checker found a violation, and the run can be trusted.",
    "PASS WITH CONCERNS": "What was required held; something else needs a look.",
    "FAIL": "The routing did not hold under this load.",
    "INCONCLUSIVE": "This run cannot say: it is not trustworthy, or something required is not known.",
}
NOT_JUDGED = "NOT JUDGED"
NOT_JUDGED_MEANING = "The run was cut off before it was judged: there is no verdict.json to read."
PLAIN_MEANING = "These are Locust's own files: there is no verdict.json to read."
SHORT = 24
"""Characters of a cell that is not broken into lines; longer ones would push the table out of the page."""

WITH_FAILED = "all requests, failed ones too"
"""What Locust's own latencies are of, in the column ``latency_of`` of frames made from its files."""

ABOUT = 0.05
"""Share by which two latencies may differ that are called about the same."""

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""Control characters and line ends, marks that turn the direction of text or do not show, halves of surrogate pairs.

Joiners stay: a page needs them for the scripts that are written with them. A terminal gets none, see ``printable``."""


class Judged(Protocol):
    """What has a verdict (``files.documents.Verdict``)."""

    @property
    def verdict(self) -> str:
        """The word."""


def meaning(verdict: Judged | None) -> str:
    """Return in one or two sentences what the verdict means."""
    if verdict is None:
        return NOT_JUDGED_MEANING
    unknown = f"This version of the report does not know the verdict {verdict.verdict!r}."
    return MEANINGS.get(verdict.verdict, unknown)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with thousands separated and ``digits`` significant digits, '—' where there is none."""
    if value is None or not math.isfinite(value):
        return "—"
    if isinstance(value, int) or value.is_integer():
        return f"{int(value):,}"
    # rounding may carry into a new digit (0.9999 -> 1.00): harmless, it shows one digit more
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{decimals}f}"


def milliseconds(value: float | None) -> str:
    """Return a latency given in ms with its unit: '0.223 ms', '1,230 ms'."""
    return "—" if value is None or not math.isfinite(value) else f"{number(value)} ms"


def seconds(value: float | None) -> str:
    """Return a length of time, or a moment of the run, in seconds with its unit: '7 s', '60.1 s'."""
    if value is None or not math.isfinite(value):
        return "—"
    whole = abs(value - round(value)) < 0.05
    return f"{round(value):,} s" if whole else f"{value:,.1f} s"


def spelled(value: float) -> str:
    """Return a length of time in words: '1 second', '7.5 seconds'."""
    shown = seconds(value).removesuffix(" s")
    return f"{shown} second" if shown == "1" else f"{shown} seconds"


def moment(value: float | None) -> str:
    """Return a moment of the run, in seconds since its load began, as the terminal counts them: '9.8 s', '10.0 s'."""
    return "—" if value is None or not math.isfinite(value) else f"{value:,.1f} s"


def delay(value_s: float, resolution_s: float = 0) -> str:
    """Return how long the first fallback took to come; whole seconds where it is known no finer."""
    return f"{value_s:,.0f} s (±1 s)" if resolution_s else milliseconds(1000 * value_s)


def recovery(value_s: float | None) -> str:
    """Return how long recovery took: '0.217 s'."""
    return "—" if value_s is None or not math.isfinite(value_s) else f"{number(float(value_s))} s"


def users(value: float) -> str:
    """Return a number of users, of a mean or a model as well: '17.6', '55'."""
    return f"{value:,.1f}" if value < 20 and not float(value).is_integer() else f"{value:,.0f}"


def located(value: float, low: float, high: float) -> str:
    """Return a number of users with its interval: '30 users [28, 32]'; the end may lie beyond what was measured."""
    if math.isnan(value):
        return "—"
    ends = "" if math.isnan(low) else f" [{users(low)}, {users(high) if math.isfinite(high) else '…'}]"
    return f"{users(value)} users{ends}"


def rate(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """Return operations per second with their interval: '28 /s [27.2, 29]'."""
    return f"{number(float(value))} /s{interval(low, high)}"


def interval(low: float, high: float) -> str:
    """Return an interval behind a number: ' [27.2, 29]'; empty where there is none."""
    return f" [{number(float(low))}, {number(float(high))}]" if math.isfinite(low) else ""


def value(found: object) -> str:
    """Return a value out of a JSON document as text; '—' for null."""
    if found is None:
        return "—"
    if isinstance(found, bool | str):
        return str(found)
    if isinstance(found, int | float):
        return f"{found:,.6g}" if isinstance(found, float) and math.isfinite(found) else f"{found:,}"
    return json.dumps(found, sort_keys=True, ensure_ascii=False)


def visible(text: str, limit: int = 300) -> str:
    """Return ``text`` of at most ``limit`` characters with what cannot be seen escaped (``\\x00``)."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), shown)


def is_short(text: str) -> bool:
    """Return whether a cell's text may stand on one line."""
    return len(text) <= SHORT


def latency_of(frame: pd.DataFrame) -> str:
    """Return what a frame's latencies are of: 'ok operations', of Locust's own files all requests."""
    if "latency_of" not in frame:
        return "ok operations"
    return str(frame["latency_of"].iloc[0]) if len(frame) else WITH_FAILED


def none_ended(frame: pd.DataFrame) -> str:
    """Return why a frame has no latency."""
    return "Locust's files tell of no request" if "latency_of" in frame else "no operation ended ok"


def too_few_at_any_users(frame: pd.DataFrame) -> str:
    """Return why a frame has no level of load."""
    what = "requests" if "latency_of" in frame else "operations that ended ok"
    return f"no number of users had 20 {what}"


def of_all(frame: pd.DataFrame) -> str:
    """Return a sentence on what the latencies of a frame are of, with a blank before it; empty for ok operations."""
    return f" Of {latency_of(frame)}." if "latency_of" in frame else ""


def reading_over_time(frame: pd.DataFrame) -> str:
    """Say where the p95 of most seconds lay and which second was the slowest.

    The wind-down is left out, and so are the seconds that the run's begin and end cut off, if there are others.
    """
    working = frame[~frame["winding_down"].astype(bool)]
    inner = working[~working["cut_off"].astype(bool)]
    ends = 0
    if inner["p95_ms"].notna().any():
        ends, working = len(working) - len(inner), inner
    known = working[working["p95_ms"].notna()]
    if known.empty:
        return f"No data: {none_ended(frame)}." if frame["p95_ms"].isna().all() else "Users only left: nothing to read."
    empty = len(working) - len(known)
    none = "no percentile was written" if "latency_of" in frame else "none ended ok"
    stall = f" In {counted(empty, 'second')} {none}." if empty else ""
    leaving = int(frame["winding_down"].sum())
    apart = [
        f"{counted(leaving, 'second')} in which users left" if leaving else "",
        f"{counted(ends, 'second')} cut off by the run's begin or end" if ends else "",
    ]
    rest = stall + (f" Not counted: {' and '.join(filter(None, apart))}." if any(apart) else "") + of_all(frame)
    if len(known) == 1:
        row = known.iloc[0]
        return (
            f"One second was recorded: p50 {milliseconds(row['p50_ms'])}, p95 {milliseconds(row['p95_ms'])}, "
            f"p99 {milliseconds(row['p99_ms'])}.{rest}"
        )
    low, high = np.percentile(known["p95_ms"].to_numpy(dtype=np.float64), (5, 95))
    worst = known.iloc[int(known["p95_ms"].to_numpy().argmax())]
    return (
        f"In nine of ten seconds p95 lay between {milliseconds(low)} and {milliseconds(high)}; it was highest in "
        f"the second from {moment(worst['elapsed_s'])} on with {milliseconds(worst['p95_ms'])}"
        f"{_at_users(worst['users'])}.{rest}"
    )


def reading_by_users(frame: pd.DataFrame) -> str:
    """Compare the p95 at the fewest and the most users, and say where between it is higher."""
    if frame.empty:
        return f"No data: {too_few_at_any_users(frame)}."
    first, last, of = frame.iloc[0], frame.iloc[-1], of_all(frame)
    if len(frame) == 1:
        said = f"Only one load was measured: p95 is {_p95_at(last)}."
        return f"{said} How latency grows with users, this run cannot say.{of}"
    times = _times_as_much(last["p95_ms"] / first["p95_ms"]) if first["p95_ms"] > 0 else ""
    worst = frame.iloc[int(frame["p95_ms"].to_numpy().argmax())]
    between = "" if worst.name in (first.name, last.name) else f" It is highest between: {_p95_at(worst)}."
    return f"p95 is {_p95_at(first)} and {_p95_at(last)}{times}.{between}{of}"


def _times_as_much(ratio: float) -> str:
    """Return ': 18 % less', ': about the same' or ': 12 times as much'; empty for no number."""
    if not math.isfinite(ratio):
        return ""
    if abs(ratio - 1) < ABOUT:
        return ": about the same"
    return f": {number(ratio, 2)} times as much" if ratio >= 2 else f": {100 * abs(ratio - 1):.0f} % {_more(ratio)}"


def _more(ratio: float) -> str:
    return "more" if ratio > 1 else "less"


def reading_clocks(frame: pd.DataFrame) -> str:
    """Say whose time the response time was, from ``statistics.clocks``."""
    p95 = {clock: milliseconds(value) for clock, value in zip(frame["clock"], frame["p95_ms"], strict=True)}
    share = dict(zip(frame["clock"], frame["share_pct"], strict=True))
    if not p95:
        return "No data: no operation ended ok."
    of_target = f" Of all response time {number(share['service'])} % was service." if share["service"] > 0 else ""
    return (
        f"The response time has a p95 of {p95['response']}; the harness's own lag one of {p95['lag']}, "
        f"queueing in the loop one of {p95['queue']}.{of_target}"
    )


def reading_clocks_over_time(frame: pd.DataFrame) -> str:
    """Say what the second with the highest p95 consisted of; left out is what ``reading_over_time`` leaves out."""
    known = frame[~frame["winding_down"].astype(bool) & frame["response_ms"].notna()]
    inner = known[~known["cut_off"].astype(bool)]
    known = inner if len(inner) else known
    if known.empty:
        return "No data: no operation ended ok while all users were there."
    worst = known.iloc[int(known["response_ms"].to_numpy().argmax())]
    service, queue, lag = (milliseconds(worst[f"{clock}_ms"]) for clock in ("service", "queue", "lag"))
    return (
        f"In the second from {moment(worst['elapsed_s'])} on, when the p95 of the response time was highest "
        f"({milliseconds(worst['response_ms'])}), that of the service time was {service}, of queueing in the loop "
        f"{queue}, of the harness's own lag {lag}."
    )


def _p95_at(row: pd.Series) -> str:
    """Return 'X ms at N users (S seconds)': a point made from one second is weaker than one made from fifty."""
    return f"{milliseconds(row['p95_ms'])} at {_users(row)} ({spelled(float(row['seconds']))})"


def _at_users(found: float) -> str:
    return f" at {counted(int(found), 'user')}" if math.isfinite(found) else ""


def _users(row: pd.Series) -> str:
    low, high = int(row["users_min"]), int(row["users_max"])
    return counted(low, "user") if low == high else f"{low:,} to {high:,} users"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: '1 second', '2 seconds'."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
