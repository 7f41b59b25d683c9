"""Whatever a file holds, a reader takes it or refuses it in one line of the project's own.

``make test`` gives each reader 100 inputs; ``make fuzz`` gives it ``ROUTESWARM_FUZZ`` of them, 10,000 by default.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import edited, edits, flips
from outcomes import ACCEPTED, REFUSED, outcome
from readers import READERS, Reader

INPUTS = int(os.environ.get("ROUTESWARM_FUZZ", "100"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(max(180, INPUTS // 3))]

# The folder is written anew for each input; how long one takes, and how large it is, is bounded here.
UNCHECKED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
FUZZED = settings(max_examples=INPUTS, database=None, report_multiple_bugs=False, suppress_health_check=UNCHECKED)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_whatever_a_file_holds_it_is_read_or_refused_in_one_line(
    reader: Reader, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    good = reader.good()
    assert outcome(reader, tmp_path, good) == ACCEPTED
    found: Counter[str] = Counter()

    @FUZZED
    @given(st.one_of(edits(), flips()))
    def read(changes):
        found[outcome(reader, tmp_path, edited(good, changes))] += 1

    read()
    total, bad = found.total(), {what: n for what, n in found.items() if what not in (ACCEPTED, REFUSED)}
    line = f"{reader.name}: {total:,} inputs, {found[ACCEPTED]:,} read, {found[REFUSED]:,} refused"
    record_property("fuzzed", f"fuzzed {line}, {sum(bad.values()):,} bad")
    assert total >= INPUTS
    assert not bad


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@settings(
    max_examples=max(INPUTS // 10, 20), database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_one_line(reader: Reader, tmp_path: Path, content: bytes) -> None:
    assert outcome(reader, tmp_path, content) in (ACCEPTED, REFUSED)
