"""The roll of a run: its workers, who they are and what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from harness.judge.criteria.noise_floor import NoiseFloor, highest
from harness.judge.validity.agreement import differences
from harness.judge.validity.workers import Workers
from harness.record.run_directory import Json
from harness.swarm.keeping.collector import CLOSED_AFTER_S
from harness.swarm.keeping.manifest import stamp
from harness.swarm.keeping.reach import Reach
from harness.swarm.keeping.worker_record import WorkerRecord

LATE_AFTER_S = float(CLOSED_AFTER_S)
"""Seconds between two reports, by the worker's clock, after which it is late: ``series.csv`` does not wait longer. Not
those in which a step of the target held its thread: these are the target's doing, and shown as such."""


class Roll:
    """Who takes part in a run.

    Args:
        records: what was received, by index of the worker; filled by the collector.
        alike: what every worker must have as the master has it.

    """

    def __init__(self, records: Mapping[int, WorkerRecord], alike: Mapping[str, Json]) -> None:
        self._records = records
        self._alike = alike
        self._expected: set[int] = set()
        self._introduced: dict[int, dict[str, Json]] = {}
        self._mismatches: dict[int, list[str]] = {}
        self._began_after_s: dict[int, float] = {}
        self.reach = Reach()

    def expect(self, workers: Iterable[int]) -> None:
        """Take note of the workers that are there when the run begins: one that is never heard of is lost."""
        self._expected.update(workers)

    def introduce(self, about: dict[str, Json], after_s: float = 0.0) -> list[str]:
        """Take what a worker says of itself, so many seconds into the load.

        Returns what it has otherwise than the master.
        """
        index = about["index"]
        assert isinstance(index, int)
        self._began_after_s.setdefault(index, after_s)
        has, versions = about.pop("agreed_on", None), about["versions"]
        found = {**(versions if isinstance(versions, dict) else {}), **(has if isinstance(has, dict) else self._alike)}
        self._introduced[index] = about
        self._mismatches[index] = differences(_name(index), found, self._alike)
        return self._mismatches[index]

    def __len__(self) -> int:
        """Return how many workers take part."""
        return len(self._all())

    def missing(self) -> list[int]:
        """Return the workers that took part and whose reports have not all been received."""
        return [index for index in self._all() if index not in self._records or not self._records[index].final]

    def rows(self, running: Collection[int] = ()) -> list[Json]:
        """Return what the manifest says of each worker; of those that are not finished, some may be ``running``."""
        missing, late = set(self.missing()), self.late
        return [
            self._row(index, "finished" if index not in missing else "running" if index in running else "lost", late)
            for index in self._all()
        ]

    def look(self, there: Iterable[int]) -> None:
        """Look, once a second, who of the workers that are ``there`` and not yet done was heard of."""
        done = {index for index, record in self._records.items() if record.final}
        self.reach.look({*there} - done)

    def hosts(self) -> list[Json]:
        """Return the hosts of the workers."""
        return [*sorted({str(about["host"]) for about in self._introduced.values()})]

    @property
    def introduced(self) -> int:
        """How many workers said what they are."""
        return len(self._introduced)

    @property
    def joined_late(self) -> tuple[str, ...]:
        """The workers that were not there yet when the run began."""
        return tuple(_name(index) for index in sorted(self._introduced) if index not in self._expected)

    @property
    def noise_floor(self) -> NoiseFloor | None:
        """The highest noise floor of those that measured one."""
        floors = (NoiseFloor.of_json(about.get("noise_floor")) for about in self._introduced.values())
        return highest(floor for floor in floors if floor is not None)

    @property
    def log_records(self) -> Mapping[str, int]:
        """What the target logged in all of them, by level."""
        levels: Counter[str] = Counter()
        for record in self._records.values():
            levels.update(record.log_records)
        return dict(levels)

    @property
    def lost(self) -> tuple[str, ...]:
        """The workers that are missing, each with where it ran and when it was last heard of."""
        return tuple(self._obituary(index) for index in self.missing())

    @property
    def late(self) -> dict[str, float]:
        """The seconds for which workers gathered nothing, of those for which it was over ``LATE_AFTER_S``."""
        gaps = {_name(index): record.silent_s for index, record in sorted(self._records.items())}
        return {name: round(gap_s, 1) for name, gap_s in gaps.items() if gap_s > LATE_AFTER_S}

    def took_part(self, absent: str = "") -> Workers:
        """Return what became of the workers; ``absent`` is a clause on those that never came."""
        missing, late = set(self.missing()), self.late
        others = {index: _name(index) for index in self._all() if index not in missing and _name(index) not in late}
        began_late = {
            name: round(self._began_after_s[index], 1)
            for index, name in others.items()
            if index in self._expected and self._began_after_s.get(index, 0.0) > LATE_AFTER_S
        }
        unreached = {name: self._unreached_s(index) for index, name in others.items() if name not in began_late}
        return Workers(
            absent,
            self.lost,
            {name: gap_s for name, gap_s in late.items() if name not in map(_name, missing)},
            began_late,
            {name: silent_s for name, silent_s in unreached.items() if silent_s},
        )

    def _unreached_s(self, index: int) -> float:
        """Return for how long nothing of a worker arrived though it went on; 0 for less than ``LATE_AFTER_S``."""
        silent_s, record = self.reach.longest_s(index), self._records.get(index)
        stood_s = 0.0 if record is None else record.signs.longest_gap_s()  # it stood still, or a step held its thread
        return silent_s if silent_s > LATE_AFTER_S and stood_s < silent_s - LATE_AFTER_S / 2 else 0.0

    @property
    def held_back_s(self) -> dict[str, float]:
        """The seconds for which users were held back, of the workers where they were."""
        held = {_name(index): record.held_back_s for index, record in sorted(self._records.items())}
        return {name: held_s for name, held_s in held.items() if held_s}

    @property
    def mismatches(self) -> tuple[str, ...]:
        """What workers have otherwise than the master."""
        return tuple(clause for _, clauses in sorted(self._mismatches.items()) for clause in clauses)

    @property
    def clock_offsets_ms(self) -> dict[str, float]:
        """The master's clock minus each worker's, of those that know it."""
        known = ((index, record.clock_offset) for index, record in sorted(self._records.items()))
        return {_name(index): offset[0] / 1e6 for index, offset in known if offset is not None}

    def last_heard_ns(self, index: int) -> int | None:
        """Return when a worker gathered the last report that was received, by the master's clock; None for none."""
        record = self._records.get(index)
        if record is None or record.signs.last_ns is None:
            return None
        return record.signs.last_ns + (0 if record.clock_offset is None else record.clock_offset[0])

    def _all(self) -> list[int]:
        return sorted({*self._expected, *self._introduced, *self._records})

    def _row(self, index: int, fate: str, late: Mapping[str, float]) -> dict[str, Json]:
        row: dict[str, Json] = dict(self._introduced.get(index, {"index": index}))
        row["fate"] = fate
        record = self._records.get(index)
        row["left"] = None if record is None or fate == "running" else stamp(record.last_report)
        if record is not None:
            offset = record.clock_offset
            row["late"] = late.get(_name(index))
            row["held_back_s"] = round(record.held_back_s, 3)
            row["clock_offset_ms"] = None if offset is None else offset[0] / 1e6
            row["clock_within_ms"] = None if offset is None else offset[1] / 1e6
        return row

    def _obituary(self, index: int) -> str:
        about, record = self._introduced.get(index), self._records.get(index)
        where = "" if about is None else f" ({about['host']}, pid {about['pid']})"
        when = ", never heard of" if record is None else f", last heard of at {stamp(record.last_report)}"
        return f"{_name(index)}{where}{when}"


def _name(index: int) -> str:
    return f"worker {index}"
