"""The command that does a run again."""

from __future__ import annotations

import msgspec
import pytest

from analysis.files.documents import Manifest, Totals
from analysis.report.reproduce import Reproduction, reproduction

OPTIONS = {
    "target": "my package.routing:pipeline",
    "graph_scope": "per-request",
    "corpus": "corpus.jsonl",
    "fault_plan": "storm",
    "criteria": ["p95_ms < 500"],
    "criteria_file": "strict.txt",
    "deadline_ms": 2000,
    "seed": 7,
    "baseline_size": 20,
    "locustfile": "locustfiles/route.py",
    "user_classes": ["HighUser", "LowUser"],
    "num_users": 10,
    "spawn_rate": 5.0,
    "run_time": 60,
    "stop_timeout": 10.0,
    "expect_workers": 1,
    "tags": ["a", "b c"],
}


def of(totals: Totals | None = None, **fields: object) -> Reproduction:
    manifest = {"argv": ["locust", "--config", "ours.conf"], "locustfile": "route.py", "options": OPTIONS}
    return reproduction(msgspec.convert(manifest | fields, Manifest), totals or Totals())


def test_the_command_has_every_option_that_was_in_force_wherever_it_came_from() -> None:
    assert of().command == (
        "locust HighUser LowUser -f locustfiles/route.py --headless --target 'my package.routing:pipeline' "
        "--graph-scope per-request --corpus corpus.jsonl --fault-plan storm --criteria strict.txt "
        "--deadline-ms 2000 --seed 7 --baseline-size 20 --users 10 --spawn-rate 5.0 "
        "--run-time 60 --stop-timeout 10.0 --tags a 'b c'"
    )
    assert of().argv == "locust --config ours.conf"


def test_what_was_left_to_its_default_is_left_out() -> None:
    options = {"target": "harness.stages.reference:build", "corpus": "(shipped)", "criteria_file": None}
    assert of(options=options).command == "locust -f route.py --headless --target harness.stages.reference:build"


def test_a_run_that_was_stopped_by_hand_is_given_the_time_it_took() -> None:
    command = of(Totals(duration_s=12.3), options=OPTIONS | {"run_time": None}).command
    assert command is not None
    assert "--run-time 13s" in command


def test_a_load_shape_ends_by_itself() -> None:
    command = of(Totals(duration_s=12.3), options=OPTIONS | {"run_time": None, "load_shape": "Soak"}).command
    assert command is not None
    assert "--run-time" not in command


@pytest.mark.parametrize(
    ("workers", "processes", "ending"),
    [
        ([{"id": "local"}], None, "'b c'"),
        ([{"id": "a_1"}, {"id": "b_1"}, {"index": 2}], None, "--processes 3"),
        ([{"id": "a_1"}, {"id": "a_2"}], -1, "--processes 2"),
        ([], 2, "--processes 2"),
    ],
    ids=["one process", "by hand", "as many as cores", "cut off"],
)
def test_workers_become_processes(workers: list[object], processes: int | None, ending: str) -> None:
    command = of(workers=workers, options=OPTIONS | {"processes": processes}).command
    assert command is not None
    assert command.endswith(ending)


def test_what_the_command_needs_is_named() -> None:
    digests = {"corpus": "ab12", "criteria": "cd34"}
    git = {"commit": "0123abcd", "dirty": True}
    assert of(folder="/home/me", digests=digests, git=git, hosts=["one", "two"]).needs == (
        "in the folder /home/me",
        "at the commit 0123abcd, with changes that are not in it",
        "with corpus.jsonl (sha256 ab12)",
        "with the criteria: p95_ms < 500",
        "with workers on one, two",
    )
    assert of().needs == ("with the criteria: p95_ms < 500",)


@pytest.mark.parametrize("options", [{}, {"seed": 1}], ids=["none", "no target"])
def test_a_manifest_without_options_gives_no_command(options: dict[str, object]) -> None:
    assert of(options=options) == Reproduction(None, (), "locust --config ours.conf")
