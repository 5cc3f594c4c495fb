"""Methods of merging of the lab: what each promises exactly, and what it is refused without."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from support.each import each
from support.expert_weights import BASE, DRAW, EXPERTS, SHAPES, assert_same
from support.merging_oracles import FILE, THRESHOLD, flat, parents
from tieback.core.errors import InvalidInput
from tieback.methods.merging import LEARN, RESTORE, SPLIT, Weights, merge, mergings, summed, task_vectors
from tieback_lab.methods.merging.anisotropic import learned_scales
from tieback_lab.methods.merging.optimal_transport import aligned
from tieback_lab.methods.merging.tall_masks import masks, packed_bits

METHODS = ("anisotropic", "concrete", "consensus", "optimal_transport", "tall_masks", "twin")
LEARNED = {"anisotropic": {"scales": ((0.3,) * len(SHAPES),) * 2}}
"""By method, what has to be given because it is learned."""


@each("name", METHODS)
def test_every_method_gives_weights_of_the_bases_shapes_in_float32_and_changes_no_parent(name: str) -> None:
    two = EXPERTS[:2]
    before = [{key: array.copy() for key, array in one.items()} for one in (BASE, *two)]

    merged = mergings.configure(name, LEARNED.get(name))(BASE, two)

    assert {key: array.shape for key, array in merged.items()} == SHAPES
    assert all(array.dtype == np.float32 for array in merged.values())
    for parent, kept in zip((BASE, *two), before, strict=True):
        assert_same(parent, kept, 0)


def test_a_model_merged_with_itself_by_transport_is_itself() -> None:
    assert_same(merge("optimal_transport", BASE, [EXPERTS[0], EXPERTS[0]]), EXPERTS[0])


def split(name: str, **parameters: Any) -> tuple[Weights, list[Weights], list[Weights]]:
    """What is shared, the adapters, and the experts that are restored of them."""
    shared, adapters = mergings.form(SPLIT, name, parameters)(BASE, EXPERTS)
    restore = mergings.form(RESTORE, name)
    return shared, list(adapters), [restore(BASE, shared, adapter) for adapter in adapters]


def test_a_single_expert_is_restored_by_tall_masks_as_it_was() -> None:
    shared, adapters = mergings.form(SPLIT, "tall_masks")(BASE, EXPERTS[:1])

    assert_same(mergings.form(RESTORE, "tall_masks")(BASE, shared, adapters[0]), EXPERTS[0])


def test_tall_masks_keep_the_base_one_vector_and_a_bit_a_parameter() -> None:
    shared, adapters, _ = split("tall_masks")

    parameters = sum(array.size for array in BASE.values())
    assert sum(array.nbytes for array in shared.values()) == 4 * parameters
    for adapter in adapters:
        assert sum(array.nbytes for array in adapter.values()) == sum(-(-a.size // 8) for a in BASE.values())


def test_tall_masks_restore_experts_that_changed_parameters_of_their_own() -> None:
    owner = {name: DRAW.integers(0, 4, shape) for name, shape in SHAPES.items()}
    apart = [
        {n: np.where(owner[n] == number, expert[n], BASE[n]) for n in BASE}
        for number, expert in enumerate(EXPERTS)
    ]

    shared, adapters = mergings.form(SPLIT, "tall_masks")(BASE, apart)

    for expert, adapter in zip(apart, adapters, strict=True):
        assert_same(mergings.form(RESTORE, "tall_masks")(BASE, shared, adapter), expert)


def test_tall_masks_are_those_that_fusion_bench_gave() -> None:
    base, experts = parents()
    vectors = task_vectors(base, experts)

    found = [flat(masks(one, summed(vectors), THRESHOLD)) for one in vectors]

    np.testing.assert_allclose(
        np.array(found), np.array(json.loads(FILE.read_text())["tall_masks"]), atol=1e-6
    )


def distance(one: Weights, other: Weights) -> float:
    return float(sum(((one[name] - other[name]) ** 2).sum() for name in one))


def test_consensus_of_no_mask_is_task_arithmetic_and_of_more_than_there_are_the_base() -> None:
    assert_same(
        merge("consensus", BASE, EXPERTS, {"agreeing": 0}), merge("task_arithmetic", BASE, EXPERTS), 0
    )
    assert_same(merge("consensus", BASE, EXPERTS, {"agreeing": 5}), BASE, 0)


def test_consensus_leaves_out_what_fewer_masks_hold() -> None:
    vectors = task_vectors(BASE, EXPERTS)
    total = {name: np.sum([vector[name] for vector in vectors], 0) for name in BASE}
    held = {name: np.sum([masks(one, total, 0.4)[name] for one in vectors], 0) for name in BASE}

    merged = merge("consensus", BASE, EXPERTS, {"agreeing": 2})

    for name in BASE:
        np.testing.assert_array_equal(merged[name] == BASE[name], held[name] < 2)


def test_twin_with_all_ranks_or_all_values_restores_each_expert() -> None:
    for parameters in ({"rank": 24}, {"compression": "largest_values", "density": 1.0}):
        for expert, restored in zip(EXPERTS, split("twin", **parameters)[2], strict=True):
            assert_same(restored, expert)


def test_twin_is_nearer_the_more_ranks_it_keeps() -> None:
    far = [distance(split("twin", rank=rank)[2][0], EXPERTS[0]) for rank in (1, 2, 4, 8, 12)]

    assert far == sorted(far, reverse=True)
    assert far[-1] < 1e-6 < far[-2]


def test_twin_keeps_no_row_of_a_tensor_that_no_expert_changed() -> None:
    frozen = [expert | {"0.weight": BASE["0.weight"]} for expert in EXPERTS]

    _, adapters = mergings.form(SPLIT, "twin")(BASE, frozen)

    assert not any(key.startswith("0.weight") for adapter in adapters for key in adapter)


def test_bits_are_packed_eight_to_a_byte() -> None:
    assert packed_bits(np.ones((3, 3), bool)).nbytes == 2


def objective(expert: Weights) -> Any:
    """The squared distance to an expert: its least is known."""

    def loss(found: Mapping[str, Any], _step: int) -> Any:
        return sum(((found[name] - torch.from_numpy(expert[name])) ** 2).sum() for name in expert)

    return loss


def test_equal_learned_factors_are_task_arithmetic() -> None:
    factors = tuple((0.3,) * len(SHAPES) for _ in EXPERTS)

    assert_same(
        merge("anisotropic", BASE, EXPERTS, {"scales": factors}), merge("task_arithmetic", BASE, EXPERTS)
    )


def test_factors_by_tensor_reach_a_loss_that_one_factor_a_task_does_not() -> None:
    mixed = {n: EXPERTS[0 if n.startswith("0") else 1][n] for n in BASE}
    loss = objective(mixed)

    by_tensor = learned_scales(BASE, EXPERTS[:2], loss, steps=400, rate=0.05)
    one = learned_scales(BASE, EXPERTS[:2], loss, steps=400, rate=0.05, isotropic=True)

    assert by_tensor.shape == (2, len(SHAPES))
    np.testing.assert_allclose(by_tensor, [[1, 1, 0, 0], [0, 0, 1, 1]], atol=0.05)
    scales = [tuple(map(tuple, found.tolist())) for found in (by_tensor, one)]
    reached = [distance(merge("anisotropic", BASE, EXPERTS[:2], {"scales": s}), mixed) for s in scales]
    assert reached[0] < 0.1 * reached[1]


def test_a_learned_mask_lowers_the_loss_and_has_a_mean_of_one() -> None:
    learned = mergings.form(LEARN, "concrete", {"steps": 300, "rate": 0.05, "scale": 1.0})
    found = learned(BASE, EXPERTS, objective(EXPERTS[0]), seed=0)

    assert distance(found, EXPERTS[0]) < distance(
        merge("task_arithmetic", BASE, EXPERTS, {"scale": 1.0}), EXPERTS[0]
    )
    again = learned(BASE, EXPERTS, objective(EXPERTS[0]), seed=0)
    assert_same(found, again, 0)


def test_a_learned_method_is_refused_without_what_it_learned() -> None:
    for name, parameters, ways in (
        ("concrete", {}, "use that method. It learns"),
        ("concrete", {"scale": 0.5}, "use that method. It learns"),
        ("anisotropic", {}, "use that method, or give its scales. It learns"),
        ("anisotropic", {"scales": ()}, "or give its scales"),
    ):
        with pytest.raises(InvalidInput, match="is that of task_arithmetic") as refusal:
            merge(name, BASE, EXPERTS, parameters)

        assert ways in refusal.value.message
        assert str(refusal.value.field) == "method"


def test_transport_finds_neurons_in_another_order_again() -> None:
    order = DRAW.permutation(24)
    shuffled = {
        "0.weight": BASE["0.weight"][order],
        "0.bias": BASE["0.bias"][order],
        "2.weight": BASE["2.weight"][:, order],
        "2.bias": BASE["2.bias"],
    }

    assert_same(aligned(BASE, shuffled, BASE), BASE, 0)
    assert_same(merge("optimal_transport", BASE, [shuffled, BASE]), BASE)


def test_transport_refuses_three_experts() -> None:
    with pytest.raises(InvalidInput, match="two experts; there are 3") as refusal:
        merge("optimal_transport", BASE, EXPERTS[:3])

    assert str(refusal.value.field) == "experts"
