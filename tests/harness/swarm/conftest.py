from __future__ import annotations

import harness.swarm  # noqa: F401  # before any test imports Locust, which patches the process unless this came first
