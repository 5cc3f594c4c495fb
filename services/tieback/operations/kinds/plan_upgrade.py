"""What an upgrade of a collection to another space is worth, by policy, before anything depends on it.

Contents of the collection are encoded in both spaces, policies are learned from most of them, and searches
are tried on those that are held out: in the old space, re-embedded, translated, and with both spaces read.
Each stage keeps what it made in the collection's folder (`tieback.operations.upgrades.work`), so a run
continues where the last one ended. The collection itself stays as it is.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tieback.core.errors import InvalidInput, NotFound, StorageFull
from tieback.core.types.moving import WITH_HALVES, Asked, SpacePair
from tieback.core.types.operation import Json, Progress
from tieback.methods.compatibility import FIT, compatibilities, needs_classes
from tieback.operations.kinds import Kind, Services
from tieback.operations.upgrades import fitting
from tieback.operations.upgrades.measures import FEWEST_HELD_OUT
from tieback.operations.upgrades.planning import SEED, Policies, Sample, planned
from tieback.operations.upgrades.work import Work
from tieback.operations.upgrades.worth import FLOOR
from tieback.training.digests import digest

ITEMS, FEWEST_ITEMS, MOST_ITEMS = 2000, 50, 20_000
"""Items that are learned from and measured on, where a request names no number, and its range."""
PAGE = 32
"""Items that are encoded in one step."""
TRAINING = 100
"""Steps of progress that the training counts; the measurement counts one."""
MOST_QUERIES, MOST_GRADES, HIGHEST_GRADE = 1000, 1000, 20
MOST_JUDGED = 5000
"""Items that were judged, of all queries."""
MOST_EARLIER = 4
"""Spaces before the collection's own that are compared with it."""


class JudgedText(BaseModel):
    """A query and the grades of the items that answer it, from 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Annotated[str, Field(min_length=1, max_length=10_000)]
    grades: Annotated[
        dict[str, Annotated[int, Field(ge=1, le=HIGHEST_GRADE)]],
        Field(min_length=1, max_length=MOST_GRADES),
    ]


class PlanUpgrade(Kind):
    """See the module."""

    collection: str
    space: str = ""
    policy: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    labels: str = ""
    items: Annotated[int, Field(ge=FEWEST_ITEMS, le=MOST_ITEMS)] = ITEMS
    queries: Annotated[list[JudgedText], Field(max_length=MOST_QUERIES)] = Field(default_factory=list)
    floor: Annotated[float, Field(gt=0, le=1)] = FLOOR
    earlier: Annotated[list[str], Field(max_length=MOST_EARLIER)] = Field(default_factory=list)

    @property
    def subject(self) -> str:
        """The collection."""
        return self.collection

    async def check(self, services: Services) -> None:
        """NotFound for collection, space or policy; InvalidInput where these do not go together.

        InvalidInput too where the collection is too small, Unsupported without PyTorch.
        """
        for policy in self._policies.names:
            compatibilities.form(FIT, policy, self.parameters, field="policy")
            if needs_classes(policy) and not self.labels:
                raise InvalidInput(
                    f"{policy} learns from classes; name the field of the items' metadata that says them",
                    field="labels",
                )
        if self.queries and self.labels:
            raise InvalidInput(
                "an upgrade is tried by queries or by labels; give one of them", field="queries"
            )
        if len(self._judged) > MOST_JUDGED:
            raise InvalidInput(
                f"{len(self._judged)} items are judged; at most {MOST_JUDGED} are encoded", field="queries"
            )
        spaces = await self._spaces(services)
        if self._policies.folds == 1:
            fitting.check_installed()
        contents = spaces.sections * (1 if self.labels else WITH_HALVES)
        why = f"{self.collection!r} has {spaces.sections} sections"
        self._policies.learnable(spaces, contents - FEWEST_HELD_OUT, contents, why=why)

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
            await self._spaces(services)  # which raises where the collection was removed
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(
                    "the disk is full, so the upgrade cannot continue; free space and start it again: it "
                    "continues where it was"
                ) from error
            raise

    async def _run(self, services: Services, work: Work, checkpoint: Json) -> AsyncGenerator[Progress, None]:
        if not checkpoint:
            spaces = await self._spaces(services)
            ids = await self._chosen(services, work, spaces)
            total = len(ids) + TRAINING + 1
            for begin in range(work.pages * PAGE, len(ids), PAGE):
                yield Progress(begin, total)
                await self._encode(services, work, ids, begin)
            yield Progress(len(ids), total)
            anchors, seconds = await asyncio.to_thread(work.anchors)
            asked = await self._asked(services, work)
            sample = Sample(spaces, anchors, asked, self._gains(ids), seconds)
            async with aclosing(planned(sample, self._policies, work, self.floor)) as steps:
                async for step in steps:
                    if isinstance(step, float):
                        yield Progress(len(ids) + int(step * TRAINING), total)
                        await self._spaces(services)  # which ends it where the collection was removed
                    else:
                        checkpoint = {**step, "items": len(ids)}
            yield Progress(total, total, checkpoint=checkpoint, committing=True)
        await asyncio.to_thread(work.remove)
        total = checkpoint["items"] + TRAINING + 1
        yield Progress(total, total, result=checkpoint)

    @property
    def _policies(self) -> Policies:
        return Policies(self.policy, self.parameters)

    @property
    def _judged(self) -> list[str]:
        """The items that were judged, each once."""
        return list(dict.fromkeys(item for one in self.queries for item in one.grades))

    def _gains(self, ids: Sequence[str]) -> list[dict[int, float]]:
        """Those of each query, by the numbers of items."""
        numbers = {item: number for number, item in enumerate(ids)}
        return [
            {numbers[item]: 2.0**grade - 1 for item, grade in one.grades.items() if item in numbers}
            for one in self.queries
        ]

    async def _asked(self, services: Services, work: Work) -> Asked | None:
        """The judged queries in both spaces; None where there are none."""
        if not self.queries:
            return None
        known = await asyncio.to_thread(work.asked)
        if known is None:
            texts = [one.text for one in self.queries]
            known = await services.upgrade.encode_queries(
                self.collection, texts, space=self.space, earlier=self.earlier
            )
            await asyncio.to_thread(work.ask, known)
        return known

    async def _spaces(self, services: Services) -> SpacePair:
        return await services.upgrade.check(
            self.collection, space=self.space, labels=self.labels, earlier=self.earlier
        )

    async def _chosen(self, services: Services, work: Work, spaces: SpacePair) -> list[str]:
        """The ids of the items, in the order in which they are encoded."""
        series = [[one.name, one.revision, one.fingerprint] for one in spaces.series]
        key = digest(series, self.labels, self.items, [one.model_dump() for one in self.queries])
        known = await asyncio.to_thread(work.chosen, key)
        if known is not None:
            return known
        ids = self._judged + await services.upgrade.sample(self.collection, self.items)
        return await asyncio.to_thread(work.choose, key, list(dict.fromkeys(ids)), SEED)

    async def _encode(self, services: Services, work: Work, ids: list[str], begin: int) -> None:
        """Has both spaces encode the page of items that begins there."""
        started = time.monotonic()
        page = await services.upgrade.encode(
            self.collection,
            ids[begin : begin + PAGE],
            space=self.space,
            labels=self.labels,
            earlier=self.earlier,
            short=bool(self.queries),
        )
        await asyncio.to_thread(work.add, page, begin, time.monotonic() - started)
