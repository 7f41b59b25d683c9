"""What stacks say of a held thread: read from what faulthandler really writes."""

from __future__ import annotations

import faulthandler
import json
import re
import tempfile
import threading

from stageflow import Pipeline, PipelineContext, StageKind, StageOutput

from harness.pipeline.tracing import trace_stages
from harness.watch.stacks import NOWHERE, held_at
from harness.watch.watched import stack_of_main


def dumped(all_threads: bool = True) -> str:
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=all_threads)
        file.seek(0)
        return file.read()


def here() -> int:
    return threading.get_ident()


class Dumping:
    name = "the router"
    kind = StageKind.ROUTE
    seen = ""

    async def execute(self, ctx: object) -> StageOutput:
        json.dumps({1: Dumping()}, default=lambda _: self.look())  # a library in between
        return StageOutput.ok(route="x")

    def look(self) -> str:
        Dumping.seen = dumped()
        return ""


async def run_stage() -> None:
    graph = Pipeline(name="p").with_stage("the router", Dumping, StageKind.ROUTE).build()
    trace_stages(graph)
    from harness.pipeline.tracing import Trace, current_trace

    current_trace.set(Trace())
    await graph.run(PipelineContext.create(input_text="text"))


def test_the_stage_and_the_targets_own_line_are_named(virtually) -> None:  # type: ignore[no-untyped-def]
    virtually(run_stage())
    held = held_at(Dumping.seen, here())
    assert held.stage == "the router"
    assert held.place is not None
    assert re.search(r"test_stacks\.py:\d+ in dumped", held.place)
    assert not held.planned


def test_of_several_dumps_the_last_counts() -> None:
    first = dumped()
    assert held_at(first + "\n" + dumped().replace(" in dumped", " in later"), here()).place.endswith("in later")  # type: ignore[union-attr]


def test_another_thread_is_not_taken_for_the_one_that_is_asked_for() -> None:
    assert held_at(dumped(), here() + 16) == NOWHERE


def test_nothing_is_known_without_stacks() -> None:
    assert held_at("", here()) == NOWHERE


def test_the_main_thread_is_found_however_deep_it_is() -> None:
    def deeper(levels: int) -> str:
        return deeper(levels - 1) if levels else stack_of_main()

    held = held_at(deeper(300), threading.main_thread().ident or 0)
    assert held.place is not None
    assert held.place.endswith("in deeper")
