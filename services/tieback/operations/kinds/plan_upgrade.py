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
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from tieback_contract.arrays import Array
from tieback_contract.vectors import SpaceRef

from tieback.artifacts import Artifact
from tieback.core.errors import InvalidInput, NotFound, StorageFull, TiebackError
from tieback.core.types.moving import WITH_HALVES, Anchors, Asked, SpacePair
from tieback.core.types.operation import Json, Progress
from tieback.methods.compatibility import (
    AS_TRAINED,
    FIT,
    LEAST_ANCHORS,
    compatibilities,
    needs_classes,
    translates,
)
from tieback.models.joint.transforms import COMPATIBILITY
from tieback.operations.kinds import Kind, Services
from tieback.operations.upgrades import fitting
from tieback.operations.upgrades.comparison import Tried, compare
from tieback.operations.upgrades.measures import FEWEST_HELD_OUT, FOLDS, Parts, mapped, measured, split, trial
from tieback.operations.upgrades.revisions import Pair, Series, told
from tieback.operations.upgrades.work import Work
from tieback.operations.upgrades.worth import FLOOR, without_short
from tieback.training.digests import digest, made_by

POLICIES = ("low_rank", "orthogonal", "subspace")
"""What are compared where a request names no policy; none needs PyTorch.

Where the new space is compatible with the old one, it is tried as it is besides.
"""
ITEMS, FEWEST_ITEMS, MOST_ITEMS = 2000, 50, 20_000
"""Items that are learned from and measured on, where a request names no number, and its range."""
PAGE = 32
"""Items that are encoded in one step."""
TRAINING = 100
"""Steps of progress that the training counts; the measurement counts one."""
SEED = 0
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
        for policy in self._policies:
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
        pair = await self._pair(services)
        if not self._is_quick:
            fitting.check_installed()
        contents = pair.sections * (1 if self.labels else WITH_HALVES)
        self._learnable(pair, contents - FEWEST_HELD_OUT, contents, f"it has {pair.sections} sections")

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
            asked = await self._asked(services, work)
            numbers = {item: number for number, item in enumerate(ids)}
            judged = {numbers[one] for one in self._judged if one in numbers}
            folds = FOLDS if self._is_quick else 1
            parts = await asyncio.to_thread(split, anchors, judged, folds=folds)
            policies = self._of_parts(pair, anchors, parts)
            fitted = {}
            for place, policy in enumerate(policies):
                learning = aclosing(self._learn(work, policy, parts.arrays(anchors), parts.learned))
                async with learning as progress:
                    async for share in progress:
                        done = (place + share) / len(policies)
                        yield Progress(len(ids) + int(done * TRAINING), total)
                        await self._pair(services)  # which ends it where the collection was removed
                fitted[policy] = await asyncio.to_thread(self._read, work, policy)
            yield Progress(total - 1, total)
            gains = [
                {numbers[item]: 2.0**grade - 1 for item, grade in one.grades.items() if item in numbers}
                for one in self.queries
            ]
            whole = len(anchors.items) // (1 if self.labels else WITH_HALVES)
            seen = whole / pair.sections
            tried = await asyncio.to_thread(trial, anchors, parts, asked, gains, seen=seen)
            if not tried.gains:
                why = "no held-out content has another one to find; give judged queries"
                if self.queries:
                    why = "no judged item is in the collection with a text"
                raise InvalidInput(
                    f"nothing can be searched for: {why}", field="queries" if self.queries else "labels"
                )
            states = {name: (*one.parts, one.state) for name, one in fitted.items()}
            comparison = await asyncio.to_thread(compare, tried, states, self.floor)
            best = comparison.tried[0]
            series = Series(anchors, asked, gains, judged, folds, seen)
            cells = []
            for one in series.others():
                policy = await asyncio.to_thread(series.policy, one, comparison)
                two, of_two = await asyncio.to_thread(series.two, one)
                learning = aclosing(self._learn(work, policy, of_two.arrays(two), of_two.learned, one))
                async with learning as progress:
                    async for _ in progress:
                        yield Progress(total - 1, total)
                learned = await asyncio.to_thread(self._read, work, policy, one)
                of_all = (*learned.parts, learned.state)
                cells += await asyncio.to_thread(series.cells, one, policy, of_all)
            transform = await asyncio.to_thread(
                self._transform, pair, anchors, parts, fitted[best.policy], best
            )
            await asyncio.to_thread(work.publish, transform)
            checkpoint = self._result(pair, anchors, parts, transform) | {
                "items": len(ids),
                "seconds": {"encoding": seconds, "training": sum(one.seconds for one in fitted.values())},
                "judged": len(tried.gains) if self.queries else 0,
                "cost": {
                    **pair.counts,
                    "encoding": anchors.seconds / whole * (pair.sections - pair.staying_sections),
                    "translation": comparison.translation_seconds * pair.sections,
                },
                **comparison.told(self.floor),
                "reason": without_short(comparison.reason, anchors.short, whole),
                "matrix": told(pair, [*cells, *series.of_plan(comparison)]),
            }
            yield Progress(total, total, checkpoint=checkpoint, committing=True)
        await asyncio.to_thread(work.remove)
        total = checkpoint["items"] + TRAINING + 1
        yield Progress(total, total, result=checkpoint)

    @property
    def _policies(self) -> tuple[str, ...]:
        return (self.policy,) if self.policy else POLICIES

    @property
    def _judged(self) -> list[str]:
        """The items that were judged, each once."""
        return list(dict.fromkeys(item for one in self.queries for item in one.grades))

    def _folder(self, work: Work, policy: str, pair: Pair | None = None) -> Path:
        return work.training(digest(policy, self._parameters(policy), pair))

    def _parameters(self, policy: str) -> dict[str, Any]:
        """Those of the request, which are for the policy that it names."""
        return {} if self.policy and policy != self.policy else self.parameters

    def _read(self, work: Work, policy: str, pair: Pair | None = None) -> fitting.Fitted:
        """What was learned."""
        found = fitting.read(self._folder(work, policy, pair))
        if found is None:
            raise TiebackError("the training ended without a result; start the plan again")
        return found

    @property
    def _is_quick(self) -> bool:
        """Whether the policies are learned in seconds: then each is learned again for every fold."""
        return all(map(translates, self._policies))

    async def _learn(
        self,
        work: Work,
        policy: str,
        arrays: dict[str, Array],
        parts: Sequence[Array],
        pair: Pair | None = None,
    ) -> AsyncGenerator[float, None]:
        """Learns a policy, if it is not learned yet, and says which share is done.

        For two other revisions than those that the plan is about, where there is a `pair`.
        """
        folder = self._folder(work, policy, pair)
        if await asyncio.to_thread(fitting.read, folder) is None:
            shares = fitting.fit(folder, policy, self._parameters(policy), arrays, seed=SEED, parts=parts)
            async with aclosing(shares) as progress:
                async for share in progress:
                    yield share

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

    async def _pair(self, services: Services) -> SpacePair:
        return await services.upgrade.check(
            self.collection, space=self.space, labels=self.labels, earlier=self.earlier
        )

    async def _chosen(self, services: Services, work: Work, pair: SpacePair) -> list[str]:
        """The ids of the items, in the order in which they are encoded."""
        key = digest([_written(one) for one in (*pair.earlier, pair.old, pair.new)],
                     self.labels, self.items, [one.model_dump() for one in self.queries])  # fmt: skip
        known = await asyncio.to_thread(work.chosen, key)
        if known is not None:
            return known
        ids = self._judged + await services.upgrade.sample(self.collection, self.items)
        ids = list(dict.fromkeys(ids))
        return await asyncio.to_thread(work.choose, key, ids, SEED)

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

    def _of_parts(self, pair: SpacePair, anchors: Anchors, parts: Parts) -> tuple[str, ...]:
        """The policies that are tried. InvalidInput where what was encoded is too little for any."""
        whole = len(anchors.items) // (1 if self.labels else WITH_HALVES)
        why = without_short(f"{anchors.left_out} sections could not be used", anchors.short, whole)
        training = min((len(one) for one in parts.learned), default=len(parts.training))
        learnable = self._learnable(pair, training, len(parts.held_out), why)
        if parts.classes is not None and len(np.unique(parts.classes[parts.training])) < 2:
            raise InvalidInput(
                f"all items have the same {self.labels!r}; name a field that tells them apart", field="labels"
            )
        return learnable

    def _learnable(self, pair: SpacePair, training: int, held_out: int, why: str) -> tuple[str, ...]:
        """The policies that so many contents are enough for; InvalidInput where they are for none.

        InvalidInput too where the new space is to be used as it is, and is not compatible.
        """
        if self.policy == AS_TRAINED and not pair.is_compatible:
            raise InvalidInput(
                f"{AS_TRAINED} is for a space whose card names the old ones as compatible; "
                f"that of {pair.new.name!r} does not name {', '.join(map(str, (*pair.earlier, pair.old)))}",
                field="policy",
            )
        tried = self._policies
        if pair.is_compatible and not self.policy:
            tried = (AS_TRAINED, *tried)
        needed = {
            one: compatibilities.form(LEAST_ANCHORS, one)(pair.old_width, pair.new_width) for one in tried
        }
        policy, least = min(needed.items(), key=lambda one: one[1])
        if training < least or held_out < FEWEST_HELD_OUT:
            raise InvalidInput(
                f"the collection {self.collection!r} is too small for an upgrade by {policy}: it takes "
                f"{least} contents to learn from and {FEWEST_HELD_OUT} to measure on; {why}",
                field="collection",
            )
        return tuple(one for one, least in needed.items() if training >= least)

    def _transform(
        self, pair: SpacePair, anchors: Anchors, parts: Parts, fitted: fitting.Fitted, best: Tried
    ) -> Artifact:
        """What was learned by the best policy, with what it is worth."""
        method = compatibilities.get(best.policy)
        rows = mapped(method, anchors, parts, fitted.parts or (fitted.state,))
        recall = measured(anchors, parts, rows)
        parameters = compatibilities.schema(best.policy, FIT).get("properties", {})
        configuration = {name: one.get("default") for name, one in parameters.items()} | self.parameters
        return Artifact(
            COMPATIBILITY,
            fitted.state,
            {
                "method": best.policy,
                "old_width": pair.old_width,
                "width": rows.shape[1],
                "recall": {name: asdict(one) for name, one in recall.items()},
                "translated": None if best.translated is None else best.translated.kept.value,
                "led": best.led.kept.value,
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
            "policy": transform.facts["method"],
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
