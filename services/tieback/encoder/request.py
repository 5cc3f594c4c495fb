"""What is wrong with a request or with one of its contents, before anything is computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from tieback_contract.encodings import Reduction
from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import DType, VectorKind

from tieback.catalog.card import EncoderCard
from tieback.catalog.reduction import LEAST_SPEED, MOST_LOST
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import WRONG_MODALITY, InvalidInput
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import EncodePlan
from tieback.models.content import read_features, read_points

UNTRAINED = (
    "Its earlier layers were not trained to be used: their vectors lose more than the time is worth. "
    "tieback train matryoshka2d trains an encoder whose layers are exits"
)
"""Why stock encoders offer no layers, and the way out."""

NAMES: Mapping[Modality, str] = {
    Modality.TEXT: "text",
    Modality.IMAGE: "pictures",
    Modality.AUDIO: "sounds",
    Modality.POINTS: "point clouds",
    Modality.FEATURES: "features",
}


def check_size(contents: Sequence[Content], limits: Limits) -> None:
    """Raises InvalidInput for an empty or too large batch."""
    if not contents:
        raise InvalidInput("the batch is empty; send one content at least", field="contents")
    if limits.batch_items and len(contents) > limits.batch_items:
        raise InvalidInput(
            f"the batch holds {len(contents)} contents and this server takes {limits.batch_items} "
            "at most; send it in parts",
            field="contents",
        )


def resolve(plan: EncodePlan, card: EncoderCard, widths: Sequence[int]) -> EncodePlan:
    """The plan as it is computed: the last layer, asked for by its number, is None, and a ratio has a number.

    InvalidInput, with the choices, for what the card does not offer; `widths` are those that it does.
    """
    missing = plan.kinds - card.kinds
    if missing or not plan.kinds:
        offered = ", ".join(sorted(card.kinds))
        asked = ", ".join(sorted(missing)) or "nothing"
        raise InvalidInput(
            f"the space {card.name!r} has no {asked} to give; it offers: {offered}",
            field=at("output", "kinds"),
        )
    width = plan.width or card.width
    if width not in widths:
        offered = ", ".join(str(width) for width in widths)
        raise InvalidInput(
            f"the space {card.name!r} is not offered at width {width}; it is at: {offered}",
            field=at("output", "width"),
        )
    if plan.layer is not None and plan.layer not in card.layers:
        raise InvalidInput(_no_such_layer(plan.layer, card), field=at("output", "layer"))
    if plan.adapter and plan.adapter not in card.adapters:
        offered = ", ".join(card.adapters) or "none"
        raise InvalidInput(
            f"the space {card.name!r} has no adapter {plan.adapter!r}; it has: {offered}",
            field=at("output", "adapter"),
        )
    if plan.earliest_layer is not None:
        _check_exit(plan.earliest_layer, plan, card)
    if plan.dtype is DType.BINARY and width % 8 and VectorKind.DENSE in plan.kinds:
        raise InvalidInput(
            f"BINARY packs eight dimensions to a byte and the width is {width}", field=at("output", "dtype")
        )
    if plan.layer is not None and plan.layer == card.layers[-1]:
        plan = dataclasses.replace(plan, layer=None)
    if plan.reduction is not None:
        plan = dataclasses.replace(plan, reduction=_resolved(plan.reduction, plan, card))
    return plan


def _no_such_layer(layer: int, card: EncoderCard) -> str:
    offered = ", ".join(str(one) for one in card.layers)
    if offered:
        return f"the space {card.name!r} is not offered at layer {layer}; it is at: {offered}"
    message = (
        f"the space {card.name!r} is not offered at layer {layer}; it is at: its last, where none is named"
    )
    return f"{message}. {UNTRAINED}" if isinstance(card.options, TransformerText) else message


def _check_exit(earliest: int, plan: EncodePlan, card: EncoderCard) -> None:
    """InvalidInput where no run of the card may end at a layer that its deadline chooses."""
    field = at("output", "earliest_layer")
    if not card.deadline_exits:
        raise InvalidInput(
            f"the space {card.name!r} has no exits that a deadline could choose. {UNTRAINED}", field=field
        )
    if earliest not in card.layers:
        raise InvalidInput(_no_such_layer(earliest, card), field=field)
    if plan.layer is not None or plan.reduction is not None:
        other = "layer" if plan.layer is not None else "reduction"
        raise InvalidInput(
            f"either the deadline chooses the layer, or there is a {other}; leave one out", field=field
        )


def _resolved(reduction: Reduction, plan: EncodePlan, card: EncoderCard) -> Reduction | None:
    """The reduction with its ratio; None where all tokens are kept. InvalidInput as in `resolve`."""
    smallest = card.served_reductions.get(reduction.method)
    if smallest is None:
        raise InvalidInput(_refusal(reduction.method, card), field=at("output", "reduction", "method"))
    ratio = smallest if reduction.ratio is None else reduction.ratio
    if not smallest <= ratio <= 1:
        raise InvalidInput(
            f"the space {card.name!r} is offered with {reduction.method} at a ratio of {smallest:g} to 1, "
            f"not {ratio:g}",
            field=at("output", "reduction", "ratio"),
        )
    if plan.kinds != {VectorKind.DENSE} or plan.layer is not None:
        raise InvalidInput(
            "where tokens are merged, the space gives DENSE of its last layer and nothing else",
            field=at("output", "reduction"),
        )
    return None if ratio == 1 else Reduction(reduction.method, ratio)


def _refusal(method: str, card: EncoderCard) -> str:
    """Why a method is not served: it is not known, not measured, or did not gain enough."""
    offered = ", ".join(card.served_reductions) or "none"
    known = card.reductions.get(method)
    if known is None or not known.measured:
        return f"the space {card.name!r} has no token reduction {method!r}; it has: {offered}"
    best = max(known.measured, key=lambda one: (one.most_lost <= MOST_LOST, one.least_speed))
    return (
        f"{method} is not served for the space {card.name!r}: at a ratio of {best.ratio:g} it was measured "
        f"{best.least_speed:.2f} times as fast for {100 * best.most_lost:.1f} points, and {LEAST_SPEED:g} "
        f"times for at most {100 * MOST_LOST:g} are asked for; token reductions that are: {offered}"
    )


def check_content(content: Content, plan: EncodePlan, card: EncoderCard, limits: Limits) -> None:
    """Raises InvalidInput where a content is of a modality that the space does not take, or lacks a text."""
    if content.modality is Modality.POINTS:
        read_points(content, limits)  # a limit holds whatever space was asked
    if content.modality is Modality.FEATURES:
        read_features(content, limits)
    if content.modality not in (None, card.modality):
        raise InvalidInput(
            f"the space {card.name!r} takes {NAMES[card.modality]}, not {NAMES[content.modality]}",
            field=content.modality.value,
            reason=WRONG_MODALITY,
        )
    if VectorKind.MULTI_VECTOR in plan.kinds and isinstance(content.data, TokenNumbers):
        raise InvalidInput(
            "token vectors come with their places in the text, and there is none; send the text instead",
            field="token_ids",
        )
