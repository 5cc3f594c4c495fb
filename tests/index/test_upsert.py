import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from index.conftest import refusal
from support.each import each
from support.requests import searched
from support.sections import SPACE, axis, item, section, vector
from support.waiting import until
from tieback.core.errors import InvalidInput, NotFound, SpaceMismatch
from tieback.core.types.collection import IndexedItem
from tieback.core.types.content import Content, Section
from tieback.index import Index
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import DType, SpaceRef, Vector


async def found(index: Index, values: Sequence[float] | Array, **about: Any) -> list[str]:
    return [hit.item_id for hit in (await searched(index, "docs", vector=vector(*values), **about)).hits]


async def test_an_item_comes_back_as_it_was_written_without_bytes_of_pictures(index: Index) -> None:
    picture = section(axis(1), "a red cup", modality=Modality.IMAGE, name="photo", uri="file:cup.jpg")
    picture = (replace(picture[0], content=Content(Modality.IMAGE, b"\xff\xd8")), picture[1])
    words = section(axis(0), "find me by this", content="Kept as it is.", name="1.1", title="Heading")
    written = item("a", words, picture, title="The item", year=1990, draft=False, author="Curie")

    await index.upsert("docs", [written])

    kept = await index.get_item("docs", "a")
    assert kept == replace(written.item, sections=[words[0], replace(picture[0], content=None)])


async def test_what_was_written_is_the_same_after_a_restart(
    index: Index, open_index: Callable[..., Index]
) -> None:
    await index.upsert(
        "docs", [item("a", section(axis(0), "eins", title="Kopf"), section(axis(1))), item("b")]
    )
    await index.upsert("docs", [item("b", section(axis(2), "new"), note="äö")])
    await index.delete_items("docs", ["a"])
    await index.upsert("docs", [item("a", section(axis(3), "zwei", content="drei"), year=3)])
    before = (await index.list_items("docs"))[0]
    await index.close()

    again = open_index()

    assert (await again.list_items("docs"))[0] == before
    assert await found(again, axis(3), limit=1) == ["a"]
    await again.close()


async def test_the_place_of_a_text_in_its_original_is_kept_and_told_with_hits(
    index: Index, open_index: Callable[..., Index]
) -> None:
    await index.upsert("docs", [item("a", section(axis(0), "Grüße", span=(40, 47)), section(axis(1), "x"))])
    await index.close()

    again = open_index()

    assert [s.span for s in (await again.get_item("docs", "a")).sections] == [(40, 47), None]
    hits = (await searched(again, "docs", vector=vector(1, 0, 0, 0))).hits
    assert [hit.span for hit in hits] == [(40, 47), None]
    await again.close()


@each(
    "span, about, words",
    [
        ((0, 4), {}, "the text has 5 bytes"),
        ((5, 0), {}, "the text has 5 bytes"),
        ((-5, 0), {}, "the text has 5 bytes"),
        ((0, 5), {"modality": Modality.IMAGE}, "only a section of text has a span"),
    ],
)
async def test_a_span_that_is_not_that_of_the_text_is_refused(
    index: Index, span: tuple[int, int], about: dict[str, Any], words: str
) -> None:
    error = await refusal(
        index, item("a", section(axis(0), "eight"), section(axis(1), "fünf", span=span, **about))
    )

    assert isinstance(error, InvalidInput)
    assert words in str(error)
    assert str(error.field) == "items[0].item.sections[1].span"


async def test_a_section_without_an_id_gets_its_ordinal(index: Index) -> None:
    await index.upsert("docs", [item("a", section(axis(0)), section(axis(1), name="x"), section(axis(2)))])

    assert [s.id for s in (await index.get_item("docs", "a")).sections] == ["1", "x", "3"]


async def test_replacing_an_item_by_one_with_fewer_sections_leaves_none_behind(index: Index) -> None:
    await index.upsert("docs", [item("a", *(section(axis(i), f"word{i}") for i in range(4)))])

    await index.upsert("docs", [item("a", section(axis(0), "other"))])

    assert len((await searched(index, "docs", vector=vector(1, 1, 1, 1), limit=9)).hits) == 1
    assert not (await searched(index, "docs", text="word3")).hits
    assert index.size.sections == 1


