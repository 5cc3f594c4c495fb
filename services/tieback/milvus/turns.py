"""Processes that write to one collection take turns, by rows in Milvus, which has no locks.

Lamport's bakery (1974, doi:10.1145/361082.361093): who wants to write says that it is choosing, takes a
number above all others, and waits until nobody is choosing and no number is smaller. It needs no more than
rows that are read as they were written last.

The row of a process changes every `BEAT_SECONDS`, also while it waits. One that does not change for
`LEFT_BEHIND` seconds is of a process that died, or was stopped for so long. Whoever waits for it passes it
over: it leaves a row with its own number, a fence, and is told that what was written may be incomplete. A
process that comes back finds a fence above its number before it writes on, and at the latest where it ends
its turn: `LostTurn`. It takes another turn then and writes all of it again, so that what it wrote beside
others is replaced before it is acknowledged.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tieback.core.errors import Unavailable
from tieback.milvus import schema
from tieback.milvus.connection import Milvus
from tieback.milvus.sortable import of_text

WRITING = "writing"
"""The kind of these rows."""
BEAT_SECONDS = 0.5
LEFT_BEHIND = 3.0
_LONGEST_LOOK = (
    0.5  # seconds that one look at the rows counts: where Milvus or this process is slow, others are too
)
_LONGEST_STEP = 60.0  # a process that does nothing for so long no longer says that it lives
_LONGEST_WAIT = 120.0
_WAIT = 0.05
_CHOOSING = 0.0
_FENCE = "fence"


class LostTurn(Exception):  # noqa: N818 - no error of a caller: the write is done again
    """Others took this process for dead and wrote; what it wrote in this turn is to be written again."""


@dataclass(frozen=True)
class _Rows:
    """By process its number and what changes while it lives, and the numbers of fences."""

    writers: dict[str, tuple[float, str]]
    fences: dict[str, float]

    @property
    def highest(self) -> float:
        return max((*(number for number, _ in self.writers.values()), *self.fences.values()), default=0)

    def pass_over(self, number: float, writer: str) -> bool:
        return any((fence, other) > (number, writer) for other, fence in self.fences.items())


class Turns:
    """The turns of one process, `writer`, at what a collection of numbers belongs to."""

    def __init__(self, milvus: Milvus, collection: str, writer: str) -> None:
        self._milvus, self._collection, self._writer = milvus, collection, writer
        self._number, self._beats = _CHOOSING, 0
        self._writing = threading.Lock()
        self._step = time.monotonic()
        self._resting: threading.Event | None = None
        self._heart: threading.Thread | None = None
        self._is_unfinished = False
        self._dead: set[str] = set()

    def take(self) -> bool:
        """Returns once it is this process's turn, and whether a turn before was not ended.

        Until `end` or `rest`, others are shown that this process lives. Unavailable where others write for
        too long.
        """
        unfinished = self._is_unfinished or self._writer in self._read().writers
        self._dead.clear()
        self._write(_CHOOSING)
        self._beat()
        try:
            while True:
                self._write(1 + self._read().highest)
                rows = self._wait()
                if self._dead:
                    self._upsert(_fence(self._writer), f"{self._writer} {_FENCE}", self._number)
                    rows = self._read()
                if not rows.pass_over(self._number, self._writer):
                    break
                self._write(_CHOOSING)
        except BaseException:
            self.rest()
            if not unfinished:
                self._remove([_key(self._writer)])
            raise
        self._is_unfinished = True
        return unfinished or bool(self._dead)

    def check(self) -> None:
        """LostTurn where others passed this process over. To be called before each write."""
        self._check()

    def end(self) -> None:
        """Ends the turn, and those of the dead. LostTurn as `check`, and then nothing is ended."""
        rows = self._check()
        self.rest()
        ended = [_key(one) for one in (self._writer, *self._dead)]
        if self._dead:  # its fence stands for those below it
            ended += [_fence(one) for one, number in rows.fences.items() if number < self._number]
        self._remove(ended)
        self._dead.clear()
        self._is_unfinished = False

    def rest(self) -> None:
        """No longer shows others that this process lives. A turn that it has is not ended by it."""
        if self._resting is not None and self._heart is not None:
            self._resting.set()
            self._heart.join()
        self._resting = self._heart = None

    def _check(self) -> _Rows:
        self._step = time.monotonic()
        rows = self._read()
        if rows.pass_over(self._number, self._writer):
            self._write(
                self._number
            )  # which says that this turn was not ended, should the next one never come
            raise LostTurn
        return rows

    def _wait(self) -> _Rows:
        """Waits for those before that live. Returns the rows, of which none is before."""
        begin = last = time.monotonic()
        silent: dict[str, tuple[tuple[float, str], float]] = {}
        while True:
            rows = self._read()
            before = self._before(rows)
            if not before:
                return rows
            self._step = now = time.monotonic()
            if now - begin > _LONGEST_WAIT:
                raise Unavailable("other processes write to this collection; try again")
            looked, last = min(now - last, _LONGEST_LOOK), now
            for writer, state in before.items():
                known, seconds = silent.get(writer, (state, 0.0))
                silent[writer] = state, seconds + looked if known == state else 0.0
                if silent[writer][1] > LEFT_BEHIND:
                    self._dead.add(writer)
            time.sleep(_WAIT)

    def _before(self, rows: _Rows) -> dict[str, tuple[float, str]]:
        """The rows of others that are to write first, or do not know yet."""
        mine = (self._number, self._writer)
        return {
            writer: state
            for writer, state in rows.writers.items()
            if writer != self._writer and writer not in self._dead and (state[0], writer) < mine
        }

    def _beat(self) -> None:
        """Has the row of this process change until it rests."""
        self.rest()
        resting = threading.Event()

        def beat() -> None:
            while not resting.wait(BEAT_SECONDS):
                if time.monotonic() - self._step < _LONGEST_STEP:
                    with suppress(Exception):  # who waits or writes meets the same, and says it
                        self._write(None)

        self._resting, self._heart = resting, threading.Thread(target=beat, name="turn", daemon=True)
        self._heart.start()

    def _read(self) -> _Rows:
        rows = self._milvus.call(
            *("query", self._collection, f'kind == "{WRITING}"'),
            output_fields=["name", "number"],
        )
        split = [(*row["name"].split(" "), row["number"]) for row in rows]
        return _Rows(
            {writer: (number, beats) for writer, beats, number in split if beats != _FENCE},
            {writer: number for writer, beats, number in split if beats == _FENCE},
        )

    def _write(self, number: float | None) -> None:
        """Writes the row of this process with a number, or another time with the one that it has."""
        with self._writing:
            self._number = self._number if number is None else number
            self._beats += 1
            self._upsert(_key(self._writer), f"{self._writer} {self._beats}", self._number)

    def _upsert(self, key: str, name: str, number: float) -> None:
        row: dict[str, Any] = {
            "pk": key,
            "kind": WRITING,
            "name": name,
            "number": number,
            "vector": schema.NO_VECTOR,
        }
        self._milvus.call("upsert", self._collection, [row])

    def _remove(self, keys: list[str]) -> None:
        self._milvus.call("delete", self._collection, ids=sorted(keys))


def _key(writer: str) -> str:
    return f"{WRITING}.{of_text(writer)}"


def _fence(writer: str) -> str:
    return f"{WRITING}.{_FENCE}.{of_text(writer)}"
