"""The service of learned fusions, in the process of the index: whoever searches in their spaces asks it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from tieback.core.alone import Alone
from tieback.core.call import Call
from tieback.core.errors import InvalidInput, NotFound, SpaceMismatch, TiebackError
from tieback.models.content_rows import padded
from tieback.models.learned import Learned
from tieback.services import FurtherService
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding, Label
from tieback_contract.field_path import FieldPath, at
from tieback_contract.reports import Timing
from tieback_contract.shapes import alone
from tieback_contract.vectors import SpaceRef, Vector

from tieback_lab.contract.fusion import FusedThing, FusionDescription, FusionStep, Thing
from tieback_lab.methods.fusion import (
    MOST_ROWS,
    check_condition,
    check_part,
    predicted,
    takes_bundles,
    takes_rounds,
)
from tieback_lab.models.learned.fusion import REFUSE, LearnedFusion

Parts = dict[str, dict[int, Array]]
"""Rows `[rows, width]` by part and item; a thing that is no bundle is item 0."""
MOST_LABELS = 16
MOST_THINGS = 1024
INLINE = 24
"""So many rows are fused on the event loop: less work than handing them to a thread."""


@dataclass(frozen=True, slots=True)
class FuseRequest:
    """Things to fuse by the fusion of that name."""

    fusion: str
    things: Sequence[Thing] = field(metadata=alone())
    explain: bool = False
    refuse_missing: bool = False


@dataclass(frozen=True, slots=True)
class FuseReply:
    """One result per thing, in order."""

    results: Sequence[FusedThing | TiebackError]
    timing: Timing


@dataclass(frozen=True, slots=True)
class FuseStreamRequest:
    """The new parts of the thing of a stream; after the first request, `fusion` may be empty."""

    fusion: str
    thing: Thing
    explain: bool = False
    refuse_missing: bool = False


@dataclass(frozen=True, slots=True)
class FuseStreamReply:
    """The thing with all parts so far."""

    fused: FusedThing
    timing: Timing


class FusionService:
    """Fuses things by the learned fusions of a server."""

    def __init__(self, learned: Learned) -> None:
        self._known = {one.description.name: one for one in learned(LearnedFusion)}

    async def fuse(self, request: FuseRequest, call: Call) -> FuseReply:
        """One result per thing; a bad thing gets an error and the others succeed. NotFound for the fusion."""
        begin = time.perf_counter()
        call.deadline.check("fusing")
        fusion = self._fusion(request.fusion)
        if not 0 < len(request.things) <= MOST_THINGS:
            raise InvalidInput(
                f"a batch holds 1 to {MOST_THINGS} things, not {len(request.things)}", field="things"
            )
        if sum(map(_row_count, request.things)) <= INLINE:
            results = _each(fusion, request)
        else:
            results = await asyncio.to_thread(_each, fusion, request)
        seconds = time.perf_counter() - begin
        return FuseReply(results, Timing(compute=seconds, total=seconds))

    async def fuse_stream(
        self, requests: AsyncIterator[FuseStreamRequest], call: Call
    ) -> AsyncIterator[FuseStreamReply]:
        """The thing after each request of new parts; the first error ends the stream. NotFound for a name.

        InvalidInput for a fusion that reads all parts at once, and for another one than that of the stream.
        """
        name, known = "", None
        async for request in requests:
            begin = time.perf_counter()
            call.deadline.check("fusing")
            if known is not None and request.fusion not in ("", name):
                raise InvalidInput(
                    f"this stream is for the fusion {name!r}; open another for {request.fusion!r}",
                    field="fusion",
                )
            name = request.fusion or name
            fusion = self._fusion(name)
            if not fusion.goes_on:
                raise InvalidInput(
                    f"{fusion.description.method} reads all parts at once: give them to Fuse", field="fusion"
                )
            known = await _gone_on(fusion, request, known)
            seconds = time.perf_counter() - begin
            yield FuseStreamReply(known, Timing(compute=seconds, total=seconds))

    def _fusion(self, name: str) -> LearnedFusion:
        if name not in self._known:
            raise NotFound("fusion", name, self._known, hint="train one: tieback train fusion")
        return self._known[name]

    async def list_fusions(self) -> list[FusionDescription]:
        """Those that are served, by name."""
        return [self._known[name].description for name in sorted(self._known)]


SERVICE = FurtherService(
    "tieback.lab.v1.FusionService",
    "tieback_lab.v1.fusion_pb2",
    FusionService,
    "index",
    lambda _, learned: FusionService(learned),
)


def _each(fusion: LearnedFusion, request: FuseRequest) -> list[FusedThing | TiebackError]:
    results: list[FusedThing | TiebackError] = []
    for place, thing in enumerate(request.things):
        with Alone(at("things", place)) as item:
            results.append(_fused(fusion, thing, request))
        if item.error is not None:
            results.append(item.error)
    return results


async def _gone_on(fusion: LearnedFusion, request: FuseStreamRequest, known: FusedThing | None) -> FusedThing:
    """The thing with the parts of a request, from its own state or from what is `known`."""
    thing = request.thing
    if known is not None and thing.state is None and not thing.seen:
        thing = replace(thing, state=known.state, seen=known.present)
    try:
        if _row_count(thing) <= INLINE:
            return _fused(fusion, thing, request)
        return await asyncio.to_thread(_fused, fusion, thing, request)
    except TiebackError as error:
        raise error.within(at("thing")) from None


def _row_count(thing: Thing) -> int:
    encodings = (one.encoding.multi_vector for one in thing.parts)
    return sum(1 if rows is None else len(rows.values) for rows in encodings)


def _fused(fusion: LearnedFusion, thing: Thing, request: FuseRequest | FuseStreamRequest) -> FusedThing:
    """One thing. InvalidInput for what the fusion does not read, with its place in the thing."""
    given, arrived = _rows_of(fusion, thing)
    condition = _condition(fusion, thing)
    seen = _seen(fusion, thing)
    present = [*seen, *(name for name in given if name not in seen)]
    items = [[*seen, *(name for name, own in given.items() if item in own)] for item in range(_count(given))]
    missing = [name for name in fusion.names if any(name not in one for one in items)]
    if missing and (request.refuse_missing or fusion.description.missing == REFUSE):
        raise InvalidInput(
            f"{', '.join(missing)} is missing, and a thing without it is refused", field="parts"
        )
    weights: dict[str, float] = {}
    space = fusion.description.space
    states = _states(fusion, thing, arrived) if fusion.goes_on else []
    vector = fusion.read(states[-1]) if states else fusion.fused(*_all_parts(fusion, given), condition)[0]
    if request.explain and thing.state is None:
        found = fusion.weights(*_all_parts(fusion, given), condition)[0]
        weights = {name: float(found[fusion.names.index(name)]) for name in given}
    policy = fusion.description.missing
    return FusedThing(
        vector=Vector(vector, space),
        present=present,
        missing=missing,
        replaced=dict.fromkeys(missing, policy) if policy in ("pool", "substitute") else {},
        unseen=any(map(fusion.is_unseen, items)),
        expected_loss=fusion.expected_loss(present) if len(items) == 1 else None,
        weights=weights,
        predictions=_labels(fusion, vector),
        steps=_steps(fusion, arrived, states) if request.explain else (),
        trusts=fusion.trusts(present) if request.explain else {},
        state=Vector(states[-1], fusion.state_space, normalized=False) if states else None,
        tags=() if fusion.goes_on else fusion.tags(*_all_parts(fusion, given)),
    )


def _states(fusion: LearnedFusion, thing: Thing, arrived: Sequence[tuple[str, Array]]) -> list[Array]:
    """The state after each part that arrived."""
    now = None if thing.state is None else thing.state.decoded().astype(np.float32)
    found = []
    for name, rows in arrived:
        now = fusion.step(rows, name, now)
        found.append(now)
    return found


def _steps(
    fusion: LearnedFusion, arrived: Sequence[tuple[str, Array]], states: Sequence[Array]
) -> list[FusionStep]:
    space = fusion.description.space
    vectors = [fusion.read(state) for state in states]
    return [
        FusionStep(name, Vector(vector, space), _labels(fusion, vector))
        for (name, _), vector in zip(arrived, vectors, strict=False)  # none, where all parts are read at once
    ]


def _rows_of(fusion: LearnedFusion, thing: Thing) -> tuple[Parts, list[tuple[str, Array]]]:
    """The rows of each part that is given, and all of them in the order of the request."""
    parts = {one.name: one for one in fusion.description.parts}
    in_rounds = takes_rounds(fusion.description.method)
    found: Parts = {}
    arrived: list[tuple[str, Array]] = []
    for place, one in enumerate(thing.parts):
        field = at("parts", place)
        if one.name not in parts:
            raise InvalidInput(
                f"there is no part {one.name!r}; the parts are: {', '.join(parts)}", field=field["name"]
            )
        before = found.get(one.name, {}).get(one.item)
        if before is not None and not in_rounds:
            raise InvalidInput(f"the part {one.name!r} is given twice", field=field["name"])
        if one.item and not takes_bundles(fusion.description.method):
            raise InvalidInput(
                f"{fusion.description.method} knows no bundles: leave the item out", field=field["item"]
            )
        if not 0 <= one.item < MOST_ROWS:
            raise InvalidInput(f"a bundle has {MOST_ROWS} items at most, from 0", field=field["item"])
        part = parts[one.name]
        rows = _read(one.encoding, fusion.spaces[part.space], field["encoding"], rows=part.rows)
        width = fusion.widths[fusion.names.index(one.name)]
        so_far = 0 if before is None else len(before)
        check_part(rows, width, field["encoding"], rows=so_far + len(rows))
        found.setdefault(one.name, {})[one.item] = rows if before is None else np.concatenate([before, rows])
        arrived.append((one.name, rows))
    if not found:
        raise InvalidInput(f"every part is missing; give one at least of: {', '.join(parts)}", field="parts")
    known = set().union(*found.values())
    lacking = next((item for item in range(max(known)) if item not in known), None)
    if lacking is not None:
        raise InvalidInput(f"item {lacking} of the bundle has no part; number items from 0", field="parts")
    return found, arrived


def _count(given: Parts) -> int:
    """Items of a bundle; 1 for a thing that is none."""
    return 1 + max(max(own) for own in given.values())


def _all_parts(fusion: LearnedFusion, given: Parts) -> tuple[list[Array], list[Array]]:
    """All parts of one thing as methods read them: a missing one has a row that is not there."""
    rows, there = [], []
    for name, width in zip(fusion.names, fusion.widths, strict=True):
        own = given.get(name, {})
        if takes_bundles(fusion.description.method):
            one, mask = np.zeros((1, _count(given), width), np.float32), np.zeros((1, _count(given)), bool)
            for item, values in own.items():
                one[0, item], mask[0, item] = values[0], True
        elif own:
            one, mask = padded([own[0]])
        else:
            one, mask = np.zeros((1, 1, width), np.float32), np.zeros((1, 1), bool)
        rows.append(one)
        there.append(mask)
    return rows, there


def _condition(fusion: LearnedFusion, thing: Thing) -> Array | None:
    space, given = fusion.description.condition, thing.condition
    if bool(space) is not (given is not None):
        said = (
            f"this fusion asks for a condition, encoded by {space}"
            if space
            else "this fusion has no condition"
        )
        raise InvalidInput(said, field="condition")
    if given is None:
        return None
    read = _read(given, fusion.spaces[space], at("condition"), rows=False)
    check_condition(read, 1, len(fusion.state["ask"]))
    return read


def _seen(fusion: LearnedFusion, thing: Thing) -> list[str]:
    """The parts of the state. InvalidInput where the state is none of this fusion, or a part is known."""
    if thing.state is None:
        if thing.seen:
            raise InvalidInput("parts were seen, and no state is given", field="seen")
        return []
    if not fusion.goes_on:
        raise InvalidInput(
            f"{fusion.description.method} reads all parts at once: give them all, and no state", field="state"
        )
    if thing.state.space != fusion.state_space or thing.state.width != fusion.state_width:
        raise SpaceMismatch("the state is of another fusion", field=at("state", "space"))
    for place, name in enumerate(thing.seen):
        if name not in fusion.names:
            raise InvalidInput(f"there is no part {name!r}", field=at("seen", place))
    for place, one in enumerate(thing.parts):
        if one.name in thing.seen and not takes_rounds(fusion.description.method):
            raise InvalidInput(f"the state knows {one.name!r} already", field=at("parts", place))
    return list(thing.seen)


def _read(encoding: Encoding, space: SpaceRef, field: FieldPath, *, rows: bool) -> Array:
    """The rows `[rows, width]`, float32, of an encoding."""
    if encoding.space != space:
        raise SpaceMismatch(
            f"this part was learned in {space} (fingerprint {space.fingerprint}), and this is of "
            f"{encoding.space}; encode it by that",
            field=field["space"],
        )
    if rows and encoding.multi_vector is not None:
        return np.asarray(encoding.multi_vector.values, np.float32)
    if not rows and encoding.vector is not None:
        return np.asarray(encoding.vector.decoded(), np.float32)[None]
    wanted, name = ("rows", "multi_vector") if rows else ("vector", "dense")
    raise InvalidInput(f"the encoding has no {wanted}: encode it with the kind {name}", field=field[name])


def _labels(fusion: LearnedFusion, vector: Array) -> list[Label]:
    found = predicted(vector[None], fusion.state)[0]
    order = np.argsort(-found, kind="stable")[:MOST_LABELS]
    return [Label(fusion.classes[place], int(place), float(found[place])) for place in order]
