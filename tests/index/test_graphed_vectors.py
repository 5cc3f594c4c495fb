"""Vectors that are searched by a graph: recall, filters, writes meanwhile, restarts, damage."""

import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from support.damaged_files import damage_file
from tieback.core.errors import InvalidInput
from tieback.index.memory.locking import ReadWriteLock
from tieback.index.vectors.codec_choice import vectors_of
from tieback.index.vectors.growing import FLAT_UP_TO, GrowingVectors
from tieback.index.vectors.hnsw import Graph
from tieback.index.vectors.hnsw_growth import GRAPH_FROM
from tieback.index.vectors.hnsw_vectors import GraphVectors
from tieback.index.vectors.learned_state import LISTS
from tieback.index.vectors.neighbours import Efforts
from tieback.methods.vector_search import EVERY
from tieback_contract.arrays import Array
from tieback_contract.method_choice import MethodChoice

WIDTH, COUNT, FLAT = 32, 3000, 1000


def clustered(count: int, seed: int = 0) -> Array:
    """Unit vectors around two hundred centres, as embeddings of a real collection lie."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((200, WIDTH))
    vectors = centres[rng.integers(0, 200, count)] + 0.7 * rng.standard_normal((count, WIDTH))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def store(folder: Path, codec: str = "float32") -> GrowingVectors:
    return vectors_of(WIDTH, MethodChoice(codec), folder, FLAT)


def everything(count: int = COUNT) -> Callable[[], Array]:
    return lambda: np.ones(count, bool)


def trained(folder: Path, vectors: Array, codec: str = "float32") -> GrowingVectors:
    made = store(folder, codec)
    made.put(np.arange(len(vectors)), vectors)
    made.train(ReadWriteLock(), everything(len(vectors)))
    assert graph_of(made).pending == 0
    return made


def graph_of(made: GrowingVectors) -> GraphVectors:
    assert isinstance(made.current, GraphVectors)
    return made.current


def recall(
    found: GrowingVectors,
    vectors: Array,
    queries: Array,
    allowed: Array,
    limit: int = 10,
    breadth: float = 1.0,
) -> float:
    living = np.flatnonzero(allowed)
    shares = []
    for query in queries:
        best = living[np.argsort(-(vectors[living] @ query))[:limit]]
        positions, similarities = found.current.search(query, limit, allowed, breadth)
        assert allowed[positions].all()
        assert len(set(positions.tolist())) == len(positions) == min(limit, len(living))
        assert np.allclose(similarities, vectors[positions] @ query, atol=0.002)
        assert (np.diff(similarities) <= 0).all()
        shares.append(len(np.intersect1d(best, positions)) / limit)
    return float(np.mean(shares))


def walks(made: GrowingVectors, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Efforts of the searches of the graph from now on."""
    efforts: list[int] = []
    real = Graph.search

    def counted(self: Graph, query: Array, limit: int, effort: int) -> tuple[Array, Array]:
        efforts.append(effort)
        return real(self, query, limit, effort)

    monkeypatch.setattr(Graph, "search", counted)
    return efforts


