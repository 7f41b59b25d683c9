"""Recompute every number of a report from the history of its run, with plain pandas: ``python -m scripts.recompute``.

Nothing of ``analysis`` or ``harness`` is imported: the definitions of ``docs/definitions.md`` and ``docs/analysis.md``
are written down here a second time. What no history holds comes from where the run wrote it down: concurrent users
from ``series.csv``, what the loading processes measured of themselves from ``vitals.csv``; begin and end of the steps
of a load shape, counts of log records, the chains' deadline, the noise floor and the status of each row from
``verdict.json``; options from ``manifest.json``.

Stated rounding: histograms keep 1 µs up to 2 ms and a thousandth above; a number on the page then has as many digits as
its line says (mostly three significant ones). A number that differs after that is a difference.
"""
