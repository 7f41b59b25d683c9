"""What stands on the report's page: the run's documents and series as rows of text, ready for the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import pandas as pd

from analysis.files.documents import Entry, Manifest, Totals, Verdict
from analysis.files.locust_files import AGGREGATED
from analysis.report.evidence import BROKEN
from analysis.run import Run
from analysis.run_statistics import Measured
from analysis.statistics import ended_ok, outcomes, percentiles
from analysis.statistics.steps import StepRow
from analysis.wording import milliseconds, number, rate, seconds, value
from harness.words.operation import OTHER, Outcome

MOST_COLUMNS, MOST_ROWS = 12, 40
"""Largest confusion matrix shown: a target may invent a route per operation."""
OTHERS = "(others)"

FILES = (
    "verdict.json", "series.csv", "vitals.csv", "manifest.json", "locust_stats.csv", "locust_stats_history.csv",
    "locust_failures.csv", "locust_exceptions.csv", "arrivals.csv", "faults.csv", "junit.xml", "history", "findings",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """A table of counts: ``cells[i][j]`` operations of ``rows[i]`` went to ``columns[j]``."""

    columns: list[str]
    rows: list[str]
    cells: list[list[int]]
    left_out: int  # rows not shown


def totals_of(run: Measured) -> Totals:
    """Return the run's totals: those of the verdict, else what the series gives, or Locust's own sums."""
    if run.totals is not None:
        return run.totals
    return _totals_of_locust(run.run) if run.run.plain else _totals_of_series(run.series)


def _totals_of_locust(run: Run) -> Totals:
    """Return what plain Locust files give: percentiles as Locust rounded them, failed requests included."""
    rows = run.stats[run.stats["name"] == AGGREGATED].iloc[-1:]
    history = run.stats_history
    if rows.empty:
        return Totals()
    row, users = rows.iloc[0], history["users"].max()
    seconds = int(history["second"].max() - history["second"].min()) if len(history) else 0
    count, failed = int(row["count"]), int(row["failed"])
    return Totals(
        operations=count,
        ok=count - failed,
        failed=failed,
        duration_s=seconds or None,
        throughput_rps=_known(row, "throughput_rps"),
        users_max=None if pd.isna(users) else int(users),
        p50_ms=_known(row, "p50_ms"),
        p95_ms=_known(row, "p95_ms"),
        p99_ms=_known(row, "p99_ms"),
        max_ms=_known(row, "max_ms"),
    )


def _known(row: pd.Series, column: str) -> float | None:
    return None if pd.isna(row[column]) else float(row[column])


def _totals_of_series(series: pd.DataFrame) -> Totals:
    """Return the totals a series gives, None where it gives none."""
    if series.empty:
        return Totals()
    counts = outcomes(series)
    seconds = int(series["second"].max() - series["second"].min()) + 1
    latency = percentiles(ended_ok(series))
    row = {str(name): float(found) for name, found in latency.iloc[0].items()} if len(latency) else {}
    return Totals(
        operations=sum(counts.values()),
        ok=counts[Outcome.OK],
        failed=counts[Outcome.FAILED],
        cancelled=counts[Outcome.CANCELLED],
        timeout=counts[Outcome.TIMEOUT],
        shed=counts[Outcome.SHED],
        duration_s=seconds,
        throughput_rps=sum(counts.values()) / seconds,
        p50_ms=row.get("p50_ms"),
        p95_ms=row.get("p95_ms"),
        p99_ms=row.get("p99_ms"),
        max_ms=row.get("max_ms"),
    )


def most_users(run: Run, totals: Totals) -> int | None:
    """Return the highest number of concurrent users, None where nobody measured it."""
    if totals.users_max is not None:
        return totals.users_max
    users = run.series["users"].max()
    return None if pd.isna(users) else int(users)


def headline(run: Run, totals: Totals) -> list[Fact]:
    """Return the six numbers a reader asks for first."""
    operations = totals.operations if totals.operations is not None else totals.arrivals
    return [
        Fact("operations", number(operations)),
        Fact("throughput", "—" if totals.throughput_rps is None else rate(totals.throughput_rps)),
        Fact("p50", milliseconds(totals.p50_ms)),
        Fact("p95", milliseconds(totals.p95_ms)),
        Fact("most users", number(most_users(run, totals))),
        Fact("duration", seconds(totals.duration_s)),
    ]


def steady_state(totals: Totals) -> str | None:
    """Return the headline's numbers without the warm-up, None where there was none to leave out."""
    if not totals.warm_up_s:
        return None
    shown = "—" if totals.steady_throughput_rps is None else rate(totals.steady_throughput_rps)
    found = {"p50": totals.steady_p50_ms, "p95": totals.steady_p95_ms, "p99": totals.steady_p99_ms}
    latencies = ", ".join(f"{name} {milliseconds(value)}" for name, value in found.items())
    return (
        f"Steady state, without the warm-up of {seconds(totals.warm_up_s)}: {shown}, {latencies}. "
        "Criteria on latency, throughput and availability are judged over it."
    )


def where_the_time_went(frame: pd.DataFrame) -> list[list[str]]:
    """Return the rows of the table of the four clocks; ``frame`` as from ``statistics.clocks``."""
    return [
        [
            *_CLOCKS[row["clock"]],
            *(milliseconds(row[column]) for column in ("p50_ms", "p95_ms", "p99_ms", "max_ms")),
            "—" if pd.isna(row["share_pct"]) else f"{number(float(row['share_pct']))} %",
        ]
        for _, row in frame.iterrows()
    ]


