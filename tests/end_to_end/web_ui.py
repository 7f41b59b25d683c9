"""Locust's web UI, spoken to as its own front end does."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from typing import Any

from locust_process import wait_until


class WebUi:
    """The web UI at a port of this host, once it answers."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        wait_until(self._answers, "the web UI answers")

    def _answers(self) -> bool:
        try:
            self.get("/stats/requests")
        except OSError:
            return False
        return True

    def get(self, path: str) -> dict[str, Any]:
        """Return what a GET of ``path`` answers."""
        with urllib.request.urlopen(self.root + path, timeout=30) as answer:
            return json.load(answer)

    def post(self, path: str, **form: str) -> dict[str, Any]:
        """Return what a POST of ``form`` to ``path`` answers."""
        data = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(self.root + path, data, timeout=60) as answer:
            return json.load(answer)

    def ready_workers(self) -> int:
        """Return the number of workers that could take part in a run."""
        return sum(worker["state"] == "ready" for worker in self.get("/stats/requests").get("workers", []))
