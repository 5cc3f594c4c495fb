"""Asking a generator whose model is an endpoint."""

from __future__ import annotations

from typing import Any

from generator.conftest import Answer, collect
from tieback.catalog.card import GeneratorCard
from tieback.encoder import Encoder
from tieback.generator import Generator, GeneratorParts
from tieback.models.language.chat_endpoint import EndpointModel
from tieback_contract.generation import Evidence, Grounding
from tieback_contract.method_choice import MethodChoice

EVIDENCE = [Evidence("The bridge is open on Monday.", "a"), Evidence("The library is shut.", "b")]
QUESTION = "Is the bridge open on Monday?"
ALWAYS = Grounding(checker=MethodChoice("verbatim"), abstain_below=0.0)


def card(base_url: str, **options: Any) -> GeneratorCard:
    return GeneratorCard.model_validate(
        {
            "name": "far",
            "role": "generator",
            "runtime": "chat_endpoint",
            "description": "A model of another server.",
            "license": "unstated",
            "upstream": "somebody/far",
            "context_tokens": 2048,
            "options": {"base_url": base_url, "model": "far-8b", **options},
        }
    )


class Asking:
    """A generator with an endpoint of these options, for as long as a question takes."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    async def __call__(self, base_url: str, *, options: dict[str, Any] | None = None, **how: Any) -> Answer:
        model = EndpointModel(card(base_url, **(options or {})))
        generator = Generator(GeneratorParts([model], self.encoder, space="bag-of-words"))
        try:
            return await collect(generator, QUESTION, EVIDENCE, **({"grounding": ALWAYS} | how))
        finally:
            assert generator.load.active_items == 0
            await generator.close()
