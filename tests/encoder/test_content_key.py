"""Equal keys mean equal results: everything that a result depends on is in the key."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.encoder.cache.content_key import ContentKeys, size
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector, VectorKind

SPACE = SpaceRef("words", "r1", "f1")
WHOLE = EncodePlan()


def key(
    data: Any,
    *,
    space: SpaceRef = SPACE,
    limits: Limits | None = None,
    plan: EncodePlan = WHOLE,
) -> bytes:
    content = Content(Modality.TEXT, data)
    (found,) = ContentKeys(space, limits or Limits()).of([content], plan)
    return found


def test_the_same_content_has_the_same_key_in_every_process() -> None:
    assert key("tea") == key("tea")
    assert len(key("tea")) == 32


@pytest.mark.parametrize("field", ["name", "revision", "fingerprint"])
def test_another_space_revision_or_fingerprint_has_other_keys(field: str) -> None:
    assert key("tea") != key("tea", space=dataclasses.replace(SPACE, **{field: "else"}))


def test_kinds_and_limits_are_in_the_key() -> None:
    keys = [
        key("tea"),
        key("tea", plan=EncodePlan(kinds=frozenset({VectorKind.MULTI_VECTOR}))),
        key("tea", plan=EncodePlan(kinds=frozenset(VectorKind))),
        key("tea", limits=Limits(text_bytes=2)),
    ]

    assert len(set(keys)) == len(keys)


def test_the_key_does_not_depend_on_the_order_of_a_set_nor_on_the_process() -> None:
    asked = EncodePlan(kinds=frozenset(VectorKind), truncation=Truncation.END)

    assert str(asked) == ('{"kinds": ["dense", "labels", "multi_vector", "sparse"], "truncation": "end"}')


def test_a_text_has_another_key_than_the_bytes_or_the_numbers_that_look_like_it() -> None:
    numbers = np.frombuffer(b"eight by", np.int64)

    keys = [
        key("eight by"),
        key(b"eight by"),
        key(TokenNumbers(numbers)),
        key(TokenNumbers(numbers.astype(np.float64))),
        key(numbers),
        key(numbers[None]),
    ]

    assert len(set(keys)) == len(keys)


def test_a_text_that_has_no_utf8_has_a_key_too() -> None:
    assert key("\ud800") != key("?")


def test_a_view_into_a_larger_array_is_its_own_numbers() -> None:
    numbers = np.arange(10, dtype=np.int64)

    assert key(TokenNumbers(numbers[::2])) == key(TokenNumbers(np.array([0, 2, 4, 6, 8], np.int64)))


def test_a_precomputed_vector_has_no_key() -> None:
    with pytest.raises(TypeError, match="Vector"):
        key(Vector(np.ones(3, np.float32), SPACE))


def test_the_size_is_that_of_what_is_hashed() -> None:
    contents = [
        Content(Modality.TEXT, "four"),
        Content(Modality.TEXT, TokenNumbers(np.arange(2, dtype=np.int64))),
    ]

    assert size([*contents, Content(Modality.IMAGE, b"123"), Content(Modality.POINTS, np.zeros(3))]) == 47


@given(st.lists(st.text(), min_size=2, max_size=8, unique=True))
def test_different_texts_have_different_keys(texts: list[str]) -> None:
    assert len({key(text) for text in texts}) == len(texts)
