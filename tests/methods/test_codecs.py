"""What codecs keep of vectors, and how a query is compared with it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from support.each import each
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.state import State
from tieback.methods.codecs import Codec, LearnedCodec, codecs
from tieback_contract.arrays import Array

WIDTH = 200  # no multiple of a word's bits
PARAMETERS: dict[str, dict[str, Any]] = {"prefix": {"dimensions": 70}, "straight_through": {"steps": 50}}


def made(name: str, width: int = WIDTH, parameters: Mapping[str, Any] | None = None) -> Codec:
    chosen = PARAMETERS.get(name) if parameters is None else parameters
    codec = codecs.configure(name, chosen)(width)
    if isinstance(codec, LearnedCodec):
        return codec.codec(learned(name, width))
    return codec


@functools.cache
def learned(name: str, width: int = WIDTH) -> State:
    """What a codec learns from 2,000 vectors."""
    codec = codecs.configure(name, PARAMETERS.get(name))(width)
    assert isinstance(codec, LearnedCodec)
    return codec.fit(unit(2000, width, seed=3))


def unit(count: int, width: int = WIDTH, seed: int = 0) -> Array:
    rows = np.random.default_rng(seed).standard_normal((count, width))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def largest(vectors: Array) -> Array:
    return np.asarray(np.abs(vectors).max(axis=1, keepdims=True))


@each("name", codecs.names())
def test_rows_are_as_large_as_the_codec_says_and_no_larger_than_the_vectors(name: str) -> None:
    codec = made(name)

    rows = codec.encode(unit(7))

    assert (rows.shape, rows.dtype) == ((7, codec.columns), codec.dtype)
    assert rows.nbytes == 7 * codec.row_bytes <= 7 * 4 * WIDTH


@each("name", codecs.names())
def test_a_codec_chooses_candidates_unless_its_rows_are_the_vectors_in_some_precision(name: str) -> None:
    codec = made(name)

    assert (codec.shortlist is None) == (codec.dtype.kind == "f")
    if codec.shortlist is not None:
        assert codec.shortlist.oversampling >= 1
        assert not made(codec.shortlist.rescoring).only_orders


@each("name", codecs.names())
def test_a_query_is_compared_with_what_rows_are_decoded_to(name: str) -> None:
    codec = made(name)
    rows, queries = codec.encode(unit(500)), unit(20, seed=1)

    for query in queries:
        decoded = codec.decode(rows) @ query
        found = codec.similarities(query, rows)
        assert found.dtype == np.float32
        # Of a query whose magnitudes are rounded to 7 steps, each is wrong by half a step at most.
        assert found == pytest.approx(decoded, abs=float(np.abs(query).max()) * WIDTH**0.5 / 14 + 1e-6)
        assert np.corrcoef(found, decoded)[0, 1] > 0.97


@each("name", codecs.names())
def test_the_best_by_rows_are_among_the_best_by_vectors(name: str) -> None:
    """Of 2,000 vectors, the ten that are nearest to a query near one of them are among its candidates."""
    vectors, codec = unit(2000), made(name)
    near = unit(2000, seed=2)
    vectors[:10] = vectors[0] + 0.5 * near[:10]  # ten that stand out
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    query = vectors[:10].mean(axis=0)

    likely = codec.similarities(query, codec.encode(vectors))

    assert set(np.argsort(-likely)[:20]) >= set(range(10))


@each("name", codecs.names())
@each("scale", [1e-38, 1e-6, 1.0, 1e4, 1e9])
def test_vectors_of_any_length_and_zeros_have_finite_rows_and_similarities(name: str, scale: float) -> None:
    codec = made(name)
    vectors = np.concatenate((unit(5) * np.float32(scale), np.zeros((1, WIDTH), np.float32)))

    rows = codec.encode(vectors)

    assert np.isfinite(codec.decode(rows)).all()
    for query in vectors:
        assert np.isfinite(codec.similarities(query, rows)).all()


@each("name", codecs.names())
def test_no_rows_have_no_similarities(name: str) -> None:
    codec = made(name)

    rows = codec.encode(np.zeros((0, WIDTH), np.float32))

    assert codec.decode(rows).shape == (0, WIDTH)
    assert codec.similarities(unit(1)[0], rows).shape == (0,)


def test_float32_is_the_vector_and_float16_moves_a_value_by_a_rounding() -> None:
    vectors = unit(50)

    whole, half = (one.decode(one.encode(vectors)) for one in (made("float32"), made("float16")))

    assert (whole == vectors).all()
    assert half == pytest.approx(vectors, rel=2**-11, abs=2**-24)


def test_what_half_precision_does_not_hold_counts_as_its_largest() -> None:
    codec = made("float16", 3)

    decoded = codec.decode(codec.encode(np.array([[1e9, -1e6, 2.0]], np.float32)))

    assert decoded.tolist() == [[65504.0, -65504.0, 2.0]]


def test_int8_moves_a_value_by_half_a_step_of_its_own_vector() -> None:
    vectors = unit(50) * np.float32(7)
    vectors[::2] *= np.float32(1e-3)
    codec = made("int8")

    decoded = codec.decode(codec.encode(vectors))

    assert (np.abs(decoded - vectors) <= largest(vectors) / 254 * 1.001).all()
    row = made("int8", 3).encode(np.array([[2.0, -1.0, 0.0]], np.float32))[0]
    assert row[:3].tolist() == [127, -64, 0]


def test_a_binary_row_is_the_signs_and_zero_is_none() -> None:
    codec = made("binary", 4)

    rows = codec.encode(np.array([[1, -1, 0.5, 0], [-3, 2, -1, 5]], np.float32))

    assert rows.tolist() == [[0b0101], [0b1010]]
    assert codec.decode(rows).tolist() == [[0.5, -0.5, 0.5, -0.5], [-0.5, 0.5, -0.5, 0.5]]


def test_a_binary_row_is_compared_by_the_magnitudes_of_the_query() -> None:
    codec = made("binary", 4)
    rows = codec.encode(np.array([[1, 1, 1, 1], [1, -1, -1, -1], [-1, -1, 1, 1]], np.float32))

    def compared(*query: float) -> list[float]:
        return list(codec.similarities(np.array(query, np.float32), rows))

    assert compared(7, -2, 0, 0) == pytest.approx([2.5, 4.5, -2.5])
    assert compared(0, 0, 0, 2) == pytest.approx([1.0, -1.0, 1.0])
    assert compared(0, 0, 0, 0) == [0, 0, 0]


def test_a_prefix_is_the_first_dimensions_at_length_1() -> None:
    codec = made("prefix", 4, {"dimensions": 2, "rows": "float32"})

    rows = codec.encode(np.array([[3, 4, 100, 100], [0, 0, 1, 0]], np.float32))

    assert codec.prefix == 2
    assert codec.decode(rows) == pytest.approx(np.array([[0.6, 0.8, 0, 0], [0, 0, 0, 0]]))
    assert codec.similarities(np.array([1, 1, 9, 9], np.float32), rows) == pytest.approx([1.4, 0])


@pytest.mark.parametrize("dimensions", [64, 65])
def test_a_prefix_as_wide_as_the_vectors_is_refused(dimensions: int) -> None:
    with pytest.raises(InvalidInput, match="vectors that have 64") as refusal:
        made("prefix", 64, {"dimensions": dimensions})

    assert str(refusal.value.field) == "parameters.dimensions"


def test_a_prefix_of_a_prefix_and_rows_of_no_codec_are_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot be prefixes") as refusal:
        made("prefix", 300, {"dimensions": 200, "rows": "prefix"})
    with pytest.raises(NotFound, match="codec"):
        made("prefix", 300, {"rows": "no_such_codec"})

    assert str(refusal.value.field) == "parameters.rows"
