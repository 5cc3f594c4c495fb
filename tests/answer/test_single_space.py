"""Collections in one served space, with and without a joint one beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import colours
from support.asking import encodings, vector
from support.bag_of_words import WIDTH, BagOfWords, card
from support.requests import retrieval, searched
from tieback.answer import Answerer, PipelineParts, SingleSpace
from tieback.core.call import NO_CALL
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound, StaleCollection, Unsupported
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.encoding import EncodeRequest
from tieback.core.types.fusion import Role, Routing
from tieback.core.types.ingestion import IngestReply, IngestRequest
from tieback.core.types.retrieval import QueryPart
from tieback.encoder import Encoder
from tieback.index import Index
from tieback.reranker import Reranker
from tieback.router import Component, Router
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector

NONE = MethodChoice("none")
TEXTS = {Modality.TEXT: ("words-a", "words-b")}


@dataclass
class Served:
    answerer: Answerer
    index: Index
    encoder: Encoder
    words: SpaceRef
    joint: SpaceRef | None

    async def ingest(self, collection: str, items: Sequence[Item], **how: Any) -> IngestReply:
        return await self.answerer.ingest(IngestRequest(collection, items, **how))

    async def found(self, *contents: Any, name: str = "library", **options: Any) -> list[str]:
        parts = [one if isinstance(one, QueryPart) else QueryPart(one) for one in contents]
        reply = await self.answerer.retrieve(retrieval(name, parts, reranker=NONE, hybrid=False, **options))
        return [hit.hit.item_id for hit in reply.hits]


@pytest.fixture(params=[True, False], ids=["beside the joint space", "alone"])
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Served]:
    joins = request.param
    (tmp_path / "seed").write_text("0")
    cards = [card(tmp_path, "words-a", max_tokens=None), card(tmp_path, "words-b", max_tokens=None)]
    eyes = colours.card(tmp_path)
    encoder = Encoder([*(BagOfWords(one) for one in cards), colours.Colours(eyes)])
    index = Index.open(tmp_path / "index")
    router = Router([Component(one.space, WIDTH) for one in cards], [])
    every = [cards[0], eyes] if joins else [cards[0]]
    single = [
        SingleSpace(
            one.space,
            one.width,
            {role: {one.modality: (one.name,)} for role in Role},
            frozenset({one.name} if one is eyes else ()),
        )
        for one in every
    ]
    answerer = Answerer(
        PipelineParts(
            joint=router.space if joins else None,
            router=router if joins else None,
            spaces=TEXTS if joins else {},
            single=single,
            encoder=encoder,
            index=index,
            reranker=Reranker(encoder, space="words-b"),
        )
    )
    yield Served(answerer, index, encoder, cards[0].space, router.space.ref if joins else None)
    await index.close()
    await encoder.close()


def text(data: str) -> Content:
    return Content(Modality.TEXT, data)


def item(name: str, *contents: Content) -> Item:
    return Item(name, [Section(str(number), one) for number, one in enumerate(contents)])


TEA, MOON = item("tea", text("hot tea")), item("moon", text("the moon"))


async def test_a_collection_made_in_a_space_is_written_and_found_in_it(served: Served) -> None:
    reply = await served.ingest("library", [TEA, MOON], space="words-a")

    assert [result.error for result in reply.results] == [None, None]
    assert (await served.index.get_collection("library")).space == served.words
    assert await served.found(text("moon")) == ["moon", "tea"]


async def test_vectors_are_those_of_the_encoder_itself(served: Served) -> None:
    await served.ingest("library", [TEA], space="words-a")
    (one,) = encodings(await served.encoder.encode(EncodeRequest("words-a", [text("hot tea")]), NO_CALL))

    hits = (await searched(served.index, "library", vector=one.vector)).hits

    assert hits[0].score == pytest.approx(1.0, abs=1e-5)


async def test_a_new_collection_is_in_the_joint_space_where_one_is_served_else_in_the_only_one(
    served: Served,
) -> None:
    await served.ingest("library", [TEA])

    found = (await served.index.get_collection("library")).space
    assert found == (served.joint or served.words)
    assert await served.found(text("tea")) == ["tea"]


async def test_what_the_space_does_not_read_is_refused_by_its_item_alone(served: Served) -> None:
    photo = item("photo", Content(Modality.IMAGE, colours.png(250, 0, 0)))

    reply = await served.ingest("library", [TEA, photo], space="words-a")

    assert reply.results[0].error is None
    refusal = reply.results[1].error
    assert isinstance(refusal, InvalidInput)
    assert str(refusal.field) == "items[1].sections[0].content.image"
    assert "'words-a'" in refusal.message
    assert "it reads: text" in refusal.message


async def test_a_query_that_the_space_does_not_read_says_what_it_reads(served: Served) -> None:
    await served.ingest("library", [TEA], space="words-a")

    with pytest.raises(InvalidInput, match="it reads: text") as refusal:
        await served.found(Content(Modality.IMAGE, colours.png(250, 0, 0)))

    assert str(refusal.value.field) == "query[0].content.image"


async def test_weights_of_a_single_space_are_refused(served: Served) -> None:
    await served.ingest("library", [TEA], space="words-a")

    for routing in (
        Routing(weights={"words-a": 1.0}),
        Routing("uniform"),
        Routing(imputation=MethodChoice("skip")),
    ):
        with pytest.raises(InvalidInput, match="nothing to weight") as refusal:
            await served.found(text("tea"), routing=routing)
        assert str(refusal.value.field) == "routing"
    with pytest.raises(InvalidInput, match="nothing to weight"):
        await served.index.create_collection("other", served.words, WIDTH, Routing("uniform"))


async def test_several_contents_are_summed_by_their_weights(served: Served) -> None:
    both = item("both", text("hot tea the moon"))
    await served.ingest("library", [TEA, MOON, both], space="words-a")

    assert (await served.found(text("hot tea"), text("the moon")))[0] == "both"
    assert (await served.found(text("hot tea the moon"), QueryPart(text("the moon"), -0.8)))[0] == "tea"
    with pytest.raises(InvalidInput, match="cancel"):
        await served.found(text("tea"), QueryPart(text("tea"), -1.0))


async def test_a_vector_of_the_space_is_searched_as_it_is_and_one_of_another_is_refused(
    served: Served,
) -> None:
    await served.ingest("library", [TEA, MOON], space="words-a")
    (one,) = encodings(await served.encoder.encode(EncodeRequest("words-a", [text("moon")]), NO_CALL))
    other = Vector(np.ones(WIDTH, np.float32), SpaceRef("elsewhere", "r", "f"))

    assert (await served.found(Content(None, vector(one))))[0] == "moon"
    with pytest.raises(InvalidInput, match="elsewhere@r"):
        await served.found(Content(None, other))


async def test_a_collection_is_not_asked_for_in_another_space_than_its_own(served: Served) -> None:
    await served.ingest("library", [TEA], space="words-a")

    with pytest.raises(AlreadyExists, match="'words-a'"):
        await served.ingest("library", [MOON], space="joint")


async def test_a_collection_that_ingestion_makes_has_the_codec_that_was_asked_for(served: Served) -> None:
    binary = MethodChoice("binary", {"oversampling": 8})

    await served.ingest("library", [TEA], space="words-a", codec=binary)
    await served.ingest("library", [MOON], codec=binary)

    assert (await served.index.get_collection("library")).codec.name == "binary"
    assert sorted(await served.found(text("tea"))) == ["moon", "tea"]
    with pytest.raises(AlreadyExists, match="'binary' with"):
        await served.ingest("library", [MOON], codec=MethodChoice("int8"))
    with pytest.raises(NotFound, match="codec"):
        await served.ingest("other", [MOON], space="words-a", codec=MethodChoice("zip"))
    with pytest.raises(InvalidInput) as refusal:
        await served.ingest("other", [MOON], codec=MethodChoice("binary", {"oversampling": 0}))
    assert str(refusal.value.field) == "codec.parameters.oversampling"


async def test_an_unknown_space_is_refused_with_the_choices(served: Served) -> None:
    with pytest.raises(NotFound, match="words-a"):
        await served.ingest("library", [TEA], space="words-x")


async def test_a_collection_made_anew_in_another_space_is_found_at_once(served: Served) -> None:
    await served.ingest("library", [TEA], space="words-a")
    assert await served.found(text("tea")) == ["tea"]
    await served.index.delete_collection("library")

    await served.ingest("library", [MOON])

    assert await served.found(text("moon")) == ["moon"]


async def test_a_collection_whose_space_is_not_served_any_more_is_stale(served: Served) -> None:
    await served.index.create_collection("old", SpaceRef("words-a", "another revision", "f"), WIDTH)

    for work in (served.ingest("old", [TEA]), served.found(text("tea"), name="old")):
        with pytest.raises(StaleCollection, match="words-a@another revision"):
            await work


async def test_the_default_has_to_be_named_where_several_spaces_are_served_without_a_joint_one(
    served: Served,
) -> None:
    several = Answerer(
        PipelineParts(
            single=[
                SingleSpace(SpaceRef(name, "r", "f"), 3, {role: {Modality.TEXT: (name,)} for role in Role})
                for name in ("one", "two")
            ],
            encoder=served.encoder,
            index=served.index,
            reranker=None,
        )
    )

    with pytest.raises(InvalidInput, match="one, two") as refusal:
        await several.ingest(IngestRequest("library", [TEA]))

    assert str(refusal.value.field) == "space"


RED, GREEN = (250, 10, 10), (10, 250, 10)


@pytest.fixture
async def album(tmp_path: Path) -> AsyncIterator[Served]:
    """Pictures in the space of eyes that see halves, stored by them, beside words without multi-vectors."""
    (tmp_path / "seed").write_text("0")
    words, eyes = card(tmp_path, "words-a", max_tokens=None), colours.card(tmp_path, halves=True)
    encoder, index = Encoder([BagOfWords(words), colours.Halves(eyes)]), Index.open(tmp_path / "index")
    single = [
        SingleSpace(
            one.space,
            one.width,
            {role: {one.modality: (one.name,)} for role in Role},
            seeing=frozenset({one.name} if one is eyes else ()),
        )
        for one in (words, eyes)
    ]
    answerer = Answerer(
        PipelineParts(
            single=single, encoder=encoder, index=index, reranker=Reranker(encoder), reranks_words=False
        )
    )
    made = Served(answerer, index, encoder, words.space, None)
    pictures = {"rose": (RED, RED), "meadow": (GREEN, GREEN), "flag": (RED, GREEN)}
    for name, halves in pictures.items():
        photo = Content(Modality.IMAGE, colours.halves(*halves))
        reply = await answerer.ingest(IngestRequest("album", [item(name, photo)], space="colours"))
        (result,) = reply.results
        assert result.error is None
    yield made
    await index.close()
    await encoder.close()


async def test_pictures_in_one_space_are_stored_by_their_regions(album: Served) -> None:
    found = await album.index.get_collection("album")

    assert (found.section_count, found.vector_count) == (3, 3 * 3)


async def test_a_photo_alone_is_reranked_by_regions_in_one_space(album: Served) -> None:
    flag = QueryPart(Content(Modality.IMAGE, colours.halves(RED, GREEN)))
    method = MethodChoice("late_interaction")

    reply = await album.answerer.retrieve(retrieval("album", [flag], reranker=method, explain=True))

    best = reply.hits[0]
    assert best.hit.item_id == "flag"
    assert best.rerank_score == pytest.approx(1, abs=1e-3)
    assert best.hit.region is not None
    assert best.alignment is not None
    assert {pair.candidate.place for pair in best.alignment.pairs} == {
        (0, 0, 1, 1), (0, 0, 0.5, 1), (0.5, 0, 0.5, 1),
    }  # fmt: skip


async def test_several_photos_have_no_regions_to_rerank_by(album: Served) -> None:
    photos = [QueryPart(Content(Modality.IMAGE, colours.png(*one))) for one in (RED, GREEN)]

    reply = await album.answerer.retrieve(retrieval("album", photos))

    assert len(reply.hits) == 3
    with pytest.raises(Unsupported, match="a photo alone is reranked by regions"):
        await album.answerer.retrieve(retrieval("album", photos, reranker=MethodChoice("late_interaction")))


async def test_words_are_not_reranked_where_no_text_space_has_multi_vectors(album: Served) -> None:
    await album.ingest("library", [TEA, MOON], space="words-a")

    with pytest.raises(Unsupported, match="no text space of this server has multi-vectors"):
        await album.answerer.retrieve(
            retrieval("library", [QueryPart(text("tea"))], reranker=MethodChoice("late_interaction"))
        )
