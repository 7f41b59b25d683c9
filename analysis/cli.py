"""The command line: ``python -m analysis COMMAND``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.words.errors import ExitCode, RunError, UsageError

DESCRIPTION = """\
Read a run directory of RouteSwarm and show it to people.

A run directory is what a load test leaves under results/; results/latest is the newest.
"""

REPORT = """\
Write RUN_DIR/report.html and RUN_DIR/plots/*.svg and *.png.

The report is one file that opens from disk without network: the verdict and what it means, criteria, checks with
their evidence, validity, latency over time and against users, configuration, how to reproduce the run, and what
was not tested. A run that was cut off gets a report, too; it says what is missing.
Writing it again gives the same bytes.
"""

EXAMPLES = """\
examples:
  python -m analysis report results/latest
  python -m analysis report results/20250301T101500Z-route-1f3a

exit codes: 0 the report was written; 2 RUN_DIR is no run directory or cannot be read or written.
The verdict does not change the exit code: that is the run's own.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a user's mistake is one line on stderr and 2."""
    options = _parser().parse_args(arguments)
    # matplotlib announces on stderr that it builds its font cache, once per machine: nothing to act on.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    try:
        return _report(options.run_dir)
    except (RunError, UsageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return ExitCode.USAGE


def _report(folder: Path) -> int:
    # Imported here, so that --help and a mistyped folder do not wait for matplotlib.
    from analysis.run import load_run

    run = load_run(folder)
    from analysis.report import write_report

    print(write_report(run))
    return ExitCode.PASS


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m analysis", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=raw
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    report = commands.add_parser(
        "report",
        help="write report.html and plots/ into a run directory",
        description=REPORT,
        epilog=EXAMPLES,
        formatter_class=raw,
    )
    report.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="folder of one run, such as results/latest")
    return parser
