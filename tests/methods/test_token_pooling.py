"""Rows of tokens are grouped into fewer, by every method alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from support.each import each
from tieback.core.errors import InvalidInput
from tieback.methods.token_pooling import means_of, merged_spans, numbered, token_poolings, with_defaults
from tieback_contract.arrays import Array
from tieback_contract.method_choice import MethodChoice

EVERY = pytest.mark.parametrize("name", token_poolings.names())


def rows_of(count: int, seed: int = 0, width: int = 16) -> Array:
    rows = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@EVERY
@given(count=st.integers(1, 40), factor=st.integers(1, 16), seed=st.integers(0, 99))
def test_there_is_a_group_for_so_many_rows_numbered_by_their_first(
    name: str, count: int, factor: int, seed: int
) -> None:
    groups = token_poolings.configure(name, {"factor": factor})(rows_of(count, seed))

    assert len(np.unique(groups)) == -(-count // factor)
    assert (numbered(groups) == groups).all()


@EVERY
def test_rows_that_are_alike_become_one(name: str) -> None:
    kinds = rows_of(4)
    rows = np.repeat(kinds, 3, axis=0)

    groups = token_poolings.configure(name, {"factor": 3})(rows)

    assert groups.tolist() == np.repeat(np.arange(4), 3).tolist()
    assert means_of(rows, groups) == pytest.approx(kinds, abs=1e-6)


@EVERY
@pytest.mark.parametrize("factor", [0, 17])
def test_a_factor_out_of_its_range_is_refused(name: str, factor: int) -> None:
    with pytest.raises(InvalidInput) as error:
        token_poolings.configure(name, {"factor": factor}, field="pooling")

    assert str(error.value.field) == "pooling.parameters.factor"


@each("seed", range(5))
@each("factor", [2, 3, 5])
def test_ward_groups_as_scipy_does(factor: int, seed: int) -> None:
    rows = rows_of(50, seed)

    groups = token_poolings.configure("ward", {"factor": factor})(rows)

    reference = fcluster(linkage(rows, method="ward"), -(-50 // factor), criterion="maxclust")
    assert groups.tolist() == numbered(reference).tolist()


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_groups_of_neighbours_are_pieces_of_the_text(factor: int) -> None:
    groups = token_poolings.configure("neighbours", {"factor": factor})(rows_of(50))

    assert (np.diff(groups) >= 0).all()


def test_rows_that_cancel_out_are_represented_by_the_first() -> None:
    rows = np.array([[1, 0], [-1, 0], [0, 1]], np.float32)

    assert means_of(rows, np.array([0, 0, 1])).tolist() == [[1, 0], [0, 1]]


def test_spans_of_neighbours_become_one_and_of_others_that_nearest_to_the_mean() -> None:
    rows = np.array([[1, 0], [1, 0], [0, 1], [0.6, 0.8], [0, 1]], np.float32)
    groups = np.array([0, 0, 1, 0, 1])
    spans = np.array([[0, 3], [4, 9], [10, 12], [13, 15], [16, 20]])

    merged = merged_spans(rows, groups, means_of(rows, groups), spans)

    assert merged.tolist() == [[0, 9], [10, 12]]


def test_a_group_of_rows_without_bytes_has_none() -> None:
    rows = rows_of(3)
    spans = np.array([[0, 0], [0, 0], [0, 4]])
    groups = np.array([0, 1, 1])

    assert merged_spans(rows, groups, means_of(rows, groups), spans).tolist() == [[0, 0], [0, 4]]


def test_a_choice_without_a_name_is_the_default_with_its_parameters() -> None:
    assert with_defaults(MethodChoice("")) == MethodChoice("ward", {"factor": 3})
    assert with_defaults(MethodChoice("", {"factor": 2})) == MethodChoice("ward", {"factor": 2})
    assert with_defaults(MethodChoice("neighbours")) == MethodChoice("neighbours", {"factor": 3})
