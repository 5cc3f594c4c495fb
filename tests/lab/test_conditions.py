"""The pipeline under a condition that was learned from regions of photos."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from support import colours
from support.bound_library import Library
from support.present import present
from support.queries import photo, words
from support.requests import searched
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.ingestion import IngestRequest
from tieback.core.types.retrieval import QueryPart
from tieback.router.joint_space import JointSpace
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import QueryOptions
from tieback_contract.vectors import Vector, VectorKind
from tieback_lab.methods.conditional_projection import cross_attention
from tieback_lab.models.learned.conditional_space import ConditionalSpace

BY_REGIONS = {"colours": frozenset({VectorKind.MULTI_VECTOR})}
HUE = [MethodChoice("condition", {"name": "hue"})]
RED, GREEN = (250, 10, 10), (10, 250, 10)


def learned(space: JointSpace) -> list[ConditionalSpace]:
    """A condition of photos by their regions that was not trained."""
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(6, 3, space.width)).astype(np.float32)
    state = cross_attention.start(rows, np.ones((6, 3), bool), conditions=1, inner=2, width=8, seed=0)
    state["query"] = draw.normal(size=(1, 2)).astype(np.float32)
    name, method = "colours", "cross_attention"
    return [ConditionalSpace(name, Modality.IMAGE, space.ref, ("hue",), method, state, True, "r")]


@pytest.fixture
async def album(tmp_path: Path) -> AsyncIterator[Library]:
    """What `library` holds, by regions, and a photo that is red on the left and green on the right."""
    made = Library(tmp_path / "weights", stored=BY_REGIONS, per_region=True, halves=True, learned=learned)
    await made.fill()
    flag = Item("flag", [Section("1", Content(Modality.IMAGE, colours.halves(RED, GREEN)))])
    (result,) = (await made.answerer.ingest(IngestRequest("library", [flag]))).results
    assert result.error is None
    yield made
    await made.close()


async def test_hits_are_ordered_by_what_is_projected_of_their_stored_regions(album: Library) -> None:
    query = QueryPart(Content(Modality.IMAGE, colours.halves(RED, GREEN)))

    reply = await album.ask(query, stages=HUE)

    space = album.router.space
    asked = Vector(np.ones(space.width, np.float32), space.ref, normalized=False)
    stored = await searched(album.index, "library", vector=asked, multi_vectors=True)
    rows = {hit.item_id: hit.multi_vector.values for hit in stored.hits if hit.multi_vector is not None}
    (condition,) = learned(space)
    projected = dict(zip(rows, condition.project(list(rows.values()), "hue"), strict=True))
    scores = {name: float(one @ projected["flag"]) for name, one in projected.items()}
    found = {one.hit.item_id: one.rerank_score for one in reply.hits}
    assert [one.hit.item_id for one in reply.hits] == [*sorted(scores, key=lambda one: -scores[one]), "page"]
    assert found.pop("page") is None
    assert found == pytest.approx(scores, abs=2e-3)  # regions are stored in half precision
    assert reply.hits[0].hit.score == pytest.approx(1, abs=2e-3)
    assert all(one.hit.multi_vector is None and one.hit.vector is None for one in reply.hits)


async def test_what_a_collection_chooses_beside_a_condition_is_left_out(album: Library) -> None:
    await album.index.update_collection("library", QueryOptions(diversity=0.5))

    under = await album.ask(photo(*RED), reranker=None, stages=HUE)
    without = await album.ask(photo(*RED), reranker=None)

    assert (under.plan.options.stages, under.plan.options.diversity) == (HUE, 0)
    assert (without.plan.options.stages, without.plan.options.diversity) == (None, 0.5)
    with pytest.raises(InvalidInput, match="the condition orders the hits, and so would reranker"):
        await album.ask(photo(*RED), reranker=MethodChoice("best_pairs"), stages=HUE)


async def test_a_query_of_another_modality_is_refused(album: Library) -> None:
    with pytest.raises(InvalidInput, match="modality image, and the query is of text") as refused:
        await album.ask(words("red"), stages=HUE)

    assert str(refused.value.field) == "query[0].content"


async def test_a_collection_without_regions_is_not_searched_under_what_was_learned_from_them(
    tmp_path: Path,
) -> None:
    library = await Library(tmp_path / "weights", learned=learned).fill()

    with pytest.raises(InvalidInput, match="the collection keeps none") as refused:
        await library.ask(photo(*RED), stages=HUE)
    await library.close()

    assert str(refused.value.field) == "options.stages"


@pytest.mark.parametrize("regions", [True, False])
async def test_a_search_gives_the_vectors_of_hits_as_wholes_where_they_are_asked_for(
    tmp_path: Path, regions: bool
) -> None:
    stored = BY_REGIONS if regions else {}
    library = await Library(tmp_path / "weights", stored=stored, per_region=regions, halves=regions).fill()
    space = library.router.space
    asked = Vector(np.ones(space.width, np.float32), space.ref, normalized=False)

    reply = await searched(library.index, "library", vector=asked, vectors=True)
    without = await searched(library.index, "library", vector=asked)
    await library.close()

    assert len(reply.hits) == 4
    for hit in reply.hits:
        vector = present(hit.vector)
        assert vector.space == space.ref
        assert vector.values.shape == (space.width,)
        if not regions:
            assert hit.vector_score == pytest.approx(float(vector.values.sum()), abs=1e-3)
    assert all(hit.vector is None for hit in without.hits)
