"""Which weights a modality's queries get."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.joint.retrieval import Task
from tieback.joint.space import Joint
from tieback.models.joint.artifact import BoundProjection, BoundRouter, SpaceBlock
from tieback.recipes.fitting.fixed_weights import Compared, compared, fixed
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

GOOD, BAD = SpaceRef("good", "r1", "f1"), SpaceRef("bad", "r1", "f1")
WIDTH = 16


def rows(seed: int, count: int = 40) -> Array:
    found = np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


JOINT = Joint(
    tuple(SpaceBlock(space, Modality.TEXT, WIDTH) for space in (GOOD, BAD)),
    tuple(BoundProjection(space, WIDTH, space.name) for space in (GOOD, BAD)),
    {},
    {"good": WIDTH, "bad": WIDTH},
)


def task(name: str, seed: int) -> Task:
    """Partners are the same in the one space, and have nothing in common in the other."""
    same = rows(seed)
    return Task(
        name, Modality.TEXT, {"good": same, "bad": rows(seed + 1)}, {"good": same, "bad": rows(seed + 2)}
    )


def candidates(**weights: float) -> dict[str, BoundRouter]:
    return {name: fixed(Modality.TEXT, {"good": share, "bad": 1 - share}) for name, share in weights.items()}


def test_weights_that_find_partners_lose_nothing() -> None:
    found = compared(JOINT, [task("text → text", 0)], candidates(worst=0.0, even=0.5, best=1.0))

    assert found is not None
    assert found.best == "best"
    assert found.found["best"]["text → text"] == 1.0
    assert found.found["worst"]["text → text"] < found.found["even"]["text → text"]
    assert found.loss("best") == 0


def test_a_task_looks_among_the_documents_of_all_tasks() -> None:
    one = task("text → text", 0)
    twins = Task("others", Modality.TEXT, one.queries, {"good": one.queries["good"].copy()})

    alone = compared(JOINT, [one], candidates(best=1.0))
    among = compared(JOINT, [one, twins], candidates(best=1.0))

    assert alone is not None
    assert among is not None
    assert alone.found["best"]["text → text"] == 1.0
    assert among.found["best"]["text → text"] == pytest.approx(1 / 1.5)  # each has a twin of its own score


def test_what_loses_least_where_it_is_worst_is_best() -> None:
    found = Compared(
        Modality.TEXT, {"specialist": {"one": 0.9, "two": 0.2}, "neither": {"one": 0.7, "two": 0.5}}
    )

    assert found.best == "neither"
    assert found.loss("specialist") == pytest.approx(0.3)
    assert found.reported("specialist")["smallest_loss"] == "neither"
    assert found.words("specialist").startswith("warning: neither would lose less: queries of text")
    assert found.words("neither").startswith("queries of text are weighted by neither")


def test_there_is_nothing_to_choose_by_without_tasks_of_the_modality() -> None:
    assert compared(JOINT, [task("text → text", 0)], {"one": fixed(Modality.IMAGE, {"good": 1.0})}) is None
