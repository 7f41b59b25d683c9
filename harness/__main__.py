"""``python -m harness``: the commands that need no Locust."""

import sys

from harness.cli import main

sys.exit(main())
