"""A sample of a collection in two spaces becomes a plan: one function, `planned`, and one report.

Policies are learned from the sample, and searches are tried on what none has learned from: in the old space,
re-embedded, translated, and on the way there. Where the sample is in earlier spaces of a series too, each
revision is compared with those before it: M[i, j] is nDCG@10 of queries of revision i among vectors of
revision j, by the best policy that can be learned for both, as an upgrade reads old vectors whose encoder is
gone. AC and AA are those of `tieback.training.ranks`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from tieback_contract.vectors import SpaceRef

from tieback.artifacts import Artifact
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.moving import WITH_HALVES, Anchors, Asked, SpacePair
from tieback.core.types.operation import Json
from tieback.methods.compatibility import AS_TRAINED, FIT, LEAST_ANCHORS, compatibilities, translates
from tieback.models.joint.transforms import COMPATIBILITY
from tieback.operations.upgrades import fitting
from tieback.operations.upgrades.comparison import Comparison, Tried, compare, try_policy
from tieback.operations.upgrades.measures import FEWEST_HELD_OUT, FOLDS, Parts, mapped, measured, split, trial
from tieback.operations.upgrades.work import Work
from tieback.operations.upgrades.worth import Measured, Trial, without_short
from tieback.training.digests import digest, made_by
from tieback.training.ranks import average_accuracy, average_compatibility

POLICIES = ("low_rank", "orthogonal", "subspace")
"""Policies that are compared where a request names none; none needs PyTorch.

Where the new space is compatible with the old one, it is tried as it is besides.
"""
OTHERWISE = "subspace"
"""The policy between two revisions that none of the plan's can be learned for: it takes any widths."""
SEED = 0
Pair: TypeAlias = tuple[int, int]
"""The revision of the queries, and an older one that they are compared with; the oldest is 0."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The policy that a request names, with its parameters, or those that are compared without one."""

    named: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The policies that are tried."""
        return (self.named,) if self.named else POLICIES

    @property
    def folds(self) -> int:
        """Number of times that each is learned to be measured: once where that takes more than seconds."""
        return FOLDS if all(map(translates, self.names)) else 1

    def of(self, policy: str) -> Mapping[str, Any]:
        """The parameters of a policy: those of the request are for the one that it names."""
        return {} if self.named and policy != self.named else self.parameters

    def learnable(self, spaces: SpacePair, training: int, held_out: int, *, why: str) -> tuple[str, ...]:
        """Those that so many contents are enough for; InvalidInput, which ends with `why`, where none is.

        InvalidInput too where the new space is to be used as it is, and is not compatible.
        """
        if self.named == AS_TRAINED and not spaces.is_compatible:
            raise InvalidInput(
                f"{AS_TRAINED} is for a space whose card names the old ones as compatible; "
                f"that of {spaces.new.name!r} does not name {', '.join(map(str, spaces.series[:-1]))}",
                field="policy",
            )
        tried = (AS_TRAINED, *self.names) if spaces.is_compatible and not self.named else self.names
        needed = {name: _least(name, spaces.old_width, spaces.new_width) for name in tried}
        policy, least = min(needed.items(), key=lambda one: one[1])
        if training < least or held_out < FEWEST_HELD_OUT:
            raise InvalidInput(
                f"the collection is too small for an upgrade by {policy}: it takes {least} contents to learn "
                f"from and {FEWEST_HELD_OUT} to measure on; {why}",
                field="collection",
            )
        return tuple(name for name, least in needed.items() if training >= least)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Encoded contents of a collection, made in `seconds`, and the judged queries that ask for it, if any.

    `gains` are those of each query by the numbers of items, as in `anchors`.
    """

    spaces: SpacePair
    anchors: Anchors
    asked: Asked | None = None
    gains: Sequence[Mapping[int, float]] = ()
    seconds: float = 0.0

    @property
    def contents(self) -> int:
        """Number of contents, halves of texts apart."""
        return len(self.anchors.items) // (1 if self.anchors.labels else WITH_HALVES)

    def between(self, query: int, gallery: int) -> Sample:
        """In two revisions alone, that of the queries and an older one; the oldest is 0."""
        asked = self.asked
        if asked is not None:
            rows = (*asked.earlier, asked.old, asked.new)
            asked = Asked(rows[gallery], rows[query])
        rows = (*self.anchors.earlier, self.anchors.old, self.anchors.new)
        anchors = replace(self.anchors, old=rows[gallery], new=rows[query], earlier=())
        return replace(self, anchors=anchors, asked=asked)

    def parts(self, folds: int) -> Parts:
        """Contents to learn from, and contents to measure on."""
        return split(self.anchors, {item for one in self.gains for item in one}, folds=folds)

    def trial(self, parts: Parts) -> Trial:
        """The way in which searches are tried."""
        seen = self.contents / self.spaces.sections
        return trial(self.anchors, parts, self.asked, self.gains, seen=seen)


