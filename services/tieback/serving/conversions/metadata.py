"""The metadata of items."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from google.protobuf import timestamp_pb2

from tieback.core import dates
from tieback.core.errors import InvalidInput, cut
from tieback.core.field_path import FieldPath
from tieback.core.types.metadata import Metadata, MetadataValue, Scalar
from tieback.serving.conversions.reports import finite
from tieback.v1 import metadata_pb2


def read_metadata(message: Mapping[str, metadata_pb2.MetadataValue], field: FieldPath) -> Metadata:
    """The values by key. InvalidInput names the key of one that is none: ``item.metadata["year"]``."""
    return {key: _read(value, field.key(key)) for key, value in message.items()}


def write_metadata(metadata: Metadata) -> dict[str, metadata_pb2.MetadataValue]:
    """The messages of the values by key."""
    return {key: _write(value) for key, value in metadata.items()}


def _read(message: metadata_pb2.MetadataValue, field: FieldPath) -> MetadataValue:
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


def _write(value: MetadataValue) -> metadata_pb2.MetadataValue:
    if isinstance(value, str):
        return metadata_pb2.MetadataValue(string_value=value)
    if isinstance(value, bool):
        return metadata_pb2.MetadataValue(bool_value=value)
    if isinstance(value, int | float):
        return metadata_pb2.MetadataValue(number_value=value)
    if isinstance(value, datetime):
        moment = timestamp_pb2.Timestamp()
        moment.FromDatetime(value)
        return metadata_pb2.MetadataValue(time_value=moment)
    if isinstance(value, date):
        return metadata_pb2.MetadataValue(date_value=value.isoformat())
    return metadata_pb2.MetadataValue(
        list_value=metadata_pb2.MetadataList(values=[_write(one) for one in value])
    )
