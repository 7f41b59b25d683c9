"""Whether every text of a plot can be read, and runs that make it hard."""

from __future__ import annotations

import itertools

from matplotlib.transforms import Bbox


def boxes(ax) -> dict[str, Bbox]:
    """Return where each visible text of the axes is drawn, in pixels."""
    figure = ax.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    # ticks outside the limits are kept by matplotlib but not drawn
    ticks = [
        label
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim()))
        for place, label in zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
        if min(low, high) <= place <= max(low, high)
    ]
    shown = [*ax.texts, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ticks]
    found = {}
    for index, text in enumerate(shown):
        if text.get_text() and text.get_visible():
            found[f"{index} {text.get_text()}"] = text.get_window_extent(renderer)
    return found


def assert_readable(ax) -> None:
    """No text overlaps another or leaves the figure."""
    found = boxes(ax)
    for (one, a), (two, b) in itertools.combinations(found.items(), 2):
        assert not a.overlaps(b), f"{one!r} overlaps {two!r}"
    width, height = ax.figure.bbox.size
    for name, box in found.items():
        assert box.x0 >= -1, name
        assert box.x1 <= width + 1, name
        assert box.y0 >= -1, name
        assert box.y1 <= height + 1, name


RUNS = {
    "ramp": lambda row, ramp: ramp(),
    "short ramp in a long run": lambda row, ramp: [
        row(s, [5_000, 9_000], users=1 if s < 9 else 50) for s in range(400)
    ],
    "one second": lambda row, ramp: [row(0, [1_000, 2_000, 5_000] * 10, users=100)],
    "two seconds": lambda row, ramp: [row(0, [1_000] * 30), row(1, [1_100] * 30)],
    "equal latencies": lambda row, ramp: [row(s, [1_000] * 30) for s in range(10)],
    "sub-millisecond": lambda row, ramp: [row(s, [220 + s, 510, 721] * 10) for s in range(10)],
    "four decades": lambda row, ramp: [row(s, [250] * 20 + [3_000_000] * 2, users=s + 1) for s in range(30)],
    "stalled": lambda row, ramp: [row(s, [9_000, 70_000] * 10) for s in (0, 1, 2, 30, 31, 59)],
    "users rise and leave": lambda row, ramp: [
        row(s, [5_000, 9_000, 90_000] * 2, users=u) for s, u in enumerate([25, 50, 75] + [100] * 9 + [60, 3])
    ],
    "users rise and leave at once": lambda row, ramp: [
        row(s, [5_000, 400_000] * 9, users=u) for s, u in enumerate([9, 10, 1])
    ],
    "200 users": lambda row, ramp: ramp(seconds=300, users_max=200, label_sets=1),
    "zero latency": lambda row, ramp: [row(s, [0] * 30) for s in range(5)],
}
