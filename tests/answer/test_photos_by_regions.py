"""The pipeline over pictures that are stored by their regions: found, shown and reranked by them."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import colours
from support.bound_library import Library
from support.present import present
from support.queries import photo, words
from support.requests import searched
from tieback.answer.evidence import evidence_of
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.ingestion import IngestRequest
from tieback.core.types.retrieval import QueryPart
from tieback_contract.locators import LocatorKind
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import Vector, VectorKind

BY_REGIONS = {"colours": frozenset({VectorKind.MULTI_VECTOR})}
RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)


@pytest.fixture
async def album(tmp_path: Path) -> AsyncIterator[Library]:
    """What `library` holds, by regions, and a photo that is red on the left and green on the right."""
    made = await Library(tmp_path / "weights", stored=BY_REGIONS, per_region=True, halves=True).fill()
    flag = Item("flag", [Section("1", Content(Modality.IMAGE, colours.halves(RED, GREEN)), title="a flag")])
    (result,) = (await made.answerer.ingest(IngestRequest("library", [flag]))).results
    assert result.error is None
    yield made
    await made.close()


async def test_regions_of_pictures_are_asked_for_when_they_are_stored_and_not_when_they_ask(
    tmp_path: Path,
) -> None:
    # These eyes see no regions, and say so where they are asked for them.
    library = Library(tmp_path / "weights", stored={"colours": frozenset({VectorKind.MULTI_VECTOR})})
    page = Item("page", [Section("1", Content(Modality.TEXT, "the moon shines"))])
    picture = Item("sea", [Section("1", Content(Modality.IMAGE, colours.png(10, 10, 250)))])

    await library.answerer.ingest(IngestRequest("library", [page]))
    with pytest.raises(InvalidInput, match="no multi_vector to give"):
        await library.answerer.ingest(IngestRequest("library", [picture]))
    found = await library.ask(photo(10, 10, 250))

    assert found.hits
    await library.close()


async def test_a_photo_is_found_by_what_is_only_in_a_region_of_it_and_the_hit_says_where(
    album: Library,
) -> None:
    for colour, name, half in (("red", "rose", 0.0), ("green", "meadow", 0.5)):
        hits = [one.hit for one in (await album.ask(words(colour))).hits]

        assert [hit.item_id for hit in hits[:2]] == [name, "flag"]
        assert hits[1].region == (half, 0.0, 0.5, 1.0)


async def test_a_text_has_no_region_to_show_and_scores_as_its_whole(album: Library) -> None:
    reply = await album.ask(words("the moon shines"))

    best = reply.hits[0].hit
    assert (best.item_id, best.region) == ("page", None)
    collection = await album.index.get_collection("library")
    assert (collection.section_count, collection.vector_count) == (5, 5 + 4 * 2)


async def test_evidence_of_a_photo_says_where_in_it_what_was_looked_for_is(album: Library) -> None:
    passages = evidence_of((await album.ask(words("green"))).hits, 5)

    where = {passage.item_id: passage.region for passage in passages}
    assert where["flag"] == (0.5, 0.0, 0.5, 1.0)
    assert where["page"] is None


async def test_a_photo_alone_is_reranked_by_its_regions_and_told_which_are_alike(album: Library) -> None:
    query = QueryPart(Content(Modality.IMAGE, colours.halves(RED, GREEN)))

    reply = await album.ask(query, reranker=MethodChoice("late_interaction"), explain=True)

    first, *others = reply.hits
    assert first.hit.item_id == "flag"
    assert first.rerank_score == pytest.approx(1, abs=1e-3)
    assert all(one.rerank_score is None for one in others if one.hit.modality is Modality.TEXT)
    assert all(one.rerank_score < 0.95 for one in others if one.rerank_score is not None)
    assert first.alignment is not None
    assert {(pair.query.place, pair.candidate.place) for pair in first.alignment.pairs} == {
        (place, place) for place in ((0, 0, 1, 1), (0, 0, 0.5, 1), (0.5, 0, 0.5, 1))
    }
    assert all(one.hit.multi_vector is None for one in reply.hits)  # nobody asked for them


async def test_in_the_joint_space_the_best_pair_of_regions_is_a_choice(album: Library) -> None:
    # Half of it is red, as half of the flag is.
    query = QueryPart(Content(Modality.IMAGE, colours.halves(RED, BLUE)))

    reply = await album.ask(query, reranker=MethodChoice("best_pairs"))
    unasked = await album.ask(query, reranker=None)

    scores = {one.hit.item_id: one.rerank_score for one in reply.hits}
    assert scores["flag"] == pytest.approx(1, abs=1e-3)
    assert scores["rose"] == pytest.approx(1, abs=1e-3)
    assert present(scores["meadow"]) < 0.9
    assert unasked.plan.options.reranker == MethodChoice("none")


async def test_a_crop_that_is_too_small_for_regions_is_refused_or_searched_for_as_a_whole(
    album: Library,
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (7, 90), RED).save(file, "PNG")
    query = QueryPart(Content(Modality.IMAGE, file.getvalue()))

    with pytest.raises(InvalidInput, match=r"7 × 90 pixels.* 8 a side") as refused:
        await album.ask(query, reranker=MethodChoice("late_interaction"))
    reply = await album.ask(query, reranker=None)

    assert str(refused.value.field) == "query[0].content.image"
    assert reply.plan.options.reranker == MethodChoice("none")
    assert reply.hits[0].hit.item_id == "rose"


async def test_a_photo_that_is_stored_as_one_vector_is_reranked_by_its_words(tmp_path: Path) -> None:
    library = await Library(tmp_path / "weights").fill()

    reply = await library.ask(photo(*RED), reranker=MethodChoice("late_interaction"), explain=True)
    await library.close()

    (rose,) = [one for one in reply.hits if one.hit.item_id == "rose"]
    assert rose.alignment is not None
    assert {pair.candidate.kind for pair in rose.alignment.pairs} == {LocatorKind.BYTE_SPAN}


async def test_a_search_gives_the_vectors_of_pictures_where_they_are_asked_for(album: Library) -> None:
    space = album.router.space
    asked = Vector(np.ones(space.width, np.float32), space.ref, normalized=False)

    with_vectors, without = [
        (await searched(album.index, "library", vector=asked, multi_vectors=several)).hits
        for several in (True, False)
    ]

    (flag,) = [hit for hit in with_vectors if hit.item_id == "flag"]
    assert flag.multi_vector is not None
    assert flag.multi_vector.space == space.ref
    assert flag.multi_vector.values.shape == (3, space.width)
    assert flag.multi_vector.locators.places.tolist() == [[0, 0, 1, 1], [0, 0, 0.5, 1], [0.5, 0, 0.5, 1]]
    assert [hit.multi_vector is None for hit in with_vectors if hit.item_id == "page"] == [True]
    assert all(hit.multi_vector is None for hit in without)


async def test_regions_together_are_one_vector_as_before(tmp_path: Path) -> None:
    library = await Library(tmp_path / "weights", stored=BY_REGIONS, halves=True).fill()

    collection = await library.index.get_collection("library")
    hits = (await library.ask(words("green"))).hits

    assert collection.vector_count == collection.section_count == 4
    assert all(one.hit.region is None for one in hits)
    await library.close()
