"""What Anthropic's interface says: bodies and events, by its reference (docs.anthropic.com/en/api/messages)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model_server.openai_api import tokens_of

Body = dict[str, Any]


def message(ident: str, model: str, prompt: str, said: str) -> Body:
    """Return a message."""
    return {
        **_opened(ident, model, prompt),
        "content": [{"type": "text", "text": said}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": len(tokens_of(prompt)), "output_tokens": len(tokens_of(said))},
    }


def events(ident: str, model: str, prompt: str, said: str) -> Iterator[Body]:
    """Yield the events of a streamed message, in their order."""
    yield {"type": "message_start", "message": _opened(ident, model, prompt)}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    tokens = tokens_of(said)
    for token in tokens:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": token}}
    yield {"type": "content_block_stop", "index": 0}
    stopped = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": stopped, "usage": {"output_tokens": len(tokens)}}
    yield {"type": "message_stop"}


def _opened(ident: str, model: str, prompt: str) -> Body:
    return {
        "id": f"msg_{ident}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": len(tokens_of(prompt)), "output_tokens": 0},
    }


def error(kind: str, text: str) -> Body:
    """Return the body of a refusal."""
    return {"type": "error", "error": {"type": kind, "message": text}}
