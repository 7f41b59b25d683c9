"""Values of options, as ``argparse`` types."""

from __future__ import annotations

import argparse
from collections.abc import Callable

LARGEST = 2**63 - 1
"""The largest whole number that is sent to workers, and kept in a column."""

_SHOWN = 40  # characters of a wrong value quoted in an error


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
