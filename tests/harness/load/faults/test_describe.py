from __future__ import annotations

import pytest

from harness.load.faults.describe import in_words
from harness.load.faults.plan import parse_fault_plan


@pytest.mark.parametrize(
    ("where", "what", "more", "words"),
    [
        ('route = "premium", tier = 0', 'kind = "latency", ms = 400', "", "route premium, tier 0: latency 400 ms"),
        (
            'backend = "gpu"',
            'kind = "latency", ms = 20, sigma = 0.5, one_in = 10',
            "share = 0.6",
            "backend gpu: latency 20 ms sigma 0.5 one in 10, 60 %",
        ),
        ('stage = "router"', 'kind = "error"', "", "stage router: error RuntimeError: injected"),
        ('stage = "router"', 'kind = "hang"', "", "stage router: hang"),
        ('stage = "router"', 'kind = "slow", factor = 3', "", "stage router: slow x 3"),
        ('backend = "gpu"', 'kind = "slots", remove = 2', "", "backend gpu: slots -2"),
        ("", 'kind = "clock_jump", by_s = -5', "", "the process: clock_jump -5 s"),
        ('scenario = { tag = "code" }', 'kind = "empty"', "", "ROUTE stages: empty"),
    ],
)
def test_a_fault_is_told_in_one_line(where: str, what: str, more: str, words: str) -> None:
    text = f'[[fault]]\nname = "x"\nwhere = {{ {where} }}\nwhat = {{ {what} }}\n{more}\n'
    assert in_words(parse_fault_plan(text.encode(), "plan.toml").fault[0]) == words
