"""The metadata of items."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tieback_contract.field_path import ROOT, FieldPath
from tieback_contract.metadata import MetadataValue, Scalar

from tieback.core import dates
from tieback.core.errors import InvalidInput, cut
from tieback.serving.conversions.frames import finite
from tieback.v1 import metadata_pb2


def metadata_value(message: metadata_pb2.MetadataValue, field: FieldPath = ROOT) -> MetadataValue:
    """A value, or a list of them."""
    if message.WhichOneof("kind") != "list_value":
        return _read_scalar(message, field)
    values = message.list_value.values
    return tuple(_read_scalar(value, field[place]) for place, value in enumerate(values))


def _read_scalar(message: metadata_pb2.MetadataValue, field: FieldPath) -> Scalar:
    match message.WhichOneof("kind"):
        case "string_value":
            return message.string_value
        case "number_value":
            return finite(message.number_value, field)
        case "bool_value":
            return message.bool_value
        case "date_value":
            day = dates.read_date(message.date_value)
            if day is None or isinstance(day, datetime):
                wrong = f"{cut(message.date_value)!r} is no day; write it as 2024-03-01"
                raise InvalidInput(wrong, field=field)
            return day
        case "time_value":
            try:
                return message.time_value.ToDatetime(UTC)
            except (ValueError, OverflowError) as error:
                raise InvalidInput(f"this is no time: {error}", field=field) from None
        case "list_value":
            raise InvalidInput("a list within a list cannot be stored", field=field)
        case _:
            raise InvalidInput(
                "a metadata value is a string, a number, a boolean, a date, a time or a list; none is set",
                field=field,
            )


def fill_metadata_value(message: metadata_pb2.MetadataValue, value: MetadataValue) -> None:
    """Writes a value into an empty message."""
    if isinstance(value, str):
        message.string_value = value
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int | float):
        message.number_value = value
    elif isinstance(value, datetime):
        message.time_value.FromDatetime(value)
    elif isinstance(value, date):
        message.date_value = value.isoformat()
    else:
        message.list_value.SetInParent()
        for one in value:
            fill_metadata_value(message.list_value.values.add(), one)
