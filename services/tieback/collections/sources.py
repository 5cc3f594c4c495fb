"""The sources of a collection: folders that its items come from, and where they are; and its plan of queries.

They can change while its items stay, and stand in a small file beside the collection's table. How many items
a source has is not written there: the items say themselves which source they are of.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tieback_contract.collections import Source
from tieback_contract.field_path import FieldPath, at
from tieback_contract.metadata import INDEXED_FROM, Metadata
from tieback_contract.query import NO_OPTIONS, QueryOptions, options_from_json, options_json

from tieback.core.durable_files import storing, write_durably
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound

MOST_SOURCES = 1000
NAME_BYTES = 128
HOST_BYTES = 255
LOCATION_BYTES = 4096


class Sources:
    """What is known of one collection's sources. Changes come from one thread at a time, reads from any."""

    def __init__(self, path: Path) -> None:
        """Reads the file; ValueError, KeyError or TypeError where it is damaged."""
        self._path = path
        self._known: dict[str, Source] = {}
        self.plan = NO_OPTIONS
        """How queries of the collection are answered where they do not say."""
        if path.exists():
            kept = json.loads(path.read_text())
            self._known = {one["name"]: source_from_json(one) for one in kept["sources"]}
            self.plan = options_from_json(kept["plan"])

    def all(self) -> list[Source]:
        """By name, without the numbers of their items."""
        return [source for _, source in sorted(self._known.items())]

    def to_json(self) -> bytes:
        """As kept in the file, and empty where there is nothing to keep."""
        return _to_json(self.all(), self.plan) if self._known or self.plan != NO_OPTIONS else b""

    def get(self, name: str) -> Source:
        """NotFound, with the choices, where there is none."""
        if name not in self._known:
            raise NotFound("source", name, self._known)
        return self._known[name]

    def record(self, source: Source, *, moved: bool) -> Source:
        """Notes a source, durably, and that it is indexed now.

        AlreadyExists where it is known at another place and has not `moved`; InvalidInput where there are too
        many; StorageFull and Unavailable where it cannot be written.
        """
        noted = as_noted(self._known, source, moved=moved)
        self._replace({**self._known, source.name: noted})
        return noted

    def remove(self, name: str) -> None:
        """Forgets a source, durably."""
        self._replace({known: source for known, source in self._known.items() if known != name})

    def set_plan(self, plan: QueryOptions) -> None:
        """Replaces the plan, durably. StorageFull and Unavailable where it cannot be written."""
        self._write(self._known, plan)

    def _replace(self, known: dict[str, Source]) -> None:
        self._write(known, self.plan)

    def _write(self, known: dict[str, Source], plan: QueryOptions) -> None:
        written = _to_json(known.values(), plan)
        with storing():
            write_durably(self._path, written)
        self._known, self.plan = known, plan


def as_noted(known: Mapping[str, Source], source: Source, *, moved: bool) -> Source:
    """The source as it is kept beside those that are `known`, by name: indexed now.

    AlreadyExists where it is known at another place and has not `moved`; InvalidInput where there are too
    many.
    """
    there = known.get(source.name)
    if there is None and len(known) >= MOST_SOURCES:
        raise InvalidInput(
            f"the collection has {len(known)} sources, and at most {MOST_SOURCES} are kept: delete "
            "some, or give folders that moved the names that they had",
            field=at("source", "name"),
        )
    if there is not None and (there.host, there.location) != (source.host, source.location) and not moved:
        raise AlreadyExists(
            "source",
            source.name,
            f"the source {source.name!r} is {there.location} on {there.host}; say that it moved, or take "
            "another name",
        )
    return replace(source, indexed=datetime.now(UTC), item_count=0)


def source_to_json(source: Source) -> dict[str, Any]:
    """The source as it is kept: its moment in seconds since the epoch."""
    return asdict(source) | {"indexed": source.indexed.timestamp() if source.indexed else 0.0}


def source_from_json(known: Mapping[str, Any]) -> Source:
    """The source as `source_to_json` wrote it."""
    indexed = known.get("indexed")
    return Source(**{**known, "indexed": datetime.fromtimestamp(indexed, UTC) if indexed else None})


def _to_json(sources: Iterable[Source], plan: QueryOptions) -> bytes:
    return json.dumps(
        {"sources": [source_to_json(source) for source in sources], "plan": options_json(plan)}
    ).encode()


def check_source(source: Source) -> None:
    """InvalidInput, with the field, where a source's name, host or location cannot be kept."""
    check_source_name(source.name, field=at("source", "name"))
    _check_text(source.host, HOST_BYTES, at("source", "host"))
    _check_text(source.location, LOCATION_BYTES, at("source", "location"))


def check_source_name(name: str, *, field: FieldPath) -> None:
    """InvalidInput where it is empty, too long, or holds "/" or a control character."""
    if not name or "/" in name:
        raise InvalidInput(
            f"{name[:80]!r} is no name of a source: give 1 to {NAME_BYTES} bytes without '/'", field=field
        )
    _check_text(name, NAME_BYTES, field)


def _check_text(value: str, limit: int, field: FieldPath) -> None:
    if len(value.encode(errors="surrogatepass")) > limit:
        raise InvalidInput(f"more than {limit} bytes; at most {limit} are taken", field=field)
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in value):
        raise InvalidInput("it holds a control character", field=field)


def source_of(metadata: Metadata) -> str:
    """The source that an item's metadata names."""
    return str(metadata.get(INDEXED_FROM, ""))
