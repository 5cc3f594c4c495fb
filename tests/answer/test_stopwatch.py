"""How the remaining time is divided among hops."""

from __future__ import annotations

import math

import pytest
from support.each import each
from tieback.answer.stopwatch import hop
from tieback.core.deadline import NO_DEADLINE, Deadline


@each("seconds, kept", [(0.5, 0.0125), (2, 0.02), (60, 0.31), (-1, 0.01)])
def test_a_hop_keeps_back_a_fixed_time_and_a_part_of_what_remains(seconds: float, kept: float) -> None:
    deadline = Deadline.after(seconds)

    assert deadline.at - hop(deadline).at == pytest.approx(kept, abs=1e-3)


def test_a_hop_without_a_deadline_has_none() -> None:
    assert math.isinf(hop(NO_DEADLINE).at)
