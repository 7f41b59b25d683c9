"""A sparse HdrHistogram of microseconds: three significant digits from 1 µs to one hour, mergeable without loss.

Bucket boundaries and the encoding are HdrHistogram's own (``lowest = 1``, ``highest = 3_600_000_000``,
``significant digits = 3``), so that any HdrHistogram library reads the ``hdr`` column. Counts live in a dict
``{bucket: count}``, because a second of one label set touches a few dozen of the 23,552 buckets: an add is one
shift and one dict update instead of a walk through a C array that would have to be allocated per row.

Source of layout and encoding: HdrHistogram V2, https://github.com/HdrHistogram/HdrHistogram (Apache-2.0).
"""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Iterator, Mapping

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


def bucket_of(microseconds: int) -> int:
    """Return the bucket of a value in microseconds; values above one hour go into the last bucket."""
    if microseconds < SUB_BUCKETS:
        return microseconds
    if microseconds > HIGHEST_US:
        microseconds = HIGHEST_US
    shift = microseconds.bit_length() - _SUB_BUCKET_BITS
    return (shift << _HALF_BITS) + (microseconds >> shift)


def highest_of(bucket: int) -> int:
    """Return the highest value in microseconds that falls into ``bucket``."""
    if bucket < SUB_BUCKETS:
        return bucket
    shift = (bucket >> _HALF_BITS) - 1
    sub = (bucket & ((1 << _HALF_BITS) - 1)) | (1 << _HALF_BITS)
    return ((sub + 1) << shift) - 1


class Histogram:
    """Counts of latencies by HdrHistogram bucket."""

    __slots__ = ("counts",)

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self.counts: dict[int, int] = dict(counts) if counts else {}

    def add(self, microseconds: int, count: int = 1) -> None:
        """Count a value in whole microseconds."""
        bucket = bucket_of(microseconds)
        self.counts[bucket] = self.counts.get(bucket, 0) + count

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

    def percentile_us(self, percent: float) -> int | None:
        """Return the smallest bucket's upper value with at least ``percent`` % of the counts, None when empty."""
        return self.percentiles_us((percent,))[0]

    def percentiles_us(self, percents: tuple[float, ...]) -> list[int | None]:
        """Return several percentiles in one pass; ``percents`` ascend, in 0 < p <= 100.

        An empty histogram has no percentiles: each is None, never 0.
        """
        total = len(self)
        if not total:
            return [None] * len(percents)
        ranks = [max(1, math.ceil(percent / 100 * total - 1e-9)) for percent in percents]
        found: list[int | None] = []
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            while len(found) < len(ranks) and seen >= ranks[len(found)]:
                found.append(highest_of(bucket))
        return found

    def encode(self) -> str:
        """Return the histogram as base64 of HdrHistogram's compressed V2 encoding."""
        payload = bytes(_varints(self.counts))
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
            body = zlib.decompress(raw[_OUTER.size : _OUTER.size + length])
            inner_cookie, size, _offset, digits, lowest, highest, _ratio = _INNER.unpack_from(body)
        except (ValueError, struct.error, zlib.error) as error:
            raise ValueError(f"no HdrHistogram encoding: {error}") from error
        if (cookie, inner_cookie) != (_OUTER_COOKIE, _INNER_COOKIE):
            raise ValueError(f"no compressed HdrHistogram V2: cookies {cookie:#x}, {inner_cookie:#x}")
        if (digits, lowest, highest) != (SIGNIFICANT_DIGITS, LOWEST_US, HIGHEST_US):
            raise ValueError(f"another range: {digits} digits, {lowest} to {highest}")
        return cls(_counts(body[_INNER.size : _INNER.size + size]))


def _varints(counts: Mapping[int, int]) -> Iterator[int]:
    """Yield the bytes of zigzag LEB128 numbers: a count, or minus the length of a run of empty buckets."""
    following = 0
    for bucket in sorted(counts):
        if bucket > following:
            yield from _leb128(2 * (bucket - following) - 1)
        yield from _leb128(2 * counts[bucket])
        following = bucket + 1


def _leb128(number: int) -> Iterator[int]:
    while number > 0x7F:
        yield number & 0x7F | 0x80
        number >>= 7
    yield number


def _counts(payload: bytes) -> dict[int, int]:
    counts: dict[int, int] = {}
    bucket = number = shift = 0
    for byte in payload:
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
            continue
        if number & 1:
            bucket += (number + 1) >> 1
        else:
            if number:
                counts[bucket] = number >> 1
            bucket += 1
        number = shift = 0
    return counts
