"""Random messages in protobuf's wire format, by their descriptor: valid ones, and ones that are spoilt."""

from __future__ import annotations

import gzip
import math
import random
import struct

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor

_TEXTS = (
    b"",
    b"a",
    b"all-minilm-l6-v2",
    b"two words",
    "ünï \u202e 𝔘".encode(),
    b"\0",
    b"\x1b[31m",
    b"\xff\xfe",
    "\ud800".encode("utf-8", "surrogatepass"),
    b"x" * 300,
    b"y" * 5000,
)
_INTEGERS = (0, 1, 2, 3, 7, 8, 127, 128, 300, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
_FLOATS = (0.0, 1.0, -1.0, 0.5, 1e-320, 3e38, 1e308, -1e308, math.nan, math.inf, -math.inf)
_COUNTS = (0, 1, 1, 2, 3, 5)
_MANY = (17, 65, 257, 1025, 4097)
_EIGHT = (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_SFIXED64)
_FOUR = (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_FIXED32, FieldDescriptor.TYPE_SFIXED32)


def message(kind: Descriptor, source: random.Random, depth: int = 0) -> bytes:
    """A message whose every field may hold anything that its type allows."""
    if kind.full_name == "tieback.v1.Tensor" and source.random() < 0.8:
        return _tensor(source)
    wanted = source.choice((0.3, 0.6, 0.9)) * (0.8**depth)
    parts: list[bytes] = []
    for one in kind.fields:
        if source.random() > wanted:
            continue
        count = 1
        if one.is_repeated:
            count = source.choice(_COUNTS)
            if source.random() < 0.01 and one.type != FieldDescriptor.TYPE_MESSAGE:
                count = source.choice(_MANY)
        parts.extend(_field(one, source, depth) for _ in range(count))
    return b"".join(parts)


def spoilt(data: bytes, kind: Descriptor, source: random.Random) -> bytes:
    """The message after what networks, attackers and bugs do to one."""
    made = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 5))):
        match source.randrange(8):
            case 0 if made:  # a bit
                made[source.randrange(len(made))] ^= 1 << source.randrange(8)
            case 1:  # the end is missing
                del made[source.randrange(len(made) + 1) :]
            case 2:  # something is inserted
                at = source.randrange(len(made) + 1)
                made[at:at] = source.randbytes(source.choice((1, 2, 8, 100)))
            case 3 if made:  # a piece twice
                at = source.randrange(len(made))
                made[at:at] = made[at : at + source.randrange(1, 200)]
            case 4:  # a tiny field, very often
                tag = varint(source.choice([*kind.fields_by_number, 15, 2000]) << 3 | source.choice((0, 2)))
                made += (tag + b"\0") * source.choice((10, 1100, 70_000, 300_000))
            case 5:  # nested very deep
                inner = b""
                tag = varint(source.choice([*kind.fields_by_number, 1]) << 3 | 2)
                for _ in range(source.choice((10, 40, 200))):
                    inner = tag + varint(len(inner)) + inner
                made += inner
            case 6:  # whole, and again
                made += made[:100_000]
            case 7:  # compressed
                made = bytearray(gzip.compress(bytes(made), 1))
            case _:
                made += b"\x0a"
    return bytes(made)


def varint(number: int) -> bytes:
    """A number as the wire has it."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(one: FieldDescriptor, source: random.Random, depth: int) -> bytes:
    if one.type in _EIGHT:
        return varint(one.number << 3 | 1) + struct.pack("<d", source.choice(_FLOATS))
    if one.type in _FOUR:
        number = source.choice(_FLOATS)
        return varint(one.number << 3 | 5) + struct.pack("<f", number if abs(number) < 1e300 else math.inf)
    if one.message_type is not None:
        inner = message(one.message_type, source, depth + 1) if depth < 12 else b""
    elif one.type == FieldDescriptor.TYPE_STRING:
        inner = source.choice(_TEXTS)
    elif one.type == FieldDescriptor.TYPE_BYTES:
        inner = source.choice((b"", source.randbytes(8), source.randbytes(64), b"\x89PNG\r\n\x1a\n"))
    elif one.enum_type is not None:
        known = [value.number for value in one.enum_type.values]
        return varint(one.number << 3) + varint(source.choice([*known, *known, 99, 2**64 - 1]))
    elif one.is_repeated and source.random() < 0.8:  # packed
        count = source.choice((*_COUNTS, 100))
        inner = b"".join(varint(source.choice(_INTEGERS)) for _ in range(count))
    else:
        return varint(one.number << 3) + varint(source.choice(_INTEGERS))
    return varint(one.number << 3 | 2) + varint(len(inner)) + inner


def _tensor(source: random.Random) -> bytes:
    """A tensor whose shape and data agree, most of the time, with ordinary and extraordinary numbers."""
    kind = source.choice((1, 1, 2, 3, 4))
    shape = [source.choice((0, 1, 2, 3, 8, 384)) for _ in range(source.choice((1, 1, 2, 2, 0, 3)))]
    while math.prod(shape) > 4096:
        shape.pop()
    count = math.prod(shape)
    with np.errstate(over="ignore"):
        values = np.array([source.choice((0.0, 0.5, -1.0, 65_504.0)) for _ in range(count)])
        if count and source.random() < 0.3:
            values[source.randrange(count)] = source.choice(_FLOATS)
        data = {1: values.astype("<f4").tobytes(), 2: values.astype("<f2").tobytes()}.get(
            kind, bytes(count if kind == 3 else count // 8)
        )
    if source.random() < 0.1:
        data = data[: source.randrange(len(data) + 1)]
    packed = b"".join(varint(one) for one in shape)
    return (
        b"\x08" + varint(kind) + b"\x12" + varint(len(packed)) + packed + b"\x1a" + varint(len(data)) + data
    )
