"""A collection is encoded again. The index keeps what was made, so a run goes on where the last one ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar

from tieback_contract.vectors import SpaceRef

from tieback.core.error_record import read_error, write_error
from tieback.core.types.operation import Json, Progress
from tieback.core.types.reindexing import ReindexProgress
from tieback.operations.kinds import Kind, Services

FAILURES = 1000
"""Of the items that cannot be encoded again, so many are reported; the others are counted."""


class Reindex(Kind):
    """See `tieback.answer.moving.reindexing`."""

    excludes: ClassVar[frozenset[str]] = frozenset({"upgrade"})

    collection: str
    space: str = ""
    drop_missing: bool = False

    @property
    def subject(self) -> str:
        """The collection."""
        return self.collection

    async def check(self, services: Services) -> None:
        """NotFound for the collection or the space, PermissionDenied without the role."""
        await services.reindex.check(self.collection, space=self.space)

    async def discard(self, services: Services) -> None:
        """The vectors that were made."""
        await services.reindex.discard(self.collection)

    async def run(self, services: Services, checkpoint: Json) -> AsyncGenerator[Progress, None]:
        """How far it is after each page. The checkpoint is how it ends, written before the vectors change."""
        steps = services.reindex.reindex(
            self.collection,
            space=self.space,
            drop_missing=self.drop_missing,
            ending=read_end(checkpoint) if checkpoint else None,
        )
        async with aclosing(steps) as progress:  # type: ignore[type-var]  # the ports' iterators are generators
            async for one in progress:
                yield Progress(
                    one.done,
                    one.total,
                    checkpoint=write_end(one) if one.finishing else None,
                    committing=one.finishing,
                    result=write_end(one) if one.ended else None,
                )


def write_end(end: ReindexProgress) -> dict[str, Any]:
    """How a reindex ends, as JSON."""
    told = list(end.failures.items())[:FAILURES]
    return {
        "space": [end.space.name, end.space.revision, end.space.fingerprint],
        "total": end.total,
        "done": end.done,
        "failures": {name: write_error(error) for name, error in told},
        "failure_count": end.failure_count,
        "finished": end.finished,
        "needed": end.needed,
        "split_sections": end.split_sections,
        "added_sections": end.added_sections,
    }


def read_end(record: Mapping[str, Any]) -> ReindexProgress:
    """As `write_end` wrote it, with the failures that are reported."""
    return ReindexProgress(
        space=SpaceRef(*record["space"]),
        total=record["total"],
        done=record["done"],
        failures={name: read_error(error) for name, error in record["failures"].items()},
        failure_count=record["failure_count"],
        finished=record["finished"],
        needed=record["needed"],
        split_sections=record["split_sections"],
        added_sections=record["added_sections"],
    )
