"""The pipeline where encoders share a space: asked by their own names, and told of by the space's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import colours
from support.bag_of_words import BagOfWords, card, dense
from support.queries import photo, words
from support.requests import retrieval
from support.troubles import Troubles
from tieback.answer import Answerer, JointInputs, PipelineParts
from tieback.catalog.card import EncoderCard
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import Unavailable
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.encoding import EncodePlan
from tieback.core.types.fusion import Routing
from tieback.core.types.ingestion import IngestRequest
from tieback.core.types.retrieval import QueryPart
from tieback.encoder import Encoder
from tieback.index import Index
from tieback.methods.projection import fit
from tieback.models.encoder_model import Prepared, RawEncoding
from tieback.models.joint.artifact import BoundProjection, JointSpaceArtifact, SpaceBlock
from tieback.reranker import Reranker
from tieback.router import Router
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

NONE = MethodChoice("none")
LOSSES = {"text": {"words": 4.0, "pair": 21.0}, "image": {"pair": 80.0}}
PICTURES = {"rose": (250, 10, 10), "meadow": (10, 250, 10), "sea": (10, 10, 250)}
DENSE = frozenset({VectorKind.DENSE})


class Names(BagOfWords):
    """A text encoder into the space of colours: a colour's name is the colour."""

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        return [RawEncoding(self._colour(prepared), None) for prepared in batch]

    def _colour(self, prepared: Prepared) -> np.ndarray[Any, Any]:
        row = np.array([name in prepared.payload for name in colours.NAMES], np.float32) + 0.01
        return row / np.linalg.norm(row)


def tower(folder: Path, modality: Modality) -> EncoderCard:
    return card(
        folder, f"pair-{modality}", modality=modality, width=3, widths=(), kinds={VectorKind.DENSE},
        shares="pair", joint="component", max_tokens=64,
    )  # fmt: skip


class Library:
    """Three photos, behind a text encoder of its own space and two encoders that share one."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "seed").write_text("0")
        words, text, image = (
            card(folder, "words"),
            tower(folder, Modality.TEXT),
            tower(folder, Modality.IMAGE),
        )
        assert text.space == image.space
        names = np.stack([dense(name) for name in colours.NAMES])
        state = fit("anchor_attention", names, np.eye(3), {"centred": False})
        sharp = {"sharpness": 40}
        self.bound = JointSpaceArtifact(
            (
                SpaceBlock(text.space, Modality.IMAGE, 3, (Modality.TEXT, Modality.IMAGE)),
                SpaceBlock(words.space, Modality.TEXT, words.width),
            ),
            (
                BoundProjection(text.space, 3, "pair"),
                BoundProjection(words.space, words.width, "words"),
                BoundProjection(
                    words.space, words.width, "pair", "anchor_attention", sharp, state, imputes=True
                ),
            ),
            losses=LOSSES,
        )
        self.real = Encoder([BagOfWords(words), Names(text), colours.Colours(image)])
        self.encoder = Troubles(self.real)
        self.index = Index.open(folder / "index")
        router = Router.bound(self.bound)
        self.answerer = Answerer(
            PipelineParts(
                joint=router.space,
                spaces=JointInputs(
                    {Modality.TEXT: ("words", "pair-text"), Modality.IMAGE: ("pair-image",)},
                    dict.fromkeys(("words", "pair-text", "pair-image"), DENSE),
                    {"words": ["words"], "pair-text": ["pair"], "pair-image": ["pair"]},
                    shared={"pair-text": "pair", "pair-image": "pair"},
                ),
                encoder=self.encoder,
                router=router,
                index=self.index,
                reranker=Reranker(self.encoder, space="words"),
                losses=LOSSES,
                shares={"locate": 0.25},
            )
        )

    async def ask(self, *query: QueryPart, **how: Any) -> Any:
        request = retrieval("library", query, reranker=NONE, **how)
        return await self.answerer.retrieve(request, Call(Deadline.after(30)))


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    made = Library(tmp_path / "weights")
    items = [
        Item(name, [Section("1", Content(Modality.IMAGE, colours.png(*colour)))])
        for name, colour in PICTURES.items()
    ]
    reply = await made.answerer.ingest(IngestRequest("library", items))
    assert [result.error for result in reply.results] == [None] * 3
    yield made
    await made.index.close()
    await made.real.close()


async def test_words_find_a_photo_in_the_space_that_their_encoders_share(library: Library) -> None:
    reply = await library.ask(words("green"))

    assert reply.hits[0].hit.item_id == "meadow"
    assert reply.routing.missing == []
    assert reply.routing.projections == [], "the space's own vectors, and nothing that stands in"


async def test_an_encoder_that_is_down_is_reported_once_by_its_space_with_the_expected_loss(
    library: Library,
) -> None:
    library.encoder.down["pair-text"] = Unavailable("gone")

    reply = await library.ask(words("green"))

    assert reply.hits[0].hit.item_id == "meadow", "other words stand in"
    assert reply.routing.missing == ["pair"]
    assert reply.routing.reasons == {"pair": "down"}
    assert reply.routing.expected_recall_loss == LOSSES["text"]["pair"]
    assert reply.routing.projections == ["words -> pair (anchor attention)"]


async def test_a_photo_whose_encoder_is_down_has_the_price_of_photos(library: Library) -> None:
    library.encoder.down["pair-image"] = Unavailable("gone")

    reply = await library.ask(photo(0, 250, 0), words("blue", 3.0))

    assert reply.hits[0].hit.item_id == "sea"
    assert reply.routing.reasons == {"pair": "down"}
    assert reply.routing.expected_recall_loss == pytest.approx(LOSSES["image"]["pair"] / 4)


async def test_an_encoder_whose_space_has_no_weight_is_not_asked(library: Library) -> None:
    library.encoder.asked.clear()

    reply = await library.ask(words("green"), routing=Routing("explicit", {"pair": 1.0}))

    assert {space for space, _ in library.encoder.asked} == {"pair-text"}
    assert reply.routing.missing == []