async def planned(
    sample: Sample, policies: Policies, work: Work, floor: float
) -> AsyncGenerator[float | Json, None]:
    """The share of the learning that is done, then the report. What was learned before is taken from `work`.

    InvalidInput where the sample is too little, or holds nothing that can be searched for.
    """
    spaces, learning = sample.spaces, Learning(work, policies)
    parts = await asyncio.to_thread(sample.parts, policies.folds)
    names = _learnable(sample, parts, policies)
    for place, name in enumerate(names):
        async with aclosing(learning.fit(name, sample, parts)) as shares:
            async for share in shares:
                yield (place + share) / len(names)
    tried = await asyncio.to_thread(sample.trial, parts)
    if not tried.gains:
        raise _nothing_asks(sample)
    states = {name: learning.fitted[name, None].states for name in names}
    found = await asyncio.to_thread(compare, tried, states, floor)
    judged = 0 if sample.asked is None else len(tried.gains)
    newest, best = len(spaces.series) - 1, found.tried[0]
    cells = [
        _cell(newest, newest - 1, best.policy, best.served.ndcg),
        _cell(newest - 1, newest - 1, "", found.old.ndcg),
        _cell(newest, newest, "", found.reembedded.ndcg),
    ]
    for query, gallery in itertools.combinations(reversed(range(newest + 1)), 2):
        if gallery == newest - 1:
            continue
        two = sample.between(query, gallery)
        of_two = await asyncio.to_thread(two.parts, policies.folds)
        name = _between(found, two, of_two)
        async with aclosing(learning.fit(name, two, of_two, (query, gallery))) as shares:
            async for _ in shares:
                yield 1.0
        tried = await asyncio.to_thread(two.trial, of_two)
        states_of_two = learning.fitted[name, (query, gallery)].states
        one = await asyncio.to_thread(try_policy, tried, name, states_of_two)
        cells.append(_cell(query, gallery, name, one.served.ndcg))
        if gallery == query - 1:
            own = await asyncio.to_thread(tried.worth, tried.old)
            cells.append(_cell(gallery, gallery, "", own.ndcg))
    transform = await asyncio.to_thread(_transform, sample, parts, learning, best)
    await asyncio.to_thread(work.publish, transform)
    seconds = sum(learning.fitted[name, None].seconds for name in names)
    yield {
        "old_space": _written(spaces.old),
        "new_space": _written(spaces.new),
        "policy": best.policy,
        "parameters": transform.provenance["configuration"],
        "artifact": transform.revision,
        "width": transform.facts["width"],
        "trained": len(parts.training),
        "held_out": len(parts.held_out),
        "left_out": sample.anchors.left_out,
        "recall": transform.facts["recall"],
        "seconds": {"encoding": sample.seconds, "training": seconds},
        "judged": judged,
        "cost": {
            **spaces.counts,
            "encoding": sample.anchors.seconds
            / sample.contents
            * (spaces.sections - spaces.staying_sections),
            "translation": found.translation_seconds * spaces.sections,
        },
        **found.told(floor),
        "reason": without_short(found.reason, sample.anchors.short, sample.contents),
        "matrix": _matrix(spaces, cells),
    }


