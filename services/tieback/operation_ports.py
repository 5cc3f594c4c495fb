"""What services offer to operations that run long in the background; see `ports`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

from tieback.core.types.operation import Progress
from tieback.core.types.reindexing import ReindexProgress
from tieback.core.types.upgrading import Anchors, SpacePair


class ReindexPort(Protocol):
    """Encodes collections again, in the process that has the index's store."""

    async def check(self, collection: str, *, space: str = "") -> None:
        """Raises what `reindex` would at once: what is not there, or that the role is not enough."""
        ...

    def reindex(
        self,
        collection: str,
        *,
        space: str = "",
        drop_missing: bool = False,
        ending: ReindexProgress | None = None,
    ) -> AsyncIterator[ReindexProgress]:
        """Encodes a collection's items again, and reports how far it is; the last reports how it ended.

        The collection is read and written meanwhile. A run that was cut short is gone on with; `ending` is
        what it last reported as finishing.
        """
        ...

    async def discard(self, collection: str) -> None:
        """Removes what runs that did not finish have made, so that the next one begins anew."""
        ...


class UpgradePort(Protocol):
    """Encodes contents of collections in two spaces, in the process that has the index's store."""

    async def check(self, collection: str, *, space: str = "", labels: str = "") -> SpacePair:
        """The collection's space and the one that is to take its place.

        Raises what `encode` would at once: what is not there, that the role is not enough, or that the two
        spaces have nothing to compare.
        """
        ...

    async def sample(self, collection: str, most: int) -> list[str]:
        """The ids of at most so many items, evenly taken from all of them."""
        ...

    async def encode(
        self, collection: str, ids: Sequence[str], *, space: str = "", labels: str = ""
    ) -> Anchors:
        """The contents of these items in both spaces; with `labels`, by that field of their metadata."""
        ...

    def folder(self, collection: str) -> Path:
        """Where upgrades of the collection's space keep what they learn."""
        ...


class HeadsPort(Protocol):
    """Fits heads on vectors that were made before, in the process that keeps both.

    For the running task's tenant, with the role admin.
    """

    async def check(self, name: str, draft: str) -> None:
        """Raises what `fit` would at once: that the role is not enough, or that the vectors are not there."""
        ...

    def fit(self, name: str, draft: str) -> AsyncIterator[Progress]:
        """Fits the head of that name and keeps it as its next version; the last step's checkpoint says which.

        The vectors are named by `draft`, and stay.
        """
        ...

    async def discard(self, name: str, draft: str) -> None:
        """Removes the vectors."""
        ...
