"""Contents that are encoded by different experts of one merged model, grouped by expert.

A caller names the expert of each content (enforced routing by a known domain, as in Hallee et al., 2024,
arXiv:2401.15713), or leaves it to the model's router (Twin-Merging, arXiv:2406.15479): a head over the
vectors of the merged weights, learned when the model was merged. The router chooses one expert, or weighs
all. What follows is the same: contents of an expert, or of one mixture, are a request of their own, so that
no run holds contents of two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.field_path import FieldPath, at
from tieback_contract.reports import Cost, Timing

from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.together import all_or_none
from tieback.core.types.content import Content
from tieback.core.types.encoding import MIXED, EncodePlan, EncodeReply
from tieback.models.adapters import Adapters

Encode = Callable[[Sequence[Content], EncodePlan], Coroutine[Any, Any, EncodeReply]]
OUTPUT = at("output", "adapter")
PARTS = ("queue", "prepare", "compute", "total")
STEPS = 20
"""Of the weight of an expert, from none to all."""


async def encode_each(
    encode: Encode,
    contents: Sequence[Content],
    plans: Sequence[EncodePlan],
    fields: Sequence[FieldPath] = (),
) -> EncodeReply:
    """Each content by the plan of its place.

    Where an adapter is refused, its contents are, each with the field at its place in `fields`.
    """
    places: dict[EncodePlan, list[int]] = {}
    for place, plan in enumerate(plans):
        places.setdefault(plan, []).append(place)
    chosen = list(places.values())
    replies = await all_or_none(
        _refused_alone(encode([contents[place] for place in own], plan)) for plan, own in places.items()
    )
    results: list[Encoding | TiebackError] = [TiebackError("it was not encoded")] * len(contents)
    for own, reply in zip(chosen, replies, strict=True):
        for number, place in enumerate(own):
            if isinstance(reply, InvalidInput):
                results[place] = reply.moved(OUTPUT, fields[place]) if fields else reply
                continue
            one = reply.results[number]
            results[place] = _moved(one, number, place)
    known = [reply for reply in replies if isinstance(reply, EncodeReply)]
    return EncodeReply(
        results, _times([one.timing for one in known], _longest), _sum([one.cost for one in known])
    )


async def encode_routed(
    encode: Encode, adapters: Adapters, contents: Sequence[Content], plan: EncodePlan
) -> EncodeReply:
    """Each content by the expert that the router gives the largest weight, or, `MIXED`, by all of them.

    The encodings have all weights. A mixture is of whole twentieths, so that contents of about one kind share
    a run.
    """
    merged = EncodePlan(truncation=plan.truncation, batch_invariant=plan.batch_invariant)
    seen = await encode(contents, merged)
    good = [place for place, one in enumerate(seen.results) if isinstance(one, Encoding)]
    results: list[Encoding | TiebackError] = list(seen.results)
    if not good:
        return seen
    weights = adapters.routed(np.stack([_dense(seen.results[place]) for place in good]))
    plans = [
        dataclasses.replace(plan, mixture=_mixture(list(own.values())))
        if plan.adapter == MIXED
        else dataclasses.replace(plan, adapter=max(own, key=own.__getitem__))
        for own in weights
    ]
    reply = await encode_each(encode, [contents[place] for place in good], plans)
    for number, place in enumerate(good):
        one = _moved(reply.results[number], number, place)
        if isinstance(one, Encoding) and one.adapter is not None:
            applied = dataclasses.replace(one.adapter, weights=weights[number])
            one = dataclasses.replace(one, adapter=applied)
        results[place] = one
    timing = _times([seen.timing, reply.timing], sum)
    return EncodeReply(results, timing, _sum([seen.cost, reply.cost]))


def _mixture(weights: Sequence[float]) -> tuple[float, ...]:
    """The weights in whole `STEPS`, as far as any is so large; they sum to 1."""
    whole = np.rint(STEPS * np.array(weights))
    kept = whole if whole.any() else np.array(weights)
    return tuple((kept / kept.sum()).tolist())


def _moved(one: Encoding | TiebackError, number: int, place: int) -> Encoding | TiebackError:
    """What became of a content, told of its place in the whole request."""
    return one.moved(at("contents", number), at("contents", place)) if isinstance(one, TiebackError) else one


def routing_adapters(card: EncoderCard, adapters: Adapters | None) -> Adapters:
    """The adapters among which a router can choose. InvalidInput where there is none."""
    if adapters is None or not adapters.has_router:
        offered = ", ".join(card.adapters) or "none"
        raise InvalidInput(
            f"the space {card.name!r} has no router that could choose an adapter; it has the adapters: "
            f"{offered}",
            field=OUTPUT,
        )
    return adapters


async def _refused_alone(coroutine: Coroutine[Any, Any, EncodeReply]) -> EncodeReply | InvalidInput:
    try:
        return await coroutine
    except InvalidInput as error:
        if error.field != OUTPUT:
            raise
        return error


def _dense(encoding: Encoding | TiebackError) -> Array:
    if isinstance(encoding, TiebackError) or encoding.vector is None:
        raise TypeError("only what was encoded has a vector")
    return encoding.vector.values


def _times(timings: Sequence[Timing], together: Callable[[Sequence[float]], float]) -> Timing:
    """Of requests side by side, or one after the other."""
    queue, prepare, compute, total = (together([getattr(one, name) for one in timings]) for name in PARTS)
    return Timing(queue, prepare, compute, total)


def _longest(seconds: Sequence[float]) -> float:
    return max(seconds, default=0.0)


def _sum(costs: Sequence[Cost]) -> Cost:
    return Cost(
        max((one.batch_size for one in costs), default=0),
        sum(one.tokens for one in costs),
        sum(one.padding_tokens for one in costs),
        sum(one.cached_items for one in costs),
        sum(one.shared_items for one in costs),
    )
