"""The command line of ``python -m harness``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from harness.words.errors import ExitCode, UsageError

SHOWN = 20  # rows of each part of a diff


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["run"]:
        return _run(arguments[1:])
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        return _golden(asked)
    except UsageError as error:
        print(f"routeswarm: {error}", file=sys.stderr)
        return int(ExitCode.USAGE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness",
        description="Load-tests the ROUTE stages of a Stageflow pipeline, in process.",
        epilog="Options of a run: python -m harness run --help",
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
        "the corpus's expected routes. Nothing is written without --write. Exit codes: 0 no difference (or written), "
        "1 differences, 2 bad input.",
    )
    golden.add_argument("--target", required=True, metavar="module:attribute", help="the pipeline")
    golden.add_argument("--corpus", metavar="FILE", help="JSON Lines file of scenarios (default: the shipped corpus)")
    golden.add_argument("--graph-scope", choices=("shared", "per-request"), default="shared", help="default: shared")
    golden.add_argument("--deadline-ms", type=int, default=30_000, metavar="N", help="of one scenario (30000)")
    golden.add_argument("--seed", type=int, default=1, metavar="N", help="given to the target (1)")
    golden.add_argument(
        "--write",
        nargs="?",
        const="",
        metavar="FILE",
        help="write the corpus with the new decisions, to FILE or in place",
    )
    return parser


def _run(arguments: list[str]) -> int:
    """Hand over to Locust with the default locustfile."""
    import locust.main  # monkey-patches the process, as it must before anything else is imported

    locustfile = Path(__file__).parent.parent / "locustfiles" / "route.py"  # beside the package, also when installed
    sys.argv = ["locust", "-f", str(locustfile), *arguments]
    locust.main.main()
    return 0


def _golden(asked: argparse.Namespace) -> int:
    from harness.load.corpus import DEFAULT_CORPUS, read_corpus, write_corpus
    from harness.loop import HubLoop
    from harness.target.find import find_target
    from harness.target.golden import compare, with_golden
    from harness.target.runner import TargetRunner
    from harness.target.sequential import run_sequential

    source = Path(asked.corpus) if asked.corpus else DEFAULT_CORPUS
    if asked.write == "" and not asked.corpus:
        raise UsageError("--write: the shipped corpus stays as it is, expected --write FILE or --corpus FILE")
    corpus = read_corpus(source)
    runner = TargetRunner(find_target(asked.target, seed=asked.seed), asked.graph_scope, asked.target)
    console = Console(highlight=False, soft_wrap=True)
    scenarios = track(
        corpus.scenarios,
        "sequential pass",
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    loop = HubLoop()
    loop.start()
    diff = compare(corpus.scenarios, run_sequential(loop, runner, scenarios, asked.deadline_ms / 1000))
    for title, changes in (("changed", diff.changed), ("new", diff.new), ("undecided", diff.undecided)):
        for change in changes[:SHOWN]:
            text = change.scenario.text if len(change.scenario.text) <= 60 else f"{change.scenario.text[:59]}…"
            after = change.after if change.after is not None else f"({change.error})"
            console.print(f"{title}: {change.scenario.id}  {change.before or '-'} -> {after}  {text!r}", markup=False)
        if len(changes) > SHOWN:
            console.print(f"{title}: and {len(changes) - SHOWN:,} more")
    console.print(
        f"{len(corpus):,} scenarios: {diff.same:,} same, {len(diff.changed):,} changed, {len(diff.new):,} new, "
        f"{len(diff.undecided):,} undecided"
    )
    if asked.write is not None:
        to = Path(asked.write) if asked.write else source
        write_corpus(with_golden(corpus.scenarios, diff), to)
        console.print(f"written: {to}")
        return 0
    return 0 if diff.clean else 1
