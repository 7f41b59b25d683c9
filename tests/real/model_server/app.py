"""The server's paths, and what each takes and gives."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from model_server import anthropic_api, openai_api
from model_server.calls import Call, CallLog
from model_server.fleet import Fleet, Met
from model_server.models import SettingsError, settings_of
from model_server.serving import Refusal, Reply, answer

Body = dict[str, Any]

OPENAI_REFUSALS = {429: "rate_limit_error", 500: "server_error"}
ANTHROPIC_REFUSALS = {429: "rate_limit_error", 500: "api_error"}


class ModelServer:
    """Models behind both interfaces, and the control of them."""

    def __init__(self, fleet: Fleet, log: CallLog | None = None) -> None:
        self.fleet = fleet
        self.log = log or CallLog()

    def app(self) -> web.Application:
        """Return the application that serves them."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/v1/chat/completions", self.chat),
                web.post("/v1/embeddings", self.embeddings),
                web.post("/v1/messages", self.messages),
                web.get("/v1/models", self.listing),
                web.get("/v1/models/{name}", self.listed),
                web.get("/control/models", self.settings),
                web.put("/control/models/{name}", self.set),
                web.post("/control/reset", self.reset),
                web.get("/control/calls", self.calls),
            ]
        )
        return app

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Serve OpenAI's chat completions."""
        body = await _json(request)
        call, met = self._begin(request, body, body.get("user"))
        problem = _messages_missing(body)
        if met is None or problem:
            return _not_served(call, problem, openai_api.error)
        prompt = openai_api.last_user_text(body["messages"])
        said = met.model.says(prompt)
        ident = f"{met.model.name}-{met.number}"
        with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        reply = Reply(
            whole=lambda by: openai_api.completion(ident, by, prompt, said),
            events=lambda by: openai_api.chunks(ident, by, prompt, said, with_usage=with_usage),
            named=False,
            refusal=openai_api.error,
            refusals=OPENAI_REFUSALS,
        )
        return await answer(request, call, met.model, met.behaviour, met.latency_s, reply)

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """Serve Anthropic's messages."""
        body = await _json(request)
        call, met = self._begin(request, body, (body.get("metadata") or {}).get("user_id"))
        problem = _messages_missing(body)
        if met is None or problem:
            return _not_served(call, problem, anthropic_api.error)
        prompt = openai_api.last_user_text(body["messages"])
        said = met.model.says(prompt)
        ident = f"{met.model.name}_{met.number}"
        reply = Reply(
            whole=lambda by: anthropic_api.message(ident, by, prompt, said),
            events=lambda by: anthropic_api.events(ident, by, prompt, said),
            named=True,
            refusal=anthropic_api.error,
            refusals=ANTHROPIC_REFUSALS,
        )
        return await answer(request, call, met.model, met.behaviour, met.latency_s, reply)

    async def embeddings(self, request: web.Request) -> web.StreamResponse:
        """Serve OpenAI's embeddings."""
        body = await _json(request)
        call, met = self._begin(request, {**body, "stream": False}, body.get("user"))
        given = body.get("input")
        texts: Sequence[object] = [given] if isinstance(given, str) else given if isinstance(given, list) else []
        problem = "" if texts and all(isinstance(text, str) for text in texts) else "input: expected texts"
        if met is None or problem:
            return _not_served(call, problem, openai_api.error)
        dimensions = int(body.get("dimensions") or met.model.dimensions)
        encoded = body.get("encoding_format") == "base64"
        reply = Reply(
            whole=lambda by: openai_api.embeddings(by, [str(text) for text in texts], dimensions, encoded=encoded),
            events=lambda _: (),
            named=False,
            refusal=openai_api.error,
            refusals=OPENAI_REFUSALS,
        )
        return await answer(request, call, met.model, met.behaviour, met.latency_s, reply)

    async def listing(self, _: web.Request) -> web.Response:
        """List the models, as OpenAI does."""
        data = [openai_api.listed(name) for name in self.fleet.models]
        return web.json_response({"object": "list", "data": data})

    async def listed(self, request: web.Request) -> web.Response:
        """Show one model, as OpenAI does."""
        name = request.match_info["name"]
        if name not in self.fleet.models:
            return web.json_response(_no_such_model(name, openai_api.error), status=404)
        return web.json_response(openai_api.listed(name))

    async def settings(self, _: web.Request) -> web.Response:
        """Show what the models are set to."""
        return web.json_response({name: settings_of(model) for name, model in self.fleet.models.items()})

    async def set(self, request: web.Request) -> web.Response:
        """Set some of a model; 400 and one line for what is no setting."""
        try:
            model = self.fleet.set(request.match_info["name"], await _json(request))
        except SettingsError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(settings_of(model))

    async def reset(self, _: web.Request) -> web.Response:
        """Go back to the start."""
        self.fleet.reset()
        self.log = CallLog()
        return web.json_response({})

    async def calls(self, request: web.Request) -> web.Response:
        """Show calls, of one model or all, from an ordinal on, and the ordinal that the next call will have."""
        try:
            since = int(request.query.get("since", "0"))
        except ValueError:
            message = f"since: expected a number, found {request.query['since']!r}"
            return web.json_response({"error": message}, status=400)
        calls = list(self.log.since(since, request.query.get("model")))
        return web.json_response({"calls": calls, "next": self.log.next_ordinal, "dropped": self.log.dropped})

    def _begin(self, request: web.Request, body: Body, user: object) -> tuple[Call, Met | None]:
        """Write down that a call came, and return what it meets; None where there is no such model."""
        met = self.fleet.meet(str(body.get("model")))
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        call = Call(
            ordinal=self.log.next_ordinal,
            number=None if met is None else met.number,
            endpoint=request.path,
            model=str(body.get("model")),
            caller=request.headers.get("x-caller") or str(user or ""),
            client=request.headers.get("user-agent", ""),
            port=peer[1] if peer else 0,
            stream=bool(body.get("stream")),
            began_ns=time.time_ns(),
            behaviour="" if met is None else str(met.behaviour.kind),
        )
        return self.log.add(call), met


async def _json(request: web.Request) -> Body:
    try:
        body = await request.json()
    except ValueError as error:
        raise _bad_request(f"expected JSON: {error}") from None
    if not isinstance(body, dict):
        raise _bad_request(f"expected an object, found {type(body).__name__}")
    return body


def _bad_request(message: str) -> web.HTTPBadRequest:
    text = json.dumps(openai_api.error("invalid_request_error", message))
    return web.HTTPBadRequest(text=text, content_type="application/json")


def _messages_missing(body: Body) -> str:
    messages = body.get("messages")
    if isinstance(messages, list) and all(isinstance(message, Mapping) for message in messages):
        return ""
    return "messages: expected a list of objects"


def _not_served(call: Call, problem: str, refusal: Refusal) -> web.Response:
    status = 400 if problem else 404
    call.end("refused", status)
    body = refusal("invalid_request_error", problem) if problem else _no_such_model(call.model, refusal)
    return web.json_response(body, status=status)


def _no_such_model(name: str, refusal: Refusal) -> Body:
    kind = "not_found_error" if refusal is anthropic_api.error else "invalid_request_error"
    return refusal(kind, f"The model {name!r} does not exist")
