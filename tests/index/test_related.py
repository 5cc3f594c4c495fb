"""Hits by a vector alone: what is related first, and of that the query's own kind."""

from typing import Any

import pytest
from support.requests import searched
from support.sections import axis, item, section, vector
from tieback.core.errors import InvalidInput
from tieback.index import Index
from tieback_contract.modality import Modality

ALONG = vector(1, 0, 0, 0)
FROM = 0.4


@pytest.fixture
async def album(index: Index) -> Index:
    """Texts that are all near each other, and photos of which one is near the query."""
    texts = {f"text-{n}": section((0.55 - 0.01 * n, 0.2, 0, 0), f"text {n}") for n in range(12)}
    photos = {
        "cup": section((0.5, 0, 0, 0.3), "a cup", modality=Modality.IMAGE),
        "street": section((0.2, 0, 0, 0.9), "a street", modality=Modality.IMAGE),
    }
    far = {"far": section((0.1, 0, 0.9, 0), "far")}
    await index.upsert("docs", [item(name, one) for name, one in (texts | photos | far).items()])
    return index


async def found(index: Index, **asked: Any) -> list[str]:
    hits = (await searched(index, "docs", vector=ALONG, **asked)).hits
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    return [hit.item_id for hit in hits]


async def test_related_sections_of_the_first_modality_come_before_more_similar_ones(album: Index) -> None:
    names = await found(album, first_modality=Modality.IMAGE, related_from=FROM, limit=20)

    assert names == ["cup", *(f"text-{n}" for n in range(12)), "street", "far"]
    assert (await found(album, first_modality=Modality.IMAGE, related_from=FROM, limit=1)) == ["cup"]
    assert (await found(album, first_modality=Modality.IMAGE, limit=2)) == ["cup", "street"]


async def test_balanced_modalities_have_unrelated_sections_behind_related_ones(album: Index) -> None:
    names = await found(album, balance_modalities=True, related_from=FROM, limit=20)

    assert set(names[-2:]) == {"street", "far"}
    assert set(names[:-2]) == {"cup", *(f"text-{n}" for n in range(12))}


async def test_a_collection_of_one_modality_is_searched_as_it_is(index: Index) -> None:
    photos = [section(one, modality=Modality.IMAGE) for one in (axis(0), axis(1))]
    await index.upsert("docs", [item(f"photo-{n}", one) for n, one in enumerate(photos)])

    reply = await searched(index, "docs", vector=ALONG, first_modality=Modality.IMAGE, related_from=FROM)

    assert [(hit.item_id, hit.score) for hit in reply.hits] == [("photo-0", 1.0), ("photo-1", 0.0)]


async def test_a_first_modality_is_for_a_vector_alone(album: Index) -> None:
    for asked in (
        {"text": "cup"},
        {"vector": ALONG, "text": "cup"},
        {"vector": ALONG, "balance_modalities": True},
    ):
        with pytest.raises(InvalidInput) as refused:
            await searched(album, "docs", first_modality=Modality.IMAGE, **asked)

        assert str(refused.value.field) == "first_modality"
