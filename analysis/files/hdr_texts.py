"""Many encoded HdrHistograms read at once: base64 of the compressed V2 encoding (``harness.measure.histogram``).

The payloads are put one behind the other and their numbers read by arithmetic on whole arrays: 9 µs per histogram where
``hdrh``, which decodes them one by one in C, took 30 (6 buckets in use, Python 3.11).
"""

from __future__ import annotations

import binascii
import struct
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from harness.measure.histogram import HIGHEST_US, LOWEST_US, SIGNIFICANT_DIGITS
from harness.words.errors import RunError

Integers = NDArray[np.int64]

_OUTER = struct.Struct(">II")  # cookie, length
_INNER = struct.Struct(">IIIIQQd")  # cookie, length, normalizing offset, digits, lowest, highest, ratio
_OUTER_COOKIE, _INNER_COOKIE = 0x1C849314, 0x1C849313
_MOST_UNPACKED = _INNER.size + 23_552 * 9
"""Bytes of a histogram with a count in every bucket; a kilobyte can unpack to a megabyte."""
_MOST_BYTES = 8
"""Bytes of the longest number read; a count of 2 ** 55 is none that a run has."""


def read_counts(texts: Iterable[tuple[object, str]], buckets: int) -> tuple[Integers, Integers, Integers]:
    """Return ``row, bucket, count`` of every bucket in use, by row and bucket.

    ``texts`` are pairs of a name and an encoding; ``row`` counts them from 0. Empty text is an empty histogram. Raises
    ``RunError`` naming the row of a text that is no histogram of this layout with ``buckets`` counters.
    """
    names: list[object] = []
    payloads: list[bytes] = []
    rows: list[int] = []
    for row, (name, text) in enumerate(texts):
        if text:
            names.append(name)
            payloads.append(_payload(text, name))
            rows.append(row)
    # A row's own end, so that a number that is cut off cannot take bytes of the next row.
    stream = np.frombuffer(b"".join(payloads), dtype=np.uint8)
    ends_of_rows = np.cumsum([len(payload) for payload in payloads], dtype=np.int64)
    filled = np.flatnonzero(np.diff(ends_of_rows, prepend=0))
    for cut in filled[stream[ends_of_rows[filled] - 1] >= 0x80]:
        raise _broken(names[cut], "its last number is cut off")
    numbers, ends = _numbers(stream)
    of_row = np.diff(np.searchsorted(ends, ends_of_rows), prepend=0)
    place = np.repeat(np.arange(len(of_row)), of_row)
    for wrong in np.flatnonzero(numbers < -buckets):  # before they are added up: sums of such would leave 64 bits
        raise _broken(names[place[wrong]], f"it leaves out {-numbers[wrong]} buckets, of {buckets}")
    bucket = _buckets(numbers, of_row)
    for wrong in np.flatnonzero((bucket >= buckets) | (bucket < 0)):
        raise _broken(names[place[wrong]], f"it has a bucket {bucket[wrong]}, expected less than {buckets}")
    used = np.flatnonzero(numbers > 0)
    return np.array(rows, dtype=np.int64)[place[used]], bucket[used], numbers[used]


def _payload(text: str, name: object) -> bytes:
    """Return the numbers of one histogram as they were written."""
    try:
        raw = binascii.a2b_base64(text)
        cookie, length = _OUTER.unpack_from(raw)
        unpacking = zlib.decompressobj()
        body = unpacking.decompress(raw[_OUTER.size : _OUTER.size + length], _MOST_UNPACKED)
        if not unpacking.eof:
            raise ValueError("cut off, or too long")
        inner_cookie, size, _, digits, lowest, highest, _ = _INNER.unpack_from(body)
    except (ValueError, struct.error, zlib.error) as error:  # binascii.Error is a ValueError
        raise _broken(name, f"{type(error).__name__}: {error}") from error
    if (cookie, inner_cookie) != (_OUTER_COOKIE, _INNER_COOKIE):
        raise _broken(name, f"its cookies are {cookie:#x} and {inner_cookie:#x}")
    if (lowest, highest, digits) != (LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS):
        wanted = LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS
        raise RunError(f"series row {name}: hdr covers {lowest, highest, digits}, expected {wanted}")
    if len(body) < _INNER.size + size:
        raise _broken(name, f"{size} bytes of counts announced, {len(body) - _INNER.size} there")
    return body[_INNER.size : _INNER.size + size]


