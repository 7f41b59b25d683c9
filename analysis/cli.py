"""The command line: ``python -m analysis COMMAND``. What the commands do is in ``analysis.commands``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.words.arguments import OneLineParser
from harness.words.errors import LINE, ExitCode, RunError, UsageError, cut, printable
from harness.words.output import put, tolerant

DESCRIPTION = """\
Read run directories of RouteSwarm, or the CSV files of any `locust --csv PREFIX`, and show them to people.

A run directory is what a load test leaves under results/; results/latest is the newest. No command needs Locust.
"""

EXAMPLES = """\
examples:
  python -m analysis report results/latest
  python -m analysis curve results/latest
  python -m analysis curve results/latest -o curve.svg
  python -m analysis fallback results/latest
  python -m analysis compare results/before results/after --max-regression 5%
  python -m analysis export results/latest operations -o operations.parquet
  python -m analysis check results/latest

exit codes: 0 done; 2 no run, or a mistake in the command; compare has 10 and 12, too; check has those
of a run, and 1 where it differs.
`python -m analysis COMMAND --help` says more about each.
"""

REPORT = """\
Write RUN_DIR/report.html, RUN_DIR/report.md and RUN_DIR/plots/*.svg and *.png.

report.html is one file that opens from disk without network: the verdict and what it means, criteria, checks with
their evidence, validity, every plot that the run has data for with a sentence on what it shows, the windows of faults
and the circuit breakers, configuration, how to reproduce the run, and what was not tested. report.md is the same for a
pull request or an archive. A run that was cut off gets a report, too; it says what is missing. Of the files of
`locust --csv PREFIX` it writes PREFIX_report.html, PREFIX_report.md and PREFIX_plots/, with the plots that Locust's
columns give. Writing it again gives the same bytes.
"""
REPORT_EXAMPLES = """\
examples:
  python -m analysis report results/latest
  python -m analysis report results/20250301T101500Z-route-1f3a
  python -m analysis report some/prefix                     files of locust --csv some/prefix --csv-full-history

exit codes: 0 the report was written; 2 RUN_DIR is no run directory or cannot be read or written.
The verdict does not change the exit code: that is the run's own.
"""

CURVE = """\
Show how latency and throughput grow with the number of users: p50, p95 and p99 at each number that the run had, where
latency crosses the thresholds of the criteria, throughput with its interval, and the models fitted to the mean latency
(linear, M/M/c, Universal Scalability Law) with knee and saturation point. Intervals hold 95 %.

A run with steps (staircase, ramp to failure) has a row per step, without its warm-up; others a row per number of users.
With -o the curve of latency goes into a file: a table (.csv, .json, .parquet) or a drawing (.png, .svg). The rest has
names of its own in `export`: latency-crossings, throughput-against-users, latency-and-models, models.
"""
CURVE_EXAMPLES = """\
examples:
  python -m analysis curve results/latest
  python -m analysis curve results/latest -o curve.svg
  python -m analysis curve some/prefix                      files of locust --csv some/prefix --csv-full-history
  python -m analysis curve results/latest --format json | jq '.[-1].p95_ms'

exit codes: 0 shown or written; 2 no run, or a mistake in the command.
"""

FALLBACK = """\
Show what each window of a fault did to the tiers: how soon the first fallback was taken, who served (share by tier),
how long after the window routing had recovered, and which fallbacks were false or missed; then the circuit breakers.

With -o it goes into a file: a table (.csv, .json, .parquet) or a drawing (.png, .svg) of who served in each second, the
states of the breakers and the windows. What is not known is said under the table.
"""
FALLBACK_EXAMPLES = """\
examples:
  python -m analysis fallback results/latest
  python -m analysis fallback results/latest -o fallback.svg
  python -m analysis fallback results/latest --format json | jq '.[].activation_delay_s'

exit codes: 0 shown or written; 2 no run, or a mistake in the command.
"""

COMPARE = """\
Say whether runs are faster or slower than a baseline, route by route, at the 50th, 95th and 99th percentile.

The first run is the baseline; each further one is compared with it. With several runs of each side name them by
--baseline and --candidate: then how much runs differ from one to the next counts as well, and one lucky run decides
nothing. Each answer is one of

  faster, slower        the interval of the difference leaves out zero
  no difference shown   it does not; read the interval to see how large a difference may have gone unseen
  too few operations    fewer than 10 beyond the percentile, or fewer than 20 seconds to compare
  not comparable        another target, corpus, seed, load or fault plan, or a run that cannot be trusted

All answers together are wrong about equal runs with a probability of at most 5 %, however many routes there are.
Warm-up and wind-down are left out; latency is that of operations that ended ok.
"""
COMPARE_EXAMPLES = """\
examples:
  python -m analysis compare results/before results/after
  python -m analysis compare results/main results/branch-a results/branch-b
  python -m analysis compare --baseline results/main-* --candidate results/branch-*
  python -m analysis compare results/before results/after --max-regression 5% --format json
  python -m analysis compare results/old-router results/new-router --accept target

in CI, with three runs of each side:
  python -m analysis compare --baseline main/* --candidate branch/* --max-regression 5%

exit codes:
  0   compared; no regression shown beyond --max-regression (without it: whatever the difference)
  10  a regression beyond --max-regression is shown: the whole interval of some row lies above it
  12  not comparable, or too few operations to compare anything
  2   no run, or a mistake in the command
With several candidates 10 wins over 12.
"""

CHECK = """\
Judge a saved run again: from its history, series and vitals, and from facts.json, which holds the rest of what a
verdict needs. Says whether verdict.json is the same, byte for byte, and if not, what differs.

A run of 0.1.0 has no facts.json and cannot be judged again; nor can one that was cut off before its end.
"""
CHECK_EXAMPLES = """\
examples:
  python -m analysis check results/latest
  python -m analysis check results/latest --write           verdict.json, and faults.csv of a run with faults

exit codes: that of the verdict as it is judged now (0, 10, 11, 12); 1 where that is 0, differs from what is there, and
was not written; 2 no run, or it has no facts.
"""

EXPORT = """\
Write one table, statistic or plot of a run; every statistic has a name.

Tables come as the run has them, every column with its unit in its name; `--list` shows what there is.
The format is that of the file's name, or --format; without -o it goes to stdout, as CSV. The same run always gives the
same bytes.
"""
EXPORT_EXAMPLES = """\
examples:
  python -m analysis export --list
  python -m analysis export results/latest operations -o operations.parquet
  python -m analysis export results/latest latency-over-time --format json
  python -m analysis export results/latest latency-over-time -o latency.svg
  python -m analysis export results/latest models --format json
  python -m analysis export results/latest stats_history | head

exit codes: 0 written; 2 no run, no such table, or a mistake in the command.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a user's mistake is one line on stderr and 2."""
    with tolerant():  # `| head` ends no command
        return _main(arguments)


def _main(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    # matplotlib announces on stderr that it builds its font cache, once per machine: nothing to act on.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    # Imported here, so that --help does not wait for pandas.
    from analysis import commands

    run = {
        "report": commands.report,
        "curve": commands.curve,
        "fallback": commands.fallback,
        "compare": commands.compare,
        "export": commands.export,
        "check": commands.check,
    }
    try:
        return run[options.command](options)
    except (RunError, UsageError, OSError) as error:
        put(cut(printable(f"error: {error}"), LINE) + "\n", sys.stderr)
        return ExitCode.USAGE


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="python -m analysis", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=_RAW)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    report = _command(commands, "report", "write report.html, report.md and plots/", REPORT, REPORT_EXAMPLES)
    _run_dir(report)
    curve = _command(commands, "curve", "show latency and throughput against users", CURVE, CURVE_EXAMPLES)
    _run_dir(curve)
    _output(curve, "csv", "json", "parquet", "png", "svg")
    fallback = _command(commands, "fallback", "show what faults did to the tiers", FALLBACK, FALLBACK_EXAMPLES)
    _run_dir(fallback)
    _output(fallback, "csv", "json", "parquet", "png", "svg")
    compare = _command(commands, "compare", "say whether runs are faster or slower", COMPARE, COMPARE_EXAMPLES)
    _compare(compare)
    check = _command(commands, "check", "judge a saved run again", CHECK, CHECK_EXAMPLES)
    check.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="folder of one run, such as results/latest")
    check.add_argument("--write", action="store_true", help="write what it is judged now, where that differs")
    export = _command(commands, "export", "write one table, statistic or plot", EXPORT, EXPORT_EXAMPLES)
    export.add_argument("run_dir", metavar="RUN_DIR", nargs="?", type=Path, help="folder of one run, or a CSV prefix")
    export.add_argument("table", metavar="TABLE", nargs="?", help="what to write: see --list")
    export.add_argument("--list", action="store_true", help="show what can be written, and stop")
    _output(export, "csv", "json", "parquet", "png", "svg")
    return parser


_RAW = argparse.RawDescriptionHelpFormatter


def _command(
    commands: argparse._SubParsersAction[OneLineParser], name: str, summary: str, text: str, examples: str
) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=summary, description=text, epilog=examples, formatter_class=_RAW)


def _run_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run_dir", metavar="RUN_DIR", type=Path, help="folder of one run, such as results/latest, or a CSV prefix"
    )


def _output(parser: argparse.ArgumentParser, *forms: str) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="where to write (default: stdout)")
    parser.add_argument("--format", choices=forms, help="default: what the name of FILE ends in")


def _compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs", metavar="RUN_DIR", nargs="*", type=Path, help="the baseline, then what to compare with it"
    )
    parser.add_argument("--baseline", metavar="RUN_DIR", nargs="+", type=Path, help="several runs of the baseline")
    parser.add_argument("--candidate", metavar="RUN_DIR", nargs="+", type=Path, help="several runs of the candidate")
    parser.add_argument(
        "--max-regression", metavar="PERCENT", type=_percent, help="exit 10 where more than this is shown, such as 5%%"
    )
    parser.add_argument(
        "--accept",
        metavar="REASON[,REASON]",
        type=lambda text: text.split(","),
        default=[],
        help="compare although they differ in: target, corpus, seed, load, faults, validity",
    )
    _output(parser, "csv", "json")


def _percent(text: str) -> float:
    try:
        found = float(text.removesuffix("%"))
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a percentage from 0, such as 5%")
    return found
