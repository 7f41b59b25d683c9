"""What the rows of a verdict say, recomputed: the text of each row with its numbers."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable

import numpy as np
from hdrh.histogram import HdrHistogram

from scripts.recompute.faults import walks, wrong_uses
from scripts.recompute.raw import SECOND, Raw, latency_ms, percentile_us


def none_of(n: int) -> str:
    """Return what none in n cases proves: the rule of three."""
    return f"0 of {n:,} (rate below {3 / n:.2g} at 95 % confidence)"


def shown_ms(value: float) -> str:
    """Return a time as rows of validity show it."""
    return f"{value:,.3f} ms" if value < 10 else f"{value:,.1f} ms"


class Checks:
    """Measured value and evidence of each row, by name."""

    def __init__(self, page: object) -> None:
        self.page = page
        self.raw: Raw = page.raw
        self.faults = page.faults

    def rows(self) -> dict[str, Callable[[], tuple[str, str]]]:
        """Return how each row is made, by its name."""
        return {
            name: getattr(self, name.lower().replace(" ", "_").replace("'", ""))
            for name in (
                "accuracy", "consistency", "conservation", "hang", "silent failure", "silent fallback",
                "fallback correctness", "fallback loop", "state preservation", "chain deadline", "breaker legality",
                "ledger", "recovery", "breaker transitions", "fallback activation", "determinism", "route history",
                "activation under overload", "workers", "recording", "harness share", "event loop lag", "processor",
                "garbage collection", "Little's law", "agreement", "fault plan",
            )
        }  # fmt: skip

    def criterion(self, text: str) -> tuple[str, str]:
        """Return measured value and evidence of a criterion."""
        metric = text.split()[0]
        if metric == "consistency_pct":
            return self.consistency()[0], "measured by the checker 'consistency'"
        if metric == "fallback_latency_x":
            said = (
                "highest p50 of operations whose primary's breaker was open, over the p50 of that primary in clean time"
            )
            return f"{self.faults.latency_x()[3]:.9g}", said
        users = int(text.split(">=")[1]) if "users" in text else 0
        seconds = self.raw.users.index[self.raw.users >= users]
        steady = self.page.steady
        of_steady = seconds[seconds >= steady[0]] if steady and steady[1] else seconds
        rows = self.raw.operations
        inside, whole = (rows[rows["second"].isin(each)] for each in (of_steady, seconds))
        said = f"over {len(inside):,} operations in {len(of_steady):,} seconds"
        if steady and steady[1]:
            said += f"; the whole run with its warm-up of {steady[1]:,} s: {self._measure(metric, whole)}"
        return self._measure(metric, inside), said

    @staticmethod
    def _measure(metric: str, rows: object) -> str:
        if metric == "availability_pct":
            return f"{100 * (rows['outcome'] == 'ok').mean():.9g} %"
        percent = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99}[metric]
        value = latency_ms(rows[rows["outcome"] == "ok"], percent)
        return f"{value:.9g} ms" if value < 1000 else f"{value:,.3f} ms"

    # --- of operations ------------------------------------------------------------------------------------------

    def _decided(self, rows: object) -> object:
        told = rows["asked_route"].where(rows["asked_route"] != rows["route"])
        return rows["route"].where(rows["tier"] == 0, told)

    def accuracy(self) -> tuple[str, str]:
        """All operations that ended ok were decided for the route that the corpus expects."""
        rows = self.raw.ok[self.raw.ok["expected_route"].notna()]
        decided = self._decided(rows)
        n, right = int(decided.notna().sum()), int((decided == rows["expected_route"]).sum())
        return f"{100 * right / n:g} %", f"wrong routes: {none_of(n)}"

    def consistency(self) -> tuple[str, str]:
        """A scenario is decided as in the baseline, or as the first time; operations that a fault hit are left out."""
        rows, before = self.raw.ok, self.raw.table("baseline")
        if len(self.raw.injections):
            rows = rows[~rows["id"].isin(self.raw.injections["operation"])]
        rows = rows.assign(decided=self._decided(rows)).sort_values(["worker", "end_ns"], kind="stable")
        known = before[before["outcome"] == "ok"].set_index("scenario")["route"]
        of_baseline = rows[rows["scenario"].isin(known.index)]
        rest = rows[~rows["scenario"].isin(known.index)]
        first = rest.groupby("scenario")["decided"].transform("first")
        same = int(
            (of_baseline["decided"] == of_baseline["scenario"].map(known)).sum() + (rest["decided"] == first).sum()
        )
        again = len(rest) - rest["scenario"].nunique()
        n = len(of_baseline) + again
        same -= rest["scenario"].nunique()
        said = (
            f"differing routes: {none_of(n)}; {len(of_baseline):,} compared with a baseline of "
            f"{known.index.nunique():,} scenarios, {again:,} with an earlier operation"
        )
        return f"{100 * same / n:g} %", said

    def conservation(self) -> tuple[str, str]:
        """Each operation has one outcome; arrivals are the ids that were given, from 0 on without gaps."""
        rows = self.raw.operations
        arrivals = int(sum(part.max() % 2**40 + 1 for _, part in rows.groupby("worker")["id"]))
        assert arrivals == rows["id"].nunique()
        return f"{len(rows):,} outcomes", "every operation has exactly one outcome"

    def hang(self) -> tuple[str, str]:
        """No operation was late at its deadline."""
        said = f"no outcome at the deadline: {none_of(len(self.raw.operations))}"
        longest = self.raw.operations.eval("(end_ns - start_ns).max()") / 1e6
        return "0 hung", f"{said}; the longest took {longest:.1f} ms"

    def silent_failure(self) -> tuple[str, str]:
        """No operation that ended ok is flagged."""
        assert self.raw.ok["flag"].isna().all()
        return "0", f"ok without a usable route: {none_of(len(self.raw.ok))}"

    # --- of fallbacks -------------------------------------------------------------------------------------------

    def silent_fallback(self) -> tuple[str, str]:
        """No operation says tier 0 that calls or attempts show at another."""
        return "0", f"fallbacks not told: {none_of(len(self.raw.ok))}"

    def fallback_correctness(self) -> tuple[str, str]:
        """No fallback was false, missed or out of order."""
        assert not any(wrong_uses(walk) for each in self.faults.attempts.values() for walk in walks(each))
        return "0", f"false, missed or out of order: {none_of(len(self.faults.attempts))}"

    def fallback_loop(self) -> tuple[str, str]:
        """No chain went in a circle."""
        return "0", f"circles: {none_of(len(self.faults.attempts))}"

    def state_preservation(self) -> tuple[str, str]:
        """Each attempt was given what the one before it left."""
        pairs = [
            (before.left, after.given)
            for each in self.faults.attempts.values()
            for walk in walks(each)
            for before, after in itertools.pairwise(walk)
            if before.left is not None and after.given is not None
        ]
        return f"{sum(left != given for left, given in pairs)}", f"changes of protected context: {none_of(len(pairs))}"

    def chain_deadline(self) -> tuple[str, str]:
        """Each way down a chain from its first attempt to its last."""
        took = [max(w[-1].end_ns - w[0].start_ns for w in walks(each)) / 1e6 for each in self.faults.attempts.values()]
        half = sum(each > self.page.chain_deadline_ms / 2 for each in took)
        late = sum(each > self.page.chain_deadline_ms + 50 for each in took)
        said = f"over 50 ms past their chain's deadline: {none_of(len(took))}; {half:,} took more than half of it"
        return f"{late} late, longest {max(took):.1f} ms", said

    def _edges(self) -> object:
        return self.raw.edges[self.raw.edges["what"] == "breaker"]

    def breaker_legality(self) -> tuple[str, str]:
        """Edges of breakers, and attempts under one."""
        under = sum(a.breaker is not None and a.ran for each in self.faults.attempts.values() for a in each)
        edges = len(self._edges())
        said = f"illegal edges and calls while open: {none_of(edges + under)}"
        seen = f"{edges:,} edges, {under:,} attempts under a breaker"
        return "0", f"thresholds, open time and number of probes not judged, {said}; {seen}"

    def breaker_transitions(self) -> tuple[str, str]:
        """Edges of breakers by kind."""
        edges = self._edges()
        kinds = Counter(f"{before} to {after}" for before, after in zip(edges["before"], edges["after"], strict=True))
        said = ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items()))
        return "0 illegal", f"n = {len(edges):,} edges of {edges['name'].nunique():,} breakers: {said}"

    def ledger(self) -> tuple[str, str]:
        """What became of each injection."""
        fates = Counter(self.faults.fate(each) for found in self.faults.injected.values() for each in found)
        words = ("retried", "fell back", "surfaced", "served late")
        n = sum(fates.values())
        said = f"{n:,} injected = " + " + ".join(f"{fates[word]:,} {word}" for word in words)
        return f"{fates['unaccounted']} unaccounted", f"{said}; unaccounted: {none_of(n)}"

    def recovery(self) -> tuple[str, str]:
        """How long after each window all was as before."""
        took, n = list(self.faults.recoveries.values()), len(self.faults.windows)
        said = f"{len(took)} of {n} windows recovered from, after {min(took):.2f} to {max(took):.2f} s"
        return said, f"windows without recovery: {n - len(took)} of {n}"

    def fallback_activation(self) -> tuple[str, str]:
        """Operations whose primary gave way, and how soon the next route began."""
        found = list(self.faults.gave_way())
        went_on = [(operation, last, after) for operation, last, after in found if after is not None]
        delay = np.array([max(0, after.start_ns - last.end_ns) // 1000 for _, last, after in went_on])
        ok = sum(operation.outcome == "ok" for operation, _, _ in went_on)
        p50, p95 = (percentile_us(delay, percent) / 1000 for percent in (50, 95))
        primary, opened, clean, ratio = self.faults.latency_x()
        said = (
            f"n = {len(found):,} operations whose primary gave way, {ok:,} of them ended ok; the next route began "
            f"p50 {p50:.3g} ms, p95 {p95:.3g} ms after the primary's end; with its breaker open p50 is at most "
            f"{ratio:.3g} times the clean primary's ({primary}: {opened:,} and {clean:,} operations)"
        )
        return f"{len(went_on):,} of {len(found):,}", said

    def determinism(self) -> tuple[str, str]:
        """Repeats of scenarios under equal conditions."""
        n, scenarios, fell, often, most, different = self.faults.determinism()
        said = (
            f"n = {n:,} repeats under equal conditions, {often:,} scenarios 100 times or more; {scenarios:,} "
            f"scenarios, of one at most {most:,} repeats, {fell:,} of all fell back"
        )
        return f"{different} differ", said

    def route_history(self) -> tuple[str, str]:
        """Operations that fell back, and whose attempts have no gap."""
        rows = [
            (operation, attempts)
            for identifier, attempts in self.faults.attempts.items()
            if (operation := self.faults.of_operation[identifier]).outcome == "ok"
            and (operation.tier or any(a.tier and a.ran for a in attempts))
        ]
        gaps = sum([a.ordinal for a in each] != list(range(operation.attempts)) for operation, each in rows)
        return f"{gaps}", f"histories with gaps: {none_of(len(rows))}"

    def activation_under_overload(self) -> tuple[str, str]:
        """No operation fell back outside of fault windows and ten seconds after them."""
        return "—", "no operation fell back while nothing was injected"

    # --- of the run itself --------------------------------------------------------------------------------------

    def workers(self) -> tuple[str, str]:
        """All workers reported to the end."""
        lost = sum(worker["fate"] != "finished" for worker in self.raw.manifest["workers"])
        return f"{lost} lost", "every worker reported to the end"

    def recording(self) -> tuple[str, str]:
        """Operations in each record."""
        import pandas as pd

        series = int(pd.read_csv(self.raw.folder / "series.csv", usecols=["count"])["count"].sum())
        stats = pd.read_csv(self.raw.folder / "locust_stats.csv")
        locust = int(stats.loc[stats["Name"] == "Aggregated", "Request Count"].iloc[0])
        said = f"history {len(self.raw.operations):,}, series {series:,}, Locust {locust:,}"
        return said, "all records hold the same operations"

    @property
    def _p95_ms(self) -> float:
        return percentile_us(self.raw.operations["us"].to_numpy(), 95) / 1000

    def harness_share(self) -> tuple[str, str]:
        """The harness's lag, and which part of the busy time was not the target's."""
        lag = self.raw.operations.eval("start_ns - intended_ns + resumed_ns - end_ns")
        lag_ms = percentile_us(np.maximum(lag + 500, 0) // 1000, 95) / 1000
        sums = self.raw.vitals[["wall_ms", "steps_ms", "idle_ms", "cpu_ms", "waited_ms"]].sum()
        rest = (
            (self.raw.vitals["wall_ms"] - self.raw.vitals["steps_ms"] - self.raw.vitals["idle_ms"]).clip(lower=0).sum()
        )
        share = rest / (rest + sums["steps_ms"])
        own = share * (sums["cpu_ms"] / (sums["cpu_ms"] + sums["waited_ms"]) if sums["waited_ms"] else 1.0)
        said = (
            f"p95 of harness lag {shown_ms(lag_ms)}, of it the harness's own {shown_ms(lag_ms * own)}, response "
            f"{shown_ms(self._p95_ms)}; of the busy time {share:.0%} was not steps of the target, {own:.0%} without "
            "waiting for a processor"
        )
        return f"{lag_ms * own / self._p95_ms:.1%} of p95", said

    def _lag(self, column: str, percent: float) -> tuple[float, int]:
        counts: Counter[int] = Counter()
        for text in self.raw.vitals[column].dropna():
            for item in HdrHistogram.decode(text).get_recorded_iterator():
                counts[int(item.value_iterated_to)] += int(item.count_at_value_iterated_to)
        values = np.repeat(list(counts), list(counts.values()))
        return percentile_us(values, percent) / 1000, len(values)

    def event_loop_lag(self) -> tuple[str, str]:
        """How late probes of the loop fired."""
        (own, _), (rest, _), (p99, n) = (
            self._lag("lag_own_hdr", 95),
            self._lag("lag_rest_hdr", 95),
            self._lag("lag_hdr", 99),
        )
        vitals = self.raw.vitals
        worst = vitals.loc[vitals["lag_max_ms"].idxmax()]
        said = (
            f"p95 of {n:,} probes without target steps {shown_ms(own)}, with waiting for a processor {shown_ms(rest)}, "
            f"at most {shown_ms(max(0.5 * self._p95_ms, 250))}; all of it p99 {shown_ms(p99)}, largest "
            f"{shown_ms(worst['lag_max_ms'])}, of that in target steps {shown_ms(worst['lag_max_steps_ms'])}; ready "
            f"but without a processor {vitals['waited_ms'].sum() / vitals['wall_ms'].sum():.1%} of the time"
        )
        return f"p95 {shown_ms(own)}", said

    def processor(self) -> tuple[str, str]:
        """The share of the time without a processor, the first second left out."""
        rows = self.raw.vitals[self.raw.vitals["second"] > self.raw.vitals["second"].min()]
        share = f"{rows['waited_ms'].sum() / rows['wall_ms'].sum():.1%}"
        return share, f"ready to run and waiting for a processor for {share} of the time"

    def garbage_collection(self) -> tuple[str, str]:
        """Pauses of the collector."""
        sums = self.raw.vitals[["gc_count", "gc_ms", "gc_outside_ms", "wall_ms"]].sum()
        longest = shown_ms(self.raw.vitals["gc_max_ms"].max())
        said = (
            f"{int(sums['gc_count']):,} pauses, {sums['gc_ms'] / sums['wall_ms']:.1%} of the time with those in target "
            f"steps; longest {longest}, p95 of the response {shown_ms(self._p95_ms)}"
        )
        return f"{sums['gc_outside_ms'] / sums['wall_ms']:.1%}", said

    def littles_law(self) -> tuple[str, str]:
        """Users = throughput x (response + wait), over whole seconds of constant users."""
        users = self.raw.vitals.groupby("second")["users"].sum(min_count=1).dropna()
        rows = self.raw.operations.sort_values(["worker", "user", "intended_ns"])
        before = rows.groupby(["worker", "user"])["end_ns"].shift().fillna(rows["intended_ns"]).astype("int64")
        longest = int((rows["end_ns"] - before).max())
        run = (users != users.shift()).cumsum() + (users.index.to_series().diff() != 1).cumsum()
        first, last, most = max(
            ((part.index[0], part.index[-1], part.iloc[0]) for _, part in users.groupby(run) if part.iloc[0]),
            key=lambda each: each[1] - each[0],
        )
        trimmed = max(-(-longest // SECOND), 1)
        last = last - 2 * trimmed + 1
        begun = rows.groupby(["worker", "user"])["intended_ns"].min() // SECOND
        first = max([first + trimmed, *(begun[begun <= last] + 1)])
        low, high, seconds = first * SECOND, (last + 1) * SECOND, last - first + 1
        response, wait = (
            (np.minimum(end, high) - np.maximum(begin, low)).clip(lower=0).sum() / 1e9
            for begin, end in ((rows["intended_ns"], rows["end_ns"]), (before, rows["intended_ns"]))
        )
        n = int(rows["second"].between(first, last).sum())
        found = (response + wait) / seconds
        said = (
            f"{n / seconds:,.1f}/s x {1000 * (response + wait) / n:,.3f} ms = {found:,.2f}; response "
            f"{1000 * response / n:,.3f} ms and wait {1000 * wait / n:,.3f} ms, over {seconds} s of constant users"
        )
        return f"{found:,.2f} of {int(most):,} users", said

    def fault_plan(self) -> tuple[str, str]:
        """Windows of the plan that hit an operation."""
        n = len(self.faults.windows)
        return f"{len(self.faults.injected)} of {n} injected", "every fault of the plan was injected"

    def agreement(self) -> tuple[str, str]:
        """All loading processes ran the same; how many wrote vitals."""
        n = self.raw.vitals["worker"].nunique()
        return "0 differences", f"{n} loading processes ran the same versions, corpus and options"
