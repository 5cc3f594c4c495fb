"""Values as text of letters and digits alone that sorts as the values do.

Milvus reads filters as text. Text that is quoted in it would have to be escaped, in one way for strings and
in another for patterns, which Milvus and Milvus Lite do not read alike. Texts without a quote, a backslash, a
percent sign or an underline need none. Numbers become text as well, so that nothing depends on how a number
of JSON is read.
"""

from __future__ import annotations

import struct
from datetime import UTC, date

from tieback.core.dates import day, instant

_HIGH, _LOW = "0123456789abcdef", "ghijklmnopqrstuv"
# Two letters of different alphabets for each byte: a part of the text begins where a byte of the value does.
_PAIRS = [high + low for high in _HIGH for low in _LOW]
_SIGN, _EVERY_BIT = 1 << 63, (1 << 64) - 1


def of_text(text: str) -> str:
    """A text: it sorts by code points, and a part of the text is a part of it."""
    return "".join([_PAIRS[byte] for byte in text.encode()])


def of_number(number: float) -> str:
    """A finite number; 0 and -0 are equal."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", number + 0.0))
    return f"{bits ^ (_EVERY_BIT if bits & _SIGN else _SIGN):016x}"


def of_instant(value: date) -> str:
    """A point in time to the microsecond; a day is its midnight in UTC."""
    return f"{instant(value).astimezone(UTC):%Y%m%d%H%M%S%f}".zfill(20)


def of_day(value: date) -> str:
    """The day of a point in time in UTC, or a day."""
    return f"{day(value):%Y%m%d}".zfill(8)
