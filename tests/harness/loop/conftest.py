"""A served loop for each test. Nothing here patches the process: what patching changes is tested in children."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.loop import HubLoop


@pytest.fixture
def loop() -> Iterator[HubLoop]:
    served = HubLoop()
    served.start()
    yield served
    assert served.settle(2) == 0, "a task of the test still runs"
    served.close()
