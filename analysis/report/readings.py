"""One sentence or two under each plot of load, distribution, fallbacks and classes, computed from what it shows.

Those of plots over time and of users are in ``analysis.wording``, with the numbers' own words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.statistics.faults.served import NOT_OK
from analysis.wording import (
    ABOUT,
    counted,
    delay,
    interval,
    located,
    milliseconds,
    none_ended,
    number,
    of_all,
    rate,
    too_few_at_any_users,
    users,
    visible,
)

if TYPE_CHECKING:
    from analysis.statistics.fits import Estimate, Fit

MOST_NAMED = 6
"""Windows named one by one; a plan may have hundreds."""
FAR = 10.0
"""Times the most frequent latency beyond which an operation counts as far out."""


def crossings(frame: pd.DataFrame) -> str:
    """Say for each threshold of a criterion at how many users latency crosses it; frame as ``latency_crossing``."""
    return " ".join(_crossing(row) for _, row in frame.drop_duplicates(["percent", "threshold_ms"]).iterrows())


def _crossing(row: pd.Series) -> str:
    what = f"p{row['percent']:g}"
    limit, most = milliseconds(row["threshold_ms"]), f"{number(row['users_max'])} users"
    if math.isnan(row["users_max"]):
        return f"Whether {what} crosses {limit} is unknown: {row['missing']}."
    if math.isnan(row["users"]):
        doubt = row["share_pct"]
        rest = f" ({number(doubt, 2)} % of the resamples do)" if doubt > 0 else ""
        return f"{what} does not cross {limit} up to {most}{rest}."
    if row["missing"]:
        return f"{what} is above {limit} from {users(row['users'])} users on, the fewest that were measured."
    return f"{what} crosses {limit} at {users(row['users'])} users{_interval(row['users_low'], row['users_high'])}."


def _interval(low: float, high: float) -> str:
    if math.isnan(low):
        return ", in too few seconds for an interval"
    upper = users(high) if math.isfinite(high) else "beyond the users measured"
    return f" [{users(low)}, {upper}]"


def models(levels: pd.DataFrame, fits: Sequence[Fit]) -> str:
    """Say where the knee of the best model is, and how well it fits."""
    from analysis.statistics.fits import close_fits

    best = _best(fits)
    if levels.empty:
        return f"No data: {too_few_at_any_users(levels)}."
    if best is None and (alike := close_fits(fits)):
        first = alike[0]
        names = _listed([fit.model.label for fit in alike])
        off = number(100 * math.sqrt(first.rss / len(first.users)), 2)
        return f"{_located('knee', first.knee, first)} {names[0].upper()}{names[1:]} fit alike, typically {off} % off."
    if best is None:
        return f"No model: {_why(fits)}."
    error = 100 * math.sqrt(best.rss / len(best.users))
    said = f"Of the models {best.model.label} fits best, typically {number(error, 2)} % off."
    return f"{_located('knee', best.knee, best)} {said}"


def models_table(fits: Sequence[Fit]) -> pd.DataFrame:
    """Return the models as rows of text, as the terminal and the notebook show them.

    Columns: ``model, typical error, ΔAICc, knee, saturation, not known``; numbers as in the sentences.
    """
    from analysis.statistics.fits import fit_table

    rows = [
        {
            "model": row["label"],
            "typical error": "—" if pd.isna(row["rmse_pct"]) else f"{number(float(row['rmse_pct']), 2)} %",
            "ΔAICc": "—" if pd.isna(row["delta_aicc"]) else f"{row['delta_aicc']:.1f}",
            **{name: located(*(row[f"{name}_{end}"] for end in ENDS)) for name in ("knee", "saturation")},
            "not known": visible(str(row["missing"] or "")),
        }
        for _, row in fit_table(fits).iterrows()
    ]
    return pd.DataFrame(rows, dtype="str")


ENDS = ("users", "low", "high")
"""Columns of a number of users and of its interval, behind its name."""


def throughputs(frame: pd.DataFrame, fits: Sequence[Fit]) -> str:
    """Say how throughput grows with users, and where it is saturated."""
    if frame.empty:
        return "No data: no number of users ran for a second."
    first, most = frame.iloc[0], frame.iloc[int(frame["throughput_rps"].to_numpy().argmax())]
    if len(frame) == 1:
        ended = "ended" if "latency_of" in frame else "ended ok"
        said = f"At {users(first['users'])} users {_rate(first)} {ended}; how that grows this run cannot say."
    elif frame["throughput_rps"].min() > (1 - ABOUT) * most["throughput_rps"]:
        last = frame.iloc[-1]
        said = (
            f"Throughput is about the same at each number of users: {_rate(first)} at {users(first['users'])} users, "
            f"{_rate(last)} at {users(last['users'])}."
        )
    elif most.name == 0:
        said = f"Throughput is highest at the fewest users: {_rate(first)} at {users(first['users'])} users."
    else:
        said = (
            f"Throughput rises from {_rate(first)} at {users(first['users'])} users to {_rate(most)} at "
            f"{users(most['users'])} users."
        )
    said += of_all(frame)
    best = _best(fits)
    return said if best is None else f"{said} {_located('saturation point', best.saturation, best)}"


def by_throughput(frame: pd.DataFrame) -> str:
    """Say what p95 was at the lowest and the highest throughput, and where it was highest."""
    if frame.empty:
        return "No data: no throughput was held for two seconds."
    first, last = frame.iloc[0], frame.iloc[-1]
    if len(frame) == 1:
        return f"p95 is {_p95_at_rate(first)}, the only throughput held for two seconds."
    worst = frame.iloc[int(frame["p95_ms"].to_numpy().argmax())]
    between = "" if worst.name in (first.name, last.name) else f" It is highest between: {_p95_at_rate(worst)}."
    return f"p95 is {_p95_at_rate(first)} and {_p95_at_rate(last)}.{between}"


def _p95_at_rate(row: pd.Series) -> str:
    return f"{milliseconds(row['p95_ms'])} at {number(float(row['throughput_rps']))} /s"


def left_out(seconds: int | None, *, faults: bool, steps: bool = False) -> str:
    """Say how many seconds of ``faults``, warm-up and between ``steps`` levels leave out; None: these are in them."""
    what = ["faults"] * faults + ["warm-up"] + ["between steps"] * steps
    if seconds is None:
        said = _listed(what)
        return f" Not left out: {said}; outside no number of users had 20 operations that ended ok."
    said = _listed(what).replace(" and ", " or ")
    return f" Left out: {counted(seconds, 'second')} of {said}." if seconds else ""


def _rate(row: pd.Series) -> str:
    return rate(row["throughput_rps"], row.get("low_rps", math.nan), row.get("high_rps", math.nan))


def _located(name: str, at: Estimate, fit: Fit) -> str:
    if math.isfinite(at.value):
        return f"The {name} is at {users(at.value)} users{_interval(at.low, at.high)}."
    missing = [reason for reason in fit.missing.split("; ") if name in reason]
    why = missing[0] if missing else f"where the {name} is the levels do not tell"
    return f"{why[0].upper()}{why[1:]}."


def _why(fits: Sequence[Fit]) -> str:
    return next((fit.missing for fit in fits if fit.missing), "none could be fitted")


def _best(fits: Sequence[Fit]) -> Fit | None:
    from analysis.statistics.fits import best_fit  # whoever has fits has waited for SciPy already

    return best_fit(fits)


def percentiles(frame: pd.DataFrame) -> str:
    """Say what the highest percentiles are, how sure, and of how many independent operations."""
    if frame.empty:
        return f"No data: {none_ended(frame)}."
    shown = frame[frame["percent"].isin((50.0, 99.0, 99.9))]
    shown = shown if len(shown) else frame.tail(1)
    values = ", ".join(
        f"p{row['percent']:g} {milliseconds(row['value_ms'])}{interval(row['low_ms'], row['high_ms'])}"
        for _, row in shown.iterrows()
    )
    effect = shown[shown["percent"] <= 99].iloc[-1] if (shown["percent"] <= 99).any() else shown.iloc[-1]
    noun = "request" if "latency_of" in frame else "operation"
    count = f"of {counted(int(effect['count']), noun)}{', failed ones too' if 'latency_of' in frame else ''}"
    if not math.isfinite(effect["effective_count"]):
        return f"{values}, {count}."
    return (
        f"{values}, {count}. At p{effect['percent']:g} they tell as much as {number(round(effect['effective_count']))} "
        "independent ones."
    )


def heat(frame: pd.DataFrame) -> str:
    """Say which latency was the most frequent, and how many operations were far from it."""
    if frame.empty:
        return "No data: no operation ended ok."
    bins = frame.groupby(["low_ms", "high_ms"])["count"].sum().reset_index()
    fullest = bins.iloc[int(bins["count"].to_numpy().argmax())]
    low, high, total = float(fullest["low_ms"]), float(fullest["high_ms"]), int(bins["count"].sum())
    far = frame[frame["low_ms"] >= FAR * high]
    said = (
        f"Most frequent are {milliseconds(low)} to {milliseconds(high)}, of {100 * fullest['count'] / total:.0f} % "
        "of the operations."
    )
    if far.empty:
        return f"{said} None took ten times as long."
    seconds = int((far["elapsed_to_s"] - far["elapsed_s"]).groupby(far["elapsed_s"]).max().sum())
    share = number(100 * far["count"].sum() / total, 2)
    return f"{said} {share} % took over ten times as long, in {counted(seconds, 'second')} of the run."


def tail(frame: pd.DataFrame) -> str:
    """Say which component makes the slowest 1 % slow, and whether it is their routes or that these were slower."""
    if frame.empty:
        return "No data: too few operations ended ok, or no history was kept."
    first = frame.iloc[0]
    sums = {name: float(frame[name].sum()) for name in ("tail_ms", "extra_ms", "other_routes_ms", "slower_ms")}
    said = (
        f"The slowest 1 % took {milliseconds(sums['tail_ms'])} in the mean, {milliseconds(sums['extra_ms'])} more than "
        f"the median ones: {_signed(sums['other_routes_ms'])} since other routes answered them, "
        f"{_signed(sums['slower_ms'])} since they were slower than the median of their route. "
        f"{number(float(first['extra_pct']), 2)} % of the difference went into '{visible(str(first['component']))}'"
    )
    if len(frame) == 1:
        return f"{said}."
    return f"{said}; it adds the most in {number(float(first['dominates_pct']), 2)} % of them."


def _signed(value_ms: float) -> str:
    return f"{'+' if value_ms > 0 else ''}{milliseconds(value_ms)}"


def activation(frame: pd.DataFrame, served: pd.DataFrame) -> str:
    """Say how soon fallbacks began after each window of a fault, and how much they served."""
    if frame.empty:
        fell = served[~served["served"].isin(["primary", NOT_OK])]["count"].sum()
        share = 100 * fell / max(served["count"].sum(), 1)
        return f"No fault was injected; fallbacks served {number(float(share), 2)} % of the operations."
    known = frame[frame["activation_delay_s"].notna()]
    delays = [
        f"{delay(row['activation_delay_s'], row['resolution_s'])} after '{visible(str(row['fault']), 40)}'"
        for _, row in known.head(MOST_NAMED).iterrows()
    ]
    more = f" and in {len(known) - MOST_NAMED:,} more windows" if len(known) > MOST_NAMED else ""
    said = [f"Fallbacks began {_listed(delays)}{more}."] if delays else ["No fallback was taken in any fault window."]
    without = len(frame) - len(known)
    if delays and without:
        said.append(f"In {counted(without, 'further window')} none was taken.")
    worst = frame.iloc[int(frame["fallback_pct"].fillna(-1.0).to_numpy().argmax())]
    if worst["fallback_pct"] > 0:
        before = worst["fallback_before_pct"]
        against = f", against {number(float(before), 2)} % before the first window" if math.isfinite(before) else ""
        most = number(float(worst["fallback_pct"]), 2)
        said.append(f"They served most in '{visible(str(worst['fault']), 40)}': {most} %{against}.")
    return " ".join(said)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def confusion(matrix: pd.DataFrame, left_out: int = 0) -> str:
    """Say how many operations were decided for the expected route, and which mistake was the most frequent.

    ``left_out`` are those of which nobody told what was decided, as from ``statistics.undecided``.
    """
    counts = matrix.to_numpy(dtype=np.int64)
    same = matrix.index.to_numpy()[:, np.newaxis] == matrix.columns.to_numpy()[np.newaxis, :]
    wrong = np.where(same, 0, counts)
    total, missed = int(counts.sum()), int(wrong.sum())
    share = number(100 * (total - missed) / total, 4)
    rest = f" Not counted: {counted(left_out, 'fallback')} that did not tell which route was asked first."
    rest = rest if left_out else ""
    if not missed:
        return f"All {total:,} operations with an expected route were decided for it, whoever served them.{rest}"
    row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
    expected, decided = (visible(str(name), 40) for name in (matrix.index[int(row)], matrix.columns[int(column)]))
    return (
        f"{share} % of {total:,} operations were decided for the expected route, whoever served them. Most often "
        f"'{expected}' was expected and '{decided}' decided for: {int(wrong.max()):,} times.{rest}"
    )


def priorities(frame: pd.DataFrame) -> str:
    """Compare the most with the least urgent priority, and count inversions."""
    known = frame[frame["p95_ms"].notna()]
    if known.empty:
        return "No data: no operation ended ok."
    top, low = known.iloc[0], known.iloc[-1]
    said = (
        f"p95 is {milliseconds(top['p95_ms'])} at priority {int(top['priority'])} and {milliseconds(low['p95_ms'])} at "
        f"priority {int(low['priority'])}."
    )
    if "inverted" not in frame:
        return f"{said} Inversions are unknown: no backend told its calls."
    inverted, waited = int(frame["inverted"].sum()), float(np.sum(frame["inverted_ms"]))
    if not inverted:
        return f"{said} No call waited while a less urgent one was dispatched."
    verb = "call waited" if inverted == 1 else "calls waited"
    return f"{said} {inverted:,} {verb} while a less urgent one was dispatched, {milliseconds(waited)} in all."


def faults_in_latency(over_time: pd.DataFrame, windows: pd.DataFrame) -> str:
    """Name the fault window with the highest p95 of a whole second that it touches; empty without windows."""
    over_time = over_time[~over_time["cut_off"].astype(bool)]
    found = []
    for _, window in windows.iterrows():
        until = math.inf if pd.isna(window["end_s"]) else window["end_s"]
        at = over_time["elapsed_s"]
        inside = over_time[(at > window["start_s"] - 1) & (at < until)]["p95_ms"]
        if inside.notna().any():
            found.append((float(inside.max()), str(window["fault"])))
    if not found:
        return ""
    highest, name = max(found)
    return f" Of the fault windows '{visible(name, 40)}' has the highest p95 of a second: {milliseconds(highest)}."
