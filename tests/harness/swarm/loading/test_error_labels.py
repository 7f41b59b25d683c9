from __future__ import annotations

from harness.swarm.loading.session import BoundedErrors
from harness.words.operation import LABELS_KEPT, OTHER


def test_errors_that_differ_only_in_an_id_are_one_row_of_locusts_table():
    labels = BoundedErrors()
    assert {labels.of(f"ValueError: request {n} is lost") for n in range(1000)} == {"ValueError: request <n> is lost"}
    assert labels.of("ValueError: 503") == "ValueError: 503"


def test_kinds_beyond_those_kept_are_one_row():
    labels = BoundedErrors()
    names = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(LABELS_KEPT + 50)]
    found = [labels.of(f"ValueError: {name}") for name in names]
    assert found.count(OTHER) == 50
    assert len(set(found)) == LABELS_KEPT + 1
