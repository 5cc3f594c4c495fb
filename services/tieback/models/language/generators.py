"""A card's language model: one of this process, or an endpoint."""

from __future__ import annotations

from tieback.catalog.card import GeneratorCard
from tieback.catalog.runtimes.chat_endpoint import ChatEndpoint
from tieback.models.language.chat_endpoint import EndpointModel
from tieback.models.language.model import LanguageModel, load_language_model
from tieback.models.store import Store


def load_generator(card: GeneratorCard, store: Store) -> LanguageModel | EndpointModel:
    """The model, ready to write. StartupError names what is wrong; an endpoint may be away for now."""
    if isinstance(card.options, ChatEndpoint):
        return EndpointModel(card)
    return load_language_model(card, store)
