"""A search that is as wide as fits the time given, by times that were measured on the collection."""

import dataclasses

import numpy as np
import pytest
from support.present import present
from support.requests import searched as found
from support.sections import item, section, vector
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import InvalidInput
from tieback.core.types.search import Reached
from tieback.index import Index
from tieback.index.memory.collection import Memory
from tieback.index.query.comparison import searched
from tieback.index.vectors.measured_recall import BREADTHS, ExpectedTimes
from tieback.methods.vector_search import EVERY
from tieback_contract.hits import ReadIn
from tieback_contract.method_choice import MethodChoice
from tieback_contract.vectors import SpaceRef, Vector

NORTH, WIDE = vector(1, 0, 0, 0), SpaceRef("wide", "r1", "f1")


@pytest.fixture
async def coded(index: Index) -> Index:
    """A collection whose shortlists miss some of the nearest, unless they are wide."""
    rows = np.random.default_rng(0).standard_normal((3000, 32)).astype(np.float32)
    codec = MethodChoice("binary", {"oversampling": 1})
    await index.create_collection("coded", WIDE, 32, codec=codec)
    items = [item(f"{n:04}", section(Vector(row, WIDE))) for n, row in enumerate(rows)]
    for begin in range(0, len(items), 1000):
        await index.upsert("coded", items[begin : begin + 1000])
    return index


async def reached(index: Index, milliseconds: float, deadline: Deadline = NO_DEADLINE) -> Reached:
    how = MethodChoice("time_budget", {"milliseconds": milliseconds})
    query = Vector(np.ones(32, np.float32), WIDE)
    reply = await found(index, "coded", vector=query, vector_search=how, deadline=deadline)
    return present(reply.reached)


async def test_more_time_finds_more_and_the_expected_time_is_within_the_budget(coded: Index) -> None:
    without_end, much, none = [await reached(coded, time) for time in (0, 60_000, 0.000_001)]

    assert without_end.recall == much.recall > none.recall
    assert present(much.seconds) < 60
    assert (none.breadth, len(BREADTHS)) == (min(BREADTHS), 9)


async def test_a_search_takes_half_of_what_the_call_has_left_at_most(coded: Index) -> None:
    whole = await reached(coded, 0)
    expected = present(whole.seconds)
    much = await reached(coded, 60_000, Deadline.after(200 * expected + 30))

    assert much.recall == whole.recall


async def test_where_every_section_is_compared_anyway_nothing_is_measured(index: Index) -> None:
    await index.upsert("docs", [item("a", section((1, 0, 0, 0)))])
    reply = await found(index, "docs", vector=NORTH, vector_search=MethodChoice("time_budget"))

    assert reply.reached == Reached(1.0, 1.0)


async def test_searches_that_take_longer_than_measured_make_later_ones_narrower(coded: Index) -> None:
    memory: Memory = coded._read_from("coded").memory
    known = memory.recalls

    def chosen(seconds: float) -> Reached:
        with searched(memory, by_both=False) as kinds:
            return known.breadth_within(kinds, seconds, lambda doing: None)

    chosen(1.0)  # measures
    measured = known._known[ReadIn.OLD]
    seconds = {breadth: 0.1 * breadth for breadth in measured.seconds if breadth != EVERY} | {EVERY: 10.0}
    known._known[ReadIn.OLD] = dataclasses.replace(measured, seconds=seconds)

    before = chosen(1.0)
    for _ in range(30):
        known.took(Reached(1.0, 1.0, 1.0), 20.0)
    after = chosen(1.0)

    assert present(after.seconds) == pytest.approx(200 * 0.1 * after.breadth)
    assert after.breadth == min(BREADTHS) < before.breadth <= 8
    assert after.recall < before.recall


def test_a_search_is_expected_to_take_as_long_as_nearly_all_of_the_last_by_its_breadth() -> None:
    times = ExpectedTimes()
    for number in range(40):
        times.took(1.0, 0.1, 0.9 if number in (5, 30) else 0.2)

    assert times.of({1.0: 0.1})[1.0] == pytest.approx(0.2)  # two of forty took longer

    times.took(1.0, 0.1, 0.9)

    assert times.of({1.0: 0.1})[1.0] == pytest.approx(0.9)


def test_a_process_that_is_stopped_is_stopped_for_as_long_by_any_breadth() -> None:
    times = ExpectedTimes()
    for number in range(40):
        times.took(1.0, 0.01, 0.5 if number % 4 == 0 else 0.02)

    assert times.of({1.0: 0.01, 8.0: 0.1})[8.0] == pytest.approx(2 * 0.1 + 0.5 - 2 * 0.01)


def test_times_under_load_are_forgotten_and_what_was_measured_counts_where_nothing_else_is_known() -> None:
    times = ExpectedTimes()
    assert times.of({1.0: 0.1, EVERY: 3.0}) == {1.0: 0.1, EVERY: 3.0}

    for taken in [5.0] * 64 + [0.1] * 64:
        times.took(1.0, 0.1, taken)

    assert times.of({1.0: 0.1, 2.0: 0.3}) == pytest.approx({1.0: 0.1, 2.0: 0.3})


async def test_a_budget_below_zero_is_refused(coded: Index) -> None:
    with pytest.raises(InvalidInput) as refused:
        await reached(coded, -1)

    assert str(refused.value.field) == "options.vector_search.parameters.milliseconds"
