"""A small model for what holds of any, the real one and the real encoder for what answers are worth."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support import bag_of_words, small_language_model
from tieback.catalog.card import GeneratorCard
from tieback.catalog.catalog import Catalog
from tieback.core.call import Call
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.types.generation import GenerateRequest
from tieback.encoder import Encoder
from tieback.generator import Generator, GeneratorParts
from tieback.models.language.model import LanguageModel, load_language_model
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback_contract.answers import Abstention, Finish, GenerationEvent, TextDelta
from tieback_contract.claims import Citation, Claim, Verdict
from tieback_contract.generation import Evidence

SPACE = "all-minilm-l6-v2"


@dataclass
class Answer:
    """An answer's events, sorted by kind and in their order."""

    events: list[GenerationEvent] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def claims(self) -> list[Claim]:
        return [event for event in self.events if isinstance(event, Claim)]

    @property
    def citations(self) -> list[Citation]:
        return [event for event in self.events if isinstance(event, Citation)]

    @property
    def verdicts(self) -> list[Verdict]:
        return [event for event in self.events if isinstance(event, Verdict)]

    @property
    def abstention(self) -> Abstention | None:
        return next((event for event in self.events if isinstance(event, Abstention)), None)

    @property
    def finish(self) -> Finish:
        last = self.events[-1]
        assert isinstance(last, Finish)
        return last


async def collect(
    generator: Generator,
    prompt: str,
    evidence: Sequence[Evidence] = (),
    *,
    deadline: Deadline = NO_DEADLINE,
    **how: Any,
) -> Answer:
    request = GenerateRequest(prompt, evidence, **how)
    return Answer([event async for event in generator.generate(request, Call(deadline))])


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def small_card(tmp_path_factory: pytest.TempPathFactory, small_store: Store) -> GeneratorCard:
    return small_language_model.build(tmp_path_factory.mktemp("small") / "model", small_store)


@pytest.fixture(scope="session")
def small_model(small_card: GeneratorCard, small_store: Store) -> LanguageModel:
    return load_language_model(small_card, small_store)


@pytest.fixture
async def small_generator(small_model: LanguageModel, tmp_path: Path) -> AsyncIterator[Generator]:
    words = bag_of_words.BagOfWords(bag_of_words.card(tmp_path))
    encoder = Encoder([words])
    generator = Generator(GeneratorParts([small_model], encoder, space="bag-of-words", slots=1))
    yield generator
    await generator.close()
    await encoder.close()


@pytest.fixture
async def quoting_generator(tmp_path: Path) -> AsyncIterator[Generator]:
    """A generator without a language model."""
    words = bag_of_words.BagOfWords(bag_of_words.card(tmp_path))
    encoder = Encoder([words])
    generator = Generator(GeneratorParts([], encoder, space="bag-of-words"))
    yield generator
    await generator.close()
    await encoder.close()


@pytest.fixture(scope="session")
def real_model() -> LanguageModel:
    card = Catalog.load().get("smollm2-135m-instruct")
    assert isinstance(card, GeneratorCard)
    return load_language_model(card, Store())


@pytest.fixture
async def real_generator(real_model: LanguageModel) -> AsyncIterator[Generator]:
    cards = {card.name: card for card in Catalog.load().encoders()}
    encoder = Encoder([load_encoder(cards[SPACE], Store())])
    generator = Generator(GeneratorParts([real_model], encoder, space=SPACE))
    yield generator
    await generator.close()
    await encoder.close()
