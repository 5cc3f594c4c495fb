"""What is wrong with a request or with one of its contents, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import DType, VectorKind

from tieback.catalog.card import EncoderCard
from tieback.core.errors import WRONG_MODALITY, InvalidInput
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import EncodePlan
from tieback.models.content import read_features, read_points

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
    """The plan as it is computed.

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
    if plan.adapter and plan.adapter not in card.adapters:
        offered = ", ".join(card.adapters) or "none"
        raise InvalidInput(
            f"the space {card.name!r} has no adapter {plan.adapter!r}; it has: {offered}",
            field=at("output", "adapter"),
        )
    if plan.dtype is DType.BINARY and width % 8 and VectorKind.DENSE in plan.kinds:
        raise InvalidInput(
            f"BINARY packs eight dimensions to a byte and the width is {width}", field=at("output", "dtype")
        )
    return card.choices.resolve(plan, card.name)


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
