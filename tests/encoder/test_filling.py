"""Which items go into a batch."""

from hypothesis import given
from hypothesis import strategies as st
from tieback.batching.filling import PADDING_LIMIT, fill_padded, fill_plain

COSTS = st.lists(st.integers(1, 300), min_size=1, max_size=60)
BUDGETS = st.integers(1, 600)
SIZES = st.integers(1, 40)


@given(COSTS, BUDGETS, SIZES)
def test_the_budget_is_kept_unless_the_first_item_alone_is_over_it(
    costs: list[int], budget: int, max_items: int
) -> None:
    padded = fill_padded(costs, budget=budget, max_items=max_items)
    plain = fill_plain(costs, budget=budget, max_items=max_items)

    for chosen in (padded, plain):
        assert 0 in chosen
        assert len(set(chosen)) == len(chosen) <= max_items
    assert padded == [0] or len(padded) * max(costs[place] for place in padded) <= budget
    assert plain == [0] or sum(costs[place] for place in plain) <= budget


@given(COSTS, BUDGETS, SIZES)
def test_padding_stays_under_its_limit(costs: list[int], budget: int, max_items: int) -> None:
    chosen = fill_padded(costs, budget=budget, max_items=max_items)

    computed = len(chosen) * max(costs[place] for place in chosen)
    assert computed - sum(costs[place] for place in chosen) <= PADDING_LIMIT * computed


def test_short_texts_are_not_padded_to_a_long_one() -> None:
    chosen = fill_padded([10, 200, 11, 190, 10, 12], budget=512, max_items=32)

    assert sorted(chosen) == [0, 2, 4, 5]


def test_among_equals_the_oldest_go_first() -> None:
    assert sorted(fill_padded([10] * 20, budget=50, max_items=32)) == [0, 1, 2, 3, 4]


def test_without_padding_items_go_by_turn() -> None:
    assert fill_plain([10, 200, 10, 10], budget=225, max_items=32) == [0, 1, 2]
    assert fill_plain([600, 1], budget=512, max_items=32) == [0]