class Learning:
    """States that policies learned, by names, and by the two revisions where these are not the plan's own."""

    def __init__(self, work: Work, policies: Policies) -> None:
        self._work, self.policies = work, policies
        self.fitted: dict[tuple[str, Pair | None], fitting.Fitted] = {}

    async def fit(
        self, policy: str, sample: Sample, parts: Parts, pair: Pair | None = None
    ) -> AsyncGenerator[float, None]:
        """The share that is done; at its end it is in `fitted`."""
        parameters = self.policies.of(policy)
        folder = self._work.training(digest(policy, parameters, pair))
        if await asyncio.to_thread(fitting.read, folder) is None:
            arrays = parts.arrays(sample.anchors)
            shares = fitting.fit(folder, policy, parameters, arrays, seed=SEED, parts=parts.learned)
            async with aclosing(shares) as progress:
                async for share in progress:
                    yield share
        learned = await asyncio.to_thread(fitting.read, folder)
        if learned is None:
            raise TiebackError("the training ended without a result; start the plan again")
        self.fitted[policy, pair] = learned


def _learnable(sample: Sample, parts: Parts, policies: Policies) -> tuple[str, ...]:
    """The policies that are tried. InvalidInput where what was encoded is too little for any."""
    why = f"{sample.anchors.left_out} sections could not be used"
    why = without_short(why, sample.anchors.short, sample.contents)
    found = policies.learnable(sample.spaces, parts.fewest, len(parts.held_out), why=why)
    if parts.classes is not None and len(np.unique(parts.classes[parts.training])) < 2:
        raise InvalidInput(
            "all items have the same label; name a field that tells them apart", field="labels"
        )
    return found


def _nothing_asks(sample: Sample) -> InvalidInput:
    why, field = "no held-out content has another one to find; give judged queries", "labels"
    if sample.asked is not None:
        why, field = "no judged item is in the collection with a text", "queries"
    return InvalidInput(f"nothing can be searched for: {why}", field=field)


def _between(found: Comparison, two: Sample, parts: Parts) -> str:
    """The best of the plan's policies that can be learned for two other revisions; else `OTHERWISE`.

    That a space is compatible with the one before it says nothing of others.
    """
    widths = two.anchors.old.shape[1], two.anchors.new.shape[1]
    tried = (one.policy for one in found.tried if one.policy != AS_TRAINED)
    return next((name for name in tried if _least(name, *widths) <= parts.fewest), OTHERWISE)


def _cell(query: int, gallery: int, policy: str, ndcg: Measured) -> dict[str, Any]:
    return {"query": query, "gallery": gallery, "policy": policy, "ndcg": asdict(ndcg)}


def _matrix(spaces: SpacePair, cells: Sequence[Json]) -> Json:
    """The matrix of a series, with AC and AA."""
    matrix = np.full((len(spaces.series), len(spaces.series)), np.nan)
    for one in cells:
        matrix[one["query"], one["gallery"]] = one["ndcg"]["value"]
    return {
        "spaces": [_written(one) for one in spaces.series],
        "cells": sorted(cells, key=lambda one: (one["query"], one["gallery"])),
        "average_compatibility": average_compatibility(matrix),
        "average_accuracy": average_accuracy(matrix),
    }


def _transform(sample: Sample, parts: Parts, learning: Learning, best: Tried) -> Artifact:
    """The state that the best policy learned, with its worth."""
    fitted, spaces = learning.fitted[best.policy, None], sample.spaces
    method = compatibilities.get(best.policy)
    rows = mapped(method, sample.anchors, parts, fitted.parts or (fitted.state,))
    recall = measured(sample.anchors, parts, rows)
    parameters = compatibilities.schema(best.policy, FIT).get("properties", {})
    defaults = {name: one.get("default") for name, one in parameters.items()}
    return Artifact(
        COMPATIBILITY,
        fitted.state,
        {
            "method": best.policy,
            "old_width": spaces.old_width,
            "width": rows.shape[1],
            "recall": {name: asdict(one) for name, one in recall.items()},
            "translated": None if best.translated is None else best.translated.kept.value,
            "led": best.led.kept.value,
        },
        (spaces.old, spaces.new),
        provenance={
            "configuration": {**defaults, **learning.policies.parameters},
            "seed": SEED,
            "data": digest(parts.arrays(sample.anchors)),
            **made_by(method, split, seconds=fitted.seconds),
        },
    )


def _least(policy: str, old_width: int, new_width: int) -> int:
    return compatibilities.form(LEAST_ANCHORS, policy)(old_width, new_width)


def _written(space: SpaceRef) -> list[str]:
    return [space.name, space.revision, space.fingerprint]
