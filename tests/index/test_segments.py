"""Where parts of the words of photos and sounds are: stored, found again, refused where they are wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, section, vector
from tieback.core.errors import InvalidInput
from tieback.core.types.collection import IndexedItem
from tieback.core.types.content import Item
from tieback.index import Index
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.modality import Modality
from tieback_contract.recognition import Segment, SegmentKind

SIGN = Segment((6, 10), Locator(LocatorKind.BOX, (0.25, 0.5, 0.5, 0.125)), 0.75, SegmentKind.LABEL)
SAID = Segment((0, 5), Locator(LocatorKind.TIME_RANGE, (0.5, 2.25)), 1.0)


def with_segments(*segments: Segment, text: str = "bench exit", **about: Any) -> IndexedItem:
    own, known = section(axis(0), text, **{"modality": Modality.IMAGE} | about)
    return IndexedItem(Item("a", [dataclasses.replace(own, segments=segments)]), [known])


async def test_segments_are_those_of_the_hit_also_after_a_restart(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    await index.create_collection("signs", SPACE, WIDTH)
    reply = await index.upsert(
        "signs",
        [
            with_segments(SIGN),
            dataclasses.replace(
                with_segments(SAID, modality=Modality.AUDIO),
                item=dataclasses.replace(with_segments(SAID).item, id="b"),
            ),
        ],
    )
    assert reply.results == [None, None]
    await index.close()

    again = Index.open(tmp_path)
    hits = (await searched(again, "signs", vector=vector(*axis(0)), limit=2)).hits
    stored = await again.get_item("signs", "a")
    await again.close()

    assert {hit.item_id: hit.segments for hit in hits} == {"a": (SIGN,), "b": (SAID,)}
    assert stored.sections[0].segments == (SIGN,)


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (with_segments(dataclasses.replace(SIGN, span=(6, 11))), "segments[0].span"),
        (with_segments(SIGN, modality=Modality.TEXT), "segments"),
        (with_segments(*[SIGN] * 4097), "segments"),
    ],
)
async def test_segments_that_are_not_of_the_sections_words_are_refused(
    tmp_path: Path, item: IndexedItem, field: str
) -> None:
    index = Index.open(tmp_path)
    await index.create_collection("signs", SPACE, WIDTH)

    (refused,) = (await index.upsert("signs", [item])).results

    await index.close()
    assert isinstance(refused, InvalidInput)
    assert str(refused.field) == f"items[0].item.sections[0].{field}"
