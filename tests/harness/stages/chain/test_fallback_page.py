"""The example of docs/fallback.md does what the page says it prints, without Locust."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[4] / "docs" / "fallback.md"
CHECK = (
    "\nimport sys\nassert not {'locust', 'gevent', 'harness.swarm', 'harness.loop'} & set(sys.modules), 'not alone'\n"
)


@pytest.mark.slow
def test_the_example_prints_what_the_page_says_and_needs_no_locust():
    blocks = re.findall(r"```(?:python|text)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    place = next(place for place, block in enumerate(blocks) if "FallbackChainStage(" in block)
    script, printed = blocks[place : place + 2]
    lines = [line for line in script.splitlines() if line.strip() and not line.startswith(("import", "from"))]
    assert len(lines) <= 20
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script + CHECK],
        capture_output=True, text=True, check=False, cwd=PAGE.parents[1], timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == printed
    assert "'large' fell back to 'small', tier 1, degraded" in ran.stderr
