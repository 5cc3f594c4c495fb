from typing import Any

import numpy as np
import pytest
from tieback.core.errors import InvalidInput
from tieback.methods.routing import routings

SPACES = ("audio", "picture", "text")


def test_uniform_shares_equally_among_the_present_spaces() -> None:
    weights = routings.configure("uniform")(
        SPACES, np.array([[1, 1, 1], [1, 0, 1], [0, 0, 0]], bool), np.zeros((3, 3))
    )

    assert weights == pytest.approx(np.array([[1 / 3] * 3, [0.5, 0, 0.5], [0, 0, 0]]))


def test_explicit_weights_are_scaled_to_sum_to_one_over_the_present_spaces() -> None:
    policy = routings.configure("explicit", {"weights": {"text": 6, "audio": 2}})

    weights = policy(SPACES, np.array([[1, 1, 1], [0, 1, 1], [0, 1, 0]], bool), np.zeros((3, 3)))

    assert weights == pytest.approx(np.array([[0.25, 0, 0.75], [0, 0, 1], [0, 0, 0]]))


@pytest.mark.parametrize("huge", [1e308, 5e-324])
def test_explicit_weights_of_any_size_are_scaled_without_overflow(huge: float) -> None:
    weights = routings.configure("explicit", {"weights": {"text": huge, "audio": huge}})(
        SPACES, np.ones((1, 3)), np.zeros((1, 3))
    )

    assert weights == pytest.approx(np.array([[0.5, 0, 0.5]]))


def test_a_weight_for_an_unknown_space_is_refused_with_the_choices() -> None:
    with pytest.raises(InvalidInput, match="its components are: audio, picture, text") as refusal:
        routings.configure("explicit", {"weights": {"smell": 1}})(SPACES, np.ones((1, 3)), np.zeros((1, 3)))

    assert str(refusal.value.field) == 'parameters.weights["smell"]'


@pytest.mark.parametrize("weights", [{}, {"text": 0}])
def test_weights_that_leave_nothing_are_refused(weights: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="all weights are 0"):
        routings.configure("explicit", {"weights": weights})(SPACES, np.ones((1, 3)), np.zeros((1, 3)))
