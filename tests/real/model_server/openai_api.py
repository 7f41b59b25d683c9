"""What OpenAI's interface says: bodies and events, by its reference (platform.openai.com/docs/api-reference)."""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zlib import crc32

CREATED = 1_750_000_000
"""Seconds since 1970 in all answers: equal calls have equal answers."""

Body = dict[str, Any]

_TOKEN = re.compile(r"\s*\S{1,4}|\s+$")


def tokens_of(text: str) -> list[str]:
    """Return a text in pieces of up to four characters, about what a tokenizer makes of English."""
    return _TOKEN.findall(text)


def text_of(content: object) -> str:
    """Return the text of a message's content, which is a text or a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))


def last_user_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of the last message of the user, or nothing."""
    return next(
        (text_of(message.get("content")) for message in reversed(messages) if message.get("role") == "user"), ""
    )


def usage(prompt: str, said: str) -> Body:
    """Return how many tokens a call took."""
    asked, answered = len(tokens_of(prompt)), len(tokens_of(said))
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def completion(ident: str, model: str, prompt: str, said: str) -> Body:
    """Return a chat completion."""
    message = {"role": "assistant", "content": said, "refusal": None}
    return {
        "id": f"chatcmpl-{ident}",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": usage(prompt, said),
    }


def chunks(ident: str, model: str, prompt: str, said: str, *, with_usage: bool) -> Iterator[Body | str]:
    """Yield the events of a streamed chat completion: one with the role, one per token, and what ends it."""
    base = {"id": f"chatcmpl-{ident}", "object": "chat.completion.chunk", "created": CREATED, "model": model}

    def chunk(delta: Body, finish: str | None = None) -> Body:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]}

    yield chunk({"role": "assistant", "content": ""})
    for token in tokens_of(said):
        yield chunk({"content": token})
    yield chunk({}, "stop")
    if with_usage:
        yield {**base, "choices": [], "usage": usage(prompt, said)}
    yield "[DONE]"


def error(kind: str, message: str, code: str | None = None) -> Body:
    """Return the body of a refusal."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def listed(name: str) -> Body:
    """Return a model as ``/v1/models`` lists it."""
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "model-server"}


def embeddings(model: str, texts: Sequence[str], dimensions: int, *, encoded: bool) -> Body:
    """Return an embedding of each text: as base64 of little-endian floats, which OpenAI's client asks for, or plain."""
    vectors = [vector_of(text, dimensions) for text in texts]
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector) if encoded else vector}
        for index, vector in enumerate(vectors)
    ]
    asked = sum(len(tokens_of(text)) for text in texts)
    return {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": asked, "total_tokens": asked},
    }


def vector_of(text: str, dimensions: int) -> list[float]:
    """Return a vector of length 1: each word adds to a component that its checksum names (feature hashing)."""
    vector = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()) or [""]:
        hashed = crc32(word.encode())
        vector[hashed % dimensions] += 1.0 if hashed & 0x8000_0000 else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    if not length:  # words that took each other's place
        return [1.0, *vector[1:]]
    return [value / length for value in vector]


def _encoded(vector: Iterable[float]) -> str:
    values = list(vector)
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