@pytest.mark.parametrize("codec", ["float32", "float16"])
@pytest.mark.parametrize("limit", [1, 10, 100])
def test_a_graph_finds_most_of_the_nearest(
    tmp_path: Path, codec: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, queries = clustered(COUNT), clustered(60, seed=1)

    made = trained(tmp_path, vectors, codec)
    efforts = walks(made, monkeypatch)

    assert recall(made, vectors, queries, np.ones(COUNT, bool), limit) >= 0.96
    if limit <= 10:
        assert len(efforts) == len(queries)


@pytest.mark.parametrize("share", [0.8, 0.5, 0.1, 0.004])
def test_a_filter_makes_a_search_look_further(tmp_path: Path, share: float) -> None:
    vectors, queries = clustered(COUNT), clustered(200, seed=1)
    allowed = np.random.default_rng(3).random(COUNT) < share

    assert recall(trained(tmp_path, vectors), vectors, queries, allowed) >= 0.96


def test_where_a_filter_lets_only_what_is_far_through_all_of_it_is_compared(tmp_path: Path) -> None:
    vectors, queries = clustered(COUNT), clustered(200, seed=1)
    made = trained(tmp_path, vectors)

    for query in queries:
        far = vectors @ query < np.median(vectors @ query)
        assert recall(made, vectors, query[None], far) == 1


def test_an_exact_search_compares_all(tmp_path: Path) -> None:
    vectors, queries = clustered(COUNT), clustered(200, seed=1)
    made = trained(tmp_path, vectors)

    assert recall(made, vectors, queries, np.ones(COUNT, bool), 10, EVERY) == 1
    positions, similarities = made.current.similarities(queries[0], np.arange(COUNT) % 3 == 0)
    assert sorted(positions.tolist()) == list(range(0, COUNT, 3))
    assert np.allclose(similarities, vectors[positions] @ queries[0], atol=1e-5)


def test_a_graph_begins_with_fewer_vectors_than_lists(tmp_path: Path) -> None:
    graphed, listed = (vectors_of(WIDTH, MethodChoice(codec), tmp_path) for codec in ("float32", "binary"))

    assert (graphed.wants_training(GRAPH_FROM), graphed.wants_training(GRAPH_FROM + 1)) == (False, True)
    assert GRAPH_FROM < FLAT_UP_TO
    assert (listed.wants_training(FLAT_UP_TO), listed.wants_training(FLAT_UP_TO + 1)) == (False, True)


def test_few_vectors_are_compared_all(tmp_path: Path) -> None:
    vectors = clustered(FLAT)
    made = store(tmp_path)
    made.put(np.arange(FLAT), vectors)

    assert made.current.exact
    assert not made.wants_training(FLAT)
    assert made.wants_training(FLAT + 1)
    assert recall(made, vectors, clustered(20, seed=1), np.ones(FLAT, bool)) == 1


def test_what_is_written_is_found_at_once_and_what_is_gone_is_not(tmp_path: Path) -> None:
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
        for position in back[:3]:
            assert made.current.search(vectors[position], 1, living)[0][0] == position

    graph = graph_of(made)
    assert graph.living + graph.pending == np.count_nonzero(living)
    assert np.allclose(made.current.take(np.flatnonzero(living)), vectors[living])
    assert recall(made, vectors, clustered(200, seed=1), living) >= 0.96


@pytest.mark.all
def test_what_is_pending_is_added_to_the_graph_and_the_effort_measured_again(tmp_path: Path) -> None:
    vectors = clustered(3 * COUNT)
    made = trained(tmp_path, vectors[:COUNT])
    before = graph_of(made).efforts

    made.put(np.arange(COUNT, 3 * COUNT), vectors[COUNT:])
    assert recall(made, vectors, clustered(200, seed=1), np.ones(3 * COUNT, bool)) >= 0.96
    assert made.wants_training(3 * COUNT)
    made.train(ReadWriteLock(), everything(3 * COUNT))

    graph = graph_of(made)
    assert not made.wants_training(3 * COUNT)
    assert (graph.pending, graph.living, len(graph.graph)) == (0, 3 * COUNT, 3 * COUNT)
    assert graph.efforts.measured_with > before.measured_with
    assert recall(made, vectors, clustered(200, seed=1), np.ones(3 * COUNT, bool)) >= 0.95


def test_a_graph_of_which_much_is_gone_is_made_anew(tmp_path: Path) -> None:
    vectors = clustered(COUNT)
    made, living = trained(tmp_path, vectors), np.ones(COUNT, bool)
    made.remove(np.arange(700))
    living[:700] = False
    assert not made.wants_training(COUNT - 700)
    made.remove(np.arange(700, 900))
    living[:900] = False

    assert made.wants_training(COUNT - 900)
    made.train(ReadWriteLock(), lambda: living)

    assert len(graph_of(made).graph) == COUNT - 900
    assert recall(made, vectors, clustered(200, seed=1), living) >= 0.96


def test_work_on_a_graph_can_be_given_up_and_goes_on_later(tmp_path: Path) -> None:
    vectors, asked = clustered(COUNT), 0
    made = store(tmp_path)
    made.put(np.arange(COUNT), vectors)

    def until(calls: int) -> Callable[[], Array]:
        def living() -> Array:
            nonlocal asked
            asked += 1
            if asked > calls:
                raise InterruptedError
            return np.ones(COUNT, bool)

        return living

    with pytest.raises(InterruptedError):
        made.train(ReadWriteLock(), until(2))
    assert made.current.exact
    asked = 0
    with pytest.raises(InterruptedError):
        made.train(ReadWriteLock(), until(8))
    assert graph_of(made).pending > 0
    assert not store(tmp_path).current.exact, "what was made is kept"
    assert recall(made, vectors, clustered(200, seed=1), np.ones(COUNT, bool)) >= 0.96
    graph_of(made).put(np.arange(1100), vectors[:1100])
    made.train(ReadWriteLock(), everything())
    assert graph_of(made).pending == 0


def test_equal_vectors_are_all_found(tmp_path: Path) -> None:
    vectors = clustered(COUNT)
    vectors[:500] = vectors[0]
    made = trained(tmp_path, vectors)

    found, _ = made.current.search(vectors[0], 400, np.ones(COUNT, bool))
    assert np.count_nonzero(found < 500) >= 390
    assert recall(made, vectors, vectors[1000:1040], np.ones(COUNT, bool)) >= 0.96


def test_what_is_written_while_a_graph_is_made_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, lock = clustered(COUNT), ReadWriteLock()
    made, living = store(tmp_path), np.ones(COUNT, bool)
    made.put(np.arange(COUNT), vectors)
    begun, let_go = threading.Event(), threading.Event()
    real = Graph.measured

    def held(self: Graph, queries: Array) -> Efforts:
        begun.set()
        assert let_go.wait(20)
        return real(self, queries)

    monkeypatch.setattr(Graph, "measured", held)
    training = threading.Thread(target=made.train, args=(lock, lambda: living))
    training.start()
    assert begun.wait(20)
    with lock.writing():
        assert not made.wants_training(COUNT)
        vectors[:900] = clustered(900, seed=7)
        made.put(np.arange(900), vectors[:900])
        made.remove(np.arange(1000, 1200))
        living[1000:1200] = False
    assert recall(made, vectors, clustered(10, seed=1), living) == 1, "until then all are compared"
    let_go.set()
    training.join()

    assert graph_of(made).living == COUNT - 200
    assert recall(made, vectors, vectors[:40], living) >= 0.96


@pytest.mark.parametrize("codec", ["float32", "float16"])
def test_a_restart_makes_no_link_again_but_for_what_is_new(
    tmp_path: Path, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = clustered(COUNT)
    vectors[100:120] = vectors[0]
    trained(tmp_path, vectors, codec)
    added: list[int] = []
    real = Graph.add

    def counted(self: Graph, some: Array) -> None:
        added.append(len(some))
        real(self, some)

    monkeypatch.setattr(Graph, "add", counted)

    again = store(tmp_path, codec)
    order = np.random.default_rng(0).permutation(COUNT)  # positions may be others than they were
    for part in np.split(np.arange(COUNT), 6):
        again.put(part, vectors[order][part])

    with_numbers = again.current.resident_bytes
    again.train(ReadWriteLock(), everything())
    assert (again.wants_training(COUNT), added) == (False, [])
    assert again.current.resident_bytes <= with_numbers - 20 * COUNT  # what found the nodes of rows is gone
    assert (graph_of(again).living, graph_of(again).pending) == (COUNT, 0)
    assert recall(again, vectors[order], clustered(200, seed=1), np.ones(COUNT, bool)) >= 0.96
    again.put(np.arange(COUNT, COUNT + 2000), clustered(2000, seed=9))
    again.train(ReadWriteLock(), everything(COUNT + 2000))
    assert sum(added) == 2000


@pytest.mark.all
def test_a_restart_after_a_fifth_was_removed_keeps_its_recall(tmp_path: Path) -> None:
    vectors = clustered(COUNT)
    trained(tmp_path, vectors)
    living = np.random.default_rng(8).random(COUNT) > 0.2

    again = store(tmp_path)
    again.put(np.flatnonzero(living), vectors[living])

    again.train(ReadWriteLock(), lambda: living)
    assert len(graph_of(again).graph) == COUNT
    assert recall(again, vectors, clustered(60, seed=1), living) >= 0.96


@pytest.mark.parametrize("damage", ["altered", "cut", "missing"])
def test_a_graph_that_is_damaged_is_dropped_and_made_again(
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
    assert not store(tmp_path).current.exact


@pytest.mark.parametrize("fault", ["beyond", "below", "level", "entry", "short", "high"])
def test_links_that_lead_out_of_the_graph_are_refused(tmp_path: Path, fault: str) -> None:
    trained(tmp_path, clustered(COUNT))
    (path,) = (tmp_path / LISTS).glob("*/state.safetensors")
    links = {name: array.copy() for name, array in load_file(path).items()}
    if fault == "beyond":
        links["neighbours"][7] = COUNT
    elif fault == "below":
        links["neighbours"][7] = -2
    elif fault == "level":
        links["levels"] = links["levels"][::-1].copy()
    elif fault == "entry":
        links["entry"][0] = COUNT
    elif fault == "short":
        links["neighbours"] = links["neighbours"][:-1]
    else:
        links["levels"][:] = 100

    with pytest.raises(InvalidInput):
        Graph.linked(WIDTH, links, half=False)


def test_a_graph_of_another_codec_or_width_is_dropped(tmp_path: Path) -> None:
    trained(tmp_path, clustered(COUNT))

    assert store(tmp_path, "float16").current.exact
    assert vectors_of(WIDTH // 2, MethodChoice("float32"), tmp_path, FLAT).current.exact


def test_a_folder_that_cannot_be_written_leaves_the_graph_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / LISTS).write_text("in the way")

    made = trained(tmp_path, clustered(COUNT))

    assert not made.current.exact
    assert "was not kept" in caplog.text


def test_a_removed_collection_keeps_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "docs.lance"
    folder.mkdir()
    made = store(folder)
    made.put(np.arange(COUNT), clustered(COUNT))
    shutil.rmtree(folder)

    made.train(ReadWriteLock(), everything())

    assert not made.current.exact
    assert not caplog.records
