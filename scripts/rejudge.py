"""Bring runs of 0.1.0 to the format of today: ``python scripts/rejudge.py RUN_DIR [RUN_DIR ...]``.

For the runs that are shipped in ``results/``. What a verdict needs besides history, series and vitals is taken from
manifest, corpus, fault plan and the verdict that is there, and written as ``facts.json``; then they are judged anew, as
``python -m analysis check --write`` judges runs that have one. Runs with schedules, with lost workers or of a ramp to
failure are refused: of these more is needed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

from harness.judge.criteria.criteria import parse_criteria
from harness.judge.criteria.noise_floor import NoiseFloor
from harness.judge.criteria.steps import Step
from harness.judge.facts import Facts
from harness.load.corpus.corpus import DEFAULT_CORPUS, read_corpus
from harness.load.corpus.vocabulary import Vocabulary
from harness.load.faults.plan import plan_path, read_fault_plan
from harness.record.facts_json import write_facts
from harness.record.history import parts_of, read_operations
from harness.record.judging_again import judged_again
from harness.record.run_directory import RunDirectory
from harness.words.column import FORMAT


def rejudge(path: Path) -> None:
    """Write ``facts.json``, and ``verdict.json`` (and ``faults.csv``) of a run anew; note its format."""
    run = RunDirectory(path)
    manifest, before = (json.loads(each.read_text(encoding="utf-8")) for each in (run.manifest, run.verdict))
    totals, options = before["totals"], manifest["options"]
    if run.arrivals.exists() or any(worker["fate"] != "finished" for worker in manifest["workers"]):
        raise SystemExit(f"{path}: had a schedule, or lost a worker")
    if any(step["held"] is not None for step in totals.get("steps") or []):
        raise SystemExit(f"{path}: was a ramp to failure")
    corpus = read_corpus(DEFAULT_CORPUS if options["corpus"] == "(shipped)" else Path(options["corpus"]))
    if corpus.digest != manifest["digests"]["corpus"]:
        raise SystemExit(f"{path}: the corpus is not what it was")
    deadline = next((row["target"] for row in before["checks"] if row["name"] == "chain deadline"), None)
    sent = {operation.scenario for operation in read_operations(parts_of(run.history, "operations").paths)}
    stats = pd.read_csv(path / "locust_stats.csv")
    steps = tuple(Step(step["users"], step["from_ns"], step["to_ns"]) for step in totals.get("steps") or [])
    plan = options.get("fault_plan")
    facts = Facts(
        golden=manifest.get("golden", True),
        deadline_ms=options["deadline_ms"],
        arrivals=totals["arrivals"],
        locust_requests=int(stats.loc[stats["Name"] == "Aggregated", "Request Count"].iloc[0]),
        labels={each.id: each.label for each in corpus if each.label is not None and each.id in sent},
        log_records=totals.get("log_records") or {},
        trim=not steps,
        steps=steps,
        workers=len(manifest["workers"]),
        noise_floor=NoiseFloor.of_json(totals.get("noise_floor")),
        faults=tuple(read_fault_plan(plan_path(plan)).fault) if plan else (),
        chain_deadline_ms=None if deadline is None else float(deadline.split()[1]),
        vocabulary=Vocabulary.of(corpus),
        user_errors=totals.get("user_errors") or {},
    )
    write_facts(run.facts, parse_criteria("\n".join(options["criteria"]), "the manifest"), facts)
    run.write_json(run.manifest, {"run_id": manifest["run_id"], "format": FORMAT, **manifest})
    again = judged_again(path)
    again.write()
    print(f"{path}: {again.verdict.conclusion.value}")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rejudge(Path(name))