_CLOCKS = {
    "response": ("response time", "intended start to outcome"),
    "service": ("service time", "first stage entered to outcome: the target's"),
    "queue": (
        "queueing in the loop",
        "handed to the loop to first stage entered: waiting, making the context, Stageflow's own start",
    ),
    "lag": (
        "harness lag",
        "intended start to handed over, and outcome to the moment the user went on: the harness's own",
    ),
}


def counts(totals: Totals) -> list[Fact]:
    """Return the operations by outcome, and the rest of the totals that the headline leaves out."""
    found = {
        "arrivals due": totals.arrivals_due,
        "arrivals": totals.arrivals,
        "not delivered": totals.not_delivered,
        **{outcome.value: getattr(totals, outcome.value) for outcome in Outcome},
        "ok without a usable route": totals.flagged,
        "cancelled because the run was stopped": totals.stopped,
        **{f"logged by the target at {level}": n for level, n in (totals.log_records or {}).items()},
    }
    facts = [Fact(name, number(count)) for name, count in found.items() if count is not None]
    latencies = {"p99": totals.p99_ms, "slowest": totals.max_ms}
    facts += [Fact(name, milliseconds(found)) for name, found in latencies.items() if found is not None]
    if totals.noise_floor:
        floor = (f"{name.removesuffix('_ms')} {milliseconds(found)}" for name, found in totals.noise_floor.items())
        facts.append(Fact("noise floor of the harness", ", ".join(floor)))
    return facts


def outside(totals: Totals) -> str | None:
    """Return which operations the latencies leave out: those that did not end ok; None where there is none."""
    found = {outcome: getattr(totals, outcome.value) for outcome in Outcome if outcome is not Outcome.OK}
    parts = [f"{number(count)} {outcome.value}" for outcome, count in found.items() if count]
    return f"Not in it: {', '.join(parts)}." if parts else None


def ranked(table: Mapping[str, int] | None, most: int = MOST_COLUMNS) -> list[Fact]:
    """Return names and counts, most frequent first; beyond ``most`` they are added up as one."""
    if not table:
        return []
    order = sorted(table.items(), key=lambda item: (item[0] == OTHER, -item[1], item[0]))
    facts = [Fact(name, number(count)) for name, count in order[:most]]
    rest = sum(count for _, count in order[most:])
    return [*facts, Fact(f"{OTHERS}: {len(order) - most:,} more", number(rest))] if rest else facts


def confusion(table: Mapping[str, Mapping[str, int]] | None) -> Matrix | None:
    """Return the matrix label x route, most frequent first; routes beyond the widest table are one column."""
    if not table:
        return None
    by_route: dict[str, int] = {}
    for row in table.values():
        for route, count in row.items():
            by_route[route] = by_route.get(route, 0) + count
    routes = sorted(by_route, key=lambda route: (-by_route[route], route))
    shown = routes[:MOST_COLUMNS]
    labels = sorted(table, key=lambda label: (-sum(table[label].values()), label))
    cells = [_cells(table[label], shown, others=len(routes) > len(shown)) for label in labels[:MOST_ROWS]]
    columns = [*shown, OTHERS] if len(routes) > len(shown) else shown
    return Matrix(columns, labels[:MOST_ROWS], cells, len(labels) - len(labels[:MOST_ROWS]))


def _cells(row: Mapping[str, int], routes: Sequence[str], *, others: bool) -> list[int]:
    known = [row.get(route, 0) for route in routes]
    return [*known, sum(row.values()) - sum(known)] if others else known


def configuration(manifest: Manifest) -> list[Fact]:
    """Return how the run was set up, as far as the manifest says."""
    git = manifest.git
    commit = None if git is None or git.commit is None else git.commit + (" (with changes)" if git.dirty else "")
    found: dict[str, object] = {
        "started": manifest.t0,
        "ended": manifest.t1,
        "locustfile": manifest.locustfile,
        "folder": manifest.folder,
        **manifest.options,
        "scenarios": manifest.scenarios,
        "ROUTE stages": ", ".join(manifest.route_stages) or None,
        "commit": commit,
        "threads and sockets": manifest.world,
        **manifest.versions,
        "hosts": ", ".join(value(host) for host in manifest.hosts) or None,
        "cpus": manifest.cpus,
        **{f"sha256 of {name}": digest for name, digest in manifest.digests.items()},
    }
    return [Fact(name, value(each)) for name, each in found.items() if each is not None]


def files(run: Run) -> list[str]:
    """Return the other files of the run directory that are there."""
    return [name for name in FILES if (run.path / name).exists()]


def summary(verdict: Verdict | None) -> list[tuple[str, ...]]:
    """Return how many rows of each kind hold, are broken, and are not known."""
    if verdict is None:
        return []
    groups: dict[str, Sequence[Entry]] = {
        "criteria": verdict.criteria,
        "checks": verdict.checks,
        "validity": verdict.validity,
        "hypotheses": verdict.hypotheses,
    }
    counted = []
    for name, entries in groups.items():
        broken = sum(entry.status in BROKEN for entry in entries)
        unknown = sum(entry.status == "UNKNOWN" for entry in entries)
        counts = map(number, (len(entries) - broken - unknown, broken, unknown))
        counted.append((name, *counts))
    return counted


def named(verdict: Verdict | None, word: str) -> list[Entry]:
    """Return the checks whose name has a word in it."""
    return [entry for entry in verdict.checks if word in entry.name] if verdict is not None else []


def cells(rows: Sequence[StepRow]) -> list[tuple[str, ...]]:
    """Return rows of steps as cells, in the order of their columns."""
    return [astuple(row) for row in rows]
