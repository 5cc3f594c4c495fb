"""A text that several items hold is one hit, which names them."""

from typing import Any

from support.requests import searched
from support.sections import axis, item, section, vector
from tieback.index import Index
from tieback_contract.hits import Hit, SameText
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity

LONG = "The key of the vault is kept by two people, and each of them is asked once a year. " * 3
ALONG = vector(1, 0.2, 0, 0)


def copy(name: str, along: float, text: str = LONG, **about: Any) -> Any:
    return item(name, section((along, 0.1, 0, 0), text, uri=f"{name}.md", title=name), title=name, **about)


async def hits(index: Index, **asked: Any) -> dict[str, list[str]]:
    """The items of the hits, and those that each is also in."""
    given: dict[str, Any] = {"vector": ALONG, **asked}
    found = (await searched(index, "docs", **given)).hits
    return {hit.item_id: [one.item_id for one in hit.also_in] for hit in found}


async def test_a_text_of_several_items_is_one_hit_and_other_texts_fill_the_hits(index: Index) -> None:
    copies = [copy(f"copy-{number}", 0.5 + 0.01 * number) for number in range(9)]
    others = [
        item("tea", section((0.4, 0, 0, 0), "Green tea is steeped.")),
        item("sea", section(axis(1), "Calm.")),
    ]
    await index.upsert("docs", [*copies, *others])

    every = [f"copy-{number}" for number in range(8)]
    assert await hits(index, limit=3) == {"copy-8": every, "tea": [], "sea": []}
    assert await hits(index, limit=3, vector=None, text="key of the vault") == {
        "copy-0": [*every[1:], "copy-8"]
    }
    assert await hits(index, limit=3, text="vault") == {"copy-8": every, "tea": [], "sea": []}
    assert await hits(index, limit=3, diversity=0.1) == {"copy-8": every, "tea": [], "sea": []}
    (told, *_) = (await searched(index, "docs", vector=ALONG)).hits[0].also_in
    assert told == SameText("copy-0", "copy-0", "1", "copy-0.md")
    apart = await hits(index, limit=3, every_copy=True)
    assert apart == {"copy-8": [], "copy-7": [], "copy-6": []}


async def test_items_that_the_filter_keeps_out_or_that_are_gone_are_not_named(index: Index) -> None:
    await index.upsert("docs", [copy(f"copy-{n}", 0.5 + 0.1 * n, year=float(n)) for n in range(4)])
    await index.upsert("docs", [copy("copy-1", 0.6, "Another text."), copy("copy-9", 0.1)])

    assert await hits(index, filter="year > 0") == {"copy-3": ["copy-2"]}
    await index.delete_items("docs", ["copy-3"])
    assert await hits(index) == {"copy-2": ["copy-0", "copy-9"], "copy-1": []}


async def test_short_texts_are_the_same_under_the_same_titles_alone(index: Index) -> None:
    products = [copy(name, along, "See the catalogue.") for name, along in (("chair", 0.9), ("table", 0.8))]
    named = [
        item(f"note-{n}", section((0.5, n, 0, 0), "Call Bob.", title="Today"), title="Notes") for n in (0, 1)
    ]
    await index.upsert("docs", [*products, *named])

    assert await hits(index) == {"chair": [], "table": [], "note-1": ["note-0"]}


async def test_a_text_that_was_cut_otherwise_in_another_item_is_the_same_text(index: Index) -> None:
    text = LONG * 2

    def cut(name: str, along: float, *places: int) -> Any:
        ends, begins = [*places, len(text)], [0, *(place - 10 for place in places)]  # pieces may overlap
        return item(
            name,
            *(
                section((along, place, 0, 0), text[begin:end], span=(begin, end), continues=place > 0)
                for place, (begin, end) in enumerate(zip(begins, ends, strict=True))
            ),
        )

    await index.upsert("docs", [cut("one", 0.9, 200), cut("two", 0.8, 120, 300), copy("three", 0.1, text)])

    for collapsed in (True, False):
        assert await hits(index, collapse_pieces=collapsed) == {"two": ["one", "three"]}


async def test_documents_that_hold_the_same_texts_are_one_hit(index: Index) -> None:
    def pages(name: str, *texts: str) -> Any:
        return item(name, *(section((0.5, 0.1 * len(name), 0, 0), text, title="Page") for text in texts))

    await index.upsert(
        "docs", [pages("a", LONG, "One."), pages("bb", LONG, "One."), pages("ccc", LONG, "Two.")]
    )

    found = await hits(index, granularity=Granularity.DOCUMENT)

    assert found == {"bb": ["a"], "ccc": []}


async def test_pictures_are_compared_by_their_originals_and_not_by_their_words(index: Index) -> None:
    photos = [
        item(name, section((0.5, 0, 0, 0), LONG, modality=Modality.IMAGE)) for name in ("beach", "street")
    ]
    await index.upsert("docs", photos)

    assert await hits(index) == {"beach": [], "street": []}


async def test_an_explained_search_says_how_many_copies_it_left_out(index: Index) -> None:
    await index.upsert("docs", [copy(f"copy-{number}", 0.5 + 0.01 * number) for number in range(4)])

    reply = await searched(index, "docs", vector=ALONG, explain=True)

    (group,) = [stage for stage in reply.timing.stages if stage.name == "group"]
    assert [(one.reason, one.count) for one in group.dropped] == [("copy", 3)]


async def test_what_an_item_may_not_have_as_hits_are_pieces_of_its_best_or_fill_the_hits(
    index: Index,
) -> None:
    rows = [section((1 - 0.01 * n, 0, 0, 0), f"row {n}", name=f"{n}") for n in range(30)]
    notes = [item(f"note-{n}", section((0.3, 0.01 * n, 0, 0), f"note {n}")) for n in range(4)]
    await index.upsert("docs", [item("table", *rows), *notes])

    def told(found: list[Hit]) -> list[tuple[str, int]]:
        return [(hit.item_id, len(hit.pieces)) for hit in found]

    limited: dict[str, Any] = {"vector": vector(1, 0, 0, 0), "hits_per_item": 3, "fill_up": True}
    six = (await searched(index, "docs", limit=6, **limited)).hits
    assert [name for name, _ in told(list(six))] == [*["table"] * 3, *(f"note-{n}" for n in range(3))]
    assert told(list(six))[0] == ("table", 9)  # of the twelve that were read
    assert six[0].pieces[0].section_id == "3"
    ten = (await searched(index, "docs", limit=10, **limited)).hits
    assert [name for name, _ in told(list(ten))] == ["table"] * 10
    hard = (await searched(index, "docs", limit=10, **limited | {"fill_up": False})).hits
    assert [name for name, _ in told(list(hard))] == [*["table"] * 3, *(f"note-{n}" for n in range(4))]
