from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.words.error_kinds import ID, NUMBER, Kinds, kind_of_error

WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("ValueError: request 12345 failed", "ValueError: request <n> failed"),
        ("RuntimeError: op-7 of user12", "RuntimeError: op-<n> of user<n>"),
        ("TimeoutError: after 30.0s, 5m30s", "TimeoutError: after <n>s, <n>m<n>s"),
        ("KeyError: 'a1b2c3d4'", "KeyError: '<id>'"),
        ("Error: <object at 0x7f3a90>", "Error: <object at <id>>"),
        ("Error: chatcmpl-9Xb3kd7Q2z", "Error: chatcmpl-<id>"),
        ("Error: 550e8400-e29b-41d4-a716-446655440000", "Error: <id>"),
        ("Error: until 2025-03-01T10:15:00Z", "Error: until <n>"),
        ("ValueError: -5 of 1,000,000 rows", "ValueError: <n> of <n> rows"),
    ],
)
def test_ids_and_numbers_make_no_kind(message, kind):
    assert kind_of_error(message) == kind


@pytest.mark.parametrize(
    "message",
    [
        "HTTPError: 503 Service Unavailable",
        "ConnectionError: 503",
        "RateLimitError: Error code: 429 - quota",
        "ClientError: HTTP/1.1 502",
        "OSError: [Errno 111] Connection refused",
        "ConnectError: no route to 10.0.0.1:8443",
        "E2BIG0: too long",
        "E07",
        "S3Error: gpt-4o is overloaded",
        "ValueError: decafbad coffee",
        "",
    ],
)
def test_what_went_wrong_and_where_makes_a_kind(message):
    assert kind_of_error(message) == message


@given(st.text(max_size=300))
def test_a_kind_is_its_own_kind(message):
    kind = kind_of_error(message)
    assert kind_of_error(kind) == kind


@given(WORDS, WORDS, st.lists(st.integers(0, 10**12), min_size=2, max_size=20))
def test_messages_that_differ_in_a_number_are_one_kind(before, after, numbers):
    kinds = {kind_of_error(f"ValueError: {before} {number} {after}") for number in numbers}
    assert kinds == {f"ValueError: {before} {NUMBER} {after}"}


@given(WORDS, st.lists(st.uuids(), min_size=2, max_size=20))
def test_messages_that_differ_in_a_uuid_are_one_kind(before, ids):
    kinds = {kind_of_error(f"ValueError: {before} {each}") for each in ids}
    assert kinds == {f"ValueError: {before} {ID}"}


@given(st.lists(st.text(max_size=30), max_size=30))
def test_kept_kinds_are_those_that_are_made(messages):
    kinds = Kinds()
    assert [kinds.of(message) for message in (*messages, *messages)] == [*map(kind_of_error, messages)] * 2


def test_a_target_that_never_repeats_itself_does_not_fill_the_memory():
    kinds = Kinds()
    for _ in range(5000):
        assert kinds.of(f"Error: {uuid.UUID(int=_)}") == "Error: <id>"
    assert len(kinds._known) <= 1000
