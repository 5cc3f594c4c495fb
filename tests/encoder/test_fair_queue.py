"""Tenants share the worker by what their work costs, and so do the lines of each; in a line, age decides."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from tieback.batching.fair_queue import FairQueue, QueueLine


def everything(_: str) -> bool:
    return True


def serve(
    queue: FairQueue[str], seconds_a_token: dict[str, float], lines: dict[str, QueueLine] | None = None
) -> str:
    """Takes the next item alone; returns whose it was: a tenant, or one of `lines`."""
    head = queue.window(1, everything)[0]
    line = lines[head.request] if lines is not None else QueueLine(head.request)
    queue.take(line, [head])
    queue.charge(line, seconds_a_token[head.request] * head.cost)
    return head.request


def test_a_tenant_with_a_thousand_items_does_not_keep_another_waiting() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add(QueueLine("crawler"), "crawler", [10] * 1000)
    served = [serve(queue, {"crawler": 1.0})]
    queue.add(QueueLine("person"), "person", [10])

    served += [serve(queue, {"crawler": 1.0, "person": 1.0}) for _ in range(2)]

    assert "person" in served


def test_shares_are_of_time_and_not_of_items() -> None:
    queue: FairQueue[str] = FairQueue()
    for tenant in ("slow", "quick"):
        queue.add(QueueLine(tenant), tenant, [10] * 400)

    turns = Counter(serve(queue, {"slow": 3.0, "quick": 1.0}) for _ in range(400))

    assert 2.8 < turns["quick"] / turns["slow"] < 3.2


def test_idling_saves_nothing_up() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add(QueueLine("busy"), "busy", [10] * 300)
    for _ in range(100):
        serve(queue, {"busy": 1.0})
    queue.add(QueueLine("back"), "back", [10] * 300)

    turns = Counter(serve(queue, {"busy": 1.0, "back": 1.0}) for _ in range(100))

    assert turns["busy"] >= 49


def test_within_a_tenant_a_huge_request_lets_later_small_ones_pass() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add(QueueLine(""), "huge", [50] * 100)
    head = queue.window(1, everything)[0]
    queue.take(QueueLine(""), [head])
    queue.add(QueueLine(""), "small", [50])

    order = [turn.request for turn in queue.window(5, everything)]

    assert "small" in order[:3]


LINES = {"write": QueueLine("acme", in_bulk=True), "search": QueueLine("acme"), "other": QueueLine("globex")}


def test_a_search_does_not_wait_for_the_writes_that_came_before_it() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(50):  # as many requests in flight, each as small as the search
        queue.add(LINES["write"], "write", [10])
    served = [serve(queue, {"write": 1.0}, LINES)]
    queue.add(LINES["search"], "search", [10])

    served.append(serve(queue, {"write": 1.0, "search": 1.0}, LINES))

    assert served == ["write", "search"]


def test_writes_go_on_beside_many_searches() -> None:
    queue: FairQueue[str] = FairQueue()
    for name in ("search", "write"):
        queue.add(LINES[name], name, [10] * 200)

    turns = Counter(serve(queue, {"write": 1.0, "search": 1.0}, LINES) for _ in range(200))

    assert turns["write"] == turns["search"] == 100


def test_a_tenant_with_two_lines_has_no_more_than_one_with_a_single_one() -> None:
    queue: FairQueue[str] = FairQueue()
    for name, line in LINES.items():
        queue.add(line, name, [10] * 400)

    turns = Counter(serve(queue, dict.fromkeys(LINES, 1.0), LINES) for _ in range(400))

    assert turns == {"other": 200, "search": 100, "write": 100}


def test_writes_of_before_do_not_count_against_later_ones() -> None:
    queue: FairQueue[str] = FairQueue()
    seconds = {"write": 1.0, "search": 1.0, "other": 1.0}
    queue.add(LINES["other"], "other", [10] * 1000)  # so that the queue is never empty
    queue.add(LINES["write"], "write", [10] * 100)
    while "write" in {turn.request for turn in queue}:
        serve(queue, seconds, LINES)
    queue.add(LINES["search"], "search", [10] * 100)
    serve(queue, seconds, LINES)
    queue.add(LINES["write"], "write", [10] * 100)

    turns = Counter(serve(queue, seconds, LINES) for _ in range(80))

    assert turns["write"] >= 19


def test_what_is_not_wanted_any_more_is_forgotten_on_the_way() -> None:
    queue: FairQueue[str] = FairQueue()
    for name in ("gone", "kept", "gone"):
        queue.add(QueueLine(""), name, [1, 1])

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
        queue.add(QueueLine(tenant), tenant, costs)
    taken: Counter[str] = Counter()
    while len(queue):
        window = queue.window(size, everything)
        assert 1 <= len(window) <= size
        for tenant in {turn.request for turn in window}:
            chosen = [turn for turn in window if turn.request == tenant][::2]
            queue.take(QueueLine(tenant), chosen)
            queue.charge(QueueLine(tenant), float(len(chosen)))
            taken[tenant] += len(chosen)

    expected = Counter[str]()
    for tenant, costs in requests:
        expected[tenant] += len(costs)
    assert taken == expected
