"""What a run says nothing about: a report that is silent on it would be read as praise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from analysis.files.documents import Entry, Verdict
from analysis.run import Run
from analysis.wording import number
from harness.judge.checkers.registry import named, registered
from harness.load.corpus.corpus import DEFAULT_CORPUS, Corpus, read_corpus
from harness.load.faults.kinds import KINDS
from harness.words.errors import CorpusError

PROPERTIES = (
    "priority inversion", "starvation", "oscillation", "thundering herd", "bystander damage", "head-of-line blocking",
    "orphan work", "log reconciliation",
)  # fmt: skip
"""Names of checkers to come: each goes on the list of what no checker exists for until there is one of its name."""
OF_PLAIN = (
    "Plain Locust files hold no verdict and no single operations: nothing was judged, and routes, fallbacks, "
    "priorities and stages are not in them."
)
SHIPPED = "(shipped)"
MOST_NAMED = 12


def not_tested(run: Run) -> list[str]:
    """Return what this run says nothing about, one sentence each."""
    if run.plain:
        return [OF_PLAIN]
    sentences = [*_of_verdict(run.verdict), *_of_load(run), *_of_corpus(run), *_of_faults(run)]
    return [*sentences, f"No checker exists yet for: {', '.join(no_checker())}."]


def no_checker() -> list[str]:
    """Return the properties that nothing decides, and the parts of others that their checkers leave out."""
    absent = [name for name in PROPERTIES if named(name) is None]
    return [*absent, *(part for checker in registered() for part in checker.not_judged)]


def _of_verdict(verdict: Verdict | None) -> Iterator[str]:
    if verdict is None:
        yield "Nothing was judged: no criterion, no check and no condition of validity."
        return
    entries = (*verdict.criteria, *verdict.checks, *verdict.validity, *verdict.hypotheses)
    yield from (_unknown(entry) for entry in entries if entry.status == "UNKNOWN")
    yield from _not_made({entry.name for entry in verdict.checks})
    if not verdict.hypotheses:
        yield "No hypothesis was stated for this run."


def _not_made(rows: set[str]) -> Iterator[str]:
    """Yield the checks that have no row, by what the run lacked; checks that need nothing have rows, or none."""
    lacking: dict[str, list[str]] = {}
    for checker in registered():
        if not checker.needs or checker.name in rows:
            continue
        if checker.left_out:
            yield f"{checker.name} was not checked: {checker.unknown_when}."
        else:
            lacking.setdefault(" or ".join(sorted(checker.needs)), []).append(checker.name)
    for needs, names in lacking.items():
        yield f"Not checked, for want of {needs}: {', '.join(names)}."


def _unknown(entry: Entry) -> str:
    return f"{entry.name} is UNKNOWN: {entry.detail or 'no reason given'}"


def _of_load(run: Run) -> Iterator[str]:
    totals = run.verdict.totals if run.verdict is not None else None
    most = totals.users_max if totals is not None else None
    if most is None and run.series["users"].notna().any():
        most = int(run.series["users"].max())
    yield (
        f"Load beyond {number(most)} concurrent users was not tested."
        if most is not None
        else "How many users ran at a time is not known."
    )
    if run.arrivals.empty:
        yield (
            "The load was a closed loop: users wait for an answer before they send again, so a slow target was sent "
            "less. Arrivals that go on regardless (open loop) were not tested."
        )


def _of_corpus(run: Run) -> Iterator[str]:
    corpus = _corpus(run)
    if corpus is None:
        yield "Whether all priorities and routes of the corpus were sent is not known: its file is not there as it was."
        return
    sent = {
        "priorities": ({str(each.priority) for each in corpus}, set(run.series["priority"].astype(str))),
        "expected routes": (set(corpus.routes), set(run.series["expected_route"])),
    }
    for what, (known, seen) in sent.items():
        if absent := sorted(known - seen):
            yield f"Never sent, of the {what} of the corpus: {_listed(absent)}."


def _corpus(run: Run) -> Corpus | None:
    """Return the corpus of the run, None where it is not to be found or not the same any more."""
    named, digest = run.manifest.options.get("corpus"), run.manifest.digests.get("corpus")
    if not isinstance(named, str):
        return None
    try:
        corpus = read_corpus(DEFAULT_CORPUS if named == SHIPPED else Path(run.manifest.folder or ".") / named)
    except CorpusError:
        return None
    return corpus if corpus.digest == digest else None


def _of_faults(run: Run) -> Iterator[str]:
    if not (run.path / "faults.csv").is_file():
        yield "No fault was injected: how routing behaves while something fails was not tested."
        return
    faults = run.faults
    if not {"name", "kind", "injected"} <= set(faults.columns):
        return
    struck = faults[pd.to_numeric(faults["injected"], errors="coerce").fillna(0) > 0]
    # faults that hold for a window hit no operation, so nothing is counted for them
    whole = faults[faults["operations_hit"].isna()] if "operations_hit" in faults else faults.iloc[:0]
    silent = [name for name in faults["name"].astype(str) if name not in {*struck["name"], *whole["name"]}]
    if silent:
        yield f"In the fault plan, but hit no operation: {_listed(dict.fromkeys(silent))}."
    if absent := sorted(KINDS.keys() - {*struck["kind"].astype(str), *whole["kind"].astype(str)}):
        yield f"Kinds of faults that were not injected: {', '.join(absent)}."


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    more = f" and {len(found) - MOST_NAMED:,} more" if len(found) > MOST_NAMED else ""
    return ", ".join(found[:MOST_NAMED]) + more
