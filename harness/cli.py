"""The command line of ``python -m harness``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from harness.judge.blocking import never_returned
from harness.load.corpus.corpus import DEFAULT_CORPUS, read_corpus, write_corpus
from harness.loop import HubLoop, deliver_interrupts_to_main
from harness.loop.lookout.lookout import BASELINE, Lookout
from harness.pipeline.baseline import run_sequential
from harness.pipeline.find import REFERENCE_TARGETS, find_target
from harness.pipeline.golden import GoldenDiff, compare, with_golden
from harness.pipeline.runner import GRAPH_SCOPES, TargetRunner
from harness.words.arguments import OneLineParser, whole
from harness.words.errors import ExitCode, UsageError, printable
from harness.words.output import put, tolerant

INTERRUPTED = 128 + signal.SIGINT
SHOWN = 20  # rows of each part of a diff


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    with tolerant():
        asked = _parser().parse_args(argv)
    try:
        return _golden(asked)
    except UsageError as error:
        _say(str(error))
        return int(ExitCode.USAGE)
    except KeyboardInterrupt:
        _say("interrupted, nothing was written")
        return INTERRUPTED


def _say(line: str) -> None:
    put(f"routeswarm: {printable(line)}\n", sys.stderr)


def _parser() -> argparse.ArgumentParser:
    called = "routeswarm" if Path(sys.argv[0]).name == "routeswarm" else "python -m harness"
    parser = OneLineParser(
        prog=called,
        description="Load-tests the ROUTE stages of a Stageflow pipeline, in process.",
        epilog=f"Options of a run: {called} run --help",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="{run,golden}")
    commands.add_parser(
        "run",
        help="run Locust on the default locustfile; all of Locust's options apply",
        description="Run Locust on the default locustfile, from any folder; all of Locust's options apply.",
    )
    golden = commands.add_parser(
        "golden",
        help="record a target's golden decisions into a corpus",
        description="Runs every scenario once, one after the other, and shows how the target's decisions differ from "
        "the corpus's expected routes. Nothing is written without --write.",
        epilog="Exit codes: 0 every decision is the corpus's, or was written into it; 11 a decision is another one, "
        "or a stage never returned (then nothing is written); "
        "12 a scenario has no expected route yet, or (also with --write) the target decided nothing on it; "
        "2 bad usage or input.",
    )
    golden.add_argument("--target", required=True, metavar="module:attribute", help="the pipeline")
    golden.add_argument("--corpus", metavar="FILE", help="JSON Lines file of scenarios (default: the shipped corpus)")
    golden.add_argument("--graph-scope", choices=GRAPH_SCOPES, default=GRAPH_SCOPES[0], help="default: shared")
    golden.add_argument("--deadline-ms", type=whole(1), default=30_000, metavar="N", help="of one scenario (30000)")
    golden.add_argument("--seed", type=whole(0), default=1, metavar="N", help="given to the target (1)")
    golden.add_argument(
        "--write",
        nargs="?",
        const="",
        metavar="FILE",
        help="write the corpus with the new decisions, to FILE or in place",
    )
    return parser


def _golden(asked: argparse.Namespace) -> int:
    """Record golden decisions and show how they differ from those of the corpus."""
    source = Path(asked.corpus) if asked.corpus else DEFAULT_CORPUS
    if asked.write == "" and not asked.corpus:
        raise UsageError("--write: the shipped corpus stays as it is, expected --write FILE or --corpus FILE")
    to = Path(asked.write or source)
    if asked.write is not None and to.is_dir():
        raise UsageError(f"--write {to}: found a folder, expected a file")
    scenarios = read_corpus(source).scenarios
    if not asked.corpus and asked.target not in REFERENCE_TARGETS:
        scenarios = tuple(replace(scenario, expected_route=None) for scenario in scenarios)  # another target's
    loop = HubLoop()
    lookout = Lookout(loop)
    deliver_interrupts_to_main(lookout.watch.ask)
    lookout.start(_say)  # before the target is imported, which may end the process
    runner = TargetRunner(find_target(asked.target, seed=asked.seed), asked.graph_scope, asked.target)
    loop.start()
    lookout.open_run("golden", asked.deadline_ms / 1000)
    progress = Console(stderr=True)
    tracked = track(scenarios, "golden decisions", console=progress, transient=True, disable=not progress.is_terminal)
    try:
        diff = compare(scenarios, run_sequential(loop, runner, tracked, asked.deadline_ms / 1000))
        endless = never_returned(lookout.take(BASELINE, 0))
    finally:
        lookout.close_run()
        lookout.stop()
    with tolerant():  # not before: until here the target may look at standard output
        _show(diff)
        for block in endless:
            print(printable(f"never returned: {block.where}, ended after {block.seconds:.1f} s"))
    if endless:
        return int(ExitCode.CHECKER)
    if asked.write is None:
        return int(diff.exit_code(written=False))
    try:
        write_corpus(with_golden(scenarios, diff), to)
    except OSError as error:
        raise UsageError(f"--write {to}: cannot write: {error.strerror or error}") from error
    put(f"written: {printable(str(to))}\n", sys.stdout)
    return int(diff.exit_code(written=True))


def _show(diff: GoldenDiff) -> None:
    for title, changes in (("changed", diff.changed), ("new", diff.new), ("undecided", diff.undecided)):
        for change in changes[:SHOWN]:
            text = change.scenario.text if len(change.scenario.text) <= 60 else f"{change.scenario.text[:59]}…"
            after = change.after if change.after is not None else f"({change.error})"
            print(printable(f"{title}: {change.scenario.id}  {change.before or '-'} -> {after}  {text!a}"))
        if len(changes) > SHOWN:
            print(f"{title}: and {len(changes) - SHOWN:,} more")
    print(
        f"{diff.same:,} same, {len(diff.changed):,} changed, {len(diff.new):,} new, {len(diff.undecided):,} undecided"
    )
