"""What blocks say of a run: stages that held the thread, for how long, and whether they ever returned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.measure.blocks import Block


def of_target(blocks: Iterable[Block]) -> list[Block]:
    """Return those that are the target's own doing: not the faults of the plan."""
    return [block for block in blocks if not block.planned]


def never_returned(blocks: Iterable[Block]) -> list[Block]:
    """Return those that had to be ended."""
    return [block for block in of_target(blocks) if block.interrupted]


def as_totals(blocks: Sequence[Block]) -> list[dict[str, object]]:
    """Return them by stage and place, the longest first, as ``totals.blocks`` of a verdict has them."""
    groups: dict[tuple[str | None, str | None, bool], list[Block]] = {}
    for block in blocks:
        groups.setdefault((block.stage, block.place, block.planned), []).append(block)
    rows: list[dict[str, object]] = [
        {
            "stage": stage,
            "place": place,
            "planned": planned,
            "count": len(group),
            "longest_s": round(max(block.seconds for block in group), 3),
            "total_s": round(sum(block.seconds for block in group), 3),
            "interrupted": sum(block.interrupted for block in group),
        }
        for (stage, place, planned), group in groups.items()
    ]
    return sorted(rows, key=lambda row: -float(str(row["longest_s"])))


def concern(blocks: Iterable[Block]) -> str | None:
    """Return in one clause what held the thread longest; None where nothing did."""
    found = of_target(blocks)
    if not found:
        return None
    longest = max(found, key=lambda block: block.seconds)
    times = f", {len(found):,} blocks in all" if len(found) > 1 else ""
    return f"{longest.where} held the thread for {longest.seconds:.1f} s{times}"
