"""Moments: seconds since the epoch in Python."""

from __future__ import annotations

from google.protobuf import timestamp_pb2
from tieback_contract.field_path import FieldPath

from tieback.core.errors import InvalidInput


def seconds(message: timestamp_pb2.Timestamp, field: FieldPath) -> float:
    """The moment of a message. InvalidInput where it is none."""
    try:
        return message.ToNanoseconds() / 1e9
    except ValueError as error:
        raise InvalidInput(f"this is no time: {error}", field=field) from None


def timestamp(moment: float) -> timestamp_pb2.Timestamp:
    """The message of a moment."""
    made = timestamp_pb2.Timestamp()
    made.FromNanoseconds(int(moment * 1e9))
    return made
