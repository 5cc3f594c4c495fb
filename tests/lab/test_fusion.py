"""Every fusion: parts of one thing become one vector, and a missing part is never zeros in silence."""

from __future__ import annotations

import numpy as np
import pytest
from support.lab import all_names
from support.small_fusions import CLASSES, QUICK, WIDTHS, fused, learn, things_for, things_of, trained
from tieback.core.errors import InvalidInput
from tieback.core.state import check_state
from tieback_contract.arrays import Array
from tieback_lab.methods.fusion import FIT, MOST_ROWS, STEP, Goal, checked, fusions, predicted
from tieback_lab.methods.fusion.cat import TOWERS
from tieback_lab.models.learned.fusion import patterns_of
from tieback_lab.recipes.graphs.fused import PARITY, graph_of
from tieback_lab.recipes.train.fusing import Things

NAMES = trained(all_names(fusions))
POLICIES = ("skip", "pool", "substitute")


@pytest.mark.parametrize("method", NAMES)
@pytest.mark.parametrize("missing", POLICIES)
def test_a_fusion_gives_unit_vectors_whatever_is_missing_and_its_graph_gives_the_same(
    method: str, missing: str
) -> None:
    things = things_for(method)
    state = learn(method, things, missing=missing, steps=2)

    vectors = fused(method, things, state)
    _, difference = graph_of(method, state, things.rows, things.there, things.condition)

    check_state(state, fusions.state(method))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)
    assert difference <= PARITY


@pytest.mark.parametrize("method", NAMES)
def test_classes_are_learned_from_any_parts(method: str) -> None:
    things, others = things_for(method, count=240), things_for(method, seed=1)
    state = learn(method, things, steps=150)

    for part in range(len(WIDTHS)):
        some = others.take(np.flatnonzero(others.has[:, part])).only([part])
        found = predicted(fused(method, some, state), state).argmax(axis=1)
        assert (found == some.goal.groups).mean() > 1.6 / CLASSES


@pytest.mark.parametrize("method", NAMES)
def test_a_vector_does_not_depend_on_what_lies_in_padding_or_on_the_rest_of_the_batch(method: str) -> None:
    things = things_for(method, rows=2)
    state = learn(method, things, steps=2)
    changed = [np.where(mask[..., None], one, 7) for one, mask in zip(things.rows, things.there, strict=True)]

    whole = fused(method, things, state)
    other = fusions.configure(method)(changed, things.there, things.condition, state)
    alone = fused(method, things.take(np.arange(1)), state)

    np.testing.assert_allclose(other, whole, atol=1e-5)
    np.testing.assert_allclose(alone, whole[:1], atol=1e-5)


