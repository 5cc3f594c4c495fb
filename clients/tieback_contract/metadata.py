"""Metadata of items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

Scalar = str | float | bool | date
"""One value of metadata; a `date` is a day, or as a `datetime` a point in time in UTC."""
MetadataValue = Scalar | Sequence[Scalar]
Metadata = Mapping[str, MetadataValue]
"""By key."""

INDEXED_FROM = "indexed_from"
"""The key of an item's metadata that names the source it was indexed from."""
