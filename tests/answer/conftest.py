"""The whole pipeline over small models: two bags of words, a colour classifier, a real router and index."""

import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import colours
from support.bag_of_words import WIDTH, BagOfWords, card, dense
from support.troubles import Troubles
from tieback.answer import Answerer, PipelineParts
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import NO_DEADLINE
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.generation import GenerateRequest
from tieback.core.types.ingestion import IngestReply, IngestRequest
from tieback.encoder import Encoder
from tieback.index import Index
from tieback.models.joint.bridges import ClassNameBridge
from tieback.models.learned.ranker import TrainedRanker, shipped
from tieback.reranker import Reranker
from tieback.router import Component, Router
from tieback_contract.answers import Finish, FinishReason, GenerationEvent, TextDelta
from tieback_contract.generation import Evidence
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.reports import Timing

SPACES = {Modality.TEXT: ("words-a", "words-b"), Modality.IMAGE: ("colours",)}


class Quoting:
    """A generator that quotes its best passage."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.evidence: Sequence[Evidence] = ()
        self.deadline = NO_DEADLINE
        self.left = False

    async def generate(self, request: GenerateRequest, call: Call) -> AsyncIterator[GenerationEvent]:
        evidence = request.evidence
        self.prompts.append(request.prompt)
        self.evidence, self.deadline = evidence, call.deadline
        try:
            for passage in evidence[:1]:
                for word in passage.text.split():
                    yield TextDelta(f"{word} ")
            yield Finish(FinishReason.END, request.model or "quoting", 1, 1, 0, Timing(compute=0.5), 0.25)
        finally:
            self.left = True


@dataclass
class Platform:
    """The pipeline and the parts that tests look into."""

    answerer: Answerer
    encoder: Troubles
    generator: Quoting
    index: Index
    models: dict[str, BagOfWords]
    rebuilt: Callable[..., Answerer]
    """The pipeline over the same parts, and others that are given."""

    async def ingest(self, into: str, items: Sequence[Item], call: Call = NO_CALL, **how: Any) -> IngestReply:
        return await self.answerer.ingest(IngestRequest(into, items, **how), call)


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    weights, limits = tmp_path / "weights", Limits(batch_items=8, sections=64)
    weights.mkdir()
    (weights / "seed").write_text("0")
    cards = [card(weights, "words-a", max_tokens=8), card(weights, "words-b", max_tokens=None)]
    eyes = colours.card(weights)
    models = {one.name: BagOfWords(one) for one in cards}
    real = Encoder([*models.values(), colours.Colours(eyes)], limits=limits)
    names = np.stack([dense(name) for name in colours.NAMES])
    bindings = [ClassNameBridge(eyes.space, one.space, colours.NAMES, names) for one in cards]
    index = Index.open(tmp_path / "index", limits=limits)
    encoder, generator = Troubles(real), Quoting()
    router = Router([Component(one.space, WIDTH) for one in cards], bindings, limits=limits)
    parts = PipelineParts(
        spaces=SPACES,
        encoder=encoder,
        joint=router.space,
        router=router,
        index=index,
        reranker=Reranker(encoder, space="words-b", limits=limits),
        generator=generator,
        limits=limits,
        ranker=TrainedRanker.load(shipped()),
        highlight_space="words-a",
    )

    def rebuilt(**changes: Any) -> Answerer:
        return Answerer(dataclasses.replace(parts, **changes))

    yield Platform(rebuilt(), encoder, generator, index, models, rebuilt)
    await index.close()
    await real.close()


@pytest.fixture
async def library(platform: Platform) -> Platform:
    """Four texts and three photos in the collection "library"."""
    texts = {
        "coffee": "coffee is hot and dark",
        "moon": "the moon shines at night",
        "sky": "the sky is blue",
        "grass": "grass is green all summer",
    }
    pictures = {"rose": (250, 10, 10), "meadow": (10, 250, 10), "sea": (10, 10, 250)}
    items = [
        Item(name, [Section("1", Content(Modality.TEXT, text))], name, {"kind": "page"})
        for name, text in texts.items()
    ]
    items += [
        Item(name, [Section("1", Content(Modality.IMAGE, colours.png(*colour)))], "", {"kind": "photo"})
        for name, colour in pictures.items()
    ]
    await platform.ingest("library", items)
    platform.encoder.asked.clear()
    return platform
