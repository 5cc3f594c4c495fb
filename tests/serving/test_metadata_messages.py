"""What a message of metadata may not hold is refused with the item and the key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.each import each
from tieback.core.errors import InvalidInput
from tieback.serving.conversions.contents import read_item
from tieback.v1 import content_pb2
from tieback_contract.field_path import at


def nested(value: Any) -> None:
    value.list_value.values.add().string_value = "a"
    value.list_value.values.add().list_value.values.add().string_value = "b"


def set_to(**fields: Any) -> Callable[[Any], None]:
    def fill(value: Any) -> None:
        for name, one in fields.items():
            setattr(value, name, one)

    return fill


def far(value: Any) -> None:
    value.time_value.seconds = 10**15


@each(
    "fill, field, message",
    [
        (nested, 'items[3].metadata["x"][1]', "a list within a list"),
        (set_to(), 'items[3].metadata["x"]', "none is set"),
        (set_to(number_value=float("nan")), 'items[3].metadata["x"]', "finite"),
        (set_to(date_value="2024-13-01"), 'items[3].metadata["x"]', "no day; write it as 2024-03-01"),
        (set_to(date_value="2024-03-01T10:00"), 'items[3].metadata["x"]', "no day"),
        (set_to(date_value=""), 'items[3].metadata["x"]', "no day"),
        (far, 'items[3].metadata["x"]', "no time"),
    ],
)
def test_a_value_that_is_none_is_refused_naming_item_and_key(
    fill: Callable[[Any], None], field: str, message: str
) -> None:
    item = content_pb2.Item(id="a")
    item.metadata["fine"].string_value = "x"
    fill(item.metadata["x"])

    with pytest.raises(InvalidInput, match=message) as caught:
        read_item(item, at("items", 3))

    assert str(caught.value.field) == field
