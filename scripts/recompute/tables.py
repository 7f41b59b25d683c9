"""What the rows of the tables must be, and the lines that repeat manifest and verdict."""

from __future__ import annotations

import json
import re
from functools import cached_property

import pandas as pd

from scripts.recompute import load, steady
from scripts.recompute.checks import Checks
from scripts.recompute.faults import Faults
from scripts.recompute.raw import Raw, latency_ms, percentile_us, sig, span_s
from scripts.recompute.shown import Shown, moment, n


class Tables:
    """The groups of each row, by the name of its form."""

    raw: Raw
    faults: Faults
    checks: Checks
    steady: tuple[int, int] | None

    def run_id(self, *_: str) -> tuple[object, ...]:
        """Return the run's id."""
        return (self.raw.manifest["run_id"],)

    def stageflow(self, *_: str) -> tuple[object, ...]:
        """Return the version of Stageflow."""
        return (self.raw.manifest["versions"]["stageflow-core"],)

    def started(self, *_: str) -> tuple[object, ...]:
        """Return when the load began."""
        return (self.raw.manifest["t0"],)

    def commit(self, *_: str) -> tuple[object, ...]:
        """Return the commit that ran."""
        return (self.raw.manifest["git"]["commit"],)

    def corpus(self, *_: str) -> tuple[object, ...]:
        """Return the digest of the corpus."""
        return (self.raw.manifest["digests"]["corpus"],)

    def criteria(self, *_: str) -> tuple[object, ...]:
        """Return the criteria in one line."""
        return ("; ".join(self.raw.manifest["options"]["criteria"]),)

    def started_as(self, *_: str) -> tuple[object, ...]:
        """Return the command line."""
        return (" ".join(self.raw.manifest["argv"]),)

    def summary(self, word: str, meaning: str, *_: str) -> tuple[object, ...]:
        """Return word, meaning, reason and exit code."""
        return word, meaning, self.raw.verdict["reason"], self.raw.verdict["exit_code"]

    def logged(self, level: str, *_: str) -> tuple[object, ...]:
        """Return how many records the target logged."""
        return level, self.raw.verdict["totals"]["log_records"].get(level)

    def most_users(self, *_: str) -> tuple[object, ...]:
        """Return the most concurrent users."""
        return (int(self.raw.users.max()),)

    def never_sent(self, *_: str) -> tuple[object, ...]:
        """Return the priorities that no operation had: the shipped corpus has all ten."""
        sent = set(self.raw.operations["priority"])
        return (", ".join(str(each) for each in range(10) if each not in sent),)

    def broken_name(self, *_: str) -> tuple[object, ...]:
        """Return the criterion that failed."""
        return (self._broken(),)

    def outcome(self, name: str) -> int:
        """Return operations of an outcome."""
        return int((self.raw.operations["outcome"] == name).sum())

    @cached_property
    def duration_s(self) -> float:
        """From the first intended start to the last outcome."""
        rows = self.raw.operations
        return (rows["end_ns"].max() - rows["intended_ns"].min()) / 1e9

    def key_metric(self, name: str, _: str) -> tuple[object, object]:
        """Return name and value of a row of key metrics and of what was run."""
        rows = self.raw.operations
        floor = self.raw.verdict["totals"]["noise_floor"] or {}
        logged = self.raw.verdict["totals"]["log_records"] or {}
        found = {
            "operations": len(rows),
            "arrivals": len(rows),
            "throughput": (n(round(len(rows) / self.duration_s, 3)), " /s"),
            **{f"p{p}": (n(latency_ms(self.raw.ok, p)), " ms") for p in (50, 95, 99)},
            "slowest": (n(self.raw.ok["response_ns"].max() / 1e6), " ms"),
            "most users": int(self.raw.users.max()),
            "duration": (Shown(self.duration_s, span_s), " s"),
            **{each: self.outcome(each) for each in ("ok", "failed", "cancelled", "timeout", "shed")},
            "ok without a usable route": int(self.raw.ok["flag"].notna().sum()),
            "cancelled because the run was stopped": int((rows["flag"] == "stopped").sum()),
            **{f"logged by the target at {level}": count for level, count in logged.items()},
            **{route: int(count) for route, count in self.raw.ok["route"].value_counts().items()},
            "noise floor of the harness": ", ".join(f"{k.removesuffix('_ms')} {sig(v)} ms" for k, v in floor.items()),
        }.get(name, "a row that is known here")
        if isinstance(found, tuple):
            return name, Shown(found[0].value, lambda each: found[0].text(each) + found[1])
        return name, found

    def steady_state(self, *_: str) -> tuple[object, ...]:
        """Return warm-up, throughput and percentiles of the steady state."""
        assert self.steady is not None
        first, length = self.steady
        rows = self.raw.operations[self.raw.operations["second"] >= first]
        inner = rows[rows["second"].between(first + 1, rows["second"].max() - 1)]
        rate = round(len(inner) / inner["second"].nunique(), 3)
        return (f"{length}", n(rate), *(n(latency_ms(rows[rows["outcome"] == "ok"], p)) for p in (50, 95, 99)))

    def status_counts(self, group: str, *_: str) -> tuple[object, ...]:
        """Return how many rows hold, are broken and unknown."""
        words = [entry["status"] for entry in self.raw.verdict[group]]
        broken, unknown = (sum(word in which for word in words) for which in (("INVALID", "FAIL"), ("UNKNOWN",)))
        return group, len(words) - broken - unknown, broken, unknown

    def _first(self, name: str, begin: int, end: int | None) -> int | None:
        return self.once(("first", name, begin), lambda: self.faults.first_fallback(name, begin, end))

    def fault_row(self, name: str, *_: str) -> tuple[object, ...]:
        """Return the row of a fault window."""
        found = next(((k, w) for k, w in enumerate(self.faults.windows) if w[0] == name), None)
        if found is None:
            return ("a window of the history", *_)
        place, (_, begin, end) = found
        hits = [each for each in self.faults.injected.get(name, []) if begin <= each.start_ns <= end]
        first = self._first(name, begin, end)
        fates = pd.Series([self.faults.fate(each) for each in hits]).value_counts()
        order = ("retried", "fell back", "surfaced", "served late", "unaccounted")
        counted = ", ".join(f"{fates[word]:,} {word}" for word in order if word in fates)
        zero = self.raw.began_s
        delay, recovery = n(round((first - begin) / 1e6, 3)), n(round(self.faults.recoveries[place], 3))
        false, missed = self.once(("wrong", begin), lambda: self.faults.wrong(begin, end))
        kind, where = hits[0].kind, hits[0].place
        hit = len({each.operation for each in hits})
        return (
            name, kind, where, moment(begin / 1e9 - zero), moment(end / 1e9 - zero), hit, delay, recovery, false,
            missed, counted,
        )  # fmt: skip

    def verdict_row(self, name: str, status: str, measured: str, target: str, said: str) -> tuple[object, ...]:
        """Return the row of a verdict: all of it, as it must be."""
        in_manifest = name in self.raw.manifest["options"]["criteria"]
        made = (lambda: self.checks.criterion(name)) if in_manifest else self.checks.rows().get(name)
        if made is None:
            return ("a row that is known here", status, measured, target, said)
        found, entry = self.once(name, made), self.entry(name)
        of_target = {
            "conservation": f"{len(self.raw.operations):,} arrivals",
            "hang": f"within {self.raw.manifest['options']['deadline_ms']:g} ms",
        }.get(name, entry["target"] if not in_manifest else _target(name))
        if name == "event loop lag":
            limit = max(0.1 * percentile_us(self.raw.operations["us"].to_numpy(), 95) / 1000, 10)
            of_target = f"<= {limit:,.1f} ms"
        return name, entry["status"], found[0], of_target, found[1]

    def configured(self, name: str, _: str) -> tuple[object, object]:
        """Return name and value of a row of the configuration, as the manifest has it."""
        manifest = self.raw.manifest
        digest = name.removeprefix("sha256 of ")
        found = {
            "started": manifest["t0"], "ended": manifest["t1"], "locustfile": manifest["locustfile"],
            "folder": manifest["folder"], **manifest["options"], "scenarios": manifest["scenarios"],
            "commit": manifest["git"]["commit"], **manifest["versions"], "hosts": ", ".join(manifest["hosts"]),
            "cpus": manifest["cpus"], f"sha256 of {digest}": manifest["digests"].get(digest),
        }.get(name, "an option of the manifest")  # fmt: skip
        if isinstance(found, list):
            found = json.dumps(found)
        return name, f"{found:,.6g}" if isinstance(found, float) else found

    def command(self, said: str) -> tuple[object]:
        """Return the command that does the run again, where each of its options is that of the manifest."""
        options = self.raw.manifest["options"]
        shown = dict(re.findall(r"--([a-z-]+) (?!--)(\S+)", said))
        for flag, value in shown.items():
            name = {"users": "num_users", "criteria": "criteria_file"}.get(flag, flag.replace("-", "_"))
            known = options.get(name)
            same = float(value) == float(known) if isinstance(known, int | float) else value == str(known)
            if not same:
                return (f"--{flag} {known}",)
        return (said,)

    def _broken(self) -> str:
        return next(entry["name"] for entry in self.raw.verdict["criteria"] if entry["status"] == "FAIL")

    def broken(self, *_: str) -> tuple[object, ...]:
        """Return measured value, target and evidence of the criterion that failed."""
        measured, said = self.once(self._broken(), lambda: self.checks.criterion(self._broken()))
        return measured, _target(self._broken()), said.removeprefix("over ")

    def step(self, *shown: str) -> tuple[object, ...]:
        """Return the row of a step: found by its users and begin."""
        begins = [step["from_ns"] / 1e9 - self.raw.began_s for step in self.raw.steps]
        step = next(
            (s for s, b in zip(self.raw.steps, begins, strict=True) if (f"{s['users']:,}", f"{b:,.1f}") == shown[:2]),
            None,
        )
        if step is None:
            return ("a step of the load shape", *shown[1:])
        warm_up = steady.step_warm_up_s(self.raw, step)
        begin_s = step["from_ns"] / 1e9 + (warm_up or 0)
        rows = load.of_step(self.raw, step, begin_s)
        seconds = step["to_ns"] / 1e9 - begin_s
        ok = rows[rows["outcome"] == "ok"]
        latencies = [n(latency_ms(ok, p)) for p in (50, 95, 99)]
        said = "unknown: no steady state" if warm_up is None else f"{span_s(warm_up)} s"
        rate = n(round(len(rows) / seconds, 3))
        return (*shown[:2], said, Shown(seconds, span_s), len(rows), rate, *latencies, len(rows) - len(ok))

    def breaker(self, name: str, *_: str) -> tuple[object, ...]:
        """Return how often a breaker changed, how long it was open at most, and why it opened first."""
        edges = self.raw.edges
        mine = edges[(edges["what"] == "breaker") & (edges["name"] == name)]
        counts = [int((mine["after"] == state).sum()) for state in ("open", "half_open", "closed")]
        longest = 0.0
        for _, part in mine.groupby("worker"):
            lasted = part["at_ns"].shift(-1) - part["at_ns"]
            longest = max(longest, float(lasted[part["after"] == "open"].max()) / 1e9)
        return name, *counts, n(longest), mine.loc[mine["after"] == "open", "cause"].iloc[0]


def _target(criterion: str) -> str:
    metric, compare, number, *_ = criterion.split()
    unit = {"ms": " ms", "pct": " %"}.get(metric.rpartition("_")[2], "")
    return f"{compare} {float(number):.12g}{unit}"