@pytest.mark.parametrize("method", NAMES)
def test_equal_seeds_learn_equal_states(method: str) -> None:
    things = things_for(method)

    one, same, other = (learn(method, things, seed=seed, steps=3) for seed in (0, 0, 1))

    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert any(not np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("method", ["multimodn", "lstm"])
def test_a_part_that_is_skipped_leaves_the_state_as_it_is(method: str) -> None:
    things = things_of(rows=3 if method == "lstm" else 1)
    state = learn(method, things, steps=5)
    step = fusions.form(STEP, method)

    by_steps = None
    for part in (0, 2):
        for row in np.split(things.rows[part][:1], things.rows[part].shape[1], axis=1):
            by_steps = step(row, np.ones((1, 1), bool), part, by_steps, state)
    assert by_steps is not None
    there = [np.full(one.shape[:2], place != 1)[:1] for place, one in enumerate(things.rows)]
    at_once = fusions.configure(method)([one[:1] for one in things.rows], there, None, state)

    vector = by_steps[:, : at_once.shape[1]]
    np.testing.assert_allclose(vector / np.linalg.norm(vector), at_once, atol=1e-4)


def test_rounds_that_come_in_another_order_are_another_thing() -> None:
    things = things_of(20, rows=3)
    state = learn("lstm", things, steps=5)
    turned = [one[:, ::-1] for one in things.rows]

    others = fusions.configure("lstm")(turned, things.there, None, state)

    assert np.abs(others - fused("lstm", things, state)).max() > 1e-3


def test_rows_of_the_pool_that_stand_for_missing_parts_are_learned_and_no_others() -> None:
    things = things_of()
    whole = things.only([0, 1, 2]).take(np.flatnonzero(things.has.all(axis=1)))

    begun, learned = (learn("ptunifier", things, steps=steps, weight_decay=0.0) for steps in (0, 20))
    unused = learn("ptunifier", whole, steps=20, dropout=0.0, weight_decay=0.0)

    assert not np.array_equal(learned["pool"], begun["pool"])
    assert np.array_equal(unused["pool"], learn("ptunifier", whole, steps=0)["pool"])


def test_whatever_one_part_says_it_turns_a_contextual_fusion_no_further_than_its_trust() -> None:
    things = things_of()
    whole = things.take(np.flatnonzero(things.has[:, :2].all(axis=1))).only([0, 1])
    learned = learn("contextual", things)
    state = {**learned, "trust": np.log([1, 4, 1]).astype(np.float32)}
    attacked = [50 * np.random.default_rng(1).normal(size=whole.rows[0].shape), *whole.rows[1:]]

    vectors = fusions.configure("contextual")(attacked, whole.there, None, state)

    cosines = (vectors * fused("contextual", whole.only([1]), state)).sum(axis=1)
    furthest = np.sqrt(1 - (1 / 4) ** 2)
    assert furthest - 1e-3 <= cosines.min() < 0.999


def test_the_order_of_items_changes_no_bundle_and_one_item_is_itself() -> None:
    things = things_of(40, rows=4)
    state = learn("clhe", things, steps=2)
    order = [2, 0, 3, 1]
    one = things.of([0, 1, 2]).take(np.arange(8))
    one = type(one)([rows[:, :1] for rows in one.rows], [mask[:, :1] for mask in one.there], None, one.goal)
    padded = [np.pad(rows, ((0, 0), (0, 2), (0, 0))) for rows in one.rows]
    beside = [np.pad(mask, ((0, 0), (0, 2))) for mask in one.there]

    turned = fusions.configure("clhe")(
        [rows[:, order] for rows in things.rows], [mask[:, order] for mask in things.there], None, state
    )

    np.testing.assert_allclose(turned, fused("clhe", things, state), atol=1e-5)
    np.testing.assert_allclose(
        fusions.configure("clhe")(padded, beside, None, state), fused("clhe", one, state), atol=1e-5
    )


def test_a_bundle_finds_the_item_that_completes_it() -> None:
    centres = np.random.default_rng(3).normal(size=(30, 12))
    draw = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 5)
    rows = [(centres[groups] + draw.normal(size=(150, 12))).astype(np.float32)[:, None] for _ in range(2)]
    has = draw.random((150, 2)) < 0.6
    has[~has.any(axis=1), 0] = True
    there = [has[:, place, None] for place in range(2)]
    known, others = np.flatnonzero(groups < 20), np.flatnonzero(groups >= 20)
    things = Things(rows, there, None, Goal(groups))
    state = learn("clhe", things.take(known), steps=100)

    items = fused("clhe", things.take(others), state)
    asked = [one[others].reshape(10, 5, 12)[:, :4] for one in rows]
    bundles = fusions.configure("clhe")(
        asked, [mask[others].reshape(10, 5)[:, :4] for mask in there], None, state
    )
    last = items.reshape(10, 5, -1)[:, 4]

    found = (bundles @ last.T).argsort(axis=1)[:, -2:] == np.arange(10)[:, None]
    assert found.any(axis=1).mean() > 0.4  # by chance 0.2


def test_parts_of_a_bundle_with_other_numbers_of_rows_are_refused() -> None:
    things = things_of(8, rows=2)
    state = learn("clhe", things, steps=1)
    rows, there = list(things.rows), list(things.there)
    rows[1], there[1] = rows[1][:, :1], there[1][:, :1]

    with pytest.raises(InvalidInput, match="this part has 1, the first one 2") as refused:
        fusions.configure("clhe")(rows, there, None, state)

    assert str(refused.value.field) == "parts[1]"


