"""What codecs learn from vectors, and that it is of use for vectors that they did not learn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.each import each
from tieback.core.errors import InvalidInput
from tieback.core.state import check_state
from tieback.methods.codecs import Codec, LearnedCodec, codecs, itq, product, straight_through
from tieback_contract.arrays import Array

WIDTH = 64
LEARNED = [name for name in codecs.names() if isinstance(codecs.configure(name)(1024), LearnedCodec)]
FEW_STEPS: dict[str, dict[str, Any]] = {"straight_through": {"steps": 200}}


def correlated(count: int, seed: int, width: int = WIDTH) -> Array:
    """Unit vectors with a mean, whose variance is for the most part in few of the dimensions."""
    spread = np.geomspace(1, 0.05, width)
    rows = np.random.default_rng(seed).standard_normal((count, width)) * spread + 0.5 * spread
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def untrained(name: str, parameters: dict[str, Any] | None = None, width: int = WIDTH) -> LearnedCodec:
    codec = codecs.configure(name, FEW_STEPS.get(name) if parameters is None else parameters)(width)
    assert isinstance(codec, LearnedCodec)
    return codec


def trained(name: str, parameters: dict[str, Any] | None = None) -> Codec:
    codec = untrained(name, parameters)
    return codec.codec(codec.fit(correlated(2000, seed=1)))


def recall(codec: Codec, candidates: int = 10) -> float:
    """Of the ten best of 3,000 vectors that nothing was learned from, the share that is a candidate."""
    vectors, queries = correlated(3000, seed=2), correlated(100, seed=3)
    rows = codec.encode(vectors)
    found = 0
    for query in queries:
        best = np.argsort(-(vectors @ query))[:10]
        found += len(np.intersect1d(best, np.argsort(-codec.similarities(query, rows))[:candidates]))
    return found / (10 * len(queries))


@pytest.mark.parametrize("name", LEARNED)
def test_learned_rows_find_more_than_signs_of_as_many_bytes(name: str) -> None:
    signs = codecs.configure("binary")(WIDTH)
    assert isinstance(signs, Codec)
    codec = trained(name)

    assert codec.row_bytes == signs.row_bytes
    assert recall(codec) > recall(signs) + 0.05


@pytest.mark.parametrize("name", LEARNED)
def test_a_state_is_what_the_file_declares_and_the_same_of_the_same_vectors(name: str) -> None:
    codec, vectors = untrained(name), correlated(500, seed=1)

    state, again = codec.fit(vectors), codec.fit(vectors)

    assert codec.schema == codecs.state(name)
    check_state(state, codec.schema, width=WIDTH)
    assert all((state[key] == again[key]).all() for key in state)
    assert {array.dtype for array in state.values()} == {np.dtype(np.float32)}


@each("name", LEARNED)
@each("vectors", [np.zeros((300, WIDTH)), np.ones((300, WIDTH)), np.eye(300, WIDTH)])
def test_vectors_that_say_nothing_are_learned_from_without_an_error(name: str, vectors: Array) -> None:
    codec, rows = untrained(name), vectors.astype(np.float32)

    learned = codec.codec(codec.fit(rows))

    assert np.isfinite(learned.decode(learned.encode(rows))).all()
    assert np.isfinite(learned.similarities(rows[0], learned.encode(rows))).all()


@pytest.mark.parametrize("name", ["itq", "straight_through"])
def test_fewer_bits_take_less_memory_and_find_less(name: str) -> None:
    wide, narrow = (trained(name, {"bits_per_dimension": 8.0 * n / WIDTH}) for n in (8, 2))
    few = untrained(name, {"bits_per_dimension": 16 / 1024, "learned_from": 256}, width=1024)

    assert recall(narrow) < recall(wide)
    state = few.fit(correlated(300, seed=4, width=1024))
    assert (few.codec(state).row_bytes, few.learned_from) == (8, 256)


def test_the_learned_rotation_brings_vectors_nearer_to_their_signs_than_a_random_one() -> None:
    vectors = correlated(2000, seed=1)
    centred = vectors - vectors.mean(axis=0)
    state = itq.fit(vectors, bits=WIDTH)
    directions = state["projection"] / np.linalg.norm(state["projection"], axis=0)
    drawn = np.linalg.qr(np.random.default_rng(0).standard_normal((WIDTH, WIDTH)))[0]

    def lost(rotation: Array) -> float:
        rotated = centred @ rotation
        return float(np.square(rotated - np.abs(rotated).mean() * np.sign(rotated)).sum())

    assert directions.T @ directions == pytest.approx(np.eye(WIDTH), abs=1e-4)
    assert lost(directions) < 0.9 * lost(drawn)


def test_the_straight_through_training_lowers_the_cross_entropy_that_it_is_of() -> None:
    vectors, fresh = correlated(2000, seed=1), correlated(200, seed=5)

    def cross_entropy(codec: LearnedCodec) -> float:
        learned = codec.codec(codec.fit(vectors))
        rows = learned.encode(fresh)
        exact = fresh @ fresh.T / 0.1
        found = np.stack([learned.similarities(query, rows) for query in fresh]) / 0.1
        for one in (exact, found):
            np.fill_diagonal(one, -1e9)
            one -= one.max(axis=1, keepdims=True)
        wanted = np.exp(exact) / np.exp(exact).sum(axis=1, keepdims=True)
        return float(
            -(wanted * (found - np.log(np.exp(found).sum(axis=1, keepdims=True)))).sum(axis=1).mean()
        )

    assert cross_entropy(untrained("straight_through")) < cross_entropy(untrained("itq")) - 0.01


def test_the_gradient_is_that_of_the_cross_entropy_with_the_signs_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(straight_through, "_REACH", 0.0)  # nothing passes through the signs
    draw, batch = np.random.default_rng(0), correlated(20, seed=6).astype(np.float64)
    projection, thresholds = draw.standard_normal((WIDTH, 16)), draw.standard_normal(16)
    step = 1e-5 * draw.standard_normal((WIDTH, 16))
    signs = np.where(batch @ projection - thresholds > 0, 1.0, -1.0)
    others = ~np.eye(len(batch), dtype=bool)

    def loss(moved: Array) -> float:
        wanted = straight_through._softmax(batch @ batch.T / 0.1)
        found = straight_through._softmax(2.0 * (batch @ moved) @ signs.T)
        return float(-(wanted[others] * np.log(found[others])).sum() / len(batch))

    gradient, _ = straight_through._gradients(batch, projection, thresholds, np.float32(2.0), temperature=0.1)

    change = loss(projection + step) - loss(projection - step)
    assert change == pytest.approx(2 * float((gradient * step).sum()), rel=1e-3)


def test_a_row_of_product_quantisation_is_the_nearest_centre_of_each_subvector() -> None:
    vectors = correlated(600, seed=1)
    state = product.fit(vectors, dimensions_per_byte=16)
    codec = untrained("product", {"dimensions_per_byte": 16}).codec(state)

    rows = codec.encode(vectors)

    assert (rows.shape, rows.dtype) == ((600, 4), np.dtype(np.uint8))
    assert state["centres"].shape == (4, 256, 16)
    assert state["rotation"].T @ state["rotation"] == pytest.approx(np.eye(WIDTH), abs=1e-4)
    cuts = (vectors @ state["rotation"]).reshape(600, 4, 16)
    for place in range(4):
        distances = np.square(cuts[:, place, None] - state["centres"][place]).sum(axis=2)
        assert (distances[np.arange(600), rows[:, place]] <= distances.min(axis=1) + 1e-5).all()


@pytest.mark.parametrize(
    ("name", "parameters", "field"),
    [
        ("product", {"dimensions_per_byte": 7}, "dimensions_per_byte"),
        ("itq", {"bits_per_dimension": 0.1}, "bits_per_dimension"),
        ("straight_through", {"bits_per_dimension": 0.05}, "bits_per_dimension"),
    ],
)
def test_a_width_that_a_learned_codec_cannot_serve_is_refused(
    name: str, parameters: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput, match="64 dimensions") as refusal:
        untrained(name, parameters)

    assert str(refusal.value.field) == f"parameters.{field}"


@pytest.mark.parametrize("name", LEARNED)
def test_a_learned_codec_makes_no_rows_of_another(name: str) -> None:
    with pytest.raises(InvalidInput, match="learns from vectors") as refusal:
        codecs.configure("prefix", {"dimensions": 32, "rows": name})(WIDTH)

    assert str(refusal.value.field) == "parameters.rows"
