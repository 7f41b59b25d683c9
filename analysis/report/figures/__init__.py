"""The plots of a report, one declaration each: whatever ``Figure`` a module of this folder makes is one of them."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from analysis.report.figures.figure import Figure

__all__ = ["FIGURES", "Figure", "registered"]


def registered() -> tuple[Figure, ...]:
    """Return the plots in their order.

    Raises:
        ValueError: two have one name or one place.

    """
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    figures = [value for module in modules for value in vars(module).values() if isinstance(value, Figure)]
    for field in ("name", "place"):
        seen = [getattr(figure, field) for figure in figures]
        if twice := sorted({str(value) for value in seen if seen.count(value) > 1}):
            raise ValueError(f"plots of one {field}: {', '.join(twice)}")
    return tuple(sorted(figures, key=lambda figure: figure.place))


FIGURES = registered()
"""The plots of a report, in their order."""
