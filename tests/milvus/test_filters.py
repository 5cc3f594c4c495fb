"""Filters in Milvus pass what those of the embedded store pass."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index.test_filter_values import ALL_KINDS, COMPARISONS, VALUES, naive
from index.test_filters import EXAMPLES, ROWS
from support import milvus_lite
from support.filtering import trees
from support.sections import SPACE, WIDTH, axis, item, section
from tieback.filters import Filter
from tieback.milvus import MilvusIndex, sortable
from tieback.milvus.connection import Milvus
from tieback_contract.modality import Modality


async def passing(index: MilvusIndex, text: str) -> list[str]:
    return [one.id for one in (await index.list_items("docs", filter=text, page_size=1000))[0]]


@pytest.fixture
async def rows(index: MilvusIndex) -> MilvusIndex:
    """The rows of the tests of filters, as items of one section."""
    await index.upsert(
        "docs",
        [
            item(
                f"i{number}",
                section(axis(0), modality=Modality(row["modality"])),
                title=row["title"],
                **{key: value for key, value in row.items() if key not in ("title", "modality")},
            )
            for number, row in enumerate(ROWS)
        ],
    )
    return index


async def test_a_filter_passes_the_rows_it_describes(rows: MilvusIndex) -> None:
    for text, numbers in EXAMPLES:
        assert (text, await passing(rows, text)) == (text, [f"i{number}" for number in numbers])


@pytest.fixture(scope="module")
def runner(lite: str) -> Iterator[tuple[asyncio.Runner, MilvusIndex]]:
    with asyncio.Runner() as runner:
        index = runner.run(_opened(lite))
        yield runner, index
        runner.run(index.close())
    milvus_lite.emptied(lite)


async def _opened(address: str) -> MilvusIndex:
    index = MilvusIndex(Milvus(address))
    await index.create_collection("docs", SPACE, WIDTH)
    return index


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    found=st.lists(st.dictionaries(st.sampled_from(["x", "y"]), VALUES), max_size=8),
    tree=trees(COMPARISONS, most=5),
)
def test_a_filter_passes_the_rows_that_a_naive_evaluation_passes(
    runner: tuple[asyncio.Runner, MilvusIndex], found: list[dict[str, Any]], tree: Filter
) -> None:
    run, index = runner
    rows: list[dict[str, Any]] = [dict(ALL_KINDS), *found]
    run.run(index.delete_items("docs", [f"i{number}" for number in range(9)]))
    reply = run.run(index.upsert("docs", [item(f"i{number}", **row) for number, row in enumerate(rows)]))
    assert reply.results == [None] * len(rows)

    names = run.run(passing(index, str(tree)))

    assert names == [f"i{number}" for number, row in enumerate(rows) if naive(tree, row)]


@given(st.text(), st.text())
def test_coded_texts_sort_and_contain_as_the_texts_do(one: str, other: str) -> None:
    codes = sortable.of_text(one), sortable.of_text(other)

    assert (codes[0] < codes[1]) == (one < other)
    assert (codes[0] in codes[1]) == (one in other)
    assert (codes[0] == codes[1]) == (one == other)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_coded_numbers_sort_as_the_numbers_do(one: float, other: float) -> None:
    codes = sortable.of_number(one), sortable.of_number(other)

    assert (codes[0] < codes[1], codes[0] == codes[1]) == (one < other, one == other)


MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)) | st.dates(
    date(1, 1, 2), date(9999, 12, 30)
)


@given(MOMENTS, MOMENTS)
def test_coded_moments_sort_as_the_moments_do(one: date, other: date) -> None:
    def at(value: date) -> datetime:
        return (
            value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
        )

    codes = sortable.of_instant(one), sortable.of_instant(other)
    assert (codes[0] < codes[1], codes[0] == codes[1]) == (at(one) < at(other), at(one) == at(other))
    days = sortable.of_day(one), sortable.of_day(other)
    assert (days[0] < days[1]) == (at(one).date() < at(other).date())
