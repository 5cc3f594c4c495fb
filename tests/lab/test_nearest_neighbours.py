"""Missing blocks by the nearest entries of a pool."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.small_binding import binding, imputation, said, text
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput
from tieback.core.types.fusion import FuseRequest, Routing
from tieback.methods.imputation import fit, imputations
from tieback.methods.projection import unit_rows
from tieback.router import Router
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.method_choice import MethodChoice

WIDTHS, ANCHORS = (6, 4, 5), 200
TURNS = [np.random.default_rng(place).normal(size=(4, width)) for place, width in enumerate(WIDTHS)]


def things(count: int, seed: int) -> list[np.ndarray]:
    """The same things in three spaces that are linear in what they see; unit rows by block."""
    seen = np.random.default_rng(seed).normal(size=(count, 4))
    return [unit_rows(np.asarray(seen @ turn, np.float32)) for turn in TURNS]


def test_an_imputed_block_is_near_what_the_space_would_have_said() -> None:
    impute = imputations.configure("nearest_neighbours")
    state, truth = fit("nearest_neighbours", things(ANCHORS, seed=1)), things(50, seed=3)

    for lost in range(len(WIDTHS)):
        present = np.ones((50, len(WIDTHS)), bool)
        present[:, lost] = False
        blocks, filled = impute(truth, present, state)

        assert filled[:, lost].all()
        assert (blocks[lost] * truth[lost]).sum(axis=1).mean() > 0.8


def test_the_pool_with_one_entry_answers_with_the_nearest() -> None:
    pool = [np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)[[1, 2, 0]]]
    asked = [unit_rows(np.array([[0.1, 0.9, 0.2]], np.float32)), np.zeros((1, 3), np.float32)]

    blocks, filled = imputations.configure("nearest_neighbours", {"k": 1})(
        asked, np.array([[True, False]]), fit("nearest_neighbours", pool)
    )

    assert filled.tolist() == [[False, True]]
    assert blocks[1][0].tolist() == [0, 0, 1]


def test_a_pool_smaller_than_k_answers_with_all_it_has() -> None:
    few = [np.eye(3, dtype=np.float32)] * 2
    asked = [unit_rows(np.ones((1, 3), np.float32)), np.zeros((1, 3), np.float32)]

    blocks, _ = imputations.configure("nearest_neighbours", {"k": 32})(
        asked, np.array([[True, False]]), fit("nearest_neighbours", few)
    )

    assert blocks[1][0] == pytest.approx([3**-0.5] * 3)


def test_a_pool_holds_no_more_than_its_entries_taken_from_everywhere() -> None:
    rows = things(ANCHORS, seed=1)

    state = fit("nearest_neighbours", rows, {"entries": 5})

    assert {len(array) for array in state.values()} == {5}
    assert state["rows.0"][[0, -1]] == pytest.approx(rows[0][[0, -1]], abs=1e-6)
    with pytest.raises(InvalidInput) as refusal:
        fit("nearest_neighbours", rows, {"entries": 0})
    assert str(refusal.value.field) == "parameters.entries"


async def fused(router: Router, parts: list[FusePart], asked: MethodChoice) -> Fused:
    routing = Routing(imputation=asked)
    (result,) = (await router.fuse(FuseRequest([parts], routing=routing), NO_CALL)).results
    assert isinstance(result, Fused), result
    return result


async def test_a_request_asks_for_it_and_its_parameters_replace_the_bindings() -> None:
    pool = dataclasses.replace(imputation("nearest_neighbours"), parameters={"sharpness": 0.0})
    router = Router.bound(dataclasses.replace(binding(), imputations=(imputation("ridge"), pool)))
    lost = [FusePart(said("words", 1.0))]

    flat = await fused(router, lost, MethodChoice("nearest_neighbours"))
    sharp = await fused(router, lost, MethodChoice("nearest_neighbours", {"sharpness": 50.0}))

    whole = (await fused(router, text(1.0), MethodChoice("skip"))).vector.values[router.space.block("names")]
    near = [one.vector.values[router.space.block("names")] @ whole for one in (flat, sharp)]
    assert flat.routing.imputed == {"names": "nearest_neighbours"}
    assert near[0] < near[1]
