"""How an answer goes out: whole or token by token, and every way in which it does not."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from model_server.calls import Call
from model_server.models import Behaviour, Kind, Model

Body = dict[str, Any]
Refusal = Callable[[str, str], Body]
"""Makes the body of a refusal of a type and a message."""

HANG_S = 3600.0
"""A call that hangs ends when the caller leaves; this is for one that never does."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST in place of FIN (socket(7))."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in both forms, as an interface has them.

    Attributes:
        whole: makes the body, said by a model of a given name.
        events: makes the events of a stream; a text is sent as it is.
        named: whether each event says its type before its data (Anthropic's do).
        refusal: makes the body of a refusal.
        refusals: the types that the interface has for 429 and for 500.

    """

    whole: Callable[[str], Body]
    events: Callable[[str], Iterable[Body | str]]
    named: bool
    refusal: Refusal
    refusals: Mapping[int, str]


async def answer(
    request: web.Request, call: Call, model: Model, behaviour: Behaviour, latency_s: float, reply: Reply
) -> web.StreamResponse:
    """Answer a call as the behaviour says, and write down what came of it."""
    try:
        return await _HOW[behaviour.kind](_Exchange(request, call, model, behaviour, latency_s, reply))
    except (asyncio.CancelledError, ConnectionError):
        call.end("abandoned", None)  # unless it has ended: the server itself cut it
        raise


@dataclass(frozen=True, slots=True)
class _Exchange:
    request: web.Request
    call: Call
    model: Model
    behaviour: Behaviour
    latency_s: float
    reply: Reply

    def disconnect(self, outcome: str, status: int | None) -> web.StreamResponse:
        self.call.end(outcome, status)
        if self.request.transport is not None:
            self.request.transport.abort()
        return web.Response()  # has nobody to go to


async def _ok(exchange: _Exchange) -> web.StreamResponse:
    return await _said(exchange, exchange.model.name, exchange.model.token_ms / 1e3)


async def _slow_tokens(exchange: _Exchange) -> web.StreamResponse:
    return await _said(exchange, exchange.model.name, exchange.behaviour.token_ms / 1e3)


async def _wrong_model(exchange: _Exchange) -> web.StreamResponse:
    return await _said(exchange, exchange.behaviour.answers_as, exchange.model.token_ms / 1e3)


async def _said(exchange: _Exchange, by: str, token_s: float) -> web.StreamResponse:
    await asyncio.sleep(exchange.latency_s)
    if exchange.call.stream:
        return await _stream(exchange, by, token_s)
    if exchange.behaviour.kind is Kind.SLOW_TOKENS:
        # Without a stream the caller waits for all of it.
        events = sum(isinstance(event, dict) for event in exchange.reply.events(by))
        await asyncio.sleep(token_s * events)
    exchange.call.end("answered", 200)
    return web.json_response(exchange.reply.whole(by))


async def _stream(exchange: _Exchange, by: str, token_s: float) -> web.StreamResponse:
    response = await _opened_stream(exchange.request)
    for number, event in enumerate(exchange.reply.events(by)):
        if number and token_s:
            await asyncio.sleep(token_s)
        await response.write(_event(event, exchange.reply))
    exchange.call.end("answered", 200)
    await response.write_eof()
    return response


async def _opened_stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream", "cache-control": "no-cache"})
    await response.prepare(request)
    return response


def _event(event: Body | str, reply: Reply) -> bytes:
    data = event if isinstance(event, str) else json.dumps(event)
    if reply.named and isinstance(event, dict):
        return f"event: {event['type']}\ndata: {data}\n\n".encode()
    return f"data: {data}\n\n".encode()


async def _rate_limited(exchange: _Exchange) -> web.StreamResponse:
    # At once: a limit is looked at before any work is done.
    after = f"{exchange.behaviour.retry_after_s:g}"
    return _refused(exchange, 429, "rate limit reached, as the behaviour says", {"retry-after": after})


async def _server_error(exchange: _Exchange) -> web.StreamResponse:
    await asyncio.sleep(exchange.latency_s)
    return _refused(exchange, 500, "failed, as the behaviour says", {})


def _refused(exchange: _Exchange, status: int, message: str, headers: Mapping[str, str]) -> web.StreamResponse:
    exchange.call.end("refused", status)
    body = exchange.reply.refusal(exchange.reply.refusals[status], message)
    return web.json_response(body, status=status, headers=headers)


async def _hang(exchange: _Exchange) -> web.StreamResponse:
    await asyncio.sleep(HANG_S)
    return exchange.disconnect("cut", None)


async def _cut_stream(exchange: _Exchange) -> web.StreamResponse:
    await asyncio.sleep(exchange.latency_s)
    if exchange.call.stream:
        response = await _opened_stream(exchange.request)
        for number, event in enumerate(exchange.reply.events(exchange.model.name)):
            if number > exchange.behaviour.after_tokens:  # the first event is no token
                break
            await response.write(_event(event, exchange.reply))
    else:
        body = json.dumps(exchange.reply.whole(exchange.model.name)).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        response = web.StreamResponse(headers=headers)
        await response.prepare(exchange.request)
        await response.write(body[: len(body) // 2])
    return exchange.disconnect("cut", 200)


async def _malformed(exchange: _Exchange) -> web.StreamResponse:
    await asyncio.sleep(exchange.latency_s)
    exchange.call.end("answered", 200)
    broken = json.dumps(exchange.reply.whole(exchange.model.name))[:-20]
    if not exchange.call.stream:
        return web.Response(text=broken, content_type="application/json")
    response = await _opened_stream(exchange.request)
    await response.write(f"data: {broken}\n\n".encode())
    await response.write_eof()
    return response


async def _reset(exchange: _Exchange) -> web.StreamResponse:
    await asyncio.sleep(exchange.latency_s)
    transport = exchange.request.transport
    connection = transport.get_extra_info("socket") if transport is not None else None
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    return exchange.disconnect("reset", None)


_HOW: Mapping[Kind, Callable[[_Exchange], Awaitable[web.StreamResponse]]] = {
    Kind.OK: _ok,
    Kind.RATE_LIMITED: _rate_limited,
    Kind.SERVER_ERROR: _server_error,
    Kind.HANG: _hang,
    Kind.SLOW_TOKENS: _slow_tokens,
    Kind.CUT_STREAM: _cut_stream,
    Kind.MALFORMED: _malformed,
    Kind.WRONG_MODEL: _wrong_model,
    Kind.RESET: _reset,
}
