"""Many inputs at once through a binding, or through a part of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.measured_binding import NAMES, TEXTS, WIDTH, bound
from tieback.joint.retrieval import score, similarities
from tieback.joint.space import Joint
from tieback_contract.modality import Modality


def test_a_block_that_several_paths_lead_into_has_the_mean_of_what_they_say() -> None:
    joint = Joint.of(bound())
    vectors = {name: np.eye(WIDTH, dtype=np.float32)[[place, 5]] for place, name in enumerate(TEXTS)}

    together = joint.project_inputs(vectors)
    apart = [joint.project_inputs({name: vectors[name]})["yamnet"] for name in TEXTS]

    assert set(together) == {*TEXTS, "efficientnet-lite0", "yamnet"}
    mean = np.sum(apart, axis=0)
    assert together["yamnet"] == pytest.approx(mean / np.linalg.norm(mean, axis=1, keepdims=True), abs=1e-6)
    assert together[TEXTS[0]] == pytest.approx(vectors[TEXTS[0]])


def test_scores_are_weighted_cosines_and_what_is_lost_adds_nothing() -> None:
    joint = Joint.of(bound())
    texts = {name: np.eye(WIDTH, dtype=np.float32)[:2] for name in TEXTS}
    photos = {"efficientnet-lite0": np.eye(WIDTH, dtype=np.float32)[2:5]}
    queries, documents = joint.project_inputs(texts), joint.project_inputs(photos)

    weights = joint.weights(Modality.TEXT, texts)
    found = score(similarities(queries, documents), weights)

    assert {name: pytest.approx(np.full(2, 0.2)) for name in NAMES} == weights
    assert found == pytest.approx(
        sum(0.2 * queries[name] @ documents[name].T for name in NAMES[:4]), abs=1e-6
    )
    without = replace(joint, without=frozenset({TEXTS[0]}))
    assert TEXTS[0] not in without.project_queries(texts)
    assert without.weights(Modality.TEXT, texts)[TEXTS[0]] == pytest.approx(0)
    assert set(joint.into(["yamnet"]).project_inputs(texts)) == {"yamnet"}


def test_a_router_that_can_read_nothing_gives_the_mean_weights_of_its_binding() -> None:
    made = bound()
    (router,) = [one for one in made.routers if one.modality is Modality.TEXT]
    means = {name: 0.1 + 0.05 * place for place, name in enumerate(NAMES)}
    joint = replace(
        Joint.of(made),
        routers={Modality.TEXT: replace(router, inputs=(TEXTS[0],), mean_weights=means)},
    )
    texts = {TEXTS[1]: np.eye(WIDTH, dtype=np.float32)[:2]}

    weights = joint.weights(Modality.TEXT, texts)

    there = [name for name in NAMES if weights[name].any()]
    total = sum(means[name] for name in there)
    assert {name: weights[name][0] for name in there} == pytest.approx(
        {name: means[name] / total for name in there}
    )
