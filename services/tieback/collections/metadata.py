"""An item's metadata: what is taken, and how it is kept in the table, as JSON.

A day is kept as ``{"date": "2024-03-01"}`` and a point in time as ``{"time": "2024-03-01T10:00:00+00:00"}``;
nothing else in metadata is an object.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from tieback_contract.field_path import FieldPath, at
from tieback_contract.limits import Limits
from tieback_contract.metadata import Metadata, MetadataValue, Scalar

from tieback.core.dates import in_utc
from tieback.core.errors import InvalidInput

_FIELD = at("item", "metadata")
_STORED = "metadata values are strings, finite numbers, booleans, dates, and lists of those"
LARGEST_WHOLE = 2**53
"""Beyond it, numbers are not exact."""


def check_metadata(metadata: Metadata, limits: Limits) -> dict[str, MetadataValue]:
    """The metadata as it is kept: numbers are floats, lists tuples, points in time in UTC.

    InvalidInput names the key of what cannot be stored, or the limit.
    """
    if limits.entries and len(metadata) > limits.entries:
        raise InvalidInput(
            f"{len(metadata)} keys of metadata; at most {limits.entries} are taken",
            field=_FIELD,
        )
    checked: dict[str, MetadataValue] = {}
    for key, value in metadata.items():
        if not key:
            raise InvalidInput("a metadata key is empty", field=_FIELD)
        check_text(key, limits.metadata_key_bytes, field=_FIELD)
        checked[key] = _check(value, limits, _FIELD.key(key))
    size = len(to_json(checked).encode())
    if limits.metadata_bytes and size > limits.metadata_bytes:
        raise InvalidInput(
            f"the metadata takes {size} bytes as JSON; at most {limits.metadata_bytes} are taken",
            field=_FIELD,
        )
    return checked


def scalars(value: MetadataValue) -> Iterable[Scalar]:
    """The values of a list, or the single value."""
    return value if isinstance(value, tuple | list) else (value,)


def to_json(metadata: Metadata) -> str:
    """Metadata that was checked, as the table keeps it."""
    return json.dumps({key: _to_json(value) for key, value in metadata.items()}, ensure_ascii=False)


def from_json(text: str) -> dict[str, MetadataValue]:
    """What `to_json` made, checked metadata again."""
    return {key: _from_json(value) for key, value in json.loads(text).items()}


def _check(value: MetadataValue, limits: Limits, field: FieldPath) -> MetadataValue:
    if not isinstance(value, tuple | list):
        return _check_scalar(value, limits, field)
    if limits.entries and len(value) > limits.entries:
        raise InvalidInput(f"a list of {len(value)} values; at most {limits.entries} are taken", field=field)
    return tuple(_check_scalar(one, limits, field[place]) for place, one in enumerate(value))


def _check_scalar(value: object, limits: Limits, field: FieldPath) -> Scalar:
    if isinstance(value, str):
        check_text(value, limits.metadata_bytes, field=field)
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int):
        if abs(value) > LARGEST_WHOLE:
            raise InvalidInput("a whole number beyond ±2^53 is not exact: give it as text", field=field)
        return float(value)
    if isinstance(value, datetime):
        try:
            return in_utc(value)
        except OverflowError:
            raise InvalidInput("a time outside of the years 1 to 9999 in UTC", field=field) from None
    if isinstance(value, date):
        return value
    kind = "a list within a list" if isinstance(value, tuple | list) else type(value).__name__
    if isinstance(value, float):
        kind = str(value)
    raise InvalidInput(f"{_STORED}, not {kind}", field=field)


def _to_json(value: MetadataValue) -> Any:
    if isinstance(value, tuple | list):
        return [_to_json(one) for one in value]
    if isinstance(value, date):
        return {"time" if isinstance(value, datetime) else "date": value.isoformat()}
    return value


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_json(one) for one in value)
    if isinstance(value, dict):
        return datetime.fromisoformat(value["time"]) if "time" in value else date.fromisoformat(value["date"])
    return value


ID_BYTES = 512


def check_text(text: str, limit: int, *, field: FieldPath, takes_nul: bool = False) -> None:
    """InvalidInput where the text is not Unicode, holds NUL, or has more than `limit` bytes (0: no limit)."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"the text is not valid Unicode: a lone surrogate at character {error.start}", field=field
        ) from None
    if limit and size > limit:
        raise InvalidInput(f"{size} bytes of text; at most {limit} are taken", field=field)
    nul = text.find("\0")
    if nul >= 0 and not takes_nul:
        raise InvalidInput(f"the text has a NUL at character {nul}; remove it", field=field)


def check_id(identifier: str, *, field: FieldPath) -> None:
    """InvalidInput where an id is empty, longer than 512 bytes, not Unicode, or holds NUL."""
    if not identifier:
        raise InvalidInput("the id is empty; give 1 to 512 bytes", field=field)
    check_text(identifier, ID_BYTES, field=field)
