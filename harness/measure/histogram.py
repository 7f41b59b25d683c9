"""A sparse HdrHistogram of microseconds: three significant digits from 1 µs to one hour, mergeable without loss.

Bucket boundaries and the encoding are HdrHistogram's own (``lowest = 1``, ``highest = 3_600_000_000``,
``significant digits = 3``), so that any HdrHistogram library reads the ``hdr`` column. Counts live in a dict
``{bucket: count}``, because a second of one label set touches a few dozen of the 23,552 buckets: an add is one
shift and one dict update instead of a walk through a C array that would have to be allocated per row.

A bucket below 2,048 µs is 1 µs wide, which below 1 ms is more than a thousandth of its values. Percentiles are
therefore interpolated by rank inside such a bucket; where it holds one value, or rounded to whole microseconds, they
are HdrHistogram's own.

Source of layout and encoding: HdrHistogram V2, https://github.com/HdrHistogram/HdrHistogram (Apache-2.0).
"""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

LOWEST_US = 1
HIGHEST_US = 3_600_000_000
SIGNIFICANT_DIGITS = 3

_SUB_BUCKET_BITS = 11  # 2 * 10**3 values need 11 bits for a resolution of one part in a thousand
_HALF_BITS = _SUB_BUCKET_BITS - 1
SUB_BUCKETS = 1 << _SUB_BUCKET_BITS
"""Values below this many microseconds have buckets of their own."""

_OUTER_COOKIE = 0x1C849304 | 0x10
_INNER_COOKIE = 0x1C849303 | 0x10
_OUTER = struct.Struct(">ii")
_INNER = struct.Struct(">iiiiqqd")
_BUCKETS = 23_552
_MOST_BITS = 56  # of a number: a count of 2 ** 55 is none that a run has
_MOST_UNPACKED = _INNER.size + _BUCKETS * 9
"""Bytes of a histogram with a count in every bucket; a kilobyte can unpack to a megabyte."""


def bucket_of(microseconds: int) -> int:
    """Return the bucket of a value in microseconds; those above one hour go into the last one, those below 0 into 0."""
    if microseconds < SUB_BUCKETS:
        return max(0, microseconds)
    if microseconds > HIGHEST_US:
        microseconds = HIGHEST_US
    shift = microseconds.bit_length() - _SUB_BUCKET_BITS
    return (shift << _HALF_BITS) + (microseconds >> shift)


