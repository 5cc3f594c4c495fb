"""Metadata of every type is kept: in the store, by compaction and a restart, and within its limits."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from support.each import each
from support.present import present
from support.requests import searched
from support.sections import SPACE, WIDTH, item
from tieback.index import Index
from tieback_contract.limits import Limits

FACTS: dict[str, Any] = {
    "title2": "a",
    "like a date": "2024-03-01",
    "year": 1990.0,
    "draft": False,
    "day": date(2024, 3, 1),
    "at": datetime(2024, 3, 1, 10, 30, 0, 123456, tzinfo=UTC),
    "tags": ("tls", "web", "tls"),
    "days": (date(1, 1, 1), date(9999, 12, 31)),
    "mixed": ("1", 1.0, True, date(2024, 3, 1)),
    "none": (),
    'key with "quotes" and é': "value",
}


async def test_metadata_of_every_type_survives_the_store_compaction_and_a_restart(
    index: Index, open_index: Callable[..., Index]
) -> None:
    await index.upsert("docs", [item("a", **FACTS), item("b", year=2.0)])
    await index.upsert("docs", [item("b", year=3.0)])
    index._owned.to_write("docs").writer._compact()
    await index.close()

    again = open_index()
    found = await again.get_item("docs", "a")
    listed, _ = await again.list_items("docs", filter="tags = tls AND day >= 2024-03-01 AND NOT draft")
    hits = (await searched(again, "docs", text="a", filter="at = 2024-03-01")).hits
    await again.close()

    assert found.metadata == FACTS
    assert {key: type(value) for key, value in found.metadata.items()} == {
        key: type(value) for key, value in FACTS.items()
    }
    assert [one.id for one in listed] == ["a"]
    assert [hit.metadata for hit in hits] == [FACTS]


async def test_times_are_kept_in_utc(index: Index) -> None:
    east = timezone(timedelta(hours=2))
    await index.upsert(
        "docs", [item("a", at=datetime(2024, 3, 1, 1, tzinfo=east), naive=datetime(2024, 1, 1))]
    )

    found = await index.get_item("docs", "a")

    kept = {key: at.isoformat() for key, at in found.metadata.items() if isinstance(at, datetime)}
    assert kept == {"at": "2024-02-29T23:00:00+00:00", "naive": "2024-01-01T00:00:00+00:00"}


@each(
    "value, field, message",
    [
        ({"a": 1}, 'items[1].item.metadata["bad key"]', "not dict"),
        (None, 'items[1].item.metadata["bad key"]', "strings, finite numbers, booleans, dates, and lists"),
        (b"x", 'items[1].item.metadata["bad key"]', "not bytes"),
        (float("nan"), 'items[1].item.metadata["bad key"]', "not nan"),
        (2**60, 'items[1].item.metadata["bad key"]', "2\\^53"),
        (["a", ["b"]], 'items[1].item.metadata["bad key"][1]', "a list within a list"),
        (["a"] * 257, 'items[1].item.metadata["bad key"]', "257 values; at most 256"),
        (["a" * 1000] * 200, "items[1].item.metadata", "bytes as JSON; at most 65536"),
        (["a\0"], 'items[1].item.metadata["bad key"][0]', "NUL"),
        (
            datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
            'items[1].item.metadata["bad key"]',
            "9999",
        ),
    ],
)
async def test_what_cannot_be_stored_is_refused_naming_its_key_and_the_others_are_written(
    index: Index, value: Any, field: str, message: str
) -> None:
    bad = item("bad", **{"bad key": value})

    reply = await index.upsert("docs", [item("good"), bad])

    assert reply.results[0] is None
    error = present(reply.results[1])
    assert str(error.field) == field
    assert re.search(message, error.message)


async def test_the_limits_on_lists_and_keys_can_be_set(open_index: Callable[..., Index]) -> None:
    index = open_index(limits=Limits(entries=2))
    await index.create_collection("docs", SPACE, WIDTH)
    reply = await index.upsert("docs", [item("a", tags=["a", "b"]), item("b", tags=["a", "b", "c"])])
    await index.close()

    assert reply.results[0] is None
    assert "at most 2" in str(reply.results[1])