def test_towers_are_the_networks_of_their_seeds_side_by_side() -> None:
    things = things_of(60)

    joined = fused("cat", things, learn("cat", things, seed=2, steps=5, missing="substitute"))

    alone = [
        learn("parallel", things, seed=TOWERS * 2 + one, steps=5, missing="substitute", width=16 // TOWERS)
        for one in range(TOWERS)
    ]
    towers = np.concatenate([fused("parallel", things, one) for one in alone], 1)
    np.testing.assert_allclose(joined, towers / TOWERS**0.5, atol=1e-5)


def test_a_width_that_towers_cannot_share_is_refused() -> None:
    with pytest.raises(InvalidInput, match="give a multiple of 4") as refused:
        learn("cat", things_of(8), width=15)

    assert str(refused.value.field) == "parameters.width"


def test_partners_find_each_other_by_a_fusion_that_was_learned_from_groups() -> None:
    things = things_of(120)
    pairs = things.take(np.repeat(np.arange(60), 2))
    pairs = type(pairs)(pairs.rows, pairs.there, None, type(pairs.goal)(np.repeat(np.arange(60), 2)))
    state = learn("parallel", pairs, steps=60)

    vectors = fused("parallel", pairs.only([0, 1]).take(np.flatnonzero(pairs.has[:, :2].any(axis=1))), state)

    assert predicted(vectors, state).shape == (len(vectors), 0)
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ("width", "parts[1]", "20 wide, and this has 19"),
        ("rows", "parts[0]", "10000 rows"),
        ("nan", "parts[2]", "NaN"),
        ("mask", "parts[0]", "mask of their rows"),
        ("missing", "parts", "every part of thing 3 is missing"),
        ("parts", "parts", "there are 3 parts, and 2 are given"),
    ],
)
def test_what_no_fusion_reads_is_refused_with_its_place(change: str, field: str, said: str) -> None:
    things = things_of(8)
    rows, there = list(things.rows), list(things.there)
    if change == "width":
        rows[1] = rows[1][..., :-1]
    elif change == "rows":
        rows[0], there[0] = np.zeros((8, 10_000, WIDTHS[0]), np.float32), np.ones((8, 10_000), bool)
    elif change == "nan":
        rows[2][0, 0, 0] = np.nan
    elif change == "mask":
        there[0] = there[0][:4]
    elif change == "missing":
        there = [np.where(np.arange(8)[:, None] == 3, False, mask) for mask in there]
    else:
        rows, there = rows[:2], there[:2]

    with pytest.raises(InvalidInput, match=said) as refused:
        checked(rows, there, WIDTHS)

    assert str(refused.value.field) == field
    assert MOST_ROWS < 10_000


def test_patterns_are_seen_in_the_data_or_with_parts_dropped_from_it() -> None:
    has = np.array([[True, True, False], [True, True, False], [False, False, True]])

    exact, dropped = (
        {tuple(one["parts"]): (one["things"], one["seen"]) for one in patterns_of("abc", has, dropped=drop)}
        for drop in (False, True)
    )

    assert exact["a", "b"] == dropped["a", "b"] == (2, True)
    assert exact["a",] == (0, False)
    assert dropped["a",] == (0, True)
    assert dropped["a", "c"] == dropped["a", "b", "c"] == (0, False)


def asked_rows(count: int, *, seed: int) -> tuple[Array, Array, Array]:
    """Four rows, each of a key and a value `[n, 4, 8]`; a key that is asked; the value of its row, 0 or 1."""
    draw = np.random.default_rng(seed)
    keys = np.stack([draw.permutation(4) for _ in range(count)])
    values, asked = draw.integers(0, 2, (count, 4)), draw.integers(0, 4, count)
    rows = np.concatenate([np.eye(4)[keys], np.repeat(2.0 * values[..., None] - 1, 4, 2)], 2)
    wanted = values[np.arange(count), (keys == asked[:, None]).argmax(axis=1)]
    return rows.astype(np.float32), np.eye(4, dtype=np.float32)[asked], wanted.astype(np.int64)


def test_a_condition_attends_to_the_row_that_it_asks_for_which_pooled_rows_do_not_show() -> None:
    (rows, asked, wanted), (others, other_asked, other_wanted) = (
        asked_rows(count, seed=seed) for count, seed in ((600, 0), (200, 1))
    )
    mask, goal = [np.ones(rows.shape[:2], bool)], Goal(wanted, 2)
    other_mask = [np.ones(others.shape[:2], bool)]
    how = {**QUICK, "steps": 300, "dropout": 0.0}

    attending = fusions.form(FIT, "cross_attention", how)([rows], mask, asked, goal)
    both = [*mask, np.ones((len(rows), 1), bool)]
    pooling = fusions.form(FIT, "parallel", how)([rows, asked[:, None]], both, None, goal)
    found = fusions.configure("cross_attention")([others], other_mask, other_asked, attending)
    pooled = fusions.configure("parallel")(
        [others, other_asked[:, None]], [*other_mask, np.ones((len(others), 1), bool)], None, pooling
    )

    right, pooled_right = (
        (predicted(one, state).argmax(axis=1) == other_wanted).mean()
        for one, state in ((found, attending), (pooled, pooling))
    )
    assert right > 0.95
    assert pooled_right < 0.85


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (None, "give a condition, 5 wide"),
        (np.zeros((8, 4), np.float32), r"the condition is \[8, 5\], and this is \[8, 4\]"),
        (np.full((8, 5), np.nan, np.float32), "holds NaN"),
    ],
)
def test_a_condition_that_is_missing_or_of_another_width_is_refused(
    condition: Array | None, said: str
) -> None:
    things = things_of(8, condition=True)
    state = learn("cross_attention", things, steps=0)

    with pytest.raises(InvalidInput, match=said) as refused:
        fusions.configure("cross_attention")(things.rows, things.there, condition, state)

    assert str(refused.value.field) == "condition"
    with pytest.raises(InvalidInput, match="needs a condition"):
        learn("cross_attention", things_of(8), steps=0)
