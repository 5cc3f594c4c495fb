from typing import Any

import numpy as np
import pytest
from support.filtering import waiting
from support.held_training import held_training
from support.sections import item
from tieback.collections.balance import standard_scores
from tieback.collections.record import Record
from tieback.filters import parse
from tieback.index.memory.collection import Memory
from tieback.index.store.records import Put, Remove
from tieback.index.vectors.flat import FlatVectors
from tieback.index.vectors.ivf import InvertedVectors
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

WIDTH = 16


def clustered(count: int, seed: int = 0) -> Array:
    """Unit vectors around forty centres, as embeddings of a real collection lie."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((40, WIDTH))
    vectors = centres[rng.integers(0, 40, count)] + 0.5 * rng.standard_normal((count, WIDTH))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def put(version: int, vector: Array, **metadata: Any) -> Put:
    return Put(version, Record(item(f"i{version}", **metadata).item, [""], [Modality.TEXT], vector[None]))


def searched(memory: Memory, query: Array, limit: int, text: str = "") -> tuple[list[str], Array]:
    tree = parse(text)
    scans = memory.scan(tree, waiting)
    with memory.lock.reading():
        allowed = memory.allowed(tree, scans, waiting)
        positions, scores = memory.vectors.search(query, limit, allowed)
        return [memory.order_key(position)[0] for position in positions], scores


@pytest.fixture
def memory() -> Memory:
    """Two thousand items beyond what is searched exactly, not trained yet; every tenth is rare."""
    memory = Memory(WIDTH, flat_up_to=1000)
    memory.apply(put(n, vector, rare=n % 10 == 0) for n, vector in enumerate(clustered(2000)))
    return memory


def test_flat_search_is_exact(memory: Memory) -> None:
    vectors, queries = clustered(2000), clustered(20, seed=1)

    for query in queries:
        expected = np.sort(vectors @ query)[::-1][:10]
        names, scores = searched(memory, query, 10)
        assert np.allclose(scores, expected, atol=1e-5)
        assert names[0] == f"i{np.argmax(vectors @ query)}"


def test_a_collection_that_outgrew_exact_search_is_trained_and_keeps_its_recall(memory: Memory) -> None:
    vectors, queries = clustered(2000), clustered(50, seed=1)
    assert isinstance(memory.vectors, FlatVectors)
    assert memory.wants_training()

    memory.train()

    assert isinstance(memory.vectors, InvertedVectors)
    assert not memory.wants_training()
    recalled = 0
    for query in queries:
        best = {f"i{n}" for n in np.argsort(-(vectors @ query))[:10]}
        recalled += len(best & set(searched(memory, query, 10)[0]))
    assert recalled / 500 > 0.95


def test_a_narrow_filter_after_training_still_finds_all_it_lets_through(memory: Memory) -> None:
    memory.train()

    names, _ = searched(memory, clustered(1, seed=1)[0], 1000, "rare = true")

    assert set(names) == {f"i{n}" for n in range(0, 2000, 10)}


def test_replaced_and_removed_items_are_not_found_after_training(memory: Memory) -> None:
    memory.train()
    target = clustered(2000)[77]

    memory.apply([Remove(5000, "i77")])
    moved = Put(5001, Record(item("i78").item, [""], [Modality.TEXT], -target[None]))
    memory.apply([moved])

    assert "i77" not in searched(memory, target, 50)[0]
    assert searched(memory, -target, 1)[0] == ["i78"]
    with memory.lock.reading():
        positions, _ = memory.nearest(-target, 1, memory.living())
        assert np.allclose(memory.vectors.take(positions), -target)


def test_what_is_written_while_lists_are_trained_is_there_afterwards(memory: Memory) -> None:
    new = clustered(3, seed=9)

    with held_training(memory):
        memory.apply(
            [
                Remove(3000, "i5"),
                put(3001, new[0]),
                put(3002, new[1]),
                Remove(3003, "i6"),
                Remove(3004, "i3002"),
            ]
        )
        assert searched(memory, new[0], 1)[0] == ["i3001"]  # searches go on meanwhile

    assert isinstance(memory.vectors, InvertedVectors)
    assert searched(memory, new[0], 1)[0] == ["i3001"]
    every = set(searched(memory, new[0], 3000, "NOT item_id = x")[0])
    assert not every & {"i5", "i6", "i3002"}


def test_places_of_removed_sections_are_used_again() -> None:
    memory = Memory(WIDTH)

    for turn in range(20):
        memory.apply(
            Put(turn * 10 + n, Record(item(f"i{n}").item, [""], [Modality.TEXT], v[None]))
            for n, v in enumerate(clustered(10, seed=turn))
        )

    assert memory.section_count == 10
    with memory.lock.reading():
        assert len(memory.living()) <= 11


def test_standard_scores_do_not_depend_on_a_modalitys_offset_and_scale() -> None:
    rng = np.random.default_rng(0)
    low = rng.standard_normal(5000)
    high = low * 1.0 + 7.0
    hits = np.array([3.0, 1.0])

    (first, second) = standard_scores([hits, hits + 7.0], [low, high], [False, False])

    assert np.allclose(first, second, atol=0.05)  # the few rows of prior are all that is left of the offset
    assert first[0] == pytest.approx(3.0, abs=0.1)


def test_few_rows_that_are_alike_stand_out_from_everything_else() -> None:
    clips, texts = np.array([0.9, 0.9, 0.9]), np.linspace(0.0, 0.4, 50)

    (near, _) = standard_scores([clips, texts[-1:]], [clips, texts], [True, True])
    (far, _) = standard_scores([clips - 0.75, texts[-1:]], [clips - 0.75, texts], [True, True])

    assert near.min() > 3
    assert far.max() < 0.5


def test_equal_similarities_give_equal_finite_scores() -> None:
    (scores,) = standard_scores([np.full(3, 0.5)], [np.full(3, 0.5)], [True])

    assert scores.tolist() == [0.0, 0.0, 0.0]
