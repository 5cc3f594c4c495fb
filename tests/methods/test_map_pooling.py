"""Map pooling: DOLG and GeM by what their papers say, in arrays and in torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import planted_objects
from support.each import each
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.state import State
from tieback.models.pictures.classifier import REGIONS
from tieback_contract.arrays import Array
from tieback_lab.methods import map_pooling
from tieback_lab.methods.map_pooling import GRAPH, dolg, gem, map_poolings, part

METHODS = map_poolings.names()
DRAW = np.random.default_rng(0)
LOCAL = DRAW.normal(size=(40, 6, 8, 8)).astype(np.float32)
DEEP = np.maximum(DRAW.normal(size=(40, 10, 4, 4)), 0).astype(np.float32)
WIDTH = 8


def state_of(name: str) -> State:
    """A state as training may leave it: nothing in it is as `fit` began."""
    draw = np.random.default_rng(1)
    fitted = map_pooling.fit(name, LOCAL, DEEP, width=WIDTH)
    return {key: (one + 0.3 * draw.normal(size=one.shape)).astype(np.float32) for key, one in fitted.items()}


def test_the_local_part_is_orthogonal_to_the_global_one_at_every_cell() -> None:
    state = state_of("dolg")
    whole = gem.pooled(DEEP, state).astype(np.float64)

    parts = dolg.orthogonal(dolg.attended(LOCAL, state), whole)

    assert parts.shape == (40, 64, 10)
    assert np.abs(np.einsum("ncd,nd->nc", parts, whole)).max() < 1e-5
    assert np.linalg.norm(parts, axis=2).min() > 1e-3, "something is left of every cell"


def test_what_is_left_of_a_cell_is_the_paper_s_formula() -> None:
    state = state_of("dolg")
    features, whole = dolg.attended(LOCAL, state), gem.pooled(DEEP, state)

    parts = dolg.orthogonal(features, whole)

    for number, cell in ((0, 0), (7, 31), (39, 63)):
        one, across = features[number, cell].astype(float), whole[number].astype(float)
        np.testing.assert_allclose(parts[number, cell], one - (one @ across) / (across @ across) * across)


def test_where_there_is_no_global_part_nothing_is_taken_away() -> None:
    features = DRAW.normal(size=(2, 5, 3)).astype(np.float32)

    assert np.array_equal(dolg.orthogonal(features, np.zeros((2, 3))), features)


def test_a_cell_counts_by_the_softplus_of_its_score_and_not_by_its_length() -> None:
    state = {**state_of("dolg"), "local_bias": np.zeros(10, np.float32)}
    once, thrice = (dolg.attended(scale * LOCAL, {**state, "attention": np.zeros(10)}) for scale in (1, 3))
    bias = float(state["attention_bias"][0])

    np.testing.assert_allclose(once, thrice, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(once, axis=2), np.log1p(np.exp(bias)), rtol=1e-5)


def test_exponent_1_is_the_mean_and_a_large_one_the_largest_cell() -> None:
    mean, largest = (gem.generalized_mean(DEEP, np.array([power])) for power in (1.0, 40.0))

    np.testing.assert_allclose(mean, DEEP.mean(axis=(2, 3)), atol=1e-5)
    np.testing.assert_allclose(largest, DEEP.max(axis=(2, 3)), rtol=0.08)


@pytest.mark.parametrize("name", METHODS)
def test_vectors_are_unit_rows_of_the_width(name: str) -> None:
    vectors = map_poolings.configure(name)(LOCAL, DEEP, state_of(name))

    assert vectors.shape == (40, WIDTH)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_the_graph_says_what_the_method_says(name: str) -> None:
    state = state_of(name)
    tensors = {key: torch.from_numpy(one) for key, one in state.items()}

    found = map_poolings.form(GRAPH, name)(torch.from_numpy(LOCAL), torch.from_numpy(DEEP), tensors)

    np.testing.assert_allclose(found.numpy(), map_poolings.get(name)(LOCAL, DEEP, state), atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_maps_in_half_precision_are_pooled_nearly_as_in_full(name: str) -> None:
    state = state_of(name)

    half = map_poolings.get(name)(LOCAL.astype(np.float16), DEEP.astype(np.float16), state)

    np.testing.assert_allclose(half, map_poolings.get(name)(LOCAL, DEEP, state), atol=5e-3)


def test_a_region_is_the_cells_that_its_box_covers() -> None:
    whole, first, *_, last = (part(LOCAL, box) for box in REGIONS)

    assert np.array_equal(whole, LOCAL)
    assert np.array_equal(first, LOCAL[..., :4, :4])
    assert np.array_equal(last, LOCAL[..., 4:, 4:])
    assert {part(DEEP, box).shape[2:] for box in REGIONS[1:]} == {(2, 2)}


def test_before_training_the_global_half_is_white_and_the_local_half_has_its_share() -> None:
    state = map_pooling.fit("dolg", LOCAL, DEEP, {"share": 0.5, "shrinkage": 1e-6}, width=WIDTH)
    whole = gem.pooled(DEEP, state)
    local = dolg.orthogonal(dolg.attended(LOCAL, state), whole).mean(axis=1)
    fused = np.concatenate([whole, local], axis=1) @ state["fused"] + state["fused_bias"]

    np.testing.assert_allclose(np.cov(whole.T, bias=True), np.eye(10), atol=0.02)
    lengths = [np.sqrt((half**2).sum(axis=1).mean()) for half in (fused[:, :6], fused[:, 6:])]
    assert lengths[1] / lengths[0] == pytest.approx(0.5, rel=1e-3)


def test_a_planted_object_is_found_far_more_often_than_by_the_global_half_alone() -> None:
    recall = planted_objects.recalls(seed=7)

    assert recall["dolg"] >= recall["gem"] + planted_objects.POINTS


def broken(maps: Array) -> Array:
    out = maps.copy()
    out[0, 0, 0, 0] = np.nan
    return out


@each(
    "local, deep, width, field, says",
    [
        (LOCAL[0], DEEP, WIDTH, "maps", r"maps are \[pictures, channels, rows, columns\]"),
        (LOCAL[:3], DEEP, WIDTH, "maps", "of as many pictures each"),
        (LOCAL[:1], DEEP[:1], WIDTH, "maps", "maps of 2 pictures are needed; there are 1"),
        (broken(LOCAL), DEEP, WIDTH, "maps", "NaN"),
        (LOCAL, broken(DEEP), WIDTH, "maps", "NaN"),
    ],
)
@each("name", METHODS)
def test_maps_that_cannot_be_fitted_on_are_refused(
    name: str, local: Array, deep: Array, width: int, field: str, says: str
) -> None:
    with pytest.raises(InvalidInput, match=says) as refusal:
        map_pooling.fit(name, local, deep, width=width)

    assert str(refusal.value.field) == field


def test_a_width_that_the_maps_have_no_dimensions_for_is_refused() -> None:
    for name, parameters, width in (("gem", {}, 11), ("dolg", {"inner": 11}, WIDTH), ("dolg", {}, 1)):
        with pytest.raises(InvalidInput) as refusal:
            map_pooling.fit(name, LOCAL, DEEP, parameters, width=width)
        assert str(refusal.value.field) == "width"


def test_an_unknown_pooling_and_its_parameters_are_refused_with_the_choices() -> None:
    with pytest.raises(NotFound, match="no map pooling is named 'dolgg'; did you mean 'dolg'"):
        map_pooling.fit("dolgg", LOCAL, DEEP, width=WIDTH)
    with pytest.raises(InvalidInput, match="'inner'") as refusal:
        map_pooling.fit("dolg", LOCAL, DEEP, {"inner": 0}, width=WIDTH)
    assert str(refusal.value.field) == "parameters.inner"
