"""Which vectors of tokens a collection can be asked to keep, and which rows it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.present import present
from support.sections import SPACE, WIDTH, axis, item, regions_of, section
from support.tokens import EXACT, OTHER, OWN, PLAIN, SERVED, SINGLE, WIDE, text, tokens_of
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound, SpaceMismatch, TiebackError
from tieback.core.types.collection import IndexedItem
from tieback.index import Index
from tieback_contract.arrays import Array
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import MultiVector, SpaceRef


@pytest.fixture
async def texts(index: Index) -> Index:
    """An index with a collection "texts" that keeps every row as it is."""
    await index.create_collection("texts", SPACE, WIDTH, token_vectors=PLAIN)
    return index


@pytest.fixture
async def serving(store: Path) -> AsyncIterator[Index]:
    index = Index.open(store, served=SERVED)
    yield index
    await index.close()


async def test_what_is_left_out_is_the_default(serving: Index) -> None:
    made = await serving.create_collection("texts", SPACE, WIDTH, token_vectors=TokenVectors())
    other = TokenVectors(SpaceRef("others", "", ""), pooling=MethodChoice("", {"factor": 2}))
    second = await serving.create_collection("more", SPACE, WIDTH, token_vectors=other)

    codec = MethodChoice("int8", {"oversampling": 2.0, "rescoring": "float32"})
    assert made.token_vectors == TokenVectors(OWN, WIDE, MethodChoice("ward", {"factor": 3}), codec)
    assert second.token_vectors == TokenVectors(OTHER, 32, MethodChoice("ward", {"factor": 2}), codec)


@each("asked, error, match", [
        (TokenVectors(SpaceRef("nowhere", "", "")), NotFound, "named 'nowhere'.*words"),
        (TokenVectors(SpaceRef("tokens", "r0", "f1")), SpaceMismatch, "tokens@r1"),
        (TokenVectors(width=3), InvalidInput, "the width is 3; that of 'tokens' is 64"),
        (TokenVectors(SpaceRef("mine", "r", "f"), 0), NotFound, "in full"),
        (TokenVectors(SpaceRef("mine", "r", "f"), 70_000), InvalidInput, "between 1 and 65536"),
        (TokenVectors(pooling=MethodChoice("melt")), NotFound, "melt.*neighbours"),
        (TokenVectors(codec=MethodChoice("zip")), NotFound, "zip.*int8"),
        (TokenVectors(pooling=MethodChoice("ward", {"factor": 0})), InvalidInput, "factor"),
        (TokenVectors(codec=MethodChoice("prefix", {"dimensions": 64})), InvalidInput, "prefix of 64"),
        (TokenVectors(codec=MethodChoice("itq")), InvalidInput, "learns from vectors"),
    ])  # fmt: skip
async def test_what_cannot_be_kept_is_refused(
    serving: Index, asked: TokenVectors, error: type[TiebackError], match: str
) -> None:
    with pytest.raises(error, match=match) as refused:
        await serving.create_collection("texts", SPACE, WIDTH, token_vectors=asked)

    if isinstance(refused.value, InvalidInput):
        assert str(refused.value.field).startswith("token_vectors.")
    with pytest.raises(NotFound):
        await serving.get_collection("texts")


async def test_a_server_without_token_vectors_takes_those_of_a_space_in_full_alone(index: Index) -> None:
    with pytest.raises(InvalidInput, match="no space of this server") as error:
        await index.create_collection("texts", SPACE, WIDTH, token_vectors=TokenVectors())

    assert str(error.value.field) == "token_vectors.space"
    assert (await index.create_collection("texts", SPACE, WIDTH, token_vectors=PLAIN)).token_vectors == PLAIN


async def test_a_collection_that_is_there_keeps_what_it_was_made_with(serving: Index) -> None:
    asked = TokenVectors(SpaceRef("words", "", ""))
    await serving.create_collection("texts", SPACE, WIDTH, token_vectors=asked)
    await serving.create_collection("bare", SPACE, WIDTH)

    for same in (None, TokenVectors(), asked):
        again = await serving.create_collection("texts", SPACE, WIDTH, token_vectors=same)
        assert present(again.token_vectors).space == OWN
    for other in (TokenVectors(OTHER), TokenVectors(codec=EXACT), TokenVectors(pooling=SINGLE)):
        with pytest.raises(AlreadyExists, match="keeps vectors of tokens in the space tokens@r1"):
            await serving.create_collection("texts", SPACE, WIDTH, token_vectors=other)
    with pytest.raises(AlreadyExists, match="without vectors of tokens"):
        await serving.create_collection("bare", SPACE, WIDTH, token_vectors=asked)


def with_rows(values: Array, spans: Any = None, **about: Any) -> IndexedItem:
    places = [(n, n + 1) for n in range(len(values))] if spans is None else spans
    multi = MultiVector(values, OWN, Locators.of(LocatorKind.BYTE_SPAN, places))
    return item("x", section(axis(0), "some words", tokens=multi, **about))


WRONG = {
    "no numbers": (with_rows(np.full((2, WIDE), np.nan, np.float32)), InvalidInput, "tokens.values"),
    "zeros": (with_rows(np.zeros((2, WIDE), np.float32)), InvalidInput, "tokens.values"),
    "another width": (with_rows(np.ones((2, 5), np.float32)), InvalidInput, "tokens.values"),
    "too many": (with_rows(np.ones((1025, WIDE), np.float32)), InvalidInput, "tokens.values"),
    "too few spans": (with_rows(np.ones((2, WIDE), np.float32), [(0, 1)]), InvalidInput, "tokens.byte_spans"),
    "a span backwards": (
        with_rows(np.ones((1, WIDE), np.float32), [(2, 1)]), InvalidInput, "tokens.byte_spans[0]",
    ),
    "a span far away": (
        with_rows(np.ones((1, WIDE), np.float32), [(0, 2**32)]), InvalidInput, "tokens.byte_spans",
    ),
    "a picture's": (
        with_rows(np.ones((1, WIDE), np.float32), modality=Modality.IMAGE), InvalidInput, "tokens",
    ),
    "boxes": (
        item("x", section(axis(0), "some words", tokens=regions_of(axis(0, WIDE), space=OWN))),
        InvalidInput,
        "tokens",
    ),
    "another space": (
        item("x", section(axis(0), "some words", tokens=tokens_of("some words", OTHER))),
        SpaceMismatch,
        "tokens.space",
    ),
}  # fmt: skip


@each("wrong", WRONG)
async def test_rows_that_cannot_be_kept_are_refused_and_the_others_written(texts: Index, wrong: str) -> None:
    indexed, kind, field = WRONG[wrong]

    refused, written = (await texts.upsert("texts", [indexed, text("c", "more words")])).results

    assert type(refused) is kind
    assert str(present(refused).field) == f"items[0].sections[0].{field}"
    assert written is None


async def test_a_collection_without_rows_refuses_some(index: Index) -> None:
    (refused,) = (await index.upsert("docs", [text("a", "red apples")])).results

    assert isinstance(refused, InvalidInput)
    assert "was made without vectors of tokens" in refused.message