async def test_of_two_items_with_one_id_in_a_request_the_last_is_kept(index: Index) -> None:
    reply = await index.upsert("docs", [item("a", title="first"), item("b"), item("a", title="last")])

    assert reply.results == [None, None, None]
    assert (await index.get_item("docs", "a")).title == "last"
    assert (await index.get_collection("docs")).item_count == 2


async def test_a_bad_item_is_refused_and_the_others_are_written(index: Index) -> None:
    reply = await index.upsert("docs", [item("a"), item(""), item("c")])

    assert reply.results[0] is reply.results[2] is None
    assert isinstance(reply.results[1], InvalidInput)
    assert str(reply.results[1].field) == "items[1].item.id"
    assert [kept.id for kept in (await index.list_items("docs"))[0]] == ["a", "c"]


NAN, INFINITE = section((float("nan"), 0, 0, 0)), section((float("inf"), 0, 0, 0))
BINARY = section(Vector(np.zeros(1, np.uint8), SPACE, DType.BINARY))
NO_SCALE = section(Vector(np.zeros(4, np.int8), SPACE, DType.INT8))
HUGE = section(Vector(np.full(4, 1e300), SPACE))


@each(
    "bad, field, why",
    [
        (item(""), "items[0].item.id", "empty"),
        (item("é" * 257), "items[0].item.id", "at most 512"),
        (item("a\0b"), "items[0].item.id", "NUL"),
        (item("a\ud800"), "items[0].item.id", "surrogate"),
        (IndexedItem(replace(item("a").item, sections=[]), []), "items[0].item.sections", "at least one"),
        (IndexedItem(item("a").item, []), "items[0].sections", "1 sections and 0 vectors"),
        (
            item("a", section(axis(0), name="x"), section(axis(1), name="x")),
            "items[0].item.sections[1].id",
            "'x'",
        ),
        (item("a", section(axis(0), "b\udfff")), "items[0].item.sections[0].content.text", "surrogate"),
        (item("a", section((1, 2, 3))), "items[0].sections[0].vector.values", "width is 3.* is 4"),
        (item("a", section(Vector(np.zeros((2, 2)), SPACE))), "items[0].sections[0].vector.values", "2×2"),
        (item("a", section(axis(0)), NAN), "items[0].sections[1].vector.values", "NaN"),
        (item("a", INFINITE), "items[0].sections[0].vector.values", "infinite"),
        (item("a", HUGE), "items[0].sections[0].vector.values", "infinite"),
        (item("a", BINARY), "items[0].sections[0].vector.dtype", "float32, float16 or int8"),
        (item("a", NO_SCALE), "items[0].sections[0].vector.scale", "above 0"),
        (item("a", year=float("nan")), 'items[0].item.metadata["year"]', "finite"),
        (item("a", tags=[["x"]]), 'items[0].item.metadata["tags"][0]', "strings, finite numbers, booleans"),
        (item("a", long="x" * 70_000), 'items[0].item.metadata["long"]', "at most"),
    ],
)
async def test_a_bad_item_is_refused_with_the_field_and_the_reason(
    index: Index, bad: IndexedItem, field: str, why: str
) -> None:
    error = await refusal(index, bad)

    assert isinstance(error, InvalidInput)
    assert str(error.field) == field
    with pytest.raises(InvalidInput, match=why):
        raise error
    assert (await index.get_collection("docs")).item_count == 0


@each("space", [SpaceRef("nano", "r1", "f1"), SpaceRef("pico", "r2", "f1"), SpaceRef("pico", "r1", "f2")])
async def test_a_vector_of_another_space_is_refused_with_both_spaces_named(
    index: Index, space: SpaceRef
) -> None:
    error = await refusal(index, item("a", section(vector(1, 0, 0, 0, space=space))))

    assert isinstance(error, SpaceMismatch)
    assert str(error.field) == "items[0].sections[0].vector.space"
    for name in (space, space.fingerprint, SPACE, SPACE.fingerprint):
        assert str(name) in error.message


