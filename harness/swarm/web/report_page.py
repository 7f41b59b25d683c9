"""The report of the last run, and the files of it that the report links."""

from __future__ import annotations

from pathlib import Path

from flask import make_response, render_template_string, send_from_directory
from flask.typing import ResponseReturnValue

from harness.words.links import leads_out


class Results:
    """The newest run that has a report.

    Args:
        options: of the process, by name; the start form changes them.

    """

    def __init__(self, options: dict[str, object]) -> None:
        self._options = options

    def newest(self) -> Path | None:
        """Return the folder of the newest run that has a report."""
        results = Path(str(self._options["results_dir"] or "results")).resolve()
        runs = (path.parent for path in results.glob("*Z-*/report.html"))
        return max((run for run in runs if not leads_out(run, results)), default=None)

    def report(self) -> ResponseReturnValue:
        """Show its report."""
        return self.file("report.html")

    def file(self, name: str) -> ResponseReturnValue:
        """Send another file of it, to which the report links, or list a folder of it; nothing a link leads out to."""
        run = self.newest()
        if run is None:
            return make_response("No run has ended yet.", 404)
        path = run / name
        if leads_out(path, run):
            return make_response("Not a file of this run.", 404)
        if name.endswith("/") and path.is_dir():
            files = sorted(each.name for each in path.iterdir() if not leads_out(each, run))
            return render_template_string(_LISTING, name=name, files=files)
        return send_from_directory(run, name)


_LISTING = """<!doctype html><title>{{ name }}</title>
<ul>{% for file in files %}<li><a href="{{ file }}">{{ file }}</a></li>{% endfor %}</ul>
"""
