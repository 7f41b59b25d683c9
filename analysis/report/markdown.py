"""``report.md``: the report as Markdown, for a pull request or an archive.

What comes from the target is escaped, so that it is text wherever it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis import wording

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$!])")


def text(found: object, limit: int = 300) -> str:
    """Return a text on one line that Markdown shows as it is; '(empty)' for an empty one."""
    shown = wording.visible(" ".join(str(found).split()), limit)
    return _SPECIAL.sub(r"\\\1", shown) or "(empty)"


def code(found: object, limit: int = 100_000) -> str:
    """Return a text between backticks, more of them than stand in it."""
    shown = wording.visible(" ".join(str(found).split()), limit)
    ticks = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{ticks}{space}{shown}{space}{ticks}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; cells that are not text yet are escaped."""
    lines = [_line(header), _line(["---"] * len(header), escaped=True), *map(_line, rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str], *, escaped: bool = False) -> str:
    return f"| {' | '.join(cell if escaped else text(cell, 2000) for cell in cells)} |"


def entries(rows: Sequence[object]) -> str:
    """Return rows of the verdict as a table."""
    from analysis.files.documents import Entry

    cells = []
    for row in rows:
        assert isinstance(row, Entry)
        examples = row.example_ids()
        operations = f" (operations {', '.join(examples)})" if examples else ""
        said = f"{row.detail or '—'}{operations}"
        cells.append((row.name, row.status, wording.value(row.actual), wording.value(row.target), said))
    return table(("Name", "Status", "Measured", "Target", "Evidence"), cells)


def facts(rows: Sequence[object]) -> str:
    """Return names and values as a table."""
    from analysis.report.page import Fact

    return table(("Name", "Value"), [(row.name, row.value) for row in rows if isinstance(row, Fact)])


def render(context: dict[str, object]) -> str:
    """Return the report; ``context`` as from ``report.content``."""
    environment = Environment(
        loader=PackageLoader("analysis"),
        autoescape=False,  # not HTML: text, code and table escape for Markdown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(text=text, code=code, entries=entries, facts=facts, value=wording.value)
    environment.globals.update(table=table)
    made = environment.get_template("report.md.j2").render(context)
    return re.sub(r"\n{3,}", "\n\n", made).strip() + "\n"
