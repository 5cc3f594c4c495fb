"""Processes that write to one collection take turns, by rows in Milvus, which has no locks.

Lamport's bakery (1974, doi:10.1145/361082.361093): who wants to write says that it is choosing, takes a
number above all others, and waits until nobody is choosing and no number is smaller. It needs no more than
rows that are read as they were written last.

A row that does not change for `LEFT_BEHIND` seconds is of a process that died. Whoever meets it is told that
what that process wrote may be incomplete, and removes the row with its own.
"""

from __future__ import annotations

import time
from typing import Any

from tieback.core.errors import Unavailable
from tieback.milvus import schema
from tieback.milvus.connection import Milvus
from tieback.milvus.sortable import of_text

WRITING = "writing"
"""The kind of these rows."""
LEFT_BEHIND = 60.0
_LONGEST_WAIT = 120.0
_WAIT = 0.02
_CHOOSING = 0.0


class Turns:
    """The turns of one process, `writer`, at what a collection of numbers belongs to."""

    def __init__(self, milvus: Milvus, collection: str, writer: str) -> None:
        self._milvus, self._collection, self._writer = milvus, collection, writer
        self._number, self._beats = _CHOOSING, 0
        self._dead: set[str] = set()

    def take(self) -> bool:
        """Returns once it is this process's turn, and whether a turn before was not ended.

        Unavailable where others write for too long.
        """
        unfinished = self._writer in self._rows()
        self._write(_CHOOSING)
        try:
            self._write(1 + max((number for number, _ in self._rows().values()), default=0))
            self._wait()
        except BaseException:
            if not unfinished:
                self._remove({self._writer})
            raise
        return unfinished or bool(self._dead)

    def beat(self) -> None:
        """Shows others that this process still lives. To be called at least every some ten seconds."""
        self._write(self._number)

    def end(self) -> None:
        """Ends the turn, and those of the dead."""
        self._remove({self._writer, *self._dead})
        self._dead.clear()

    def _wait(self) -> None:
        """Waits for those before that live."""
        begin = time.monotonic()
        seen: dict[str, tuple[tuple[float, str], float]] = {}
        while before := self._before():
            now = time.monotonic()
            if now - begin > _LONGEST_WAIT:
                raise Unavailable("other processes write to this collection; try again")
            for writer, state in before.items():
                known, since = seen.get(writer, (None, now))
                seen[writer] = state, since if known == state else now
                if now - seen[writer][1] > LEFT_BEHIND:
                    self._dead.add(writer)
            time.sleep(_WAIT)

    def _remove(self, writers: set[str]) -> None:
        self._milvus.call("delete", self._collection, ids=sorted(map(_key, writers)))

    def _before(self) -> dict[str, tuple[float, str]]:
        """The rows of others that are to write first, or do not know yet."""
        mine = (self._number, self._writer)
        return {
            writer: state
            for writer, state in self._rows().items()
            if writer != self._writer and writer not in self._dead and (state[0], writer) < mine
        }

    def _rows(self) -> dict[str, tuple[float, str]]:
        """By process its number, and what changes while it lives."""
        rows = self._milvus.call(
            *("query", self._collection, f'kind == "{WRITING}"'),
            output_fields=["name", "number"],
        )
        split = [(row["name"].split(" "), row["number"]) for row in rows]
        return {writer: (number, beats) for (writer, beats), number in split}

    def _write(self, number: float) -> None:
        self._number, self._beats = number, self._beats + 1
        row: dict[str, Any] = {
            "pk": _key(self._writer),
            "kind": WRITING,
            "name": f"{self._writer} {self._beats}",
            "number": number,
            "vector": schema.NO_VECTOR,
        }
        self._milvus.call("upsert", self._collection, [row])


def _key(writer: str) -> str:
    return f"{WRITING}.{of_text(writer)}"
