"""What the sentences under the plots must say."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import pandas as pd

from scripts.recompute import load, models, tail
from scripts.recompute.faults import Faults
from scripts.recompute.raw import Raw, kept, latency_ms, percentile_us, sig, span_s
from scripts.recompute.shown import Shown, moment, n, users


class Sentences:
    """The groups of each sentence, by the name of its form."""

    raw: Raw
    faults: Faults
    load: load.Load
    fits: list[models.Model]

    @cached_property
    def by_second(self) -> pd.DataFrame:
        """p95 of the four clocks by whole second before users left."""
        seconds = self.raw.seconds
        inner = seconds.iloc[1:-1]
        rows = self.raw.ok.assign(
            service=(self.raw.ok["end_ns"] - self.raw.ok["entered_ns"] + 500) // 1000,
            queue=(self.raw.ok["entered_ns"] - self.raw.ok["start_ns"] + 500) // 1000,
            lag=(self.raw.ok.eval("start_ns - intended_ns + resumed_ns - end_ns") + 500) // 1000,
        )
        rows = rows[rows["second"].isin(inner.index[inner.index < load.wind_down(seconds)])]
        grouped = rows.groupby("second")
        frame = pd.DataFrame({"p95": {at: latency_ms(part, 95) for at, part in grouped}})
        for clock in ("service", "queue", "lag"):
            frame[clock] = {at: percentile_us(part[clock].dropna().to_numpy(), 95) / 1000 for at, part in grouped}
        return frame.assign(users=self.raw.users.reindex(frame.index))

    def over_time(self, *_: str) -> tuple[object, ...]:
        """Return the sentence under latency over time."""
        frame = self.by_second
        low, high = np.percentile(frame["p95"], (5, 95))
        worst = frame["p95"].idxmax()
        found = [n(low), n(high), moment(worst - self.raw.began_s), n(frame["p95"].max()), int(frame["users"][worst])]
        leaving = len(self.raw.seconds) - int((self.raw.seconds.index < load.wind_down(self.raw.seconds)).sum())
        ends = 2 if not leaving else 1
        found += [leaving or None, ends]
        return (*found, *self._in_windows())

    def _in_windows(self) -> tuple[object, object]:
        """Return the fault window with the highest p95 of a second; None twice without faults."""
        if not self.faults.windows:
            return None, None
        inside = {}
        for name, begin, end in self.faults.windows:
            at = self.by_second.index.to_numpy()
            touched = self.by_second["p95"][(at + 1 > begin / 1e9) & (at < end / 1e9)]
            inside[name] = touched.max()
        name = max(inside, key=lambda each: (inside[each], each))
        return name, n(inside[name])

    def clocks_over_time(self, *_: str) -> tuple[object, ...]:
        """Return the sentence under the four clocks over time."""
        worst = self.by_second["p95"].idxmax()
        row = self.by_second.loc[worst]
        return moment(worst - self.raw.began_s), *(n(row[name]) for name in ("p95", "service", "queue", "lag"))

    def clocks(self, *_: str) -> tuple[object, ...]:
        """Return p95 of response, lag and queue, and the share of service."""
        rows = self.raw.ok
        lag = (rows.eval("start_ns - intended_ns + resumed_ns - end_ns") + 500) // 1000
        queue = (rows["entered_ns"] - rows["start_ns"] + 500) // 1000
        share = 100 * (rows["end_ns"] - rows["entered_ns"]).sum() / rows["response_ns"].sum()
        return (
            n(latency_ms(rows, 95)),
            *(n(percentile_us(each.to_numpy(), 95) / 1000) for each in (lag, queue)),
            n(share),
        )

    def percentiles(self, *shown: str) -> tuple[object, ...]:
        """Return percentiles with their intervals, and the independent operations."""
        percents = (50.0, 99.0, 99.9) if shown[6] is not None else (50.0, 99.0)
        rows = self.once(percents, lambda: load.curve(self.raw, percents))
        found: list[object] = [n(each) for row in rows for each in row[1:4]]
        found += [None] * (9 - len(found))
        return (*found, len(self.raw.ok), n(round(rows[1][4])))

    def heat(self, *shown: str) -> tuple[object, ...]:
        """Return the most frequent latencies and those far from them."""
        level = np.floor(12 * np.log10(np.maximum(kept(self.raw.ok["us"]), 1)) + 1e-9).astype(int)
        counts = pd.Series(level).value_counts().sort_index()
        fullest = int(counts.idxmax())
        low, high = (10 ** ((fullest + step) / 12) / 1000 for step in (0, 1))
        share = f"{100 * counts.max() / len(level):.0f}"
        far = self.raw.ok[10 ** (level / 12) / 1000 >= 10 * high]
        if len(shown) == 3:
            assert far.empty, "some took ten times as long"
            return n(low), n(high), share
        return n(low), n(high), share, n(100 * len(far) / len(level), 2), int(far["second"].nunique())

    def tail(self, *_: str) -> tuple[object, ...]:
        """Return the sentence on the slowest 1 %."""
        found = self.once("tail", lambda: tail.tail(self.raw))
        signed = [Shown(found[name], lambda v: f"{'+' if v > 0 else ''}{sig(v)}") for name in ("other", "slower")]
        return (
            n(found["tail"]),
            n(found["extra"]),
            *signed,
            n(found["pct"], 2),
            found["first"],
            n(found["dominates"], 2),
        )

    def priorities(self, *_: str) -> tuple[object, ...]:
        """Return p95 of the most and the least urgent priority, and inversions."""
        rows, found = self.raw.ok, self.once("inversions", lambda: tail.inversions(self.raw))
        high, low = int(rows["priority"].max()), int(rows["priority"].min())
        p95 = {each: n(latency_ms(rows[rows["priority"] == each], 95)) for each in (high, low)}
        said = "Inversions are unknown: no backend told its calls."
        if found is not None:
            said = "No call waited while a less urgent one was dispatched."
            assert not found[0]
        return p95[high], high, p95[low], low, said

    def confusion(self, *_: str) -> tuple[object, ...]:
        """Return how many operations with an expected route were decided for it."""
        rows = self.raw.ok[self.raw.ok["expected_route"].notna()]
        told = rows["asked_route"].where(rows["asked_route"] != rows["route"])
        decided = rows["route"].where(rows["tier"] == 0, told)
        assert decided.notna().all()
        return (int((decided == rows["expected_route"]).sum()),)

    def by_users(self, *shown: str) -> tuple[object, ...]:
        """Return p95 at the fewest and the most users, the highest between, and up to where nothing is crossed."""
        limit, crossed = self._crossing()
        assert math.isinf(crossed["users"]), "it is crossed"
        return (*self._growth(), f"{limit:g}", n(crossed["most"]), self._left_out(shown[-1]))

    def by_users_crossing(self, *shown: str) -> tuple[object, ...]:
        """Return the same, and where the limit is crossed."""
        limit, crossed = self._crossing()
        found = [users(crossed[name]) for name in ("users", "low", "high")]
        return (*self._growth(), f"{limit:g}", *found, self._left_out(shown[-1]))

    def _growth(self) -> list[object]:
        frame = self.load.by_users
        first, last, worst = frame.iloc[0], frame.iloc[-1], frame.loc[frame["p95_ms"].idxmax()]
        ratio = last["p95_ms"] / first["p95_ms"]
        growth = f"{100 * abs(ratio - 1):.0f} % {'more' if ratio > 1 else 'less'}"
        growth = (
            f"{sig(ratio, 2)} times as much" if ratio >= 2 else "about the same" if abs(ratio - 1) < 0.05 else growth
        )
        between = [None] * 3 if worst.name in (0, len(frame) - 1) else self._at(worst)
        return [*self._at(first), *self._at(last), growth, *between]

    def _left_out(self, shown: str | None) -> int | None:
        """Return the seconds left out, None where there is none and nothing is said."""
        return self.load.left_out_s or (None if shown is None else 0)

    def _at(self, row: pd.Series) -> list[object]:
        return [n(row["p95_ms"]), int(row["users_max"]), Shown(float(row["seconds"]), span_s)]

    def _crossing(self) -> tuple[float, dict[str, float]]:
        """Return the limit of the criterion on p95, and where it is crossed."""
        limit = next(float(c.split("<")[1].split()[0]) for c in self.raw.manifest["options"]["criteria"] if "p95" in c)
        return limit, self.once(("crossing", limit), lambda: self.load.crossing(95, limit))

    def _ranked(self) -> list[models.Model]:
        return sorted((each for each in self.fits if math.isfinite(each.aicc)), key=lambda each: round(each.aicc, 6))

    def knee(self, *shown: str) -> tuple[object, ...]:
        """Return where the knee is, and which models fit how well."""
        return self._said("knee").removeprefix("The knee ").removesuffix("."), self._left_out(shown[-1])

    def knee_untold(self, *shown: str) -> tuple[object, ...]:
        """Return the same where the levels do not tell the knee."""
        return self._said("knee").removeprefix("Where the knee ").removesuffix("."), self._left_out(shown[-1])

    def no_model(self, *shown: str) -> tuple[object, ...]:
        """Return why there is no model."""
        assert not self._ranked(), "there is a model"
        return next(each.why for each in self.fits if each.why), self._left_out(shown[-1])

    def _said(self, what: str) -> str:
        """Return where knee or saturation point is, as its sentence has it; that of the knee goes on to the models."""
        ranked = self._ranked()
        first = ranked[0]
        alike = [models.NAMES[each.name] for each in ranked if each.aicc - first.aicc <= models.CLOSE]
        found = getattr(first, what)
        name = "saturation point" if what == "saturation" else what
        if isinstance(found, tuple):
            value, low, high = (min(users(each).may_be()) for each in found)
            said = f"The {name} is at {value} users [{low}, {high}]."
        else:
            said = f"{found[0].upper()}{found[1:]}."
        if what == "saturation":
            return said if len(alike) == 1 else ""
        off = f"typically {sig(first.off_pct, 2)} % off."
        if len(alike) > 1:
            names = f"{', '.join(alike[:-1])} and {alike[-1]}"
            return f"{said} {names[0].upper()}{names[1:]} fit alike, {off}"
        return f"{said} Of the models {models.NAMES[first.name]} fits best, {off}"

    def throughput(self, *shown: str) -> tuple[object, ...]:
        """Return throughput at the fewest users and where it is highest, and the saturation point."""
        frame = self.load.levels
        first, most = frame.iloc[0], frame.loc[frame["rate"].idxmax()]
        said = self._said("saturation") if self._ranked() else ""
        point = said.removeprefix("The saturation point ").removesuffix(".") or None
        return *self._rate(first), *self._rate(most), point, self._left_out(shown[-1])

    @staticmethod
    def _rate(row: pd.Series) -> list[object]:
        interval = [None, None] if math.isnan(row["low"]) else [n(row["low"]), n(row["high"])]
        return [n(row["rate"]), *interval, users(row["users"])]

    def by_throughput(self, *shown: str) -> tuple[object, ...]:
        """Return p95 at the lowest and the highest throughput, and the highest between."""
        frame = self.load.by_throughput
        worst = frame["p95_ms"].idxmax()
        between = [None, None] if worst in (0, len(frame) - 1) else [n(frame["p95_ms"][worst]), n(frame["rate"][worst])]
        ends = [n(frame[name].iloc[at]) for at in (0, -1) for name in ("p95_ms", "rate")]
        return (*ends, *between, self._left_out(shown[-1]))

    def activation(self, *_: str) -> tuple[object, ...]:
        """Return how soon fallbacks began, and how much they served where they served most."""
        delays = []
        for name, begin, end in self.faults.windows:
            first = self._first(name, begin, end)
            delays.append(f"{sig(round((first - begin) / 1e6, 3))} ms after '{name}'")
        rows, shares = self.raw.operations, {}
        for name, begin, end in self.faults.windows:
            inside = rows[rows["end_ns"].between(begin, end)]
            shares.setdefault(name, 100 * ((inside["tier"] > 0) & (inside["outcome"] == "ok")).mean())
        most = max(shares, key=shares.get)
        before = rows[rows["end_ns"] < self.faults.windows[0][1]]
        listed = f"{', '.join(delays[:-1])} and {delays[-1]}"
        return listed, most, n(shares[most], 2), n(100 * float((before["tier"] > 0).mean()), 2)
