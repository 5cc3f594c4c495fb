"""Metadata from Python and back, and writes of which nothing was written."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from support.each import each
from tieback_client import AsyncClient, Client, Image, InvalidArgument, Item, NothingWritten, TiebackError
from tieback_client.cli.output import to_json

FACTS: dict[str, Any] = {
    "name": "a",
    "like a date": "2024-03-01",
    "year": 1990,
    "share": 0.5,
    "largest": 2**53,
    "draft": False,
    "day": date(2024, 3, 1),
    "at": datetime(2024, 3, 1, 10, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2))),
    "tags": ["tls", "web", "tls"],
    "mixed": ["1", 1, True, date(2024, 3, 1), datetime(1, 1, 1, tzinfo=UTC)],
    "none": [],
}


def test_metadata_comes_back_as_it_was_put_in(client: Client) -> None:
    client.ingest("notes", [Item("a", "words", metadata=FACTS)]).collect()

    found = client.get("notes", "a").metadata

    assert found == FACTS
    assert {key: type(one) for key, one in found.items()} == {key: type(one) for key, one in FACTS.items()}


def test_a_tuple_is_a_list_a_numpy_value_a_number_and_a_time_without_a_zone_is_utc(client: Client) -> None:
    facts: Any = {
        "tags": ("a", "b"),
        "count": np.int64(3),
        "share": np.float32(0.5),
        "at": datetime(2024, 3, 1),
    }
    client.ingest("notes", [Item("a", "words", metadata=facts)]).collect()

    assert client.get("notes", "a").metadata == {
        "tags": ["a", "b"],
        "count": 3,
        "share": 0.5,
        "at": datetime(2024, 3, 1, tzinfo=UTC),
    }


@each(
    "key, value, field, message",
    [
        ("x", {"a": 1}, 'items[1].metadata["x"]', "not dict"),
        (
            "x",
            None,
            'items[1].metadata["x"]',
            "a text, a number, True or False, a date, a datetime, or a list",
        ),
        ("x", b"x", 'items[1].metadata["x"]', "not bytes"),
        ("x", float("inf"), 'items[1].metadata["x"]', "inf is no finite number"),
        ("x", 2**53 + 1, 'items[1].metadata["x"]', "give it as a text"),
        ("x", ["a", ("b",)], 'items[1].metadata["x"][1]', "a list within a list"),
        ("x", ["a", {1}], 'items[1].metadata["x"][1]', "not set"),
        ("x", "\ud800", 'items[1].metadata["x"]', "surrogate"),
        ('a "b"', object(), 'items[1].metadata["a \\"b\\""]', "not object"),
        (5, "a", "items[1].metadata", "not 5"),
        ("", "a", "items[1].metadata", "not empty"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_it_is_sent_naming_its_key(
    client: Client, served: Any, key: Any, value: Any, field: str, message: str
) -> None:
    items = [Item("good", "words"), Item("bad", "words", metadata={key: value})]

    with pytest.raises(InvalidArgument, match=message) as caught:
        client.ingest("notes", items).collect()

    assert caught.value.field == field
    assert "bad" not in {one.id for one in client.items("notes")}


def test_collect_raises_where_nothing_was_written_with_the_errors_by_item(client: Client) -> None:
    items = [Item(f"bad{number}", Image(b"not a picture")) for number in range(5)]

    with pytest.raises(
        NothingWritten, match=r"nothing was written; refused: 'bad0': .*is it damaged.*and 2 more"
    ) as caught:
        client.ingest("notes", items).collect()

    assert isinstance(caught.value, TiebackError)
    assert list(caught.value.errors) == [one.id for one in items]
    assert all(isinstance(error, InvalidArgument) for error in caught.value.errors.values())
    assert caught.value.code == "INVALID_ARGUMENT"


async def test_the_asynchronous_collect_raises_the_same(aclient: AsyncClient) -> None:
    with pytest.raises(NothingWritten) as caught:
        await aclient.ingest("notes", [Item("bad", Image(b"not a picture"))]).collect()

    assert list(caught.value.errors) == ["bad"]


def test_collect_of_no_items_is_a_report_of_nothing(client: Client) -> None:
    report = client.ingest("notes", []).collect()

    assert (report.written, report.errors) == (0, {})


def test_dates_and_lists_are_shown_as_json() -> None:
    assert to_json({"day": date(2024, 3, 1), "at": datetime(2024, 3, 1, tzinfo=UTC), "tags": ["a", 1]}) == (
        '{"day": "2024-03-01", "at": "2024-03-01T00:00:00+00:00", "tags": ["a", 1]}'
    )
