"""The precision of each served space: by the settings, else by its card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from tieback.catalog.card import EncoderCard
from tieback.catalog.precision import LowerPrecision, Precision
from tieback.core.errors import NotFound, StartupError

VARIABLE = "TIEBACK_PRECISION"
HALF: Precision = "float16"
ON_PROCESSORS_ALONE: frozenset[Precision] = frozenset({"int8"})


def at_chosen_precisions(
    cards: Sequence[EncoderCard], chosen: Sequence[str], provider: str
) -> tuple[EncoderCard, ...]:
    """The cards in the precisions of `chosen`, each "PRECISION" (of all that offer it) or "SPACE=PRECISION".

    Without a choice a GPU computes in float32 what a card has in int8, and it may be asked for float16 of any
    transformer_text encoder: the store then holds one graph more, which `tieback models pull` makes.
    StartupError, with the choices, for a precision or a space that there is not, and for one that the
    provider cannot compute.
    """
    on_gpu = provider != "cpu"
    by_name = {card.name: _fit_for_gpu(card) if on_gpu else card for card in cards}
    for choice in sorted(chosen, key=lambda choice: "=" in choice):  # a space's own comes after that of all
        name, named, precision = choice.rpartition("=")
        if on_gpu and precision in ON_PROCESSORS_ALONE:
            raise StartupError(
                f"{VARIABLE}: {precision} is computed on a processor; set TIEBACK_PROVIDER=cpu"
            )
        if on_gpu and precision == HALF:
            by_name |= {key: _with_half(card) for key, card in by_name.items() if name in ("", key)}
        if named:
            if name not in by_name:
                raise StartupError(f"{VARIABLE}: {NotFound('space', name, by_name).message}")
            offering = [name]
        else:
            offering = [card.name for card in by_name.values() if precision in card.offered_precisions]
            if not offering:
                raise StartupError(f"{VARIABLE}: {NotFound('precision', precision, _offered(cards)).message}")
        by_name |= {name: _at(by_name[name], precision) for name in offering}
    return tuple(by_name.values())


def _with_half(card: EncoderCard) -> EncoderCard:
    """The card with float16 among its precisions, where its kind of model can have it."""
    if HALF in card.offered_precisions or card.runtime != "transformer_text" or card.precision == HALF:
        return card
    return card.model_copy(update={"precisions": {**card.precisions, HALF: LowerPrecision()}})


def _fit_for_gpu(card: EncoderCard) -> EncoderCard:
    lower = card.precision in card.precisions
    return card.at("float32") if lower and card.precision in ON_PROCESSORS_ALONE else card


def _at(card: EncoderCard, precision: str) -> EncoderCard:
    try:
        return card.at(precision)
    except StartupError as error:
        raise StartupError(f"{VARIABLE}: {error.message}") from None


def _offered(cards: Sequence[EncoderCard]) -> list[str]:
    offered = {precision for card in cards for precision in card.offered_precisions}
    return [precision for precision in get_args(Precision) if precision in offered]
