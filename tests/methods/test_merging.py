"""Merging: what each method promises exactly, and which parents are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.each import each
from support.expert_weights import BASE, EXPERTS, SHAPES, assert_same, weights
from tieback.core.errors import InvalidInput
from tieback.methods.merging import merge, mergings
from tieback_contract.arrays import Array


@each("name", mergings.names())
def test_every_method_gives_weights_of_the_bases_shapes_in_float32_and_changes_no_parent(name: str) -> None:
    two = EXPERTS[:2]
    before = [{key: array.copy() for key, array in one.items()} for one in (BASE, *two)]

    merged = mergings.configure(name)(BASE, two)

    assert {key: array.shape for key, array in merged.items()} == SHAPES
    assert all(array.dtype == np.float32 for array in merged.values())
    for parent, kept in zip((BASE, *two), before, strict=True):
        assert_same(parent, kept, 0)


@pytest.mark.parametrize("name", ["linear", "slerp"])
def test_a_model_merged_with_itself_is_itself(name: str) -> None:
    assert_same(merge(name, BASE, [EXPERTS[0], EXPERTS[0]]), EXPERTS[0])


def test_slerp_gives_its_parents_at_the_ends_and_a_length_between_theirs_in_the_middle() -> None:
    first, second = weights(), weights(2.0)

    assert_same(merge("slerp", BASE, [first, second], {"t": 0.0}), first)
    assert_same(merge("slerp", BASE, [first, second], {"t": 1.0}), second)
    for name, array in merge("slerp", BASE, [first, second]).items():
        lengths = sorted(np.linalg.norm(one[name]) for one in (first, second))
        assert lengths[0] < np.linalg.norm(array) < lengths[1]


def test_linear_weights_are_shares_of_their_sum() -> None:
    merged = merge("linear", BASE, EXPERTS[:2], {"weights": (3.0, 1.0)})

    assert_same(merged, {n: 0.75 * EXPERTS[0][n] + 0.25 * EXPERTS[1][n] for n in BASE})


def test_task_arithmetic_with_one_expert_and_scale_1_is_the_expert() -> None:
    assert_same(merge("task_arithmetic", BASE, EXPERTS[:1], {"scale": 1.0}), EXPERTS[0])
    assert_same(merge("task_arithmetic", BASE, EXPERTS, {"scale": 0.0}), BASE)


def test_ties_elects_the_sign_with_the_larger_sum_and_averages_those_that_agree() -> None:
    base = {"w": np.zeros(4, np.float32)}
    experts = [{"w": np.array(row, np.float32)} for row in ([4, 1, 0, -1], [2, -3, 0, 1], [-1, -1, 0, 2])]

    merged = merge("ties", base, experts, {"density": 1.0})

    np.testing.assert_allclose(merged["w"], [3, -2, 0, 1.5])


def test_ties_keeps_the_share_of_each_expert_with_the_largest_changes() -> None:
    merged = merge("ties", BASE, EXPERTS[:1], {"density": 0.25})

    changed = np.concatenate([(merged[n] != BASE[n]).ravel() for n in BASE])
    sizes = np.concatenate([np.abs(EXPERTS[0][n] - BASE[n]).ravel() for n in BASE])
    assert changed.mean() == pytest.approx(0.25, abs=0.01)
    assert sizes[changed].min() >= sizes[~changed].max()


def test_a_method_of_two_experts_refuses_three() -> None:
    with pytest.raises(InvalidInput, match="two experts; there are 3") as refusal:
        merge("slerp", BASE, EXPERTS[:3])

    assert str(refusal.value.field) == "experts"


def lacking(expert: dict[str, Array]) -> None:
    del expert["0.bias"]


def strange(expert: dict[str, Array]) -> None:
    expert["head.weight"] = np.zeros(3, np.float32)


def other_shape(expert: dict[str, Array]) -> None:
    expert["2.bias"] = np.zeros(7, np.float32)


def not_a_number(expert: dict[str, Array]) -> None:
    expert["2.bias"] = np.full(6, np.nan, np.float32)


def whole_numbers(expert: dict[str, Array]) -> None:
    expert["2.bias"] = np.zeros(6, np.int64)


@each(
    "spoil, says",
    [
        (lacking, "lacks the tensor 0.bias"),
        (strange, "has a tensor head.weight, which the base lacks"),
        (other_shape, r"2.bias of the expert is \[7\], and \[6\] in the base"),
        (not_a_number, "2.bias of the expert holds NaN or infinity"),
        (whole_numbers, "int64, no floating point"),
    ],
)
def test_an_expert_of_another_base_is_refused_by_its_tensor(spoil: Any, says: str) -> None:
    spoiled = dict(EXPERTS[1])
    spoil(spoiled)

    with pytest.raises(InvalidInput, match=says) as refusal:
        merge("linear", BASE, [EXPERTS[0], spoiled])

    assert str(refusal.value.field) == "experts[1]"


def test_no_expert_is_no_merge() -> None:
    with pytest.raises(InvalidInput, match="no expert"):
        merge("linear", BASE, [])


@pytest.mark.parametrize("given", [(1.0,), (1.0, 2.0, 3.0), (0.0, 0.0)])
def test_weights_that_do_not_fit_the_experts_are_refused(given: tuple[float, ...]) -> None:
    with pytest.raises(InvalidInput, match="weights") as refusal:
        merge("linear", BASE, EXPERTS[:2], {"weights": given})

    assert str(refusal.value.field) == "parameters.weights"
