"""The metadata of items, from Python values to messages of the contract and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from tieback.v1 import metadata_pb2
from tieback_contract.field_path import FieldPath
from tieback_contract.metadata import Metadata

from tieback_client.errors import InvalidArgument
from tieback_client.values.content import text

LARGEST_WHOLE = 2**53
"""Beyond it, whole numbers are not exact on the wire."""


def metadata(values: Metadata, field: FieldPath) -> dict[str, metadata_pb2.MetadataValue]:
    """The messages by key. `InvalidArgument` names the key of what cannot be stored: ``metadata["year"]``."""
    messages: dict[str, metadata_pb2.MetadataValue] = {}
    for key, value in values.items():
        if not isinstance(key, str) or not key:
            raise InvalidArgument.at(field, f"a key of metadata is a text that is not empty, not {key!r}")
        text(key, field)
        place = field.key(key)
        if isinstance(value, list | tuple):
            listed = [_scalar(one, place[number]) for number, one in enumerate(value)]
            message = metadata_pb2.MetadataValue(list_value=metadata_pb2.MetadataList(values=listed))
        else:
            message = _scalar(value, place)
        messages[key] = message
    return messages


def facts(messages: Mapping[str, metadata_pb2.MetadataValue]) -> dict[str, Any]:
    """The values by key; whole numbers are integers."""
    return {key: fact(message) for key, message in messages.items()}


def _scalar(value: object, field: FieldPath) -> metadata_pb2.MetadataValue:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return metadata_pb2.MetadataValue(string_value=text(value, field))
    if isinstance(value, bool):
        return metadata_pb2.MetadataValue(bool_value=value)
    if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
        raise InvalidArgument.at(field, "a whole number beyond ±2^53 is not kept exactly: give it as a text")
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise InvalidArgument.at(field, f"{value} is no finite number")
        return metadata_pb2.MetadataValue(number_value=value)
    if isinstance(value, datetime):
        message = metadata_pb2.MetadataValue()
        try:
            message.time_value.FromDatetime(value)  # one without a time zone is taken as UTC
            message.time_value.ToDatetime(UTC)
        except (ValueError, OverflowError):
            raise InvalidArgument.at(field, f"{value} is outside of the years 1 to 9999 in UTC") from None
        return message
    if isinstance(value, date):
        return metadata_pb2.MetadataValue(date_value=value.isoformat())
    kind = "a list within a list" if isinstance(value, list | tuple) else f"{type(value).__name__}"
    known = "a text, a number, True or False, a date, a datetime, or a list of those"
    raise InvalidArgument.at(field, f"a value of metadata is {known}, not {kind}")


def fact(message: metadata_pb2.MetadataValue) -> Any:
    """A value; a whole number is an integer."""
    match message.WhichOneof("kind"):
        case "list_value":
            return [fact(one) for one in message.list_value.values]
        case "date_value":
            return date.fromisoformat(message.date_value)
        case "time_value":
            return message.time_value.ToDatetime(UTC)
        case "number_value":
            number = message.number_value
            return int(number) if number.is_integer() and abs(number) <= LARGEST_WHOLE else number
        case None:
            return None
        case kind:
            return getattr(message, kind)
