"""A transform is learned after which vectors of a new space compare with a collection's stored ones.

Contents of the collection are encoded in both spaces, the transform is learned from most of them, and what it
is worth is measured on the items that are held out. Each stage keeps what it made in the collection's folder
(`tieback.operations.upgrade_work`), so a run continues where the last one ended. The collection itself stays
as it is.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from tieback.artifacts import Artifact
from tieback.core.errors import InvalidInput, NotFound, StorageFull, TiebackError
from tieback.core.types.operation import Json, Progress
from tieback.core.types.upgrading import Anchors, SpacePair
from tieback.core.types.vectors import SpaceRef
from tieback.methods.compatibility import FIT, LEAST_ANCHORS, compatibilities
from tieback.models.compatible_transform import COMPATIBILITY
from tieback.operations import fitting
from tieback.operations.kinds import Kind, Services
from tieback.operations.upgrade_measures import FEWEST_HELD_OUT, Parts, measured, split
from tieback.operations.upgrade_work import Work
from tieback.training.digests import digest
from tieback.training.provenance import made_by

POLICY = "oca"
"""What a request that names no policy is given."""
ITEMS, FEWEST_ITEMS, MOST_ITEMS = 2000, 50, 20_000
"""Items that are learned from and measured on, where a request names no number, and its range."""
PAGE = 32
"""Items that are encoded in one step."""
TRAINING = 100
"""Steps of progress that the training counts; the measurement counts one."""
SEED = 0


class PlanUpgrade(Kind):
    """See the module."""

    collection: str
    space: str = ""
    policy: str = POLICY
    parameters: dict[str, Any] = Field(default_factory=dict)
    labels: str = ""
    items: Annotated[int, Field(ge=FEWEST_ITEMS, le=MOST_ITEMS)] = ITEMS

    @property
    def subject(self) -> str:
        """The collection."""
        return self.collection

    async def check(self, services: Services) -> None:
        """NotFound for collection, space or policy; InvalidInput where these do not go together.

        InvalidInput too where the collection is too small, Unsupported without PyTorch.
        """
        compatibilities.form(FIT, self.policy, self.parameters, field="policy")
        pair = await self._pair(services)
        fitting.check_installed()
        contents = pair.sections * (1 if self.labels else 2)
        self._check_enough(pair, contents, contents, f"it has {pair.sections} sections")

    async def discard(self, services: Services) -> None:
        """What was encoded and learned."""
        await asyncio.to_thread(Work(services.upgrade.folder(self.collection)).remove)

    async def run(self, services: Services, checkpoint: Json) -> AsyncGenerator[Progress, None]:
        """How far it is: items that both spaces encoded, then the training, then the measurement.

        The checkpoint is the result, written before what led to it is removed.
        """
        work = Work(services.upgrade.folder(self.collection))
        try:
            async with aclosing(self._run(services, work, checkpoint)) as steps:
                async for step in steps:
                    yield step
        except NotFound:  # the collection was removed; what the training writes makes its folder anew
            await asyncio.to_thread(work.remove)
            raise
        except OSError as error:
            await self._pair(services)  # which raises where the collection was removed
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(
                    "the disk is full, so the upgrade cannot continue; free space and start it again: it "
                    "continues where it was"
                ) from error
            raise

    async def _run(self, services: Services, work: Work, checkpoint: Json) -> AsyncGenerator[Progress, None]:
        if not checkpoint:
            pair = await self._pair(services)
            ids = await self._chosen(services, work, pair)
            total = len(ids) + TRAINING + 1
            for begin in range(work.pages * PAGE, len(ids), PAGE):
                yield Progress(begin, total)
                await self._encode(services, work, ids, begin)
            yield Progress(len(ids), total)
            anchors, seconds = await asyncio.to_thread(work.anchors)
            parts = await asyncio.to_thread(split, anchors)
            self._check_parts(pair, anchors, parts)
            folder = work.training(digest(self.policy, self.parameters))
            if await asyncio.to_thread(fitting.read, folder) is None:
                learned_from = parts.arrays(anchors)
                shares = fitting.fit(folder, self.policy, self.parameters, learned_from, seed=SEED)
                async with aclosing(shares) as progress:
                    async for share in progress:
                        yield Progress(len(ids) + int(share * TRAINING), total)
                        await self._pair(services)  # which ends it where the collection was removed
            yield Progress(total - 1, total)
            fitted = await asyncio.to_thread(fitting.read, folder)
            if fitted is None:
                raise TiebackError("the training ended without a result; start the plan again")
            transform = await asyncio.to_thread(self._transform, pair, anchors, parts, fitted)
            await asyncio.to_thread(work.publish, transform)
            checkpoint = self._result(pair, anchors, parts, transform) | {
                "items": len(ids),
                "seconds": {"encoding": seconds, "training": fitted.seconds},
            }
            yield Progress(total, total, checkpoint=checkpoint, committing=True)
        await asyncio.to_thread(work.remove)
        total = checkpoint["items"] + TRAINING + 1
        yield Progress(total, total, result=checkpoint)

    async def _pair(self, services: Services) -> SpacePair:
        return await services.upgrade.check(self.collection, space=self.space, labels=self.labels)

    async def _chosen(self, services: Services, work: Work, pair: SpacePair) -> list[str]:
        """The ids of the items, in the order in which they are encoded."""
        key = digest([[one.name, one.revision, one.fingerprint] for one in (pair.old, pair.new)],
                     self.labels, self.items)  # fmt: skip
        known = await asyncio.to_thread(work.chosen, key)
        if known is not None:
            return known
        ids = await services.upgrade.sample(self.collection, self.items)
        return await asyncio.to_thread(work.choose, key, ids, SEED)

    async def _encode(self, services: Services, work: Work, ids: list[str], begin: int) -> None:
        """Has both spaces encode the page of items that begins there."""
        started = time.monotonic()
        page = await services.upgrade.encode(
            self.collection, ids[begin : begin + PAGE], space=self.space, labels=self.labels
        )
        await asyncio.to_thread(work.add, page, begin, time.monotonic() - started)

    def _check_parts(self, pair: SpacePair, anchors: Anchors, parts: Parts) -> None:
        """InvalidInput where what was encoded is too little."""
        why = f"{anchors.left_out} sections could not be used"
        self._check_enough(pair, len(parts.training), len(parts.held_out), why)
        if parts.classes is not None and len(np.unique(parts.classes[parts.training])) < 2:
            raise InvalidInput(
                f"all items have the same {self.labels!r}; name a field that tells them apart", field="labels"
            )

    def _check_enough(self, pair: SpacePair, training: int, held_out: int, why: str) -> None:
        least = compatibilities.form(LEAST_ANCHORS, self.policy)(pair.old_width, pair.new_width)
        if training < least or held_out < FEWEST_HELD_OUT:
            raise InvalidInput(
                f"the collection {self.collection!r} is too small for an upgrade by {self.policy}: it takes "
                f"{least} contents to learn from and {FEWEST_HELD_OUT} to measure on; {why}",
                field="collection",
            )

    def _transform(self, pair: SpacePair, anchors: Anchors, parts: Parts, fitted: fitting.Fitted) -> Artifact:
        """What was learned, with what it is worth."""
        method = compatibilities.get(self.policy)
        mapped = method(anchors.new, fitted.state)
        recall = measured(anchors, parts, mapped)
        parameters = compatibilities.schema(self.policy, FIT).get("properties", {})
        configuration = {name: one.get("default") for name, one in parameters.items()} | self.parameters
        return Artifact(
            COMPATIBILITY,
            fitted.state,
            {
                "method": self.policy,
                "old_width": pair.old_width,
                "width": mapped.shape[1],
                "recall": {name: asdict(one) for name, one in recall.items()},
            },
            (pair.old, pair.new),
            provenance={
                "configuration": configuration,
                "seed": SEED,
                "data": digest(parts.arrays(anchors)),
                **made_by(method, split, seconds=fitted.seconds),
            },
        )

    def _result(self, pair: SpacePair, anchors: Anchors, parts: Parts, transform: Artifact) -> dict[str, Any]:
        return {
            "old_space": _written(pair.old),
            "new_space": _written(pair.new),
            "policy": self.policy,
            "parameters": transform.provenance["configuration"],
            "artifact": transform.revision,
            "width": transform.facts["width"],
            "trained": len(parts.training),
            "held_out": len(parts.held_out),
            "left_out": anchors.left_out,
            "recall": transform.facts["recall"],
        }


def _written(space: SpaceRef) -> list[str]:
    return [space.name, space.revision, space.fingerprint]
