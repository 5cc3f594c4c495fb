"""What batches cost is measured, drawn between the measurements, and kept true."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tieback.batching.cost_surface import BATCHES_KEPT, CostSurface, measure

LENGTHS = [8, 32, 128]
PROCESSOR = [[0.002, 0.003, 0.005, 0.009], [0.008, 0.015, 0.030], [0.032, 0.066]]  # seconds of 1, 2, 4, 8


@pytest.fixture
def surface() -> CostSurface:
    made = CostSurface(64)
    made.measured(LENGTHS, PROCESSOR)
    return made


def test_measured_batches_cost_what_was_measured(surface: CostSurface) -> None:
    assert surface.seconds(1, 8) == pytest.approx(0.002)
    assert surface.seconds(8, 8) == pytest.approx(0.009)
    assert surface.seconds(2, 128) == pytest.approx(0.066)


def test_between_measurements_the_cost_is_between_them(surface: CostSurface) -> None:
    assert surface.seconds(3, 8) == pytest.approx(0.004)
    assert surface.seconds(1, 20) == pytest.approx(0.005)


def test_beyond_the_longest_the_cost_grows_in_proportion(surface: CostSurface) -> None:
    assert surface.seconds(1, 512) == pytest.approx(4 * 0.032)


def test_a_row_that_ended_early_goes_on_in_proportion(surface: CostSurface) -> None:
    assert surface.seconds(8, 128) == pytest.approx(4 * 0.066)


def test_no_more_items_than_were_worth_measuring_make_a_batch(surface: CostSurface) -> None:
    assert surface.max_items == 8


def test_an_items_share_is_that_of_the_batch_that_suits_it(surface: CostSurface) -> None:
    assert surface.ideal(8) == pytest.approx(0.009 / 8)
    assert surface.ideal(128) == pytest.approx(0.032)  # alone


@given(st.lists(st.lists(st.floats(1e-4, 1.0), min_size=1, max_size=5), min_size=1, max_size=5))
def test_more_or_longer_items_never_cost_less(seconds: list[list[float]]) -> None:
    surface = CostSurface(16)
    surface.measured([4 * 2**place for place in range(len(seconds))], seconds)

    for length in (1, 4, 5, 8, 20, 200):
        row = surface.row(length)
        assert all(low <= high * (1 + 1e-9) for low, high in itertools.pairwise(row))
        assert (surface.row(length) <= surface.row(length + 1) * (1 + 1e-9)).all()


def test_a_disturbed_measurement_does_not_make_a_smaller_batch_dearer() -> None:
    surface = CostSurface(8)
    surface.measured([8], [[0.002, 0.050, 0.005, 0.009]])  # the run of two was disturbed

    assert surface.seconds(2, 8) == pytest.approx(0.005)


def test_what_is_served_corrects_what_was_measured(surface: CostSurface) -> None:
    for _ in range(40 * BATCHES_KEPT):
        surface.observe(8, 8, 0.018)  # the machine is half as fast as it was

    assert surface.seconds(8, 8) == pytest.approx(0.018, rel=0.05)
    assert surface.seconds(1, 128) > 0.032  # and so it is elsewhere


def test_one_batch_that_took_an_age_changes_little(surface: CostSurface) -> None:
    surface.observe(8, 8, 60.0)
    for _ in range(BATCHES_KEPT):
        surface.observe(8, 8, 0.009)

    assert surface.seconds(8, 8) < 0.010


def test_the_first_batch_sets_the_scale_where_nothing_was_measured() -> None:
    surface = CostSurface(32)
    assert not surface.is_measured

    surface.observe(4, 16, 0.1)

    assert surface.is_measured
    assert surface.seconds(4, 16) == pytest.approx(0.1)
    assert surface.seconds(8, 16) > 0.1


@dataclass(frozen=True)
class Text:
    tokens: int


@pytest.mark.parametrize(
    ("machine", "seconds", "most"),
    [
        ("a processor", lambda items, tokens: 0.001 + 0.0005 * items * tokens, 16),
        ("a GPU", lambda items, tokens: 0.010 + 1e-7 * items * tokens, 64),
    ],
)
def test_measuring_goes_on_as_long_as_more_items_gain(
    machine: str, seconds: Callable[[int, int], float], most: int
) -> None:
    now = 0.0

    def run(items: Sequence[Text], group: Hashable) -> None:
        nonlocal now
        now += seconds(len(items), items[0].tokens)

    rows = measure(run, [Text(8), Text(64)], None, max_items=64, budget=10_000, clock=lambda: now)
    surface = CostSurface(64)
    surface.measured([8, 64], rows)

    assert surface.max_items == most, machine
    assert surface.seconds(4, 8) == pytest.approx(seconds(4, 8))


def test_measuring_keeps_the_budget() -> None:
    largest = 0

    def run(items: Sequence[Text], group: Hashable) -> None:
        nonlocal largest
        largest = max(largest, sum(item.tokens for item in items))

    measure(run, [Text(8), Text(300)], None, max_items=64, budget=256, clock=iter(range(10_000)).__next__)

    assert largest == 300  # alone; all else is within it
