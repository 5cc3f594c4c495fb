"""Which items go into a batch: those that are computed most efficiently together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tieback.batching.cost_surface import CostSurface
from tieback.batching.selection import TOLERANCE, best_prefix, best_run

COSTS = st.lists(st.integers(1, 300), min_size=1, max_size=60)
BUDGETS = st.integers(1, 600)
SIZES = st.integers(1, 40)


def processor(max_items: int = 32) -> CostSurface:
    """Seconds grow with the tokens computed; a run as such costs 20 of them."""
    surface = CostSurface(max_items)
    lengths = [8, 64, 512]
    counts = [count for count in (1, 2, 4, 8, 16, 32) if count <= max_items]
    surface.measured(lengths, [[1e-4 * (count * length + 20) for count in counts] for length in lengths])
    return surface


def gpu() -> CostSurface:
    """A batch costs what one item does, up to thousands of tokens."""
    surface = CostSurface(32)
    surface.measured(
        [8, 512], [[0.01, 0.01, 0.01, 0.01, 0.01, 0.01], [0.012, 0.012, 0.013, 0.014, 0.016, 0.02]]
    )
    return surface


@given(COSTS, st.integers(0, 59), BUDGETS, SIZES)
def test_the_head_is_in_it_and_the_bounds_hold(
    costs: list[int], head: int, budget: int, max_items: int
) -> None:
    costs.sort()
    head %= len(costs)
    low, high = best_run(costs, head, processor(max_items), budget=budget)

    assert 0 <= low <= head < high <= len(costs)
    assert high - low <= max_items
    assert high - low == 1 or (high - low) * costs[high - 1] <= budget


@given(COSTS, st.integers(0, 59), st.integers(0, 10))
def test_no_other_run_around_the_head_is_much_more_efficient(
    costs: list[int], head: int, overhead: int
) -> None:
    costs.sort()
    head %= len(costs)
    surface = processor()

    def efficiency(low: int, high: int) -> float:
        useful = sum(surface.ideal(cost) for cost in costs[low:high])
        return useful / (surface.seconds(high - low, costs[high - 1]) + overhead / 1000)

    low, high = best_run(costs, head, surface, budget=10_000, overhead=overhead / 1000)
    best = max(
        efficiency(first, last)
        for first in range(max(0, head - 31), head + 1)
        for last in range(head + 1, min(len(costs), first + 32) + 1)
    )

    assert efficiency(low, high) >= 0.999 * TOLERANCE * best


def test_short_texts_are_not_padded_to_a_long_one() -> None:
    low, high = best_run([10, 10, 11, 12, 190, 200], 0, processor(), budget=10_000)

    assert (low, high) == (0, 4)


def test_a_long_text_runs_without_short_ones() -> None:
    low, _ = best_run([10, 10, 11, 12, 190, 200], 5, processor(), budget=10_000)

    assert low >= 4


def test_a_gpu_takes_all_there_is() -> None:
    low, high = best_run([10, 10, 11, 12, 190, 200], 0, gpu(), budget=10_000)

    assert (low, high) == (0, 6)


def test_where_size_makes_no_difference_the_smallest_batch_is_done_soonest() -> None:
    surface = CostSurface(8)
    surface.measured([100], [[0.1, 0.2, 0.4, 0.8]])

    assert best_run([100] * 8, 0, surface, budget=10_000) == (0, 1)


def test_what_a_batch_costs_besides_its_run_counts() -> None:
    surface = CostSurface(8)
    surface.measured([100], [[0.1, 0.2, 0.4, 0.8]])

    assert best_run([100] * 8, 0, surface, budget=10_000, overhead=1.0)[1] >= 7


def test_a_batch_is_no_larger_than_its_most_urgent_member_can_wait_for() -> None:
    free = best_run([10] * 20, 0, processor(), budget=10_000)
    urgent = best_run([10] * 20, 0, processor(), budget=10_000, slack=[1.0] * 10 + [0.008] + [1.0] * 9)

    assert free[1] > 10
    assert urgent[1] <= 10 or processor().seconds(urgent[1], 10) <= 0.008


def test_a_head_that_is_late_in_any_company_runs_alone() -> None:
    assert best_run([10] * 20, 3, processor(), budget=10_000, slack=[0.0] * 20) == (3, 4)


def test_a_batch_that_explores_is_larger() -> None:
    lengths = [8] * 16 + [12] * 16
    known = best_run(lengths, 0, processor(), budget=10_000)
    exploring = best_run(lengths, 0, processor(), budget=10_000, explores=True)

    assert exploring[1] - exploring[0] > known[1] - known[0]


@given(COSTS, BUDGETS, SIZES)
def test_without_padding_items_go_by_turn_within_the_budget(
    costs: list[int], budget: int, max_items: int
) -> None:
    count = best_prefix(costs, processor(max_items), budget=budget)

    assert 1 <= count <= min(max_items, len(costs))
    assert count == 1 or sum(costs[:count]) <= budget


@pytest.mark.parametrize(("overhead", "count"), [(0.0, 1), (0.05, 8)])
def test_without_padding_a_batch_pays_for_its_overhead_alone(overhead: float, count: int) -> None:
    surface = CostSurface(8)
    surface.measured([10], [[0.01, 0.02, 0.04, 0.08]])

    assert best_prefix([10] * 8, surface, budget=10_000, overhead=overhead) == count
