"""Every fault plan that the documents show can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.load.fault_plan import KINDS, parse_fault_plan

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PLANS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
    if "[[fault]]" in block
]


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_in_the_documents_can_be_read(plan: str) -> None:
    assert parse_fault_plan(plan.encode(), "documents").fault


def test_the_documents_name_every_kind() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert rows >= KINDS
