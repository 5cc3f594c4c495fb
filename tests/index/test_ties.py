"""Hits of equal scores come in the order of their ids, whatever their last bits and wherever they are cut."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.requests import searched
from support.sections import SPACE, WIDTH, item, section, vector
from tieback.index import Index
from tieback.index.memory.collection import Memory
from tieback.index.memory.locking import ReadWriteLock
from tieback.index.query.comparison import Comparison
from tieback.index.vectors.codec_choice import vectors_of
from tieback.methods.rank_fusion import rank_fusions
from tieback_contract.arrays import Array
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import Granularity

COPIES, LIMIT = 40, 7
NOISE = 2e-7
"""Distance from each other of copies of one text that were encoded in different batches."""


def copies(seed: int) -> list[Any]:
    """Items of one text in an order by chance, each with vectors of its own last bits, and one other."""
    random = np.random.default_rng(seed)
    vectors = np.array([0.6, 0.5, 0.3, 0.1]) + NOISE * random.standard_normal((COPIES, WIDTH))
    items = [
        item(f"copy-{number:02d}", section(row.astype(np.float32), "the tide turns twice", title=f"{number}"))
        for number, row in enumerate(vectors)
    ]
    other = item("another", section((0.9, 0.5, 0.3, 0.1), "The tide is highest at the new moon."))
    return [other, *(items[place] for place in random.permutation(COPIES))]


WAYS: dict[str, dict[str, Any]] = {
    "vector": {},
    "filtered": {"filter": 'NOT item_id = "another"'},
    "words": {"vector": None, "text": "tide turns"},
    **{
        f"{name} of both": {"text": "moon tide", "rank_fusion": MethodChoice(name)}
        for name in rank_fusions.names()
    },
    "documents": {"granularity": Granularity.DOCUMENT},
    "expanded": {"text": "tide", "query_expansion": MethodChoice("rocchio", {"agreement": 0})},
    "different": {"diversity": 0.1},
    "one of an item": {"hits_per_item": 1},
}


@pytest.mark.parametrize("codec", ["float32", "binary"])
async def test_copies_of_a_text_come_by_id_in_every_way_of_searching(tmp_path: Path, codec: str) -> None:
    found: dict[str, list[list[str]]] = {}
    for seed in range(2):
        index = Index.open(tmp_path / str(seed))
        await index.create_collection("docs", SPACE, WIDTH, codec=MethodChoice(codec))
        await index.upsert("docs", copies(seed))
        for name, asked in WAYS.items():
            given = {"vector": vector(1, 0.5, 0, 0), "limit": LIMIT, **asked}
            hits = (await searched(index, "docs", **given)).hits
            found.setdefault(name, []).append([hit.item_id for hit in hits])
        await index.close()

    for name, orders in found.items():
        assert orders[0] == orders[1], name
        equal = [one for one in orders[0] if one.startswith("copy")]
        assert equal == [f"copy-{number:02d}" for number in range(len(equal))], name


@pytest.mark.parametrize(("codec", "flat"), [("float32", 10**6), ("float32", 300), ("int8", 300)])
def test_the_cut_of_many_vectors_is_not_between_equal_ones(tmp_path: Path, codec: str, flat: int) -> None:
    width, count = 32, 1000
    random = np.random.default_rng(4)
    vectors = random.standard_normal((count, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    equal = np.sort(random.choice(count, COPIES, replace=False))
    vectors[equal] = vectors[equal[0]] + NOISE * random.standard_normal((COPIES, width)).astype(np.float32)
    wholes = vectors_of(width, MethodChoice(codec), tmp_path, flat)
    wholes.put(np.arange(count), vectors)
    wholes.train(ReadWriteLock(), lambda: np.ones(count, bool))

    memory = Memory(width, wholes=wholes)
    found = positions_near(memory, vectors[equal[3]], count)

    assert wholes.current.structure == ("none" if flat > count else "lists" if codec == "int8" else "graph")
    assert sorted(found.tolist()) == equal.tolist()


def positions_near(memory: Memory, query: Array, count: int) -> Array:
    memory._living, memory._used = np.ones(count, bool), count
    compared = Comparison(memory, query, (), by_modality=False)
    return compared.nearest(LIMIT, np.ones(count, bool))[0]
