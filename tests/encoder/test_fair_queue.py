"""Tenants share the worker by what their work costs; within a tenant, age decides."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from tieback.batching.fair_queue import FairQueue


def everything(_: str) -> bool:
    return True


def serve(queue: FairQueue[str], seconds_a_token: dict[str, float]) -> str:
    """Takes the next item alone; returns whose it was."""
    head = queue.window(1, everything)[0]
    queue.take(head.request, [head])
    queue.charge(head.request, seconds_a_token[head.request] * head.cost)
    return head.request


def test_a_tenant_with_a_thousand_items_does_not_keep_another_waiting() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add("crawler", "crawler", [10] * 1000)
    served = [serve(queue, {"crawler": 1.0})]
    queue.add("person", "person", [10])

    served += [serve(queue, {"crawler": 1.0, "person": 1.0}) for _ in range(2)]

    assert "person" in served


def test_shares_are_of_time_and_not_of_items() -> None:
    queue: FairQueue[str] = FairQueue()
    for tenant in ("slow", "quick"):
        queue.add(tenant, tenant, [10] * 400)

    turns = Counter(serve(queue, {"slow": 3.0, "quick": 1.0}) for _ in range(400))

    assert 2.8 < turns["quick"] / turns["slow"] < 3.2


def test_idling_saves_nothing_up() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add("busy", "busy", [10] * 300)
    for _ in range(100):
        serve(queue, {"busy": 1.0})
    queue.add("back", "back", [10] * 300)

    turns = Counter(serve(queue, {"busy": 1.0, "back": 1.0}) for _ in range(100))

    assert turns["busy"] >= 49


def test_within_a_tenant_a_huge_request_lets_later_small_ones_pass() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add("", "huge", [50] * 100)
    head = queue.window(1, everything)[0]
    queue.take("", [head])
    queue.add("", "small", [50])

    order = [turn.request for turn in queue.window(5, everything)]

    assert "small" in order[:3]


def test_what_is_not_wanted_any_more_is_forgotten_on_the_way() -> None:
    queue: FairQueue[str] = FairQueue()
    for name in ("gone", "kept", "gone"):
        queue.add("", name, [1, 1])

    window = queue.window(10, lambda request: request == "kept")

    assert [turn.request for turn in window] == ["kept", "kept"]
    assert len(queue) == 2


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.lists(st.integers(1, 50), min_size=1, max_size=8)), max_size=12
    ),
    st.integers(1, 6),
)
def test_every_item_is_in_exactly_one_window_taken(requests: list[tuple[str, list[int]]], size: int) -> None:
    queue: FairQueue[str] = FairQueue()
    for tenant, costs in requests:
        queue.add(tenant, tenant, costs)
    taken: Counter[str] = Counter()
    while len(queue):
        window = queue.window(size, everything)
        assert 1 <= len(window) <= size
        for tenant in {turn.request for turn in window}:
            chosen = [turn for turn in window if turn.request == tenant][::2]
            queue.take(tenant, chosen)
            queue.charge(tenant, float(len(chosen)))
            taken[tenant] += len(chosen)

    expected = Counter[str]()
    for tenant, costs in requests:
        expected[tenant] += len(costs)
    assert taken == expected
