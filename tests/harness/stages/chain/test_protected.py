"""Protected keys reach every tier as they were; only declared writes go on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stageflow import PipelineContext
from stageflow.context import Conversation, Message

from harness.pipeline.tracing import Trace, current_trace
from harness.stages.chain import FallbackChainStage
from harness.stages.chain.protected import checksum, protected_values, protected_view, written
from harness.stages.routes import Default, Route


def reads_and(then, seen):
    """Return a runner that notes its metadata, does ``then(metadata)`` and fails."""

    async def run(ctx):
        seen.append({key: repr(value) for key, value in ctx.snapshot.metadata.items()})
        then(ctx.snapshot.metadata)
        raise ConnectionError("503")

    return run


def answers(ctx):
    return {"tenant": ctx.snapshot.metadata.get("tenant")}


def execute(ctx, *routes, protected=("tenant", "history")):
    stage = FallbackChainStage(routes, Default("later"), protected=protected)
    return asyncio.run(stage.execute(ctx)).data


def replaces(metadata):
    metadata["tenant"] = "other"


def removes(metadata):
    del metadata["tenant"]


def grows(metadata):
    metadata["history"].append("mine")


def adds(metadata):
    metadata["late"] = 1


def retypes(metadata):
    metadata["tries"] = True  # equal to 1, and yet another value


@pytest.mark.parametrize(
    ("change", "key"),
    [(retypes, "tries"), (replaces, "tenant"), (removes, "tenant"), (grows, "history"), (adds, "late")],
)
def test_an_undeclared_write_is_reported_and_reaches_no_later_tier(stage_context, change, key):
    seen = []
    ctx = stage_context(tenant="t1", history=["hello"], tries=1)
    routes = [
        Route("a", reads_and(change, seen)),
        Route("b", reads_and(lambda metadata: None, seen)),
        Route("c", answers),
    ]
    data = execute(ctx, *routes, protected=("tenant", "history", "tries", "late"))
    assert seen[0] == seen[1] == {"tenant": "'t1'", "history": "['hello']", "tries": "1"}
    assert data["attempts"][0]["reason"] == f"ConnectionError: 503; it wrote '{key}' and had not declared that"
    assert [a["outcome"] for a in data["attempts"]] == ["failed", "failed", "ok"]
    assert data["result"] == {"tenant": "t1"}
    assert repr(ctx.snapshot.metadata) == "{'tenant': 't1', 'history': ['hello'], 'tries': 1}"
    assert "writes" not in data


def test_the_answer_of_a_route_that_wrote_undeclared_is_not_taken(stage_context):
    def writes_and_answers(ctx):
        replaces(ctx.snapshot.metadata)
        return {"text": "hello"}

    data = execute(stage_context(tenant="t1"), Route("a", writes_and_answers), Route("b", answers))
    assert (data["route"], data["result"]) == ("b", {"tenant": "t1"})
    assert data["attempts"][0]["reason"] == "ProtectedWriteError: it wrote 'tenant' and had not declared that"


def test_a_declared_write_goes_on_to_later_tiers_and_into_the_output(stage_context):
    seen = []
    routes = [
        Route("a", reads_and(grows, seen), writes=("history",)),
        Route("b", reads_and(grows, seen)),
        Route("c", answers),
    ]
    ctx = stage_context(tenant="t1", history=["hello"])
    data = execute(ctx, *routes)
    assert [tier["history"] for tier in seen] == ["['hello']", "['hello', 'mine']"]
    assert data["writes"] == {"history": ["hello", "mine"]}
    assert ctx.snapshot.metadata["history"] == ["hello"]


def test_a_conversation_can_be_protected(stage_context):
    def talks(ctx):
        ctx.snapshot.conversation.messages.append(Message(role="user", content="injected"))
        raise ConnectionError

    seen = []

    def listens(ctx):
        seen.append([message.content for message in ctx.snapshot.conversation.messages])
        return "ok"

    talk = Conversation(messages=[Message(role="user", content="hello")])
    ctx = PipelineContext.create(input_text="hello", conversation=talk).derive_root_stage_context(stage_name="r")
    data = execute(ctx, Route("a", talks), Route("b", listens), protected=("conversation",))
    assert seen == [["hello"]]
    assert data["attempts"][0]["reason"].startswith("ConnectionError; it wrote 'conversation'")
    assert len(talk.messages) == 1


class Odd:
    """A value whose comparison raises, as arrays do."""

    def __eq__(self, other):
        raise RuntimeError("ambiguous")

    __hash__ = None


def test_a_value_that_cannot_be_compared_cannot_be_vouched_for(stage_context):
    data = execute(stage_context(tenant=Odd()), Route("a", answers))
    assert "'tenant'" in data["attempts"][0]["reason"]


def test_a_value_that_cannot_be_copied_fails_the_operation(stage_context):
    with pytest.raises(TypeError):
        execute(stage_context(tenant=(n for n in "abc")), Route("a", answers))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abcd"), JSON), st.sets(st.sampled_from("abcde")))
def test_a_view_nobody_wrote_to_differs_in_nothing_and_shares_nothing_protected(stage_context, metadata, keys):
    ctx = stage_context()
    snapshot = replace(ctx.snapshot, metadata=metadata)
    ctx = replace(ctx, snapshot=snapshot, inputs=replace(ctx.inputs, snapshot=snapshot))
    values = protected_values(ctx, keys)
    view = protected_view(ctx, keys, values)
    assert written(view, keys, values) == {}
    assert view.inputs.snapshot is view.snapshot
    assert repr(view.snapshot.metadata) == repr(metadata) or set(view.snapshot.metadata) == set(metadata)
    for key in keys & set(metadata):
        if isinstance(metadata[key], (dict, Sequence)) and not isinstance(metadata[key], str):
            assert view.snapshot.metadata[key] is not metadata[key]


class TestChecksum:
    @pytest.mark.parametrize(
        ("one", "other", "alike"),
        [
            ({"a": 1, "b": [1]}, {"b": [1], "a": 1}, True),
            ({"a": 1}, {"a": 2}, False),
            ({"a": "1"}, {"a": 1}, False),
            ({"a": None}, {}, False),
            ({"a": object()}, {"a": object()}, True),  # known by its type alone
            ({"a": "\ud800"}, {"a": "\ud801"}, False),
        ],
    )
    def test_equal_values_have_equal_ones(self, one, other, alike):
        assert (checksum(one) == checksum(other)) is alike

    def test_what_cannot_be_summed_has_none(self):
        ring: list[object] = []
        ring.append(ring)
        assert checksum({"a": ring}) is checksum({"a": {1: 2, "b": 3}}) is None

    def test_a_chain_tells_what_each_attempt_was_given_and_leaves_in_a_load_test_only(self):
        def writes(metadata):
            metadata["tenant"] = "new"

        def run(traced):
            token = current_trace.set(Trace() if traced else None)
            try:
                ctx = PipelineContext.create(input_text="hello", metadata={"tenant": "acme", "history": []})
                ctx = ctx.derive_root_stage_context(stage_name="r")
                routes = [
                    Route("a", reads_and(lambda metadata: None, [])),
                    Route("b", reads_and(writes, []), writes=["tenant"]),
                ]
                return execute(ctx, *routes, Route("c", answers))["attempts"]
            finally:
                current_trace.reset(token)

        first, second, third = run(traced=True)
        assert first["given"] == first["left"] == second["given"] != second["left"]
        assert second["left"] == third["given"] == third["left"]
        assert all("given" not in attempt for attempt in run(traced=False))
