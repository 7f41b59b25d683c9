"""Whether two runs can be compared: the same load on the same target, and both to be trusted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from analysis.files.documents import Manifest
from analysis.run import Run
from analysis.wording import number, value

REASONS = ("target", "corpus", "seed", "load", "faults", "validity")
"""What can make two runs not comparable; each can be accepted."""

_LOAD = ("locustfile", "user_classes", "num_users", "spawn_rate", "load_shape", "tags", "exclude_tags", "deadline_ms")
_LEAST_OK = 0.5


def _option(name: str) -> Callable[[Manifest], object]:
    return lambda manifest: manifest.options.get(name)


_SAME: tuple[tuple[str, str, Callable[[Manifest], object]], ...] = (
    ("target", "target", _option("target")),
    ("target", "graph scope", _option("graph_scope")),
    ("corpus", "corpus (sha256)", lambda manifest: manifest.digests.get("corpus")),
    ("seed", "seed", _option("seed")),
    *(("load", name.replace("_", " "), _option(name)) for name in _LOAD),
    ("faults", "fault plan (sha256)", lambda manifest: manifest.digests.get("fault_plan")),
)
_NEEDED = ("target", "corpus (sha256)", "seed")
"""What every run has: where it is not known, the runs are not known to be comparable."""


def differences(runs: Sequence[Run], accept: Collection[str] = ()) -> list[str]:
    """Return why runs cannot be compared with the first of them, one sentence each; empty where they can."""
    found = [f"{run.name}: {fault}" for run in runs for fault in _faults(run, accept)]
    for run in runs[1:]:
        found += [sentence for sentence in _unlike(runs[0], run, accept) if sentence not in found]
    return list(dict.fromkeys(found))


def notes(runs: Sequence[Run]) -> list[str]:
    """Return what else differs, which may be what is to be compared or may spoil it."""
    found = []
    facts: dict[str, Callable[[Manifest], object]] = {
        "hosts": lambda manifest: manifest.hosts,
        "cpus": lambda manifest: manifest.cpus,
        "commit": lambda manifest: None if manifest.git is None else manifest.git.commit,
        "workers": lambda manifest: len(manifest.workers),
        "threads and sockets": lambda manifest: manifest.world,
    }
    names = sorted({name for run in runs for name in run.manifest.versions})
    for name, fact in (*facts.items(), *((name, _version(name)) for name in names)):
        seen = list(dict.fromkeys(value(fact(run.manifest)) for run in runs))
        if len(seen) > 1:
            found.append(
                f"{name} differ: {', '.join(seen)}" if name.endswith("s") else f"{name} differs: {', '.join(seen)}"
            )
    return [*found, *_not_ok(runs)]


def _version(name: str) -> Callable[[Manifest], object]:
    return lambda manifest: manifest.versions.get(name)


def _not_ok(runs: Sequence[Run]) -> Iterator[str]:
    for run in runs:
        share = _ok_share(run)
        if share is not None and share < 1:
            yield f"{run.name}: {number(round(100 * (1 - share), 6))} % did not end ok; latency is of those that did"


def _ok_share(run: Run) -> float | None:
    totals = run.verdict.totals if run.verdict is not None else None
    if totals is None or totals.operations is None or totals.ok is None:
        return None
    judged = totals.operations - (totals.stopped or 0)
    return totals.ok / judged if judged > 0 else None


def _faults(run: Run, accept: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with one run by itself."""
    if run.plain:
        yield "plain Locust files have percentiles only, which can be neither merged nor resampled"
        return
    if run.series.empty:
        yield "no operation was recorded"
    if "validity" in accept:
        return
    if run.verdict is None:
        yield "it was not judged, so nobody knows whether it can be trusted"
        return
    for entry in run.verdict.validity:
        if entry.status == "INVALID" or (entry.status == "UNKNOWN" and entry.required):
            yield f"validity {entry.name} is {entry.status}: {entry.detail or entry.actual or 'no reason given'}"
    share = _ok_share(run)
    if share is not None and share < _LEAST_OK:
        yield f"fewer than half of its operations ended ok ({number(100 * share)} %)"


def _unlike(one: Run, two: Run, accept: Collection[str]) -> Iterator[str]:
    if one.plain or two.plain:
        return
    for reason, name, read in _SAME:
        if reason in accept:
            continue
        first, second = read(one.manifest), read(two.manifest)
        if name in _NEEDED and None in (first, second):
            yield f"{name}: not known of {one.name if first is None else two.name}"
        elif first != second:
            yield f"{name}: {value(first)} in {one.name}, {value(second)} in {two.name}"