def _numbers(stream: NDArray[np.uint8]) -> tuple[Integers, Integers]:
    """Return the zigzag LEB128 numbers of a stream, and where each ends. Most have one byte."""
    ends = np.flatnonzero(stream < 0x80)
    starts = np.concatenate((np.zeros(1, dtype=np.int64), ends[:-1] + 1)) if len(ends) else ends
    length = ends - starts + 1
    longest = int(length.max(initial=0))
    if longest > _MOST_BYTES:
        raise RunError(f"series: hdr has a number of {longest} bytes, expected at most {_MOST_BYTES}")
    zigzag = (stream[starts] & 0x7F).astype(np.int64)
    for place in range(1, longest):
        reach = np.flatnonzero(length > place)
        zigzag[reach] |= (stream[starts[reach] + place] & 0x7F).astype(np.int64) << (7 * place)
    return (zigzag >> 1) ^ -(zigzag & 1), ends


def _buckets(numbers: Integers, of_row: Integers) -> Integers:
    """Return the bucket of each number: one further than the one before it in its row, or as many as it leaves out."""
    steps = np.where(numbers < 0, -numbers, 1)
    before = np.cumsum(steps) - steps
    filled = of_row[of_row > 0]
    found: Integers = before - np.repeat(before[np.cumsum(filled) - filled], filled)
    return np.where(numbers > 0, found, 0)


def _broken(name: object, reason: str) -> RunError:
    return RunError(f"series row {name}: hdr is no HdrHistogram ({reason})")


def write_counts(size: int, row: Integers, bucket: Integers, count: Integers) -> list[str]:
    """Return ``size`` histograms as ``read_counts`` reads them, from their buckets in use, sorted by row and bucket."""
    first = np.diff(row, prepend=-1) != 0
    following = np.where(first, 0, np.concatenate((np.zeros(1, dtype=np.int64), bucket[:-1] + 1))[: len(bucket)])
    numbers = np.empty(2 * len(row), dtype=np.int64)
    numbers[0::2] = 2 * (bucket - following) - 1  # a run of empty buckets; -1 where there is none
    numbers[1::2] = 2 * count
    kept = numbers > 0
    numbers, owner = numbers[kept], np.repeat(row, 2)[kept]
    stream, length = _stream(numbers)
    bytes_of = np.bincount(owner, weights=length, minlength=size).astype(np.int64)
    ends = np.cumsum(bytes_of)
    begins = ends - bytes_of
    return [_text(stream[begin:end].tobytes()) for begin, end in zip(begins, ends, strict=True)]


def _stream(numbers: Integers) -> tuple[NDArray[np.uint8], Integers]:
    """Return numbers as LEB128, one behind the other, and how many bytes each has."""
    length = np.ones(len(numbers), dtype=np.int64)
    for place in range(1, _MOST_BYTES):
        length += numbers >> (7 * place) > 0
    starts = np.cumsum(length) - length
    stream = np.zeros(int(length.sum()), dtype=np.uint8)
    for place in range(int(length.max(initial=0))):
        reach = length > place
        more = np.where(length[reach] > place + 1, 0x80, 0)
        stream[starts[reach] + place] = (numbers[reach] >> (7 * place) & 0x7F) | more
    return stream, length


def _text(payload: bytes) -> str:
    inner = _INNER.pack(_INNER_COOKIE, len(payload), 0, SIGNIFICANT_DIGITS, LOWEST_US, HIGHEST_US, 1.0)
    compressed = zlib.compress(inner + payload, 1)
    return binascii.b2a_base64(_OUTER.pack(_OUTER_COOKIE, len(compressed)) + compressed, newline=False).decode("ascii")
