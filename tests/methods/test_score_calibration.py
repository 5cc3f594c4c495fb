"""Scores of a query in one space are brought onto the scale of another one."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.core.errors import InvalidInput
from tieback.methods.score_calibration import FEWEST, score_calibrations

DRAW = np.random.default_rng(0)
NAMES = score_calibrations.names()
SIMILAR = DRAW.normal(0.2, 0.1, 200)
"""Scores of a sample in one space."""
SCORES = np.sort(DRAW.normal(0.2, 0.15, 50))


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_scores_stays(name: str) -> None:
    other = DRAW.normal(0.5, 0.03, 200)

    found = score_calibrations.configure(name)(SCORES, SIMILAR, other)

    assert found.dtype == np.float32
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_scores_of_a_space_on_its_own_scale_stay(name: str) -> None:
    found = score_calibrations.configure(name)(SCORES, SIMILAR, SIMILAR)

    assert found == pytest.approx(SCORES, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_scale_that_is_another_by_a_line_is_met_exactly(name: str) -> None:
    found = score_calibrations.configure(name)(SCORES, SIMILAR, 0.3 * SIMILAR + 0.4)

    assert found == pytest.approx(0.3 * SCORES + 0.4, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_flat_sample_moves_scores_and_does_not_stretch_them(name: str) -> None:
    flat = np.full(FEWEST, 0.5)

    found = score_calibrations.configure(name)(SCORES, flat, flat + 0.25)

    assert found == pytest.approx(SCORES + 0.25, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_that_is_too_small_or_not_of_pairs_is_refused(name: str) -> None:
    calibrate = score_calibrations.configure(name)

    with pytest.raises(InvalidInput, match="8 sections or more; there are 7") as few:
        calibrate(SCORES, SIMILAR[:7], SIMILAR[:7])
    with pytest.raises(InvalidInput, match="not as many") as uneven:
        calibrate(SCORES, SIMILAR[:9], SIMILAR[:8])

    assert (str(few.value.field), str(uneven.value.field)) == ("background", "reference")
