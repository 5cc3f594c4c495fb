"""Every projection, by listing them; what is particular to one method has a file of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.state import check_state
from tieback.methods.projection import GRAPH, fit, projections, unit_rows

ANCHORS = 300


@pytest.fixture(scope="module")
def pairs() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(ANCHORS, 12))
    return (
        unit_rows(hidden @ draw.normal(size=(12, 20)) + 0.1 * draw.normal(size=(ANCHORS, 20))),
        unit_rows(hidden @ draw.normal(size=(12, 24)) + 0.1 * draw.normal(size=(ANCHORS, 24))),
    )


@pytest.mark.parametrize("name", projections.names())
def test_a_fitted_projection_finds_partners_that_it_has_not_seen(
    name: str, pairs: tuple[np.ndarray, np.ndarray]
) -> None:
    source, target = pairs
    state = fit(name, source[:250], target[:250], seed=1)

    projected = projections.get(name)(source[250:], state)

    assert projected.shape == (50, 24)
    assert np.linalg.norm(projected, axis=1) == pytest.approx(np.ones(50), abs=1e-5)
    right = np.sum(projected * target[250:], axis=1).mean()
    wrong = (projected @ target[250:].T).mean()
    assert right > wrong + 0.2


@pytest.mark.parametrize("name", projections.names())
def test_the_graph_form_says_what_the_method_says(name: str, pairs: tuple[np.ndarray, np.ndarray]) -> None:
    source, target = pairs
    state = fit(name, source[:250], target[:250], seed=1)

    expected = projections.configure(name)(source[250:], state)
    tensors = {key: torch.from_numpy(array) for key, array in state.items()}
    found = projections.form(GRAPH, name)(torch.from_numpy(source[250:]), tensors)

    assert found.numpy() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", projections.names())
def test_a_state_that_lacks_an_array_or_has_another_shape_is_refused(
    name: str, pairs: tuple[np.ndarray, np.ndarray]
) -> None:
    state = dict(fit(name, *pairs, seed=1))
    schema, first = projections.state(name), next(iter(state))

    with pytest.raises(InvalidInput, match="should be") as refusal:
        check_state({**state, first: state[first][:-1]}, schema, source=20, target=24)
    with pytest.raises(InvalidInput, match=f"lacks the array '{first}'"):
        check_state({key: array for key, array in state.items() if key != first}, schema)
    with pytest.raises(InvalidInput, match="has an array 'more'"):
        check_state({**state, "more": state[first]}, schema)

    assert str(refusal.value.field) == "state"


@pytest.mark.parametrize("name", projections.names())
def test_the_same_seed_gives_the_same_state(name: str, pairs: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = (fit(name, *pairs, seed=3) for _ in range(2))

    assert first.keys() == second.keys()
    for key, array in first.items():
        assert np.array_equal(array, second[key])


@pytest.mark.parametrize("name", projections.names())
def test_too_few_anchors_are_refused_with_how_many_are_needed(
    name: str, pairs: tuple[np.ndarray, np.ndarray]
) -> None:
    with pytest.raises(InvalidInput, match=rf"{name} needs \d+ anchors .* there are 1") as refusal:
        fit(name, pairs[0][:1], pairs[1][:1])

    assert str(refusal.value.field) == "anchors"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda source: source.__setitem__((7, 3), np.nan), "row 7 of the source anchors holds NaN"),
        (lambda source: source.__setitem__(9, 0.0), "row 9 of the source anchors is all zeros"),
    ],
)
def test_bad_anchors_are_refused_by_their_row(
    spoil: Callable[[np.ndarray], None], message: str, pairs: tuple[np.ndarray, np.ndarray]
) -> None:
    source = pairs[0].copy()
    spoil(source)

    with pytest.raises(InvalidInput, match=message):
        fit("anchor_attention", source, pairs[1])


def test_a_pair_given_twice_is_refused_with_both_places(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    source, target = pairs[0].copy(), pairs[1].copy()
    source[40], target[40] = source[4], target[4]

    with pytest.raises(InvalidInput, match="anchors 4 and 40 are the same pair"):
        fit("anchor_attention", source, target)


def test_sides_of_different_length_are_refused(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(InvalidInput, match="as many rows on either side"):
        fit("anchor_attention", pairs[0], pairs[1][:-1])


def test_an_unknown_method_or_parameter_is_refused_with_the_choices(
    pairs: tuple[np.ndarray, np.ndarray],
) -> None:
    with pytest.raises(NotFound, match="anchor_attention"):
        fit("magic", *pairs)
    with pytest.raises(InvalidInput, match="no parameter 'spells'; its parameters are: centred"):
        fit("anchor_attention", *pairs, {"spells": 3})
