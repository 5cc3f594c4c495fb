"""A head is fitted on vectors that are on the disk already, and measured by cross-validation.

The examples were encoded by the call that started it. A run that is cut short begins anew, which ends in the
same version.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from tieback.core.types.operation import Json, Progress
from tieback.methods.heads import FOLDS
from tieback.operations.kinds import Kind, Services


class FitHead(Kind):
    """See `tieback.classifier`. `draft` names the vectors."""

    head: str
    draft: str

    @property
    def subject(self) -> str:
        """The head."""
        return self.head

    async def check(self, services: Services) -> None:
        """PermissionDenied without the role, InvalidInput where the vectors are not there."""
        await services.heads.check(self.head, self.draft)

    async def discard(self, services: Services) -> None:
        """The vectors."""
        await services.heads.discard(self.head, self.draft)

    async def run(self, services: Services, checkpoint: Json) -> AsyncGenerator[Progress, None]:
        """How far it is. The checkpoint is the result, written before the vectors are removed."""
        if not checkpoint:
            fitting = services.heads.fit(self.head, self.draft)
            async with aclosing(fitting) as steps:  # type: ignore[type-var]  # the ports' iterators are generators
                async for step in steps:
                    yield step
                    checkpoint = step.checkpoint or checkpoint
        await services.heads.discard(self.head, self.draft)
        yield Progress(FOLDS + 1, FOLDS + 1, result=checkpoint)