def buckets_of(times_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the buckets of times in nanoseconds, rounded to whole microseconds, half up."""
    microseconds = (times_ns + 500) // 1000
    wide = microseconds >= SUB_BUCKETS
    if wide.any():
        values = np.minimum(microseconds[wide], HIGHEST_US)
        shift = np.frexp(values.astype(np.float64))[1] - _SUB_BUCKET_BITS  # frexp gives the bit length
        microseconds[wide] = (shift.astype(np.int64) << _HALF_BITS) + (values >> shift)
    return np.maximum(microseconds, 0)


def highest_of(bucket: int) -> int:
    """Return the highest value in microseconds that falls into ``bucket``."""
    if bucket < SUB_BUCKETS:
        return bucket
    shift = (bucket >> _HALF_BITS) - 1
    sub = (bucket & ((1 << _HALF_BITS) - 1)) | (1 << _HALF_BITS)
    return ((sub + 1) << shift) - 1


def value_at(bucket: int, rank: int, count: int) -> float:
    """Return the value in microseconds of the ``rank``-th (from 1) of ``count`` values of a bucket.

    A bucket below ``SUB_BUCKETS`` holds what rounds to its whole microsecond; its values are taken to lie evenly in
    that microsecond. Of a wider one it is the highest value, as HdrHistogram has it: at most a thousandth too high.
    """
    if bucket >= SUB_BUCKETS:
        return float(highest_of(bucket))
    lowest = max(bucket - 0.5, 0.0)
    return lowest + (bucket + 0.5 - lowest) * (rank - 0.5) / count


def within_ms(microseconds: float | None, least_ns: int | None, most_ns: int) -> float | None:
    """Return a percentile in ms, moved between the least and the most that was seen; None where there is none."""
    if microseconds is None:
        return None
    return round(min(max(microseconds * 1000, least_ns or 0), most_ns) / 1e6, 6)


class Histogram:
    """Counts of latencies by HdrHistogram bucket."""

    __slots__ = ("counts",)

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        # No Counter, though that counts faster: the garbage collector leaves a dict of numbers alone, and looks at all
        # that a Counter holds in every full collection, while users wait.
        self.counts: dict[int, int] = dict(counts) if counts else {}

    def add(self, microseconds: int, count: int = 1) -> None:
        """Count a value in whole microseconds."""
        bucket = bucket_of(microseconds)
        self.counts[bucket] = self.counts.get(bucket, 0) + count

    def count(self, buckets: Iterable[int]) -> None:
        """Count one value in each of ``buckets``, which may recur."""
        mine = self.counts
        for bucket in buckets:
            mine[bucket] = mine.get(bucket, 0) + 1

    def merge(self, counts: Mapping[int, int]) -> None:
        """Add the counts of another histogram; the order of merges does not matter."""
        mine = self.counts
        for bucket, count in counts.items():
            mine[bucket] = mine.get(bucket, 0) + count

    def __len__(self) -> int:
        return sum(self.counts.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.counts == other.counts

    __hash__ = None  # type: ignore[assignment]  # mutable

    def percentile_us(self, percent: float) -> float | None:
        """Return the value (µs) up to which at least ``percent`` % of the counts lie, None when empty."""
        return self.percentiles_us((percent,))[0]

    def percentiles_us(self, percents: Sequence[float]) -> list[float | None]:
        """Return several percentiles in one pass; ``percents`` ascend, in 0 < p <= 100.

        Each is the value at the rank rounded up (see ``value_at``). An empty histogram has no percentiles: each is
        None, never 0.
        """
        total = len(self)
        if not total:
            return [None] * len(percents)
        ranks = [max(1, math.ceil(percent / 100 * total - 1e-9)) for percent in percents]
        found: list[float | None] = []
        seen = 0
        for bucket in sorted(self.counts):
            count = self.counts[bucket]
            while len(found) < len(ranks) and seen + count >= ranks[len(found)]:
                found.append(value_at(bucket, ranks[len(found)] - seen, count))
            seen += count
        return found

    def encode(self) -> str:
        """Return the histogram as base64 of HdrHistogram's compressed V2 encoding."""
        payload = _payload(self.counts)
        inner = _INNER.pack(_INNER_COOKIE, len(payload), 0, SIGNIFICANT_DIGITS, LOWEST_US, HIGHEST_US, 1.0)
        compressed = zlib.compress(inner + payload)
        return base64.b64encode(_OUTER.pack(_OUTER_COOKIE, len(compressed)) + compressed).decode("ascii")

    @classmethod
    def decode(cls, text: str) -> Histogram:
        """Return the histogram that ``encode`` (or an HdrHistogram library of equal range) wrote.

        Raises:
            ValueError: the text is no such encoding, or has another range or resolution.

        """
        try:
            raw = base64.b64decode(text, validate=True)
            cookie, length = _OUTER.unpack_from(raw)
            unpacking = zlib.decompressobj()
            body = unpacking.decompress(raw[_OUTER.size : _OUTER.size + length], _MOST_UNPACKED)
            if not unpacking.eof:
                raise ValueError("cut off, or too long")
            inner_cookie, size, _offset, digits, lowest, highest, _ratio = _INNER.unpack_from(body)
        except (ValueError, struct.error, zlib.error) as error:
            raise ValueError(f"no HdrHistogram encoding: {error}") from error
        if (cookie, inner_cookie) != (_OUTER_COOKIE, _INNER_COOKIE):
            raise ValueError(f"no compressed HdrHistogram V2: cookies {cookie:#x}, {inner_cookie:#x}")
        if (digits, lowest, highest) != (SIGNIFICANT_DIGITS, LOWEST_US, HIGHEST_US):
            raise ValueError(f"another range: {digits} digits, {lowest} to {highest}")
        return cls(_counts(body[_INNER.size : _INNER.size + size]))


def _payload(counts: Mapping[int, int]) -> bytes:
    """Return zigzag LEB128 numbers: a count, or minus the length of a run of empty buckets."""
    payload = bytearray()
    append = payload.append  # in one place and without generators: half the time, and rows are encoded while a run goes
    following = 0
    for bucket in sorted(counts):
        if bucket > following:
            number = 2 * (bucket - following) - 1
            while number > 0x7F:
                append(number & 0x7F | 0x80)
                number >>= 7
            append(number)
        number = 2 * counts[bucket]
        while number > 0x7F:
            append(number & 0x7F | 0x80)
            number >>= 7
        append(number)
        following = bucket + 1
    return bytes(payload)


def _counts(payload: bytes) -> dict[int, int]:
    counts: dict[int, int] = {}
    bucket = number = shift = 0
    for byte in payload:
        if byte & 0x80:
            number |= (byte & 0x7F) << shift
            shift += 7
            if shift > _MOST_BITS:
                raise ValueError("no HdrHistogram encoding: a number of more than 8 bytes")
            continue
        number |= byte << shift
        if number & 1:
            bucket += (number + 1) >> 1
        else:
            if number:
                counts[bucket] = number >> 1
            bucket += 1
        if bucket > _BUCKETS:
            raise ValueError(f"no HdrHistogram encoding: more than {_BUCKETS:,} buckets")
        number = shift = 0
    return counts
