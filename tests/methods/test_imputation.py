"""The imputation of missing blocks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from support.each import each
from tieback.core.errors import InvalidInput
from tieback.methods.imputation import Imputation, fit, imputations
from tieback.methods.projection import unit_rows

FITTED = [name for name in imputations.names() if imputations.state(name)]
WIDTHS = (6, 4, 5)
ANCHORS = 200
RNG = np.random.default_rng(0)
TURNS = [RNG.normal(size=(4, width)) for width in WIDTHS]


def things(count: int, seed: int) -> list[np.ndarray]:
    """The same things in three spaces that are linear in what they see; unit rows by block."""
    seen = np.random.default_rng(seed).normal(size=(count, 4))
    return [unit_rows(np.asarray(seen @ turn, np.float32)) for turn in TURNS]


Method = tuple[str, Imputation, Mapping[str, np.ndarray]]


@pytest.fixture(scope="module", params=imputations.names())
def method(request: pytest.FixtureRequest) -> Method:
    return request.param, imputations.configure(request.param), fit(request.param, things(ANCHORS, seed=1))


EVERY_PATTERN = np.array([[bool(n & 1), bool(n & 2), bool(n & 4)] for n in range(8)] * 3)


def test_what_is_present_comes_back_as_it_is_and_nothing_is_taken_for_a_vector_that_is_none(
    method: Method,
) -> None:
    name, impute, state = method
    given = things(len(EVERY_PATTERN), seed=2)
    before = [block.copy() for block in given]

    blocks, filled = impute(given, EVERY_PATTERN, state)

    assert not (filled & EVERY_PATTERN).any()
    for place, block in enumerate(blocks):
        assert (block[EVERY_PATTERN[:, place]] == given[place][EVERY_PATTERN[:, place]]).all()
        assert np.linalg.norm(block[filled[:, place]], axis=1) == pytest.approx(1, abs=1e-5)
        assert not block[~filled[:, place] & ~EVERY_PATTERN[:, place]].any()
        assert (given[place] == before[place]).all(), "the caller's arrays stay as they are"
    lacking = ~EVERY_PATTERN & EVERY_PATTERN.any(axis=1, keepdims=True)
    assert (filled == (lacking if name in FITTED else np.zeros_like(lacking))).all()


def test_the_content_of_a_missing_block_is_never_read(
    method: Method,
) -> None:
    _, impute, state = method
    clean, poisoned = things(len(EVERY_PATTERN), seed=2), things(len(EVERY_PATTERN), seed=2)
    for place, block in enumerate(poisoned):
        block[~EVERY_PATTERN[:, place]] = np.nan

    ours, theirs = impute(clean, EVERY_PATTERN, state), impute(poisoned, EVERY_PATTERN, state)

    assert (ours[1] == theirs[1]).all()
    for a, b in zip(ours[0], theirs[0], strict=True):
        assert (a == b).all()


def test_a_batch_gives_what_each_row_gives_alone(method: Method) -> None:
    _, impute, state = method
    given = things(len(EVERY_PATTERN), seed=2)

    together, filled = impute(given, EVERY_PATTERN, state)

    for row in range(len(EVERY_PATTERN)):
        alone, filled_alone = impute(
            [block[row : row + 1] for block in given], EVERY_PATTERN[row : row + 1], state
        )
        assert (filled_alone[0] == filled[row]).all()
        for a, b in zip(alone, together, strict=True):
            assert a[0] == pytest.approx(b[row], abs=1e-5)


def test_a_state_at_half_precision_says_the_same(method: Method) -> None:
    _, impute, state = method
    given = things(len(EVERY_PATTERN), seed=2)

    whole, _ = impute(given, EVERY_PATTERN, state)
    half, _ = impute(given, EVERY_PATTERN, {key: one.astype(np.float16) for key, one in state.items()})

    for a, b in zip(whole, half, strict=True):
        assert a == pytest.approx(b, abs=0.01)


def test_an_imputed_block_is_near_what_the_space_would_have_said() -> None:
    impute, state = imputations.configure("ridge"), fit("ridge", things(ANCHORS, seed=1))
    truth = things(50, seed=3)

    for lost in range(len(WIDTHS)):
        present = np.ones((50, len(WIDTHS)), bool)
        present[:, lost] = False
        blocks, _ = impute(truth, present, state)

        right = (blocks[lost] * truth[lost]).sum(axis=1).mean()
        wrong = (blocks[lost] * np.roll(truth[lost], 1, axis=0)).sum(axis=1).mean()
        assert right > 0.95
        assert wrong < 0.5


def test_skip_is_exactly_as_if_the_encoder_was_never_called() -> None:
    given = things(5, seed=2)
    present = np.ones((5, 3), bool)
    present[2:, 1] = False
    never_called = [given[0], np.zeros_like(given[1]), given[2]]

    blocks, filled = imputations.configure("skip")(given, present, {})

    assert not filled.any()
    for block, expected, whole in zip(blocks, never_called, given, strict=True):
        assert (block[2:] == expected[2:]).all()
        assert (block[:2] == whole[:2]).all()


@pytest.mark.parametrize("name", FITTED)
def test_blocks_that_were_not_fitted_are_neither_asked_nor_filled(name: str) -> None:
    rows = things(ANCHORS, seed=1)
    state = fit(name, [rows[0], np.zeros_like(rows[1]), rows[2]])
    given = things(2, seed=2)
    present = np.array([[True, False, False], [False, True, False]])

    blocks, filled = imputations.configure(name)(given, present, state)

    assert filled.tolist() == [[False, False, True], [False, False, False]]
    assert not blocks[1][0].any()
    assert not blocks[2][1].any(), "the second block knows no way"


@pytest.mark.parametrize("name", FITTED)
def test_a_method_without_a_state_refuses_and_says_so(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name} was not fitted here") as refusal:
        imputations.configure(name)(things(1, seed=2), np.array([[True, True, False]]), {})

    assert str(refusal.value.field) == "state"


def test_bad_blocks_are_refused_by_their_place(method: Method) -> None:
    _, impute, state = method
    broken = things(2, seed=2)
    broken[1][1, 0] = np.inf

    with pytest.raises(InvalidInput, match="NaN or infinity") as refusal:
        impute(broken, np.array([[True, True, False]] * 2), state)
    with pytest.raises(InvalidInput, match="do not go with which are present"):
        impute(things(2, seed=2), np.ones((3, 3), bool), state)

    assert str(refusal.value.field) == "blocks[1]"


NOT_A_NUMBER = things(5, seed=1)
NOT_A_NUMBER[0][2, 1] = np.nan


@each(
    "anchors, says",
    [
        (NOT_A_NUMBER, "block 0 hold NaN"),
        ([things(5, seed=1)[0], things(6, seed=1)[1]], "as many rows each"),
        ([things(5, seed=1)[0], np.zeros((5, 4))], "two blocks with rows"),
        ([things(1, seed=1)[0], things(1, seed=1)[1]], "two rows that every block has"),
    ],
)
def test_anchors_that_fit_nothing_are_refused(anchors: list[np.ndarray], says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refusal:
        fit("ridge", anchors)

    assert str(refusal.value.field) == "anchors"


def test_a_fit_refuses_a_parameter_it_does_not_have() -> None:
    with pytest.raises(InvalidInput, match="its parameters are: ridge"):
        fit("ridge", things(5, seed=1), {"temperature": 1})
