"""ImgAny: parts as the names that they are like, merged in WordNet, without training."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.small_fusions import CLASSES, WIDTHS, fused, things_of
from tieback.core.errors import InvalidInput
from tieback.core.state import State, check_state
from tieback.methods.projection import unit_rows
from tieback.models.label_recogniser import label_table
from tieback_contract.arrays import Array
from tieback_lab.methods.fusion import FIT, TAGS, Goal, Names, fusions, predicted
from tieback_lab.recipes.graphs.fused import PARITY, graph_of
from tieback_lab.recipes.train.fusing import Things
from tieback_lab.recipes.train.naming import TREE, shared_meaning

TREE_SMALL = [(0,), (1,), (2,), (3,), (0, 1), (2, 3), (0, 1, 2, 3)]
"""Four kinds; two and two have a name in common, such as cat, and all have one."""
TABBY, CAT = 0, 4


def small_names(count: int = 6) -> Names:
    """Of each of three parts so many names: entities, and the last an attribute."""
    draw = np.random.default_rng(4)

    def rows(number: int, width: int) -> Array:
        return unit_rows(draw.normal(size=(number, width)))

    near, told = shared_meaning(TREE_SMALL)
    entity = np.array([*range(count - 1), -1])
    each = [rows(count, width) for width in WIDTHS]
    return Names(
        each, [rows(count, 10) for _ in WIDTHS], [entity] * len(WIDTHS),
        rows(len(TREE_SMALL), 10), near, told, rows(CLASSES, 10),
    )  # fmt: skip


def made(things: Things, names: Names) -> State:
    fit = fusions.form(FIT, "imgany")
    return fit(things.rows, things.there, None, dataclasses.replace(things.goal, names=names), seed=0)


def like(*anchors: Array | None) -> Things:
    """One thing whose parts are such rows; None where one is missing."""
    rows = [
        np.zeros((1, 1, width), np.float32) if one is None else one[None, None].astype(np.float32)
        for one, width in zip(anchors, WIDTHS, strict=True)
    ]
    there = [np.full((1, 1), one is not None) for one in anchors]
    return Things(rows, there, None, Goal(np.zeros(1, np.int64)))


def entity_scores(things: Things, state: State) -> Array:
    return fusions.form(TAGS, "imgany")(things.rows, things.there, state)[0, :, : len(TREE_SMALL)]


def test_vectors_have_length_1_whatever_is_missing_and_the_graph_gives_the_same() -> None:
    things = things_of(rows=2)
    state = made(things, small_names())

    _, difference = graph_of("imgany", state, things.rows, things.there, None)

    check_state(state, fusions.state("imgany"))
    assert np.linalg.norm(fused("imgany", things, state), axis=1) == pytest.approx(1, abs=1e-3)
    assert difference <= PARITY


def test_padding_and_the_rest_of_a_batch_change_no_vector() -> None:
    things = things_of(rows=2)
    state = made(things, small_names())
    changed = [np.where(mask[..., None], one, 7) for one, mask in zip(things.rows, things.there, strict=True)]

    whole = fused("imgany", things, state)

    np.testing.assert_allclose(
        fusions.configure("imgany")(changed, things.there, None, state), whole, atol=1e-5
    )
    np.testing.assert_allclose(fused("imgany", things.take(np.arange(1)), state), whole[:1], atol=1e-5)


def test_the_state_is_a_table_that_no_thing_changes() -> None:
    one, other = (made(things_of(seed=seed), small_names()) for seed in (0, 1))

    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_what_one_part_calls_by_a_general_name_decides_between_the_kinds_that_another_sees() -> None:
    names = small_names(7)
    names = dataclasses.replace(names, entity=[np.arange(7)] * 3)
    photo = unit_rows((names.anchors[0][TABBY] + 1.02 * names.anchors[0][2])[None])[0]
    state = made(like(photo, None, None), names)

    alone = entity_scores(like(photo, None, None), state).sum(axis=0)
    heard = entity_scores(like(photo, names.anchors[1][CAT], None), state).sum(axis=0)

    kinds = [TABBY, 2]
    assert kinds[alone[kinds].argmax()] == 2
    assert kinds[heard[kinds].argmax()] == TABBY


def test_a_part_that_is_missing_names_nothing_and_the_vector_is_that_of_the_others_names() -> None:
    names = small_names()
    state = made(like(None, names.anchors[1][TABBY], None), names)

    scores = entity_scores(like(None, names.anchors[1][TABBY], None), state)

    assert scores[0].max() == scores[2].max() == 0
    assert scores[1].argmax() == TABBY
    assert scores.sum() == pytest.approx(1, abs=1e-4)


def test_a_part_that_is_like_an_attribute_turns_the_vector_to_its_name() -> None:
    names = small_names()
    thing = like(None, names.anchors[1][5], None)
    state = made(thing, names)

    found = fused("imgany", thing, state)[0] @ np.concatenate(names.called).T

    assert found.argmax() == 6 + 5


def test_classes_are_told_by_their_names() -> None:
    names = dataclasses.replace(small_names(), labels=small_names().entities[:CLASSES])
    things = dataclasses.replace(
        like(names.anchors[0][2], None, None), goal=Goal(np.full(1, 2, np.int64), CLASSES)
    )
    state = made(things, names)

    assert predicted(fused("imgany", things, state), state).argmax() == 2


def test_kinds_of_one_animal_share_more_than_animals_do_and_the_general_tells_less() -> None:
    table = label_table(TREE)
    numbers = {one.split(",")[0]: place for place, one in enumerate(table.texts)}
    near, told = shared_meaning(table.classes)
    tabby, persian, dog, cat, animal = (
        numbers[one] for one in ("tabby", "Persian cat", "dog", "cat", "animal")
    )

    assert near[tabby, persian] > near[tabby, dog] > near[tabby, numbers["pizza"]]
    assert near[tabby, cat] > near[tabby, animal]
    assert 1 == told[tabby] > told[cat] > told[animal] > 0
    np.testing.assert_allclose(np.diag(near), 1, atol=1e-6)


def test_without_names_no_table_is_made() -> None:
    things = things_of(8)

    with pytest.raises(InvalidInput, match="needs the names") as refused:
        fusions.form(FIT, "imgany")(things.rows, things.there, None, things.goal)

    assert str(refused.value.field) == "names"
