"""What collections there are, whose, and from which folders their items come: rows of one collection.

What was read is used for a moment (`FRESH_SECONDS`), so that not every search reads it again. So a collection
that another process made is found that much later at most, if it is asked for by name, at once.
"""

from __future__ import annotations

import functools
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tieback_contract.collections import Source
from tieback_contract.query import NO_OPTIONS, QueryOptions, options_from_json, options_json

from tieback.collections.description import Description
from tieback.collections.sources import source_from_json, source_to_json
from tieback.collections.visibility import unknown, visible
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import Unavailable
from tieback.core.page_tokens import PageTokens
from tieback.core.tenant import PRINCIPAL, AccessLevel, CollectionKey
from tieback.milvus import schema
from tieback.milvus.connection import Milvus
from tieback.milvus.rows import Row
from tieback.milvus.sortable import of_text
from tieback.milvus.turns import LostTurn, Turns

FRESH_SECONDS = 1.0
APPEARS_SECONDS, APPEARS_TRIES = 2.0, 20
"""How long a catalog is looked for that another process is making, and how often."""
_COLLECTION, _SOURCE, _KEY = "collection", "source", "key"


@dataclass(frozen=True, slots=True)
class Known:
    """A collection, the ID that it has in Milvus, and how its queries are answered that do not say."""

    description: Description
    identity: str
    plan: QueryOptions = NO_OPTIONS


