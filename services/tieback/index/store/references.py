"""Which originals the collections refer to: those are kept, and the others removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from tieback.collections.record import Record
from tieback.index.collection import OpenCollection
from tieback.index.migration.generations import Generations
from tieback.index.ownership import OwnedCollections
from tieback.index.store.originals import Originals, folder_of
from tieback.index.writer import Written


class ReferredOriginals:
    """Writes records with their originals, and removes originals with the last record that refers to them."""

    def __init__(self, originals: Originals, owned: OwnedCollections, generations: Generations) -> None:
        self._originals, self._owned, self._generations = originals, owned, generations

    async def write(self, opened: OpenCollection, records: list[Record]) -> Written:
        """Writes records, durably; once begun it is finished, though the caller may give up."""
        contents = {name: data for record in records for name, data in record.contents.items()}
        if not contents:
            written = await opened.writer.write(records=records)
            await self.release_of(opened)
            return written
        return await asyncio.shield(self._write_with(opened, records, contents))

    async def _write_with(
        self, opened: OpenCollection, records: list[Record], contents: Mapping[str, bytes]
    ) -> Written:
        """An original is needed until the commit."""
        owner = opened.description.owner
        try:
            async with self._originals.kept(owner, contents):
                return await opened.writer.write(records=[replace(one, contents={}) for one in records])
        finally:
            await self.release(owner, [*contents, *_taken(opened.memory.unreferred)])

    async def release_of(self, opened: OpenCollection) -> None:
        """Removes the originals that the collection has just ceased to refer to."""
        await self.release(opened.description.owner, _taken(opened.memory.unreferred))

    async def release(self, owner: str, names: Iterable[str]) -> None:
        """Removes the originals among these that nothing of the owner refers to."""
        await self._originals.release(owner, names, lambda name: self._refers(owner, name))

    @asynccontextmanager
    async def staying(self, owner: str, names: Collection[str]) -> AsyncIterator[None]:
        """Inside, none of these is removed, though a collection may cease to refer to it."""
        try:
            with self._originals.needed(owner, names):
                yield
        finally:
            await self.release(owner, names)

    @asynccontextmanager
    async def adopted(self, owner: str, files: Mapping[str, Path]) -> AsyncIterator[None]:
        """Inside, what is in these files is kept under their names; the caller makes what refers to it."""
        try:
            async with self._originals.kept(owner, files):
                yield
        finally:
            await self.release(owner, files)

    def file_of(self, owner: str, name: str) -> Path:
        """Where an original is, if it is there."""
        return self._originals.file_of(owner, name)

    def sweep(self, folders: Iterable[str]) -> None:
        """At the start: removes what a killed server left behind in the tenants' folders.

        Where a collection of a tenant is damaged, nobody knows what it refers to, and all of its stay.
        """
        damaged = {folder_of(key.owner) for key in self._owned.damaged}
        referred: dict[str, set[str]] = {folder: set() for folder in {*folders} - damaged}
        for one in self._opened():
            folder = folder_of(one.description.owner)
            if folder in referred:
                referred[folder].update(one.memory.originals)
        self._originals.sweep(referred)

    def _refers(self, owner: str, name: str) -> bool:
        if any(key.owner == owner for key in list(self._owned.damaged)):
            return True
        return any(one.description.owner == owner and one.memory.originals[name] for one in self._opened())

    def _opened(self) -> Iterator[OpenCollection]:
        yield from [*self._owned.sound.values(), *self._generations.made.values()]


def _taken(names: list[str]) -> list[str]:
    """All of the list, which is empty then."""
    taken = list(names)
    del names[: len(taken)]
    return taken
