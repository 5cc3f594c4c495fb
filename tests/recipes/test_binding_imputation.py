"""What the recipe measures without a space is what the router serves without it."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.small_binding import NAMES_OF_BLOCKS, OF, SPACES, WIDTHS, binding, imputation, routed
from tieback.core.call import NO_CALL
from tieback.core.types.fusion import FuseRequest
from tieback.joint.retrieval import Task
from tieback.joint.retrieval import losses as losses_of
from tieback.joint.space import Joint
from tieback.methods.imputation import imputations
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import BoundImputation, JointSpaceArtifact
from tieback.router import Router
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.modality import Modality
from tieback_contract.vectors import Vector

COUNT = 12
TEXTS = ("words", "names")


def rows(seed: int, *spaces: str) -> dict[str, Array]:
    """The same things by each space; of the last one `names` knows nothing."""
    things = np.random.default_rng(seed).normal(size=(COUNT, 3))
    found = {
        name: unit_rows(np.pad(things, [(0, 0), (0, WIDTHS[name] - 3)]).astype(np.float32)) for name in spaces
    }
    if "names" in found:
        found["names"][-1] = 0
    return found


def joint_of(bound: JointSpaceArtifact, lost: str, how: BoundImputation | None) -> Joint:
    routers = {router.modality: router for router in bound.routers}
    return Joint(bound.blocks, bound.projections, routers, WIDTHS, frozenset({lost}), how)


def served(bound: JointSpaceArtifact, dense: dict[str, Array], lost: str) -> list[Fused]:
    inputs = [
        [
            FusePart(Encoding(SPACES[name], OF[name], vector=Vector(of_space[row], SPACES[name])))
            for name, of_space in dense.items()
            if name != lost and of_space[row].any()
        ]
        for row in range(COUNT)
    ]
    reply = asyncio.run(Router.bound(bound).fuse(FuseRequest([parts for parts in inputs if parts]), NO_CALL))
    fused = [one for one in reply.results if isinstance(one, Fused)]
    assert len(fused) == len(reply.results)
    return fused


@each("method", [None, *imputations.names()])
@each("lost", ["names", "eyes", "nothing"])
@each("made", [binding, routed])
def test_recipe_and_router_agree_on_weights_and_vectors_of_queries_with_a_lost_space(
    made: Any, lost: str, method: str | None
) -> None:
    how = None if method is None else imputation(method)
    bound = dataclasses.replace(made(), imputations=() if how is None else (how,))
    dense = rows(1, *TEXTS)
    joint = joint_of(bound, lost, how)

    blocks, weights = joint.project_queries(dense), joint.weights(Modality.TEXT, dense)
    results = served(bound, dense, lost)

    for row, result in enumerate(results):
        ours = {name: float(weights[name][row]) for name in NAMES_OF_BLOCKS}
        assert ours == pytest.approx(
            {name: result.routing.weights.get(name, 0.0) for name in NAMES_OF_BLOCKS}, abs=1e-5
        )
        vector = np.concatenate(
            [
                ours[name] * blocks[name][row] if name in blocks else np.zeros(WIDTHS[name])
                for name in NAMES_OF_BLOCKS
            ]
        )
        assert vector == pytest.approx(result.vector.values, abs=1e-5)


def test_a_space_whose_block_other_projections_reach_costs_texts_nothing() -> None:
    task = Task("text → image", Modality.TEXT, rows(1, *TEXTS), rows(1, "eyes"))

    losses = losses_of(joint_of(binding(), "nothing", None), [task])

    assert losses["text"]["eyes"] == losses["text"]["ears"] == 0


def test_a_modalitys_only_space_costs_everything() -> None:
    task = Task("image → text", Modality.IMAGE, rows(1, "eyes"), rows(1, "words"))

    losses = losses_of(joint_of(binding(), "nothing", None), [task])

    assert losses["image"] == {"words": 0, "names": 0, "eyes": 100, "ears": 0}


def test_tasks_of_one_name_count_as_one() -> None:
    found, lost = rows(1, "names"), {"names": rows(2, "names")["names"][::-1].copy()}
    documents = rows(1, "names")
    bound = dataclasses.replace(
        binding(), projections=tuple(path for path in binding().projections if path.source.name == path.block)
    )
    joint = joint_of(bound, "nothing", None)
    alone = losses_of(joint, [Task("a", Modality.TEXT, found, documents)])["text"]["names"]
    other = losses_of(joint, [Task("b", Modality.TEXT, lost, documents)])["text"]["names"]

    tasks = [Task("a", Modality.TEXT, found, documents)] * 3 + [Task("b", Modality.TEXT, lost, documents)]

    assert losses_of(joint, tasks)["text"]["names"] == pytest.approx((alone + other) / 2, abs=0.01)
    assert alone != other
