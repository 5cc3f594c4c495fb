"""What the benchmark of rollouts counts."""

from __future__ import annotations

import pytest

from benchmarks.rolling.load import Outcome, summary

pytestmark = pytest.mark.all


def test_a_phase_counts_its_calls_the_failed_ones_and_the_longest_time_without_an_answer() -> None:
    outcomes = [
        Outcome("Encode", 0.0, 0.9),  # before the phase
        Outcome("Encode", 0.9, 1.5),  # ends in it
        Outcome("Encode", 2.0, 2.1),
        Outcome("Encode", 2.2, 4.8, "Unavailable: gone"),
        Outcome("Encode", 4.9, 5.0),
        Outcome("Encode", 6.1, 6.2),  # after it
    ]

    found = summary(outcomes, 1.0, 6.0)

    assert (found["calls"], found["failed"]) == (4, 1)
    assert found["silence_s"] == pytest.approx(2.9)  # from 2.1 to 5.0: a failure is no answer
    assert found["slowest_s"] == pytest.approx(2.6)


def test_a_phase_without_any_answer_was_silent_to_its_end() -> None:
    assert summary([], 3.0, 8.0)["silence_s"] == 5.0
