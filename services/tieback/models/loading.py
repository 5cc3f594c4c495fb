"""From a card to a loaded model of its runtime."""

from __future__ import annotations

from typing import Any, cast

from tieback.catalog.card import Card, EncoderCard, RecogniserCard
from tieback.catalog.runtimes import find_runtime
from tieback.core.errors import StartupError
from tieback.models.encoder_model import EncoderModel
from tieback.models.recognition_search import RecogniserModel
from tieback.models.session import PROCESSOR, Hardware
from tieback.models.store import Store


def load_encoder(card: EncoderCard, store: Store, hardware: Hardware = PROCESSOR) -> EncoderModel:
    """The card's model, checked and loaded. StartupError names the file that is wrong and how to pull it."""
    return cast("EncoderModel", _loaded(card, store, hardware))


def load_recogniser(card: RecogniserCard, store: Store, hardware: Hardware = PROCESSOR) -> RecogniserModel:
    """As `load_encoder`, of a recogniser."""
    return cast("RecogniserModel", _loaded(card, store, hardware))


def _loaded(card: Card, store: Store, hardware: Hardware) -> Any:
    try:
        return model_of(card)(card, store.open(card), hardware)
    except StartupError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise StartupError(
            f"the model {card.name} cannot be loaded: {error}; run: tieback models pull {card.name}"
        ) from error


def model_of(card: Card) -> Any:
    """The class of the card's models, or the function that makes one."""
    return find_runtime(card.runtime, card.role).load
