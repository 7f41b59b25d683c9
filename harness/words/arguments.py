"""Values of options, as ``argparse`` types."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def whole(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers of at least ``least``; it raises ``argparse.ArgumentTypeError``."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number of at least {least}")
        return number

    return parse