async def test_half_floats_and_scaled_integers_are_kept_as_floats(index: Index) -> None:
    half = Vector(np.array([0.5, 0, 0, 0], np.float16), SPACE, DType.FLOAT16)
    scaled = Vector(np.array([100, 0, 0, 0], np.int8), SPACE, DType.INT8, scale=0.02)

    await index.upsert("docs", [item("half", section(half)), item("scaled", section(scaled))])

    hits = (await searched(index, "docs", vector=vector(1, 0, 0, 0))).hits
    assert [hit.item_id for hit in hits] == ["scaled", "half"]
    assert [hit.score for hit in hits] == pytest.approx([2.0, 0.5])


async def test_an_empty_batch_and_one_over_the_limit_are_refused(open_index: Callable[..., Index]) -> None:
    index = open_index(Limits(batch_items=2, text_bytes=10))
    await index.create_collection("docs", SPACE, 4)

    for items in ([], [item("a"), item("b"), item("c")]):
        with pytest.raises(InvalidInput) as caught:
            await index.upsert("docs", items)
        assert str(caught.value.field) == "items"
    for ids in ([], ["a", "b", "c"]):
        with pytest.raises(InvalidInput) as caught:
            await index.delete_items("docs", ids)
        assert str(caught.value.field) == "ids"
    long = await refusal(index, item("a", section(axis(0), "ten bytes and more")))
    assert str(long.field) == "items[0].item.sections[0].content.text"
    await index.close()


async def test_concurrent_requests_share_commits(index: Index, store: Path) -> None:
    await index.upsert("docs", [item("first")])
    manifests = store / "collections" / "docs.lance" / "_versions"
    before = len(list(manifests.glob("*.manifest")))

    await asyncio.gather(*(index.upsert("docs", [item(f"i{n}")]) for n in range(64)))

    assert index.size.sections == 65
    assert len(list(manifests.glob("*.manifest"))) - before <= 16


async def test_a_cancelled_request_that_still_waits_is_withdrawn(index: Index) -> None:
    written = index._owned.to_write("docs")
    with written.memory.lock.reading():  # holds the commit of the first up
        first = asyncio.create_task(index.upsert("docs", [item("first")]))
        await until(lambda: written.writer.active_items == 1)
        second = asyncio.create_task(index.upsert("docs", [item("second")]))
        await until(lambda: written.writer.waiting_items == 1)
        second.cancel()
        await until(lambda: written.writer.waiting_items == 0)
    await first

    assert [kept.id for kept in (await index.list_items("docs"))[0]] == ["first"]


async def test_deleting_counts_what_was_there_and_it_is_not_found_again(index: Index) -> None:
    await index.upsert("docs", [item("a"), item("b", section(axis(1), "bee")), item("c")])

    assert await index.delete_items("docs", ["b", "nobody", "b", "c"]) == 2
    assert await index.delete_items("docs", ["b"]) == 0

    assert await found(index, (1, 1, 1, 1)) == ["a"]
    assert not (await searched(index, "docs", text="bee")).hits
    with pytest.raises(NotFound, match="no item is named 'b'"):
        await index.get_item("docs", "b")


async def test_a_bad_id_to_delete_is_refused(index: Index) -> None:
    with pytest.raises(InvalidInput) as caught:
        await index.delete_items("docs", ["a", ""])

    assert str(caught.value.field) == "ids[1]"


async def test_the_reply_says_where_the_time_went(index: Index) -> None:
    timing = (await index.upsert("docs", [item("a")])).timing

    assert 0 < timing.compute <= timing.total
    assert timing.prepare > 0


async def test_an_item_of_ten_thousand_sections_is_one_item(index: Index) -> None:
    many = item("big", *((Section("", None), section(axis(n))[1]) for n in range(10_000)))

    await index.upsert("docs", [many])

    assert len((await index.get_item("docs", "big")).sections) == 10_000
