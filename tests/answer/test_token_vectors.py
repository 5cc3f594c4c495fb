"""A collection keeps vectors of the tokens of its texts, and a reranker compares by them and encodes none."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import colours
from support.bag_of_words import WIDTH, BagOfWords, card, direction
from support.present import present
from support.queries import words
from support.requests import retrieval, searched
from tieback.answer import Answerer, PipelineParts, SingleSpace
from tieback.collections.served import ServedSpaces
from tieback.core.call import NO_CALL
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.encoding import EncodeRequest
from tieback.core.types.fusion import Role
from tieback.core.types.ingestion import IngestRequest
from tieback.core.types.retrieval import RetrieveReply
from tieback.encoder import CacheOptions, Encoder
from tieback.index import Index
from tieback.reranker import Reranker
from tieback.token_spaces import TokenSpace, TokenSpaces
from tieback_contract.encodings import Encoding
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import MultiVector, SpaceRef

LATE = MethodChoice("late_interaction")
EVERY_ROW = TokenVectors(pooling=MethodChoice("ward", {"factor": 1}), codec=MethodChoice("float32"))
TEXTS = {
    "apples": "red apples fall from the old tree",
    "boats": "blue boats sail away in the wind",
    "pears": "green pears ripen on the old tree",
}


class Library:
    """Two text spaces and a colour classifier, each with collections of its own; the second space reranks."""

    def __init__(self, folder: Path, *, window: int | None = None, seed: str = "0") -> None:
        weights = folder / f"weights-{seed}"
        weights.mkdir(parents=True, exist_ok=True)
        (weights / "seed").write_text(seed)
        cards = {name: card(weights, name, max_tokens=window) for name in ("words-a", "words-b")}
        eyes = colours.card(weights)
        self.models = {name: BagOfWords(one) for name, one in cards.items()}
        self.encoder = Encoder([*self.models.values(), colours.Colours(eyes)], cache=CacheOptions(0))
        second = cards["words-b"].space
        self.token_space = second
        spaces = TokenSpaces(
            [TokenSpace("words-b", second, WIDTH), TokenSpace("words-a", cards["words-a"].space, WIDTH)]
        )
        self.single = [
            SingleSpace(
                one.space,
                one.width,
                {role: {one.modality: (one.name,)} for role in Role},
                frozenset({one.name} if one is eyes else ()),
            )
            for one in (*cards.values(), eyes)
        ]
        served = ServedSpaces([one.ref for one in self.single], token_spaces=spaces)
        self.index = Index.open(folder / "index", served=served, originals_bytes=1 << 20)
        self.answerer = Answerer(
            PipelineParts(
                encoder=self.encoder,
                index=self.index,
                reranker=Reranker(self.encoder, space="words-b"),
                single=self.single,
                token_spaces=spaces,
            )
        )

    async def ingest(self, name: str, *items: Item, **how: Any) -> None:
        reply = await self.answerer.ingest(IngestRequest(name, items, **how))
        assert [one.error for one in reply.results] == [None] * len(items)

    async def fill(self, name: str = "texts", space: str = "words-b", **how: Any) -> None:
        await self.ingest(name, *(item(key, text) for key, text in TEXTS.items()), space=space, **how)

    async def ask(self, query: str, name: str = "texts", **how: Any) -> RetrieveReply:
        return await self.answerer.retrieve(retrieval(name, [words(query)], reranker=LATE, **how))

    async def rows(self, query: str, name: str = "texts") -> MultiVector | None:
        return (await searched(self.index, name, text=query, token_vectors=True)).hits[0].multi_vector

    def forget_runs(self) -> None:
        for model in self.models.values():
            model.batches.clear()

    def read(self) -> set[str]:
        """The texts that the encoders ran on."""
        return {text for model in self.models.values() for batch in model.batches for text in batch}

    async def close(self) -> None:
        await self.index.close()
        await self.encoder.close()


def item(name: str, text: str, title: str = "", heading: str = "") -> Item:
    return Item(name, [Section("1", Content(Modality.TEXT, text), heading)], title)


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    made = Library(tmp_path)
    yield made
    await made.close()


def shown(reply: RetrieveReply) -> list[tuple[str, float]]:
    return [(one.hit.item_id, round(present(one.rerank_score), 5)) for one in reply.hits]


@pytest.mark.parametrize("space", ["words-a", "words-b"])
async def test_candidates_are_compared_by_what_is_kept_as_if_they_were_encoded(
    library: Library, space: str
) -> None:
    await library.fill(space=space, token_vectors=EVERY_ROW)
    await library.fill("plain", space)
    library.forget_runs()

    kept = await library.ask("the old tree", explain=True)

    assert library.read() <= {"the old tree"}
    assert kept.plan.token_vectors
    assert all(one.hit.multi_vector is None for one in kept.hits)
    encoded = await library.ask("the old tree", "plain", explain=True)
    assert not encoded.plan.token_vectors
    assert shown(kept) == shown(encoded)
    assert set(TEXTS.values()) <= library.read()


async def test_sections_of_documents_are_compared_by_what_is_kept(library: Library) -> None:
    parts = [Section(str(n), Content(Modality.TEXT, text)) for n, text in enumerate(TEXTS.values())]
    await library.ingest("texts", Item("all", parts), space="words-b", token_vectors=EVERY_ROW)
    library.forget_runs()

    reply = await library.ask("the old tree", granularity=Granularity.DOCUMENT)

    assert library.read() <= {"the old tree"}
    assert reply.plan.token_vectors
    (found,) = reply.hits
    assert len(found.sections) == 2
    assert all(one.rerank_score is not None for one in (found, *found.sections))
    assert all(one.hit.multi_vector is None for one in (found, *found.sections))


async def test_one_run_of_an_encoder_makes_both_kinds_of_vectors(library: Library) -> None:
    await library.fill(token_vectors=EVERY_ROW)

    read = [text for batch in library.models["words-b"].batches for text in batch]
    assert sorted(text for text in read if text in TEXTS.values()) == sorted(TEXTS.values())
    assert not library.models["words-a"].batches


async def test_alignments_point_at_the_words_of_a_text_below_its_titles(library: Library) -> None:
    text = "naïve red apples"
    await library.ingest("texts", item("a", text, "Größe", "Fruit"), space="words-b", token_vectors=EVERY_ROW)

    (hit,) = (await library.ask("apples naïve Fruit", explain=True)).hits

    data = text.encode()
    pairs = present(hit.alignment).pairs
    spans = {tuple(map(int, pair.candidate.place)) for pair in pairs if pair.similarity > 0.99}
    assert {data[begin:end].decode() for begin, end in spans} == {"apples", "naïve"}
    rows = present(await library.rows("apples"))
    assert len(rows) == 5  # the titles count, and have no bytes of the text
    assert rows.locators.places[:2].tolist() == [[0, 0], [0, 0]]


async def test_pooled_rows_have_the_bytes_of_the_words_that_they_are_of(library: Library) -> None:
    pooled = TokenVectors(pooling=MethodChoice("neighbours", {"factor": 2}))
    await library.ingest("texts", item("a", "red red blue blue"), space="words-b", token_vectors=pooled)

    rows = present(await library.rows("red"))

    assert rows.locators.places.tolist() == [[0, 7], [8, 17]]
    unit = direction("red") / np.linalg.norm(direction("red"))
    assert rows.values[0] @ unit == pytest.approx(1, abs=0.01)


async def test_texts_are_split_and_each_piece_has_its_own_rows(tmp_path: Path) -> None:
    library = Library(tmp_path, window=6)
    long = "one two three four five six. seven eight nine ten. eleven twelve."
    await library.ingest("texts", item("long", long), space="words-b", token_vectors=EVERY_ROW)

    for hit in (await searched(library.index, "texts", text="three nine twelve", token_vectors=True)).hits:
        places = present(hit.multi_vector).locators.places.tolist()
        assert [hit.text.encode()[a:b].decode() for a, b in places] == hit.text.split()
    await library.close()


async def test_pictures_are_compared_by_their_words_beside_texts_by_their_rows(tmp_path: Path) -> None:
    library = Library(tmp_path)
    await library.fill(token_vectors=EVERY_ROW)
    bare = await library.index.get_item("texts", "boats")
    own = (await searched(library.index, "texts", text="boats")).hits[0]
    # A section that was written without rows, as by another client.
    known = dataclasses.replace(bare, id="bare")
    vector = (
        await library.encoder.encode(EncodeRequest("words-b", [Content(Modality.TEXT, own.text)]), NO_CALL)
    ).results[0]
    assert isinstance(vector, Encoding)
    section = IndexedSection(present(vector.vector), "", Modality.TEXT)
    await library.index.upsert("texts", [IndexedItem(known, [section])])
    library.forget_runs()

    reply = await library.ask("blue boats")

    assert library.read() == {"blue boats", TEXTS["boats"]}
    scores = dict(shown(reply))
    assert scores["bare"] == scores["boats"]
    await library.close()


async def test_a_collection_without_rows_and_a_search_without_a_reranker_are_as_before(
    library: Library,
) -> None:
    await library.fill(token_vectors=EVERY_ROW)
    library.forget_runs()

    query = retrieval("texts", [words("red apples")])
    reply = await library.answerer.retrieve(query)

    assert not reply.plan.token_vectors
    assert reply.hits[0].rerank_score is None


async def test_rows_of_an_older_model_are_not_compared_until_they_are_made_again(tmp_path: Path) -> None:
    old = Library(tmp_path)
    # The collection's own space stays; that of its rows is served anew.
    await old.ingest(
        "texts", *(item(k, t) for k, t in TEXTS.items()), space="words-a", token_vectors=EVERY_ROW
    )
    kept = present((await old.index.get_collection("texts")).token_vectors)
    await old.close()
    library = Library(tmp_path)
    moved = SpaceRef("words-b", "newer", "f")
    spaces = TokenSpaces([TokenSpace("words-b", moved, WIDTH)])
    answerer = Answerer(
        PipelineParts(
            encoder=library.encoder,
            index=library.index,
            reranker=Reranker(library.encoder, space="words-b"),
            single=library.single,
            token_spaces=spaces,
        )
    )

    reply = await answerer.retrieve(retrieval("texts", [words("old tree")], reranker=LATE))
    await answerer.ingest(IngestRequest("texts", [item("new", "a new tree")]))

    assert not reply.plan.token_vectors
    assert len(reply.hits) == 3
    assert present(reply.hits[0].rerank_score) > 0
    assert await library.rows("new") is None
    assert spaces.again(kept) == dataclasses.replace(kept, space=moved)
    await library.close()


async def test_a_reindex_makes_rows_in_the_model_that_is_served(tmp_path: Path) -> None:
    old = Library(tmp_path, seed="0")
    await old.fill(token_vectors=EVERY_ROW)
    before = present((await old.index.get_collection("texts")).token_vectors)
    await old.close()
    library = Library(tmp_path, seed="1")

    progress = [one async for one in library.answerer.reindexing(library.index).reindex("texts")]

    assert progress[-1].finished
    after = present((await library.index.get_collection("texts")).token_vectors)
    assert before.space != after.space == library.token_space
    assert present(await library.rows("apples")).space == library.token_space
    library.forget_runs()
    assert (await library.ask("the old tree")).plan.token_vectors
    assert library.read() <= {"the old tree"}
    await library.close()


async def test_a_collection_whose_rows_alone_are_of_an_older_model_is_encoded_again(tmp_path: Path) -> None:
    library = Library(tmp_path)
    stale = TokenVectors(SpaceRef("words-b", "older", "f"), WIDTH)
    own = library.single[0]
    other = Index.open(tmp_path / "other", served=ServedSpaces([own.ref]))
    answerer = Answerer(
        PipelineParts(
            encoder=library.encoder,
            index=other,
            reranker=None,
            single=library.single,
            token_spaces=TokenSpaces([TokenSpace("words-b", library.token_space, WIDTH)]),
        )
    )
    await other.create_collection("texts", own.ref, own.width, token_vectors=stale)
    await answerer.ingest(IngestRequest("texts", [item("a", "red apples")]))
    assert (await searched(other, "texts", text="red", token_vectors=True)).hits[0].multi_vector is None

    progress = [one async for one in answerer.reindexing(other).reindex("texts")]

    assert progress[-1].needed
    hit = (await searched(other, "texts", text="red", token_vectors=True)).hits[0]
    assert present(hit.multi_vector).space == library.token_space
    again = [one async for one in answerer.reindexing(other).reindex("texts")]
    assert not again[-1].needed
    await other.close()
    await library.close()


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (TokenVectors(SpaceRef("colours", "", "")), NotFound),
        (TokenVectors(pooling=MethodChoice("melt")), NotFound),
        (TokenVectors(codec=MethodChoice("int8", {"oversampling": 0})), InvalidInput),
    ],
)
async def test_what_cannot_be_kept_is_refused_before_anything_is_encoded(
    library: Library, asked: TokenVectors, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await library.fill(token_vectors=asked)

    assert not library.read()
    with pytest.raises(NotFound):
        await library.index.get_collection("texts")


async def test_a_collection_that_keeps_others_refuses_the_request(library: Library) -> None:
    await library.fill(token_vectors=EVERY_ROW)
    await library.fill("plain")

    await library.fill(token_vectors=EVERY_ROW)
    with pytest.raises(AlreadyExists):
        await library.fill(token_vectors=TokenVectors())
    with pytest.raises(AlreadyExists):
        await library.fill("plain", token_vectors=EVERY_ROW)