class Catalog:
    """The collections of all tenants. May be used from any thread."""

    def __init__(self, milvus: Milvus) -> None:
        self._milvus = milvus
        self._lock = threading.Lock()
        self._known: Mapping[CollectionKey, Known] = {}
        self._read_at = -FRESH_SECONDS
        self._is_there = False

    @property
    def known(self) -> Mapping[CollectionKey, Known]:
        """The collections as they were read last."""
        return self._known

    @functools.cached_property
    def page_tokens(self) -> PageTokens:
        """Tokens of pages, signed by the key of every process."""
        self._be_there()
        while True:
            if rows := self._milvus.call("query", schema.CATALOG, ids=[_KEY], output_fields=["body"]):
                return PageTokens(bytes.fromhex(rows[0]["body"]["key"]))
            self._write(_KEY, _KEY, {"key": secrets.token_hex(32)})  # and read it: another may write too

    def all(self, deadline: Deadline = NO_DEADLINE, *, anew: bool = False) -> Mapping[CollectionKey, Known]:
        """The collections, read `anew` or a moment ago."""
        with self._lock:
            if anew or time.monotonic() - self._read_at >= FRESH_SECONDS:
                self._be_there()
                rows = self._milvus.call(
                    *("query", schema.CATALOG, f'kind == "{_COLLECTION}"'),
                    output_fields=["body"],
                    deadline=deadline,
                )
                self._known = {known.description.key: known for known in map(_known, rows)}
                self._read_at = time.monotonic()
            return self._known

    def find(
        self, name: str, needed: AccessLevel = AccessLevel.READ, deadline: Deadline = NO_DEADLINE
    ) -> Known:
        """The collection that the tenant calls so. NotFound, with its choices, or PermissionDenied."""
        principal = PRINCIPAL.get()
        key = principal.find(name)
        principal.require(needed, key)
        for anew in (False, True):
            every = self.all(deadline, anew=anew)
            if key is not None and key in every:
                return every[key]
        raise unknown(name, every)

    def visible(self) -> dict[str, CollectionKey]:
        """The collections that the tenant may see, under its own names for them."""
        return visible(self.all(anew=True))

    def made(
        self,
        key: CollectionKey,
        plan: QueryOptions,
        described: Callable[[Collection[CollectionKey]], Description],
    ) -> Known:
        """The collection of a key, made as `described` where there is none; that is given the keys of all."""
        if found := self.all(anew=True).get(key):
            return found
        with self._making() as turn:
            every = self.all(anew=True)
            return every.get(key) or self._add(described(every), plan, turn)

    @contextmanager
    def _making(self) -> Iterator[Turns]:
        """A turn of this process at making collections: of two that make the same one, the second finds it.

        Unavailable where others took this process for dead meanwhile.
        """
        self._be_there()
        turns = Turns(self._milvus, schema.MAKING, secrets.token_hex(8))
        turns.take()
        try:
            try:
                yield turns
            finally:
                turns.end()
        except LostTurn:
            raise Unavailable("the index is too slow to make a collection beside others; try again") from None

    def _add(self, description: Description, plan: QueryOptions, turn: Turns) -> Known:
        """Makes a collection's collections in Milvus, and then notes it, in a turn of this process."""
        key = description.key
        identity = f"{key.name.replace('-', '_')}_{secrets.token_hex(6)}"
        schema.make_numbers(self._milvus, identity)
        schema.make_sections(self._milvus, identity, description.width)
        turn.check()
        return self.note(Known(description, identity, plan))

    def note(self, known: Known) -> Known:
        """Writes what a collection is, or writes it again."""
        key = known.description.key
        body = {
            "owner": key.owner,
            "name": key.name,
            "identity": known.identity,
            "description": known.description.to_json(),
            "plan": options_json(known.plan),
        }
        self._write(_row_key(_COLLECTION, key), _COLLECTION, body)
        self.forget()
        return known

    def remove(self, known: Known) -> None:
        """Forgets a collection with its sources, and then removes what it has in Milvus."""
        key = known.description.key
        sources = self._source_rows(key)
        gone = [_row_key(_COLLECTION, key), *(row["pk"] for row in sources)]
        self._milvus.call("delete", schema.CATALOG, ids=gone)
        self.forget()
        schema.drop(self._milvus, known.identity)

    def forget(self) -> None:
        """Has the collections read again."""
        self._read_at = -FRESH_SECONDS

    def sources(self, key: CollectionKey) -> dict[str, Source]:
        """A collection's sources by name, in order, without the numbers of their items."""
        found = [source_from_json(row["body"]) for row in self._source_rows(key)]
        return {one.name: one for one in sorted(found, key=lambda one: one.name)}

    def note_source(self, key: CollectionKey, source: Source) -> None:
        """Writes a source, or writes it again."""
        self._write(_source_key(key, source.name), _SOURCE, source_to_json(source))

    def remove_source(self, key: CollectionKey, name: str) -> None:
        """Forgets a source."""
        self._milvus.call("delete", schema.CATALOG, ids=[_source_key(key, name)])

    def _source_rows(self, key: CollectionKey) -> list[Row]:
        first = _source_key(key, "")
        rows: list[Row] = self._milvus.call(
            *("query", schema.CATALOG, f'kind == "{_SOURCE}" and pk >= "{first}" and pk < "{first}z"'),
            output_fields=["pk", "body"],
        )
        return rows

    def _write(self, pk: str, kind: str, body: Mapping[str, Any]) -> None:
        row = {"pk": pk, "kind": kind, "body": dict(body), "vector": schema.NO_VECTOR}
        self._milvus.call("upsert", schema.CATALOG, [row])

    def _be_there(self) -> None:
        """Makes the catalog in a Milvus that has none."""
        if self._is_there:
            return
        for name, make in ((schema.CATALOG, schema.make_catalog), (schema.MAKING, schema.make_making)):
            if not self._milvus.call("has_collection", name):
                try:
                    make(self._milvus)
                except Unavailable:  # another process may be making it at the same time
                    if not self._appears(name):
                        raise
        self._is_there = True

    def _appears(self, name: str) -> bool:
        """Whether Milvus has it soon: it refuses to make a second one before it shows the first."""
        for _ in range(APPEARS_TRIES):
            if self._milvus.call("has_collection", name):
                return True
            time.sleep(APPEARS_SECONDS / APPEARS_TRIES)
        return False


def _known(row: Row) -> Known:
    body = row["body"]
    key = CollectionKey(body["owner"], body["name"])
    return Known(
        Description.from_json(key, body["description"]), body["identity"], options_from_json(body["plan"])
    )


def _row_key(kind: str, key: CollectionKey) -> str:
    return f"{kind}.{of_text(key.owner)}.{of_text(key.name)}"


def _source_key(key: CollectionKey, name: str) -> str:
    return f"{_row_key(_SOURCE, key)}.{of_text(name)}"
