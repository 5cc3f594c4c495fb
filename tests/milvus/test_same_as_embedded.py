"""Both stores, given the same, answer the same: hits, scores and order."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.requests import searched
from support.sections import SPACE, WIDTH, item, section, vector
from tieback.core.types.collection import IndexedItem
from tieback.core.types.search import SearchReply
from tieback.index import Index
from tieback.milvus import MilvusIndex
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality

WORDS = [
    "harbour",
    "light",
    "keeper",
    "storm",
    "lamp",
    "tower",
    "rock",
    "tide",
    "boat",
    "rope",
    "stairs",
    "oil",
    "glass",
    "signal",
    "fog",
]
FOREIGN = ["Der Hafen und die Lichter der Türme", "Les phares de la côte et les bateaux du port"]
QUESTIONS = ["keepers of the lights", "storms and fog", "Leuchtturm Hafen", "les bateaux", "oil lamp oil"]


def library(count: int) -> list[IndexedItem]:
    """Items of one to four sections of various lengths, some of which continue others."""
    chance = random.Random(0)
    vectors = np.random.default_rng(0)
    items = []
    for number in range(count):
        parts = []
        for place in range(chance.randint(1, 4)):
            text = " ".join(chance.choices(WORDS, k=chance.randint(0, 60)))
            if number % 10 == 0:
                text = chance.choice(FOREIGN)
            modality = Modality.IMAGE if number % 4 == 3 else Modality.TEXT
            values = vectors.standard_normal(WIDTH)
            title = chance.choice(["", "Keepers", "On storms"])
            continues = place > 0 and chance.random() < 0.5
            parts.append(section(values, text, modality=modality, title=title, continues=continues))
        items.append(item(f"i{number:03}", *parts, title=f"Log {number}", year=float(number % 7)))
    return items


ASKED: dict[str, dict[str, Any]] = {
    "plain": {},
    "filtered": {"filter": "year > 2 AND NOT title : '7'"},
    "collapsed": {"collapse_pieces": True},
    "one of an item": {"hits_per_item": 1},
    "diverse": {"diversity": 0.5},
    "balanced": {"balance_modalities": True, "related_from": 0.5},
    "own kind": {"first_modality": Modality.IMAGE, "related_from": 0.5},
    "by rank": {"rank_fusion": MethodChoice("reciprocal_rank")},
    "highlighted": {"highlights": 2},
    "ignoring": {"ignored": [IgnoredDimensions(Modality.IMAGE, 0, 2)]},
}


@pytest.fixture
async def both(tmp_path: Path, index: MilvusIndex) -> AsyncIterator[tuple[Index, MilvusIndex]]:
    embedded = Index.open(tmp_path / "store")
    await embedded.create_collection("docs", SPACE, WIDTH)
    items = library(70)  # few enough for Milvus Lite to compare all of them
    for one in (embedded, index):
        for begin in range(0, len(items), 50):
            await one.upsert("docs", items[begin : begin + 50])
        await one.delete_items("docs", ["i005", "i006"])
        await one.upsert("docs", [item("i007", section((1, 0, 0, 0), "keeper"))])
    yield embedded, index
    await embedded.close()


def told(reply: SearchReply) -> list[tuple[object, ...]]:
    return [
        (
            *(hit.item_id, hit.section_id, hit.text, hit.metadata),
            pytest.approx(hit.score, rel=1e-4, abs=1e-5),
            _close(hit.vector_score),
            _close(hit.text_score),
            _close(hit.words_matched),
            [piece.section_id for piece in hit.pieces],
            [(one.span, _close(one.words)) for one in hit.highlights],
        )
        for hit in reply.hits
    ]


def _close(value: float | None) -> object:
    return None if value is None else pytest.approx(value, rel=1e-4, abs=1e-5)


@each("how", ASKED)
async def test_both_stores_find_the_same_with_the_same_scores(
    both: tuple[Index, MilvusIndex], how: str
) -> None:
    embedded, in_milvus = both
    chance = np.random.default_rng(1)
    for question in QUESTIONS:
        near = vector(*chance.standard_normal(WIDTH))
        for asked in ({"vector": near}, {"text": question}, {"vector": near, "text": question}):
            more = ASKED[how]
            wants = {
                "balanced": {"vector"},
                "ignoring": {"vector"},
                "diverse": {"vector"},
                "highlighted": {"text"},
            }
            if not wants.get(how, set()) <= asked.keys() or (how == "by rank" and len(asked) == 1):
                continue
            if how == "own kind" and asked.keys() != {"vector"}:
                continue
            call: dict[str, Any] = asked | more | {"limit": 15}

            expected = await searched(embedded, "docs", **call)
            found = await searched(in_milvus, "docs", **call)

            assert told(found) == told(expected)
            assert expected.hits
