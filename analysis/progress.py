"""Showing on stderr what is being done, once it has taken longer than anybody likes to wait for nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from harness.words.errors import printable

AFTER_S = 2.0
"""Seconds without a sign of life before there is one."""

Step = Callable[[str], None]
"""Called with what is begun now."""


def silent(name: str) -> None:
    """Take a step without telling anybody."""


@contextmanager
def progress(total: int, after_s: float = AFTER_S, console: Console | None = None) -> Iterator[Step]:
    """Give a function to call as each of ``total`` steps begins; what it is told is shown after ``after_s``.

    Nothing is shown, and nothing left behind, where stderr is no terminal or everything is over earlier.
    """
    shown = console if console is not None else Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal)
    task = bar.add_task("", total=total)
    begun = 0

    def step(name: str) -> None:
        nonlocal begun
        bar.update(task, description=escape(printable(name)), completed=begun)
        begun += 1

    timer = threading.Timer(after_s, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield step
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
