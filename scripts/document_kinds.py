"""Write the table of fault kinds into ``docs/faults.md``, from what the kinds say of themselves.

``python -m scripts.document_kinds`` after a kind was added or changed.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.load.faults.describe import HEADER, table_of_kinds

PAGE = Path(__file__).parents[1] / "docs" / "faults.md"
TABLE = re.compile(re.escape(HEADER) + r"(\|.*\n)*")


def documented(page: str) -> str:
    """Return a page with the table as it is to be."""
    return TABLE.sub(lambda _: table_of_kinds(), page)


if __name__ == "__main__":
    PAGE.write_text(documented(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
