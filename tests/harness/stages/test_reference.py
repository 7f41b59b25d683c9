from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from stageflow import PipelineContext, StageKind

from harness.load.corpus.corpus import DEFAULT_CORPUS, read_corpus
from harness.load.corpus.deck import Deck
from harness.stages.backend import BackendReply, SimulatedBackend
from harness.stages.reference import BACKENDS, PROMPT_LIMIT, build
from harness.stages.router import ROUTES, route

ROOT = Path(__file__).parents[3]


def context_of(text: str | None, **metadata) -> PipelineContext:
    return PipelineContext.create(input_text=text, metadata=metadata, topology="reference")


def run_one(virtually, text: str | None, **metadata):
    return virtually(build().build().run(context_of(text, **metadata)))


def backends_of(pipeline) -> dict[str, SimulatedBackend]:
    return {
        spec.runner.route: spec.runner.backend for spec in pipeline.stages.values() if spec.kind is StageKind.TRANSFORM
    }


@pytest.mark.parametrize(
    ("text", "priority", "expected"),
    [
        ("Hello", 5, "fast"),
        ("What is the capital of Australia?", 5, "standard"),
        ("can you write bubble sort in Python?", 5, "premium"),
        ("Hello", 8, "escalation"),
        ("", 5, "fallback"),
    ],
)
def test_the_chosen_route_answers_from_its_backend_and_the_others_skip(virtually, text, priority, expected):
    results = run_one(virtually, text, priority=priority)
    assert results["router"].data == route(text, priority)._asdict()
    statuses = {name: results[f"{name}_answer"].status.value for name in ROUTES}
    assert statuses == {name: "ok" if name == expected else "skip" for name in ROUTES}
    answer = results[f"{expected}_answer"].data
    assert answer["backend"] == expected
    assert answer["answer"]
    assert answer["queued_ms"] == 0.0
    assert answer["service_ms"] > 1.0


@pytest.mark.parametrize("metadata", [{}, {"priority": None}, {"priority": "9"}])
def test_a_request_without_a_usable_priority_has_priority_5(virtually, metadata):
    assert run_one(virtually, "Hello", **metadata)["router"].data["route"] == "fast"


def test_a_request_without_text_is_blank(virtually):
    results = run_one(virtually, None, priority=1)
    assert results["guard"].data == {"finding": "blank"}
    assert results["router"].data["route"] == "fallback"


def test_the_stages_are_guard_then_router_then_one_answer_per_route():
    stages = build().stages
    assert [(name, spec.kind.value, spec.dependencies) for name, spec in stages.items()] == [
        ("guard", "guard", ()),
        ("router", "route", ("guard",)),
        *((f"{name}_answer", "transform", ("router",)) for name in ROUTES),
    ]


def test_two_builds_share_nothing_and_equal_seeds_serve_alike(virtually):
    first, second, other = backends_of(build()), backends_of(build()), backends_of(build(seed=1))
    for name in ROUTES:
        assert first[name] is not second[name]
        reply = virtually(first[name].call("hi"))
        assert second[name].served == 0
        assert reply == virtually(second[name].call("hi"))
        assert reply != virtually(other[name].call("hi"))


def test_one_graph_decides_the_whole_corpus_as_its_golden_routes_say(virtually, monkeypatch):
    async def at_once(backend: SimulatedBackend, prompt: str, **_: object) -> BackendReply:
        assert len(prompt) <= PROMPT_LIMIT
        return BackendReply(backend.name, 0.0, 0.0)

    monkeypatch.setattr(SimulatedBackend, "call", at_once)
    graph, corpus = build().build(), read_corpus(DEFAULT_CORPUS)

    async def main():
        for scenario in corpus:
            results = await graph.run(context_of(scenario.text, priority=scenario.priority))
            assert results["router"].data["route"] == scenario.expected_route, scenario.id

    virtually(main())


def test_the_fastest_backend_is_the_fast_one_and_all_answer_within_15_to_60_ms():
    means = {name: backend.mean_ms for name, backend in backends_of(build()).items()}
    assert min(means, key=means.get) == "fast"
    assert all(15.0 <= mean <= 60.0 for mean in means.values())
    assert [plan.route for plan in BACKENDS] == list(ROUTES)


@pytest.mark.slow
def test_a_hundred_users_use_half_to_three_quarters_of_the_slots(virtually):
    totals, busy = load(virtually, users=100)
    assert 0.50 <= busy["standard"] <= 0.75
    assert 0.45 <= busy["fast"] <= 0.75
    assert 0.50 <= busy["premium"] <= 0.75
    assert 0.35 <= busy["escalation"] <= 0.75
    assert 0.15 <= busy["fallback"] <= 0.75
    assert p95(totals) < 250.0


@pytest.mark.slow
def test_latency_comes_out_of_queueing(virtually):
    light, heavy = load(virtually, users=10)[0], load(virtually, users=400)[0]
    assert p95(light) < 100.0
    assert p95(heavy) > 500.0


def test_importing_the_package_or_its_rules_does_not_import_stageflow():
    program = "import sys, harness.stages, harness.stages.router; sys.exit('stageflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0


def load(virtually, users: int, seconds: float = 20.0) -> tuple[list[float], dict[str, float]]:
    """Return the response times (ms) and the share of each backend's slots in use, after 2 s of warm-up.

    ``users`` draw from the whole default corpus, route, call the backend, and think for 0.15-0.45 s. The
    pipeline around it is left out: it adds CPU time, which a virtual clock does not see.
    """
    backends, deck = backends_of(build()), Deck(read_corpus(DEFAULT_CORPUS).scenarios, seed=1, name="all")
    pause, totals = random.Random(1), []
    busy_s = dict.fromkeys(backends, 0.0)

    async def user() -> None:
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(pause.uniform(0.0, 0.3))
        while clock() < seconds:
            scenario, begun = deck.draw(), clock()
            name = route(scenario.text, scenario.priority).route
            reply = await backends[name].call(scenario.text)
            if 2.0 < clock() < seconds:
                totals.append((clock() - begun) * 1000)
                busy_s[name] += reply.service_ms / 1000
            await asyncio.sleep(pause.uniform(0.15, 0.45))

    async def main() -> None:
        await asyncio.gather(*(user() for _ in range(users)))

    virtually(main())
    return totals, {name: busy_s[name] / (seconds - 2.0) / backends[name].slots for name in backends}


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[18]
