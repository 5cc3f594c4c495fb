"""Every example of filters in docs/search.md finds what the page says, over the items that it shows."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.each import each
from support.pages import blocks, section
from tieback.collections.metadata import check_metadata, from_json
from tieback.collections.record import Record
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Item, Section
from tieback.filters import parse
from tieback.index.memory.collection import Memory
from tieback.index.store.records import Put
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

ROOT = Path(__file__).parents[2]
PAGE = section("search.md", "Filters")
ITEMS = json.loads(blocks(PAGE, "json")[0])
ROWS = re.findall(r"^\| `(.+?)` \| ([\w, ]+) \|", PAGE, re.M)


def found(filter: str) -> list[str]:
    """The ids of the page's items that pass."""
    memory = Memory(1)
    for version, one in enumerate(ITEMS):
        metadata = check_metadata(from_json(json.dumps(one["metadata"])), Limits())
        item = Item(one["item_id"], [Section("1", None)], one["title"], metadata)
        record = Record(item, [""], [Modality(one["modality"])], np.zeros((1, 1), np.float32))
        memory.apply([Put(version, record)])
    tree = parse(filter)
    allowed = memory.allowed(tree, memory.scan(tree, lambda doing: None), lambda doing: None)
    return [memory.order_key(position)[0] for position in np.flatnonzero(allowed).tolist()]


@each("filter, expected", ROWS)
def test_an_example_finds_what_the_page_says(filter: str, expected: str) -> None:
    assert found(filter) == expected.split(", ")


def test_the_page_shows_every_operator_and_the_examples_of_others_parse() -> None:
    shown = " ".join(filter for filter, _ in ROWS)
    assert len(ROWS) >= 25
    for operator in ("=", "!=", "<", ">", ">=", ":", "IN", "CONTAINS", "NOT", "AND", "OR"):
        assert f" {operator} " in f" {shown} "

    proto = (ROOT / "protos/tieback/v1/index.proto").read_text(encoding="utf-8")
    told = re.findall(r"// '(modality = .*?)'\.", proto)
    for path in (ROOT / "clients/tieback_client").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        told += re.findall(r"--filter '([^']+)'", text)
        told += re.findall(r"(?:matches, e\.g\. |``)'(.+?)'(?:;|``)", text)
    assert len(told) >= 4
    for example in told:
        assert parse(example) is not None


def test_what_the_page_says_is_refused_is_refused() -> None:
    for wrong in ("lnag = 'en'", "year = '2024'", "lang = 5", "taken > yesterday", "draft = 1"):
        with pytest.raises(InvalidInput, match="Its fields are"):
            found(wrong)
