"""The run time is the load's: what it took to prepare the run is no part of it."""

from __future__ import annotations

import pytest
from user_folder import Folder

pytestmark = pytest.mark.slow
DRAWS_REPORTS = False

SLOW_TO_IMPORT = """
import time
from fast import pipeline

time.sleep(3)
"""


def test_a_target_that_takes_as_long_to_import_as_the_run_gets_its_load(folder: Folder) -> None:
    (folder.path / "slow_to_import.py").write_text(SLOW_TO_IMPORT)
    load = ("-u", 4, "-r", 4, "-t", "3s", "--baseline-size", 0)
    process = folder.headless(*load, target="slow_to_import:pipeline")
    process.wait()
    begun = [operation["start_ns"] for operation in folder.run.operations]
    assert max(begun) - min(begun) > 1e9
