"""The model server answers as OpenAI's and Anthropic's do, fails as it is told, and writes down every call."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from anthropic import APIStatusError, AsyncAnthropic
from openai import (
    APIConnectionError,
    AsyncOpenAI,
    InternalServerError,
    NotFoundError,
    OpenAIError,
    RateLimitError,
)
from services import announced

HERE = Path(__file__).resolve().parent
ANSWERS = [{"contains": "Invoice", "says": "billing"}, {"contains": "crash", "says": "technical"}]
MODELS = {
    "fast": {"latency_ms": 0, "answers": ANSWERS, "otherwise": "support"},
    "slow": {"latency_ms": 300, "answers": ANSWERS},
    "varied": {"latency_ms": 4, "jitter": 0.5},
}
ASKED = [{"role": "system", "content": "crash"}, {"role": "user", "content": "Where is my invoice?"}]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    models = tmp_path_factory.mktemp("models") / "models.json"
    models.write_text(json.dumps(MODELS))
    with announced("-m", "model_server", "--models", str(models), "--seed", "7") as said:
        yield said["url"]


@pytest.fixture
def control(address: str) -> Iterator[httpx.Client]:
    """The server, as at its start."""
    with httpx.Client(base_url=address, timeout=10) as client:
        client.post("/control/reset").raise_for_status()
        yield client


def behave(control: httpx.Client, kind: str, model: str = "fast", **settings: object) -> None:
    control.put(f"/control/models/{model}", json={"behaviour": {"kind": kind, **settings}}).raise_for_status()


def calls(control: httpx.Client, **query: object) -> list[dict[str, Any]]:
    """Return the calls that have ended, once all have."""
    until = time.monotonic() + 10
    while True:
        found = control.get("/control/calls", params=query).json()["calls"]
        if all(call["outcome"] for call in found) or time.monotonic() > until:
            return found


def with_openai(control: httpx.Client, ask: Callable[[AsyncOpenAI], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with AsyncOpenAI(base_url=f"{control.base_url}/v1", api_key="none", max_retries=0, timeout=5) as client:
            return await ask(client)

    return asyncio.run(run())


async def chat(client: AsyncOpenAI, model: str = "fast") -> Any:
    return await client.chat.completions.create(model=model, messages=ASKED, user="me")


async def chat_stream(client: AsyncOpenAI) -> tuple[str, list[Any]]:
    stream = await client.chat.completions.create(
        model="fast", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), chunks


def test_openai_gets_a_completion_by_the_users_last_message(control: httpx.Client) -> None:
    completion = with_openai(control, chat)
    assert completion.choices[0].message.content == "billing"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "fast"
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


def test_openai_gets_a_stream_token_by_token(control: httpx.Client) -> None:
    said, chunks = with_openai(control, chat_stream)
    assert said == "billing"
    with_text = [chunk for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert [chunk.choices[0].delta.content for chunk in with_text] == ["bill", "ing"]
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage.completion_tokens == 2


def test_anthropic_gets_a_message_and_a_stream(control: httpx.Client) -> None:
    question = [{"role": "user", "content": [{"type": "text", "text": "It does crash."}]}]
    asked = {"model": "fast", "max_tokens": 9, "messages": question}

    async def ask() -> tuple[Any, str]:
        async with AsyncAnthropic(base_url=str(control.base_url), api_key="none", max_retries=0) as client:
            whole = await client.messages.create(**asked)
            async with client.messages.stream(**asked) as stream:
                return whole, "".join([text async for text in stream.text_stream])

    whole, streamed = asyncio.run(ask())
    assert (whole.content[0].text, streamed) == ("technical", "technical")
    assert whole.stop_reason == "end_turn"


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_of_texts_that_share_words_are_near(control: httpx.Client, encoding: str) -> None:
    texts = ["my invoice is wrong", "the invoice is wrong", "good morning everybody"]
    found = with_openai(
        control, lambda client: client.embeddings.create(model="fast", input=texts, encoding_format=encoding)
    )
    first, near, far = (item.embedding for item in found.data) if encoding == "float" else decoded(found)
    assert len(first) == 64
    assert dot(first, first) == pytest.approx(1)
    assert dot(first, near) > 0.7 > 0.3 > dot(first, far)


def decoded(found: Any) -> Iterator[list[float]]:
    import base64
    import struct

    for item in found.data:
        raw = base64.b64decode(item.embedding)
        yield list(struct.unpack(f"<{len(raw) // 4}f", raw))


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_models_are_listed_and_one_that_is_not_there_is_not_found(control: httpx.Client) -> None:
    listed = control.get("/v1/models").json()["data"]
    assert [model["id"] for model in listed] == list(MODELS)
    with pytest.raises(NotFoundError):
        with_openai(control, lambda client: chat(client, "other"))
    (call,) = calls(control)
    assert (call["model"], call["number"], call["status"], call["outcome"]) == ("other", None, 404, "refused")


def test_a_limit_says_when_to_come_again(control: httpx.Client) -> None:
    behave(control, "rate_limited", retry_after_s=2.5)
    with pytest.raises(RateLimitError) as refused:
        with_openai(control, chat)
    assert refused.value.response.headers["retry-after"] == "2.5"


def test_each_interface_has_its_own_words_for_a_failure(control: httpx.Client) -> None:
    behave(control, "server_error")
    with pytest.raises(InternalServerError) as refused:
        with_openai(control, chat)
    assert refused.value.type == "server_error"

    async def ask() -> None:
        async with AsyncAnthropic(base_url=str(control.base_url), api_key="none", max_retries=0) as client:
            await client.messages.create(model="fast", max_tokens=9, messages=[{"role": "user", "content": "x"}])

    with pytest.raises(APIStatusError) as other:
        asyncio.run(ask())
    assert (other.value.status_code, other.value.body["error"]["type"]) == (500, "api_error")


def test_a_call_that_hangs_ends_when_the_caller_leaves(control: httpx.Client) -> None:
    behave(control, "hang")
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{control.base_url}/v1/chat/completions", json={"model": "fast", "messages": ASKED}, timeout=0.2)
    (call,) = calls(control)
    assert (call["behaviour"], call["status"], call["outcome"]) == ("hang", None, "abandoned")


def test_a_cut_stream_ends_in_the_middle(control: httpx.Client) -> None:
    behave(control, "cut_stream", after_tokens=1)
    body = {"model": "fast", "messages": ASKED, "stream": True}
    seen: list[str] = []

    def read() -> None:
        with control.stream("POST", "/v1/chat/completions", json=body) as answer:
            seen.extend(line for line in answer.iter_lines() if line)

    with pytest.raises(httpx.RemoteProtocolError):
        read()
    deltas = [json.loads(line.removeprefix("data: "))["choices"][0]["delta"]["content"] for line in seen]
    assert deltas == ["", "bill"]
    assert calls(control)[0]["outcome"] == "cut"


@pytest.mark.parametrize(
    ("kind", "outcome", "error"),
    [
        ("cut_stream", "cut", httpx.RemoteProtocolError),
        ("reset", "reset", httpx.ReadError),
        ("malformed", "answered", json.JSONDecodeError),
    ],
)
def test_a_body_that_does_not_come_whole(
    control: httpx.Client, kind: str, outcome: str, error: type[Exception]
) -> None:
    behave(control, kind)
    with pytest.raises(error):
        httpx.post(f"{control.base_url}/v1/chat/completions", json={"model": "fast", "messages": ASKED}).json()
    (call,) = calls(control)
    assert (call["behaviour"], call["outcome"]) == (kind, outcome)


def test_openai_sees_a_reset_as_no_connection(control: httpx.Client) -> None:
    behave(control, "reset")
    with pytest.raises(APIConnectionError):
        with_openai(control, chat)


def test_another_model_can_answer(control: httpx.Client) -> None:
    behave(control, "wrong_model", answers_as="cheap")
    assert with_openai(control, chat).model == "cheap"


def test_slow_tokens_come_apart(control: httpx.Client) -> None:
    behave(control, "slow_tokens", token_ms=40)
    began = time.monotonic()
    said, _ = with_openai(control, chat_stream)
    assert said == "billing"
    assert time.monotonic() - began >= 0.12  # role, two tokens, end, usage: four pauses


def test_latency_is_as_set_and_changes_at_run_time(control: httpx.Client) -> None:
    def taken() -> float:
        began = time.monotonic()
        with_openai(control, lambda client: chat(client, "slow"))
        (call,) = calls(control, since=control.get("/control/calls").json()["next"] - 1)
        return max(time.monotonic() - began, (call["ended_ns"] - call["began_ns"]) / 1e9)

    assert taken() >= 0.3
    control.put("/control/models/slow", json={"latency_ms": 0}).raise_for_status()
    assert calls(control)[-1]["outcome"] == "answered"
    with_openai(control, lambda client: chat(client, "slow"))
    last = calls(control)[-1]
    assert last["ended_ns"] - last["began_ns"] < 0.3e9


def test_which_calls_fail_is_decided_by_the_seed(control: httpx.Client) -> None:
    def failures() -> list[int]:
        control.post("/control/reset").raise_for_status()
        behave(control, "server_error", share=0.3)
        body = {"model": "fast", "messages": ASKED}
        return [n for n in range(60) if control.post("/v1/chat/completions", json=body).status_code == 500]

    first = failures()
    assert first == failures()
    assert 8 <= len(first) <= 30


def test_a_behaviour_may_end_after_some_calls(control: httpx.Client) -> None:
    behave(control, "server_error", calls=2)
    body = {"model": "fast", "messages": ASKED}
    answered = [control.post("/v1/chat/completions", json=body).status_code for _ in range(4)]
    assert answered == [500, 500, 200, 200]
    behave(control, "server_error", calls=1)
    assert control.post("/v1/chat/completions", json=body).status_code == 500


def test_jitter_varies_latency_by_the_seed(control: httpx.Client) -> None:
    from model_server.models import Model

    model = Model("varied", latency_ms=4, jitter=0.5)
    drawn = [model.latency_s(7, number) for number in range(400)]
    assert drawn == [model.latency_s(7, number) for number in range(400)]
    assert drawn != [model.latency_s(8, number) for number in range(400)]
    assert sorted(drawn)[200] == pytest.approx(0.004, rel=0.1)
    assert sorted(drawn)[380] == pytest.approx(0.004 * 2.718 ** (0.5 * 1.645), rel=0.15)  # p95 of the distribution


def test_the_log_says_who_called_when_and_what_came_of_it(control: httpx.Client) -> None:
    before = time.time_ns()
    with_openai(control, chat)
    control.post("/v1/messages", json={"model": "slow", "messages": ASKED}, headers={"x-caller": "operation 7"})
    first, second = calls(control)
    assert (first["ordinal"], first["endpoint"], first["caller"]) == (0, "/v1/chat/completions", "me")
    assert first["client"].startswith("AsyncOpenAI/")
    assert before < first["began_ns"] <= first["ended_ns"] < time.time_ns()
    assert (second["caller"], second["status"], second["outcome"]) == ("operation 7", 200, "answered")
    assert [call["ordinal"] for call in calls(control, since=1)] == [1]
    assert [call["ordinal"] for call in calls(control, model="fast")] == [0]


def test_a_log_keeps_the_newest_calls_and_says_how_many_it_forgot() -> None:
    from model_server.calls import Call, CallLog

    log = CallLog(kept=3)
    for _ in range(5):
        log.add(Call(log.next_ordinal, 0, "/", "m", "", "", 0, False, 0, "ok"))
    assert [call["ordinal"] for call in log.since(0)] == [2, 3, 4]
    assert (log.dropped, log.next_ordinal) == (2, 5)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"latency_ms": "fast"}, "latency_ms: expected float, found 'fast'"),
        ({"latency": 3}, "found 'latency'"),
        ({"behaviour": {"kind": "explode"}}, "behaviour: kind: expected one of ok, "),
        ({"behaviour": {"share": 2}}, "behaviour: share: expected 0 to 1, found 2"),
        ({"answers": [{"contains": 1}]}, "answers: contains: expected str, found 1"),
        ({"name": "other"}, "name: expected 'fast', found 'other'"),
    ],
)
def test_what_is_no_setting_is_refused_in_one_line_and_changes_nothing(
    control: httpx.Client, settings: dict[str, object], found: str
) -> None:
    before = control.get("/control/models").json()
    refused = control.put("/control/models/fast", json=settings)
    assert refused.status_code == 400
    assert found in refused.json()["error"]
    assert "\n" not in refused.json()["error"]
    assert control.get("/control/models").json() == before


def test_a_request_that_is_none_is_refused(control: httpx.Client) -> None:
    assert control.post("/v1/chat/completions", content=b"{").status_code == 400
    assert control.post("/v1/chat/completions", json={"model": "fast"}).status_code == 400
    assert control.post("/v1/embeddings", json={"model": "fast", "input": [1]}).status_code == 400
    with pytest.raises(OpenAIError):
        with_openai(control, lambda client: client.embeddings.create(model="none", input="x"))


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "model_server", *arguments],
        cwd=HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_server_ends_when_its_standard_input_is_closed() -> None:
    with start() as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/v1/models").json()["data"][0]["id"] == "default"
        assert server.stdin is not None
        server.stdin.close()
        assert server.wait(10) == 0
        assert server.stderr is not None
        assert server.stderr.read() == ""
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/v1/models")


@pytest.mark.parametrize("text", ["[]", "{", '{"m": {"latency_ms": -1}}'])
def test_a_file_that_names_no_models_is_one_line_and_exit_2(tmp_path: Path, text: str) -> None:
    file = tmp_path / "models.json"
    file.write_text(text)
    with start("--models", str(file)) as server:
        out, err = server.communicate(timeout=10)
    assert (server.returncode, out) == (2, "")
    assert err.count("\n") == 1
    assert str(file) in err


def test_a_hundred_callers_at_once(control: httpx.Client) -> None:
    control.put("/control/models/fast", json={"latency_ms": 30}).raise_for_status()

    async def ask() -> list[str]:
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=control.base_url, limits=limits, timeout=20) as client:
            body = {"model": "fast", "messages": ASKED}
            answers = await asyncio.gather(*(client.post("/v1/chat/completions", json=body) for _ in range(100)))
        return [answer.json()["choices"][0]["message"]["content"] for answer in answers]

    assert asyncio.run(ask()) == ["billing"] * 100
    assert {call["outcome"] for call in calls(control)} == {"answered"}
    assert len(calls(control)) == 100
