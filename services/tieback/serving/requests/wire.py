"""Protobuf's wire format, as far as a gateway needs it: where the fields of a message lie, unread."""

from __future__ import annotations

from collections.abc import Iterator

from tieback.core.errors import InvalidInput

_VARINT, _DELIMITED = 0, 2
_FIXED = {1: 8, 5: 4}


def fields(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Each field's number, the place where it begins, the place of its value, and the place behind it.

    InvalidInput where the bytes are no message.
    """
    place, size = 0, len(message)
    try:
        while place < size:
            begin = place
            tag, place = varint(message, place)
            value, kind = place, tag & 7
            if kind == _DELIMITED:
                length, value = varint(message, place)
                place = value + length
            elif kind == _VARINT:
                _, place = varint(message, place)
            else:
                place += _FIXED[kind]
            if place > size:
                raise malformed()
            yield tag >> 3, begin, value, place
    except (IndexError, KeyError):
        raise malformed() from None


def read_text(message: bytes, *path: int) -> str:
    """The string at a path of field numbers; empty where it is not set. InvalidInput as in `fields`."""
    found = message
    for number in path:
        inner = b""
        for each, _, value, end in fields(found):
            if each == number:  # the last one counts
                inner = found[value:end]
        found = inner
    try:
        return found.decode()
    except UnicodeDecodeError:
        raise malformed() from None


def malformed() -> InvalidInput:
    """The error of bytes that are no message of the method."""
    return InvalidInput(
        "the request is not a message of this method: it is malformed, or a text is not valid UTF-8",
        reason="MALFORMED_MESSAGE",
    )


def varint(data: bytes, place: int) -> tuple[int, int]:
    """The number that begins at a place, and the place behind it. IndexError where it does not end."""
    byte = data[place]
    if byte < 0x80:
        return byte, place + 1
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise IndexError
