"""Values of options, as ``argparse`` types, and a parser whose errors are one line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from harness.words.errors import LINE, ExitCode, cut, printable

LARGEST = 2**63 - 1
"""The largest whole number that is sent to workers, and kept in a column."""

_SHOWN = 40  # characters of a wrong value quoted in an error


class OneLineParser(argparse.ArgumentParser):
    """A parser that says a mistake in one printable line, without the usage before it, and exits with 2."""

    def error(self, message: str) -> NoReturn:
        """Say ``message`` on standard error and exit."""
        self.exit(int(ExitCode.USAGE), usage_line(self.prog, message))


def usage_line(prog: str, message: str) -> str:
    """Return the line that says a mistake in a command, with its end."""
    return f"{cut(printable(f'{prog}: error: {message}'), LINE)} (--help shows the options)\n"


def whole(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from ``least`` to ``LARGEST``; it raises ``argparse.ArgumentTypeError``."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= LARGEST:
            found = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
            most = f", at most {LARGEST}" if number > LARGEST or len(text) > _SHOWN else ""
            raise argparse.ArgumentTypeError(f"found {found!r}, expected a whole number of at least {least}{most}")
        return number

    return parse
