"""Vectors of a codec that are sorted into lists: recall, writes meanwhile, restarts, damage."""

import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.damaged_files import damage_file
from tieback.index.memory.locking import ReadWriteLock
from tieback.index.vectors import listed, position_lists
from tieback.index.vectors.codec_choice import vectors_of
from tieback.index.vectors.coded import CodedVectors
from tieback.index.vectors.growing import GrowingVectors
from tieback.index.vectors.learned_state import LISTS
from tieback_contract.arrays import Array
from tieback_contract.method_choice import MethodChoice

WIDTH, COUNT, FLAT = 32, 3000, 1000


def clustered(count: int, seed: int = 0) -> Array:
    """Unit vectors around two hundred centres, as embeddings of a real collection lie."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((200, WIDTH))
    vectors = centres[rng.integers(0, 200, count)] + 0.7 * rng.standard_normal((count, WIDTH))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def store(folder: Path, codec: str = "int8", rescoring: str = "float32") -> GrowingVectors:
    return vectors_of(WIDTH, MethodChoice(codec, {"rescoring": rescoring}), folder, FLAT)


def coded(made: GrowingVectors) -> CodedVectors:
    assert isinstance(made.current, CodedVectors)
    return made.current


def everything(count: int = COUNT) -> Callable[[], Array]:
    return lambda: np.ones(count, bool)


def trained(folder: Path, vectors: Array, codec: str = "int8", rescoring: str = "float32") -> GrowingVectors:
    made = store(folder, codec, rescoring)
    made.put(np.arange(len(vectors)), vectors)
    made.train(ReadWriteLock(), everything(len(vectors)))
    return made


def recall(found: GrowingVectors, vectors: Array, queries: Array, allowed: Array, limit: int = 10) -> float:
    living = np.flatnonzero(allowed)
    shares = []
    for query in queries:
        best = living[np.argsort(-(vectors[living] @ query))[:limit]]
        positions, similarities = found.current.search(query, limit, allowed)
        assert allowed[positions].all()
        assert len(set(positions.tolist())) == len(positions) == min(limit, len(living))
        assert np.allclose(similarities, vectors[positions] @ query, atol=0.02)
        assert (np.diff(similarities) <= 0).all()
        shares.append(len(np.intersect1d(best, positions)) / limit)
    return float(np.mean(shares))


@pytest.mark.parametrize("codec", ["int8", "binary"])
@pytest.mark.parametrize("limit", [1, 10, 100])
def test_lists_find_most_of_the_nearest_and_look_at_a_part(tmp_path: Path, codec: str, limit: int) -> None:
    vectors, queries = clustered(COUNT), clustered(60, seed=1)

    made = trained(tmp_path, vectors, codec)

    assert recall(made, vectors, queries, np.ones(COUNT, bool), limit) >= 0.93
    if limit <= 10:
        looked_at = [len(coded(made).looked_at(query, limit, np.ones(COUNT, bool))) for query in queries]
        assert np.mean(looked_at) < 0.5 * COUNT


@pytest.mark.parametrize("share", [0.5, 0.1, 0.004])
def test_a_filter_makes_a_search_look_into_more_lists(tmp_path: Path, share: float) -> None:
    vectors, queries = clustered(COUNT), clustered(40, seed=1)
    allowed = np.random.default_rng(3).random(COUNT) < share

    assert recall(trained(tmp_path, vectors), vectors, queries, allowed) >= 0.94


def test_few_vectors_are_compared_all(tmp_path: Path) -> None:
    vectors = clustered(FLAT)
    made = store(tmp_path)
    made.put(np.arange(FLAT), vectors)

    assert not made.wants_training(FLAT)
    assert made.wants_training(FLAT + 1)
    assert recall(made, vectors, clustered(20, seed=1), np.ones(FLAT, bool)) == 1


def test_after_any_writes_each_living_vector_is_in_one_list(tmp_path: Path) -> None:
    vectors, rng = clustered(COUNT), np.random.default_rng(5)
    made = trained(tmp_path, vectors)
    living = np.ones(COUNT, bool)

    for turn in range(30):
        gone = rng.choice(np.flatnonzero(living), 40, replace=False)
        made.remove(gone)
        living[gone] = False
        back = rng.choice(np.flatnonzero(~living), 20, replace=False)
        vectors[back] = clustered(20, seed=100 + turn)
        made.put(back, vectors[back])
        living[back] = True

    lists = coded(made).lists
    assert lists is not None
    members = [one[:used] for one, used in zip(lists._members, lists._used.tolist(), strict=True)]
    assert sorted(np.concatenate(members).tolist()) == np.flatnonzero(living).tolist()
    assert lists.count == np.count_nonzero(living)
    assert recall(made, vectors, clustered(40, seed=1), living) >= 0.95


def test_what_is_written_while_lists_are_made_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, lock = clustered(COUNT), ReadWriteLock()
    made, living = store(tmp_path), np.ones(COUNT, bool)
    made.put(np.arange(COUNT), vectors)
    begun, let_go = threading.Event(), threading.Event()
    real = position_lists.trained

    def held(*arguments: object) -> object:
        found = real(*arguments)  # type: ignore[arg-type]  # passed on as they came
        begun.set()
        assert let_go.wait(20)
        return found

    monkeypatch.setattr(listed, "trained", held)
    training = threading.Thread(target=made.train, args=(lock, lambda: living))
    training.start()
    assert begun.wait(20)
    with lock.writing():
        assert not made.wants_training(COUNT)
        vectors[:900] = clustered(900, seed=7)  # more than are taken over at once
        made.put(np.arange(900), vectors[:900])
        made.remove(np.arange(1000, 1200))
        living[1000:1200] = False
    assert recall(made, vectors, clustered(10, seed=1), living) == 1, "until then all are compared"
    let_go.set()
    training.join()

    lists = coded(made).lists
    assert lists is not None
    assert lists.count == COUNT - 200
    assert recall(made, vectors, vectors[:40], living) >= 0.95


def test_twice_as_many_vectors_are_sorted_again(tmp_path: Path) -> None:
    made = trained(tmp_path, clustered(COUNT))

    assert not made.wants_training(2 * COUNT)
    assert made.wants_training(2 * COUNT + 1)


@pytest.mark.parametrize("rescoring", ["float32", "int8"])
def test_a_restart_sorts_only_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rescoring: str
) -> None:
    vectors = clustered(COUNT)
    before = coded(trained(tmp_path, vectors, rescoring=rescoring)).lists
    compared: list[int] = []
    real = position_lists.Centres.nearest

    def counted(self: position_lists.Centres, some: Array) -> Array:
        compared.append(len(some))
        return real(self, some)

    monkeypatch.setattr(position_lists.Centres, "nearest", counted)

    again = store(tmp_path, rescoring=rescoring)
    order = np.random.default_rng(0).permutation(COUNT)  # positions may be others than they were
    again.put(np.arange(COUNT), vectors[order])
    assert sum(compared) == 0
    again.put(np.arange(COUNT, COUNT + 5), clustered(5, seed=9))

    assert sum(compared) == 5
    assert not again.wants_training(COUNT + 5)
    assert before is not None
    lists = coded(again).lists
    assert lists is not None
    assert np.array_equal(lists._list_of[:COUNT], before._list_of[order])
    assert lists.centres.efforts.few == before.centres.efforts.few


@pytest.mark.parametrize("damage", ["altered", "cut", "missing"])
def test_lists_that_are_damaged_are_dropped_and_made_again(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = clustered(COUNT)
    trained(tmp_path, vectors)
    (path,) = (tmp_path / LISTS).glob("*/state.safetensors")
    damage_file(path, damage)

    with caplog.at_level(logging.ERROR):
        again = store(tmp_path)
    again.put(np.arange(COUNT), vectors)

    assert "is dropped" in caplog.text
    assert again.wants_training(COUNT)
    assert recall(again, vectors, clustered(10, seed=1), np.ones(COUNT, bool)) == 1
    again.train(ReadWriteLock(), everything())
    assert coded(store(tmp_path)).lists is not None


def test_lists_of_another_width_are_dropped(tmp_path: Path) -> None:
    trained(tmp_path, clustered(COUNT))

    other = vectors_of(WIDTH // 2, MethodChoice("int8"), tmp_path, FLAT)

    assert other.wants_training(FLAT + 1)


def test_a_folder_that_cannot_be_written_leaves_lists_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / LISTS).write_text("in the way")

    made = trained(tmp_path, clustered(COUNT))

    assert coded(made).lists is not None
    assert "were not kept" in caplog.text


def test_a_removed_collection_keeps_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "docs.lance"
    folder.mkdir()
    made = store(folder)
    made.put(np.arange(COUNT), clustered(COUNT))
    shutil.rmtree(folder)

    made.train(ReadWriteLock(), everything())

    assert coded(made).lists is not None
    assert not caplog.records
