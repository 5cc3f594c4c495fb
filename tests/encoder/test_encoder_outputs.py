"""What an encoder can be asked for: widths, kinds and element types; and vectors that come along."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from support.asking import encodings, error, texts, vector
from support.bag_of_words import WIDTH, BagOfWords, card, dense
from tieback.core.call import NO_CALL
from tieback.core.errors import (
    InvalidInput,
    SpaceMismatch,
)
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest
from tieback.encoder import Encoder
from tieback_contract.encodings import Encoding
from tieback_contract.locators import LocatorKind
from tieback_contract.vectors import DType, SpaceRef, Vector, VectorKind

SPACE = "bag-of-words"


async def test_a_matryoshka_width_is_cut_and_normalised_again(encoder: Encoder) -> None:
    reply = await encoder.encode(EncodeRequest(SPACE, texts("tea and milk"), EncodePlan(width=8)), NO_CALL)

    full = dense("tea and milk")[:8]
    np.testing.assert_allclose(
        vector(encodings(reply)[0]).values, full / np.linalg.norm(full), rtol=1e-5, atol=1e-6
    )


async def test_a_width_that_is_not_offered_is_refused_and_those_that_are_are_named(encoder: Encoder) -> None:
    with pytest.raises(InvalidInput, match="8, 16, 32") as refused:
        await encoder.encode(EncodeRequest(SPACE, texts("a"), EncodePlan(width=10)), NO_CALL)

    assert str(refused.value.field) == "output.width"


async def test_a_kind_that_is_not_offered_is_refused_and_those_that_are_are_named(tmp_path: Path) -> None:
    encoder = Encoder([BagOfWords(card(tmp_path, kinds={VectorKind.DENSE}))])

    with pytest.raises(InvalidInput, match="no multi_vector to give; it offers: dense") as refused:
        await encoder.encode(
            EncodeRequest(SPACE, texts("a"), EncodePlan(kinds=frozenset({VectorKind.MULTI_VECTOR}))), NO_CALL
        )

    assert str(refused.value.field) == "output.kinds"
    await encoder.close()


async def test_all_kinds_come_from_one_pass(encoder: Encoder, model: BagOfWords) -> None:
    reply = await encoder.encode(
        EncodeRequest(SPACE, texts("tea and milk"), EncodePlan(width=16, kinds=frozenset(VectorKind))),
        NO_CALL,
    )

    (found,) = encodings(reply)
    assert found.multi_vector is not None
    assert found.multi_vector.values.shape == (3, 16)
    np.testing.assert_allclose(np.linalg.norm(found.multi_vector.values, axis=1), 1.0, atol=1e-6)
    assert found.multi_vector.locators.kind is LocatorKind.BYTE_SPAN
    assert found.multi_vector.locators.places.tolist() == [[0, 3], [4, 7], [8, 12]]
    assert [label.name for label in found.labels] == ["text"]
    assert vector(found).width == 16
    assert len(model.batches) == 1


async def test_sparse_vectors_come_in_the_form_that_is_asked_for(encoder: Encoder) -> None:
    kinds = frozenset({VectorKind.SPARSE})

    numbered, named = [
        encodings(
            await encoder.encode(
                EncodeRequest(SPACE, texts("tea and more tea"), EncodePlan(16, kinds=kinds, terms=terms)),
                NO_CALL,
            )
        )[0]
        for terms in (False, True)
    ]

    assert numbered.vector is None
    assert numbered.sparse is not None
    assert named.sparse is not None
    assert (numbered.sparse.indices.dtype, numbered.sparse.weights.dtype) == (
        np.dtype(np.int32),
        np.dtype(np.float32),
    )
    assert sorted(numbered.sparse.weights.tolist()) == [1, 1, 2]
    assert numbered.sparse.terms == ()
    assert named.sparse.terms == [f"term {number}" for number in numbered.sparse.indices]


async def test_a_space_without_dense_vectors_says_what_it_offers_and_can_be_measured(tmp_path: Path) -> None:
    encoder = Encoder([BagOfWords(card(tmp_path, kinds={VectorKind.SPARSE}, widths=(), width=1001))])
    await encoder.warm_up()

    with pytest.raises(InvalidInput, match="no dense to give; it offers: sparse") as refused:
        await encoder.encode(EncodeRequest(SPACE, texts("a")), NO_CALL)
    reply = await encoder.encode(
        EncodeRequest(
            SPACE, texts("a"), EncodePlan(kinds=frozenset({VectorKind.SPARSE}), dtype=DType.BINARY)
        ),
        NO_CALL,
    )

    assert str(refused.value.field) == "output.kinds"
    assert encodings(reply)[0].sparse is not None
    await encoder.close()


async def test_tokens_without_a_dense_vector_can_be_asked_for(encoder: Encoder) -> None:
    reply = await encoder.encode(
        EncodeRequest(SPACE, texts("tea"), EncodePlan(kinds=frozenset({VectorKind.MULTI_VECTOR}))), NO_CALL
    )

    assert encodings(reply)[0].vector is None
    assert encodings(reply)[0].multi_vector is not None
    assert encodings(reply)[0].labels == ()


@pytest.mark.parametrize("width", [None, 16])
async def test_smaller_element_types_stay_near_the_vector(encoder: Encoder, width: int | None) -> None:
    async def ask(dtype: DType) -> Vector:
        reply = await encoder.encode(
            EncodeRequest(SPACE, texts("tea and milk"), EncodePlan(width=width, dtype=dtype)), NO_CALL
        )
        return vector(encodings(reply)[0])

    exact, half, small, signs = [await ask(dtype) for dtype in DType]

    assert half.values.dtype == np.float16
    np.testing.assert_allclose(half.values.astype(np.float32), exact.values, atol=1e-3)
    assert small.values.dtype == np.int8
    assert np.abs(small.values).max() == 127
    np.testing.assert_allclose(small.values * small.scale, exact.values, atol=0.51 * small.scale)
    assert signs.values.dtype == np.uint8
    assert signs.width == exact.width == (width or WIDTH)
    np.testing.assert_array_equal(np.unpackbits(signs.values), exact.values > 0)
    assert {exact.scale, half.scale, signs.scale} == {0.0}


@pytest.mark.parametrize("dtype", list(DType))
async def test_a_precomputed_vector_passes_through(encoder: Encoder, model: BagOfWords, dtype: DType) -> None:
    (given,) = encodings(
        await encoder.encode(EncodeRequest(SPACE, texts("tea"), EncodePlan(dtype=dtype)), NO_CALL)
    )
    computed = len(model.batches)

    reply = await encoder.encode(
        EncodeRequest(SPACE, [Content(None, vector(given)), *texts("milk")], EncodePlan(dtype=dtype)), NO_CALL
    )

    passed = vector(encodings(reply)[0])
    assert passed.dtype is dtype
    np.testing.assert_allclose(
        passed.values.astype(np.float32), vector(given).values.astype(np.float32), atol=1
    )
    if dtype is DType.FLOAT32:
        np.testing.assert_allclose(passed.values, dense("tea"), atol=1e-6)
    assert encodings(reply)[0].token_count == 0
    assert len(model.batches) == computed + 1


async def test_a_precomputed_vector_is_checked(encoder: Encoder, model: BagOfWords) -> None:
    own = model.card.space
    good = dense("tea")

    def content(values: np.ndarray, space: SpaceRef = own) -> Content:
        return Content(None, Vector(values, space))

    reply = await encoder.encode(
        EncodeRequest(
            SPACE,
            [
                content(good, dataclasses.replace(own, name="other")),
                content(good, dataclasses.replace(own, revision="older")),
                content(good, dataclasses.replace(own, fingerprint="else")),
                content(np.where(np.arange(WIDTH) == 3, np.nan, good).astype(np.float32)),
                content(np.where(np.arange(WIDTH) == 3, np.inf, good).astype(np.float32)),
                content(np.zeros(WIDTH, np.float32)),
                content(good[:10]),
                content(good[:16]),
                content(good[None]),
                content(good * 5),
            ],
        ),
        NO_CALL,
    )

    assert [type(error(reply, place)) for place in range(9)] == [SpaceMismatch] * 3 + [InvalidInput] * 6
    messages = [error(reply, place).message for place in range(9)]
    assert "'other'" in messages[0]
    assert "'older'" in messages[1]
    assert "'else'" in messages[2]
    assert "NaN" in messages[3]
    assert "NaN or an infinity" in messages[4]
    assert "zeros" in messages[5]
    assert "8, 16, 32" in messages[6]
    assert "output width of 16" in messages[7]
    assert "one axis" in messages[8]
    assert str(error(reply, 0).field) == "contents[0].vector.space"
    assert str(error(reply, 3).field) == "contents[3].vector.values"
    last = reply.results[9]
    assert isinstance(last, Encoding)
    np.testing.assert_allclose(vector(last).values, good, atol=1e-6)


async def test_a_narrow_vector_passes_where_its_width_is_asked_for(
    encoder: Encoder, model: BagOfWords
) -> None:
    narrow = dense("tea")[:16]
    narrow /= np.linalg.norm(narrow)

    reply = await encoder.encode(
        EncodeRequest(SPACE, [Content(None, Vector(narrow, model.card.space))], EncodePlan(width=16)), NO_CALL
    )

    np.testing.assert_allclose(vector(encodings(reply)[0]).values, narrow, atol=1e-6)


async def test_a_vector_cannot_give_tokens(encoder: Encoder, model: BagOfWords) -> None:
    reply = await encoder.encode(
        EncodeRequest(
            SPACE,
            [Content(None, Vector(dense("tea"), model.card.space))],
            EncodePlan(kinds=frozenset({VectorKind.DENSE, VectorKind.MULTI_VECTOR})),
        ),
        NO_CALL,
    )

    assert "DENSE and nothing else" in error(reply, 0).message


async def test_binary_needs_a_width_of_whole_bytes(tmp_path: Path) -> None:
    encoder = Encoder([BagOfWords(card(tmp_path, widths=(12, WIDTH)))])

    with pytest.raises(InvalidInput, match="width is 12") as refused:
        await encoder.encode(
            EncodeRequest(SPACE, texts("a"), EncodePlan(width=12, dtype=DType.BINARY)), NO_CALL
        )

    assert str(refused.value.field) == "output.dtype"
    await encoder.close()


@pytest.mark.parametrize("dtype", list(DType))
async def test_a_batch_of_bad_inputs_alone_is_an_error_for_each_in_every_element_type(
    encoder: Encoder, dtype: DType
) -> None:
    reply = await encoder.encode(
        EncodeRequest(SPACE, texts("x" * 50_001, "y" * 50_001), EncodePlan(dtype=dtype)), NO_CALL
    )

    assert [type(result) for result in reply.results] == [InvalidInput, InvalidInput]
