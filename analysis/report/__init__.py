"""``report.html`` and ``report.md``: what stands on the page, what is drawn, what is said, and how it is written."""
