"""A collection is moved to another space while it is read in both.

The index keeps what was made, so a run goes on where the last one ended. It ends when all sections have new
vectors, or when the upgrade is paused, finished or rolled back (`tieback.operations.control`); what
it had made stays, unless it is cancelled.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tieback.core.error_record import write_error
from tieback.core.errors import NotFound
from tieback.core.types.moving import MoveProgress
from tieback.core.types.operation import Json, Progress
from tieback.operations.kinds import Kind, Services

LEAST_TRUST = 0.8
"""Of a translation, where a request does not say."""


class Upgrade(Kind):
    """See `tieback.answer.moving.collections`."""

    excludes: ClassVar[frozenset[str]] = frozenset({"reindex"})

    collection: str
    space: str = ""
    least_trust: Annotated[float, Field(ge=0, le=1)] = LEAST_TRUST

    @property
    def subject(self) -> str:
        """The collection."""
        return self.collection

    async def check(self, services: Services) -> None:
        """NotFound for the collection or the space, PermissionDenied without the role.

        InvalidInput where it is there already, AlreadyExists where it is moved elsewhere, StaleCollection
        where the old encoder is gone and no transform is trusted enough.
        """
        await services.moving.check(self.collection, space=self.space, least_trust=self.least_trust)

    async def discard(self, services: Services) -> None:
        """The new vectors."""
        with suppress(NotFound):
            await services.moving.roll_back(self.collection)

    async def run(self, services: Services, checkpoint: Json) -> AsyncGenerator[Progress, None]:  # noqa: ARG002
        """How far it is, in sections, after each page. There is no checkpoint: the vectors are that."""
        steps = services.moving.move(
            self.collection,
            space=self.space,
            least_trust=self.least_trust,
            request=self.model_dump(mode="json"),
        )
        async with aclosing(steps) as progress:  # type: ignore[type-var]  # the ports' iterators are generators
            async for one in progress:
                yield Progress(one.done, one.total, result=result_of(one) if one.ended else None)


def result_of(end: MoveProgress) -> dict[str, Any]:
    """How an operation of an upgrade ends, as JSON."""
    return {
        "old_space": [end.old.name, end.old.revision, end.old.fingerprint],
        "new_space": [end.new.name, end.new.revision, end.new.fingerprint],
        "done": end.done,
        "total": end.total,
        "failures": {name: write_error(error) for name, error in end.failures.items()},
        "failure_count": end.failure_count,
        "paused": end.paused,
        "over": end.is_over,
        "staying": end.staying,
    }
