import base64
from collections.abc import Callable
from typing import Any

import pytest
from support.sections import SPACE, WIDTH, axis, item, section
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput
from tieback.index import Index
from tieback_contract.modality import Modality


@pytest.fixture
async def ten(index: Index) -> Index:
    await index.upsert("docs", [item(f"i{n}", even=n % 2 == 0) for n in range(10)])
    return index


async def pages(index: Index, **about: Any) -> list[list[str]]:
    """The ids of each page."""
    listed, token = [], ""
    while True:
        page, token = await index.list_items("docs", page_token=token, **about)
        listed.append([kept.id for kept in page])
        if not token:
            return listed


async def test_items_are_listed_by_id_in_pages_each_once(ten: Index) -> None:
    assert await pages(ten, page_size=4) == [["i0", "i1", "i2", "i3"], ["i4", "i5", "i6", "i7"], ["i8", "i9"]]
    assert await pages(ten, page_size=5) == [["i0", "i1", "i2", "i3", "i4"], ["i5", "i6", "i7", "i8", "i9"]]


async def test_a_filtered_listing_holds_items_with_a_section_that_passes(ten: Index) -> None:
    await ten.upsert("docs", [item("z", section(axis(0)), section(axis(1), modality=Modality.IMAGE))])

    assert await pages(ten, page_size=3, filter="even = true") == [["i0", "i2", "i4"], ["i6", "i8"]]
    assert await pages(ten, filter="modality = image") == [["z"]]
    assert await pages(ten, filter="NOT even AND even") == [[]]


async def test_items_and_sections_are_counted_all_or_those_that_pass_a_filter(ten: Index) -> None:
    await ten.upsert(
        "docs", [item("z", section(axis(0)), section(axis(1), modality=Modality.IMAGE), even=True)]
    )
    await ten.delete_items("docs", ["i3"])

    filters = ("", "even = true", "modality = image", "even = false AND modality = image")
    assert [await ten.count_items("docs", filter=one) for one in filters] == [
        (10, 11),
        (6, 7),
        (1, 1),
        (0, 0),
    ]
    for bad in ("even =", "odd = true", "even = 1"):
        with pytest.raises(InvalidInput) as caught:
            await ten.count_items("docs", filter=bad)
        assert str(caught.value.field) == "filter"
    with pytest.raises(DeadlineExceeded):
        await ten.count_items("docs", filter="even = true", call=Call(Deadline.after(0)))


async def test_items_without_sections_are_those_with_them_and_large_ones_fit_a_page(index: Index) -> None:
    texts = [section(axis(0), "words " * 10_000, name=f"{n}") for n in range(10)]
    large = [item(f"i{n}", *texts, even=n % 2 == 0) for n in range(10)]
    await index.upsert("docs", large)

    whole, token = await index.list_items("docs")
    heads, last = await index.list_items("docs", without_sections=True)
    even, _ = await index.list_items("docs", filter="even = true", without_sections=True)

    assert (len(whole) < 10, bool(token), last) == (True, True, "")
    assert [(one.id, one.title, one.metadata, one.sections) for one in heads] == [
        (one.item.id, one.item.title, one.item.metadata, []) for one in large
    ]
    assert [one.id for one in even] == ["i0", "i2", "i4", "i6", "i8"]


async def test_a_page_holds_a_hundred_items_where_no_size_is_given(index: Index) -> None:
    await index.upsert("docs", [item(f"{n:03}") for n in range(150)])

    assert [len(page) for page in await pages(index)] == [100, 50]


async def test_items_that_stay_are_listed_once_whatever_is_written_between_pages(ten: Index) -> None:
    first, token = await ten.list_items("docs", page_size=4)
    await ten.delete_items("docs", ["i3", "i5"])
    await ten.upsert("docs", [item("i1"), item("a"), item("i35"), item("i8")])

    rest, _ = await ten.list_items("docs", page_token=token)

    assert [kept.id for kept in first] == ["i0", "i1", "i2", "i3"]
    assert [kept.id for kept in rest] == ["i35", "i4", "i6", "i7", "i8", "i9"]


async def test_a_page_token_outlives_a_restart(ten: Index, open_index: Callable[..., Index]) -> None:
    _, token = await ten.list_items("docs", page_size=8)
    await ten.close()
    again = open_index()

    rest, _ = await again.list_items("docs", page_token=token)

    assert [kept.id for kept in rest] == ["i8", "i9"]
    await again.close()


async def test_a_page_token_is_refused_for_another_request(ten: Index) -> None:
    await ten.create_collection("more", SPACE, WIDTH)
    _, token = await ten.list_items("docs", page_size=4, filter="even = true")

    for collection, text in (("docs", ""), ("docs", "even = false"), ("more", "even = true")):
        with pytest.raises(
            InvalidInput, match="collection and filter must be those of the first page"
        ) as caught:
            await ten.list_items(collection, page_token=token, filter=text)
        assert str(caught.value.field) == "page_token"
    with pytest.raises(InvalidInput):
        await ten.list_collections(page_token=token)


async def test_a_token_that_was_tampered_with_or_made_up_is_refused(ten: Index) -> None:
    _, token = await ten.list_items("docs", page_size=4)
    flipped = [token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in range(len(token))]
    made_up = [
        base64.urlsafe_b64encode(b"\0" * 16 + b"i3").decode(),
        "x",
        "==",
        "ä",
        "\0",
        "a" * 100_000,
        token[:-4],
    ]

    for bad in [*flipped[:-1], *made_up]:  # the last character holds two bits that mean nothing
        with pytest.raises(InvalidInput) as caught:
            await ten.list_items("docs", page_token=bad)
        assert str(caught.value.field) == "page_token"


@pytest.mark.parametrize("size", [-1, 1001])
async def test_a_page_size_out_of_range_is_refused(ten: Index, size: int) -> None:
    for call in (ten.list_items("docs", page_size=size), ten.list_collections(page_size=size)):
        with pytest.raises(InvalidInput) as caught:
            await call
        assert str(caught.value.field) == "page_size"
