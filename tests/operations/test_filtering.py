"""Lists of operations are filtered by the language of all filters, over three fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.counting_kind import counting, over
from support.each import each
from tieback.core.errors import InvalidInput
from tieback.core.types.operation import OperationRecord
from tieback.operations.filtering import passes, read_filter
from tieback_contract.operations import OperationState

REINDEX = OperationRecord("reindex-1", "reindex", "", "handbook", {"collection": "handbook"}, 0.0)
ENDED = OperationRecord(
    "reindex-2", "reindex", "", "album", {"collection": "album"}, 1.0, OperationState.FAILED
)
COUNT = OperationRecord("count-3", "count", "", "numbers", {"path": "numbers"}, 2.0, OperationState.RUNNING)


@each(
    "text, expected",
    [
        ("", [REINDEX, ENDED, COUNT]),
        ("done", [ENDED]),
        ("done = true", [ENDED]),
        ("done != true", [REINDEX, COUNT]),
        ("NOT done", [REINDEX, COUNT]),
        ('kind = "reindex"', [REINDEX, ENDED]),
        ('kind != "reindex"', [COUNT]),
        ('kind IN ("count", "reindex") AND done = false', [REINDEX, COUNT]),
        ("collection = handbook OR kind = count", [REINDEX, COUNT]),
        ('collection != "handbook"', [ENDED]),
        ("collection : *", [REINDEX, ENDED]),
        ('collection : "HAND"', [REINDEX]),
        ("collection CONTAINS alb", [ENDED]),
        ('NOT (collection = "handbook" OR done)', [COUNT]),
    ],
)
def test_a_filter_passes_what_its_fields_say(text: str, expected: list[OperationRecord]) -> None:
    tree = read_filter(text)

    assert [one for one in (REINDEX, ENDED, COUNT) if passes(tree, one)] == expected


@each(
    "text, told",
    [
        ("state = 3", r"no field state; their fields are collection \(text\), done \(true or false\), kind"),
        ("title = x", "no field title"),
        ("done = yes", "a value of done is of another type"),
        ("kind = 3", "a value of kind is of another type"),
        ('kind IN ("count", true)', "a value of kind is of another type"),
        ("done AND", r"a field \(collection, done, kind\), NOT or \(.*for example: kind = \"reindex\""),
    ],
)
def test_what_is_no_filter_of_operations_is_refused_with_the_fields_that_there_are(
    text: str, told: str
) -> None:
    with pytest.raises(InvalidInput, match=told) as refusal:
        read_filter(text)

    assert str(refusal.value.field) == "filter"


async def test_pages_of_a_filtered_list_hold_what_passes_and_a_token_is_of_its_filter(
    folder: Path, opened: Any
) -> None:
    async with opened() as operations:
        started = [await operations.start("count", counting(folder, str(n))) for n in range(3)]
        for one in started:
            await over(operations, one.id)

        first, token = await operations.page(filter="done", page_size=2)
        rest, end = await operations.page(filter="done", page_size=2, page_token=token)
        with pytest.raises(InvalidInput, match="not issued for this request"):
            await operations.page(filter="NOT done", page_size=2, page_token=token)

        assert [one.id for one in (*first, *rest)] == [one.id for one in reversed(started)]
        assert end == ""
        assert await operations.page(filter="NOT done") == ([], "")
