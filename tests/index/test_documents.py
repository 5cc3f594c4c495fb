"""A search by documents: items are ranked as wholes, and the hit is the best section of one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.checked_queries import query_of
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section, vector
from tieback.collections.record import Record
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.search import SearchReply
from tieback.index import Index
from tieback.index.memory.collection import Memory
from tieback.index.query.search import search
from tieback.index.stages.documents import SECTIONS
from tieback.index.store.records import Put, Remove
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity

NORTH = vector(1, 0, 0, 0)
DOCUMENTS: dict[str, Any] = {"granularity": Granularity.DOCUMENT}


def names(reply: SearchReply) -> list[str]:
    return [hit.item_id for hit in reply.hits]


def sections(reply: SearchReply) -> list[list[str]]:
    """Of each hit, its own section and those beside it."""
    return [[hit.section_id, *(one.section_id for one in hit.sections)] for hit in reply.hits]


def by_definition(*rows: tuple[float, ...]) -> float:
    """Half the similarity to the mean of the vectors, as long as they are, and half that of the best."""
    vectors = np.array(rows)
    mean = vectors.mean(axis=0)
    together = np.linalg.norm(mean)
    longer = np.linalg.norm(vectors, axis=1).mean() / together if together else 1.0
    return float(mean[0] * longer + vectors[:, 0].max()) / 2


@pytest.fixture
async def guides(index: Index) -> Index:
    """One page that is about the north throughout, and one that has a single section about it."""
    await index.upsert(
        "docs",
        [
            item(
                "atlas",
                section((0.8, 0.6, 0, 0), "the north pole", title="pole"),
                section((0.7, 0, 0.714, 0), "the north wind", title="wind"),
                year=1900,
            ),
            item(
                "menu",
                section((0, 1, 0, 0), "soup of the day"),
                section((0.85, 0, 0.527, 0), "a north sea fish"),
                section((0, 0, 1, 0), "cake"),
                year=2000,
            ),
        ],
    )
    return index


async def test_a_page_that_is_about_the_query_is_above_one_with_a_single_section_about_it(
    guides: Index,
) -> None:
    by_sections = await searched(guides, "docs", vector=NORTH)
    by_documents = await searched(guides, "docs", vector=NORTH, **DOCUMENTS)

    assert names(by_sections)[0] == "menu"
    assert names(by_documents) == ["atlas", "menu"]
    assert sections(by_documents) == [["1", "2"], ["2", "1", "3"]]
    assert [hit.score for hit in by_documents.hits] == pytest.approx(
        [
            by_definition((0.8, 0.6, 0), (0.7, 0, 0.714)),
            by_definition((0, 1, 0), (0.85, 0, 0.527), (0, 0, 1)),
        ],
        abs=1e-5,
    )


async def test_a_hit_and_the_sections_beside_it_are_what_a_search_by_sections_gives(guides: Index) -> None:
    asked: dict[str, Any] = {"vector": NORTH, "text": "north"}
    by_sections = {
        (hit.item_id, hit.section_id): hit for hit in (await searched(guides, "docs", **asked)).hits
    }

    for hit in (await searched(guides, "docs", **asked, **DOCUMENTS)).hits:
        for one in hit.sections:
            assert one == by_sections[one.item_id, one.section_id]
        best = by_sections[hit.item_id, hit.section_id]
        assert (hit.text, hit.vector_score, hit.text_score) == (best.text, best.vector_score, best.text_score)
        assert all(best.score >= one.score for one in hit.sections)


async def test_the_words_of_a_document_are_those_of_all_its_sections(index: Index) -> None:
    """One section of each has one word of the query; a second one of "both" has the other."""
    await index.upsert(
        "docs",
        [
            item("both", section(axis(0), "storm at sea"), section(axis(0), "harbour at night")),
            item("one", section(axis(0), "storm at sea"), section(axis(0), "bread at night")),
            item(
                "long", *(section(axis(0), text) for text in ["storm at sea", "harbour", *["bread oven"] * 9])
            ),
        ],
    )

    reply = await searched(index, "docs", text="storm harbour", **DOCUMENTS)

    assert names(reply) == ["both", "long", "one"]


async def test_where_every_item_has_one_section_the_search_is_that_by_sections(index: Index) -> None:
    await index.upsert(
        "docs", [item(f"d{n}", section((1 - n / 10, n / 10, 0, 0), "storm " * n)) for n in range(5)]
    )

    for asked in ({"vector": NORTH}, {"text": "storm"}, {"vector": NORTH, "text": "storm"}):
        by_documents = await searched(index, "docs", **asked, **DOCUMENTS)
        by_sections = await searched(index, "docs", **asked)

        assert names(by_documents) == names(by_sections)
        assert [hit.score for hit in by_documents.hits] == pytest.approx(
            [hit.score for hit in by_sections.hits], abs=1e-6
        )


async def test_of_words_alone_only_sections_that_have_some_are_given(guides: Index) -> None:
    reply = await searched(guides, "docs", text="pole fish", **DOCUMENTS)

    assert sorted(names(reply)) == ["atlas", "menu"]
    assert {hit.item_id: [hit.section_id, len(hit.sections)] for hit in reply.hits} == {
        "atlas": ["1", 0],
        "menu": ["2", 0],
    }


async def test_a_document_is_the_sections_that_the_filter_lets_through(guides: Index) -> None:
    reply = await searched(guides, "docs", vector=NORTH, filter='section_id = "2"', **DOCUMENTS)

    assert sections(reply) == [["2"], ["2"]]
    assert names(reply) == ["menu", "atlas"]
    assert [hit.score for hit in reply.hits] == pytest.approx([0.85, 0.7], abs=1e-5)
    assert names(await searched(guides, "docs", vector=NORTH, filter="year < 1950", **DOCUMENTS)) == ["atlas"]
    assert not (await searched(guides, "docs", vector=NORTH, filter='section_id = "9"', **DOCUMENTS)).hits


async def test_what_is_written_and_removed_is_in_the_next_search_and_after_a_restart(
    guides: Index, store: Path
) -> None:
    await guides.upsert("docs", [item("menu", *(section((0.9, 0, 0, 0), "fish") for _ in range(3)))])
    changed = await searched(guides, "docs", vector=NORTH, **DOCUMENTS)
    await guides.delete_items("docs", ["atlas"])
    await guides.close()
    again = Index.open(store)
    removed = await searched(again, "docs", vector=NORTH, **DOCUMENTS)
    await again.close()

    assert names(changed) == ["menu", "atlas"]
    assert changed.hits[0].score == pytest.approx(0.9, abs=1e-5)
    assert removed.hits == changed.hits[:1]


@pytest.mark.parametrize("codec", ["float16", "int8", "binary"])
async def test_whatever_the_codec_the_scores_are_those_of_the_vectors(index: Index, codec: str) -> None:
    await index.create_collection("coded", SPACE, WIDTH, codec=MethodChoice(codec))
    rows = [(value, (1 - value**2) ** 0.5, 0.0, 0.0) for value in (0.9, 0.3, 0.1)]
    await index.upsert(
        "coded",
        [item("a", *(section(row, "x") for row in rows))],
    )

    (hit,) = (await searched(index, "coded", vector=NORTH, **DOCUMENTS)).hits

    assert hit.score == pytest.approx(by_definition(*rows), abs=0.02)


async def test_pictures_count_by_whole_and_region_and_ignored_dimensions_do_not(index: Index) -> None:
    picture = section((0.6, 0.8, 0, 0), "cup", modality=Modality.IMAGE, regions=[(1, 0, 0, 0)])
    await index.upsert("docs", [item("a", picture, section((0.5, 0, 0, 0.866), "text"))])

    (hit,) = (await searched(index, "docs", vector=NORTH, **DOCUMENTS)).hits
    ignored = [IgnoredDimensions(Modality.TEXT, 0, 1)]
    (without,) = (await searched(index, "docs", vector=NORTH, ignored=ignored, **DOCUMENTS)).hits

    assert (hit.section_id, hit.region is not None) == ("1", True)
    longer = 1 / np.linalg.norm([(0.6 + 0.5) / 2, 0.8 / 2, 0.866 / 2])
    assert hit.score == pytest.approx((0.65 * longer + 0.8) / 2, abs=1e-3)
    assert without.score == pytest.approx((0.4 * longer + 0.8) / 2, abs=1e-3)


async def test_opposite_pictures_are_no_better_a_document_for_their_mean_of_zero(index: Index) -> None:
    pictures = [
        section((0, side, 0, 0), "cup", modality=Modality.IMAGE, regions=[(1, 0, 0, 0)]) for side in (1, -1)
    ]
    nothing = section((0, 0, 0, 0), "nothing")
    await index.upsert("docs", [item("a", *pictures), item("b", nothing, nothing)])

    (opposite, zero) = (await searched(index, "docs", vector=NORTH, **DOCUMENTS)).hits

    assert opposite.score == pytest.approx((0.5 * 2**0.5 + 0.5) / 2, abs=1e-3)
    assert zero.score == 0


async def test_vectors_of_pictures_come_with_the_sections_beside_a_hit_too(index: Index) -> None:
    pictures = [
        section(axis(0), "cup", modality=Modality.IMAGE, regions=[(1, 0, 0, 0)]),
        section(axis(1), "pot", modality=Modality.IMAGE, regions=[(0, 1, 0, 0)]),
    ]
    await index.upsert("docs", [item("a", *pictures)])

    (hit,) = (await searched(index, "docs", vector=NORTH, multi_vectors=True, **DOCUMENTS)).hits

    assert hit.multi_vector is not None
    assert [one.multi_vector is not None for one in hit.sections] == [True]


async def test_of_a_long_document_the_best_sections_are_given(index: Index) -> None:
    book = item("book", *(section((n / 100, 0, 0, 0), f"page {n}") for n in range(60)))
    await index.upsert("docs", [book, item("note", section((0.3, 0, 0, 0), "note"))])

    reply = await searched(index, "docs", vector=NORTH, limit=2, **DOCUMENTS)

    assert names(reply) == ["book", "note"]
    assert sections(reply)[0] == [str(60 - n) for n in range(SECTIONS)]
    assert reply.hits[0].score == pytest.approx(by_definition(*((n / 100, 0) for n in range(60))), abs=1e-5)


async def test_others_fill_up_the_hits_where_one_document_has_most_of_the_best_sections(index: Index) -> None:
    book = item("book", *(section((1, 0, 0, 0), "page") for _ in range(1000)))
    notes = [item(f"note{n}", section((0.1 - n / 100, 0, 0, 0), "note")) for n in range(4)]
    await index.upsert("docs", [book, *notes])

    reply = await searched(index, "docs", vector=NORTH, limit=3, **DOCUMENTS)

    assert names(reply) == ["book", "note0", "note1"]


async def test_equal_documents_are_ordered_by_id(index: Index) -> None:
    await index.upsert("docs", [item(name, section(axis(0)), section(axis(0))) for name in "cab"])

    reply = await searched(index, "docs", vector=NORTH, **DOCUMENTS)

    assert names(reply) == ["a", "b", "c"]
    assert sections(reply) == [["1", "2"]] * 3


async def test_diversity_and_feedback_are_of_documents(index: Index) -> None:
    await index.upsert(
        "docs",
        [
            item("a", section((0.9, 0.436, 0, 0), "tide moon"), section((0.9, 0.436, 0, 0), "tide moon")),
            item("b", section((0.89, 0.456, 0, 0), "tide moon")),
            item("c", section((0.7, -0.5, 0.5, 0), "moon gravity")),
        ],
    )
    rocchio = MethodChoice("rocchio", {"documents": 1, "agreement": 0})

    diverse = await searched(index, "docs", vector=NORTH, limit=2, diversity=0.7, **DOCUMENTS)
    expanded = await searched(index, "docs", text="tide", query_expansion=rocchio, **DOCUMENTS)

    assert names(diverse) == ["a", "c"]
    assert expanded.expanded
    assert names(expanded) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"collapse_pieces": True}, "options.collapse_pieces"), ({"hits_per_item": 1}, "options.hits_per_item")],
)
async def test_what_a_search_by_documents_does_not_use_is_refused(
    index: Index, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput, match="a document is one hit") as refusal:
        await searched(index, "docs", vector=NORTH, **wrong, **DOCUMENTS)

    assert str(refusal.value.field) == field


@settings(max_examples=60, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 5), st.lists(st.integers(-9, 9), max_size=5)), min_size=1, max_size=15
    ),
    limit=st.integers(1, 8),
)
def test_documents_equal_their_definition_whatever_was_written_and_removed(
    changes: list[tuple[int, list[int]]], limit: int
) -> None:
    """An item without values is a removal; a value in tenths is the similarity of a section."""
    memory = Memory(WIDTH)
    stored: dict[str, list[float]] = {}
    for version, (number, tenths) in enumerate(changes, 1):
        name, values = f"i{number}", [one / 10 for one in tenths]
        stored.pop(name, None)
        if not values:
            memory.apply([Remove(version, name)])
            continue
        stored[name] = values
        made = [Section(str(n), Content(Modality.TEXT, "x")) for n in range(len(values))]
        vectors = np.array([[value, 1, 0, 0] for value in values], np.float32)
        record = Record(Item(name, made), ["x"] * len(made), [Modality.TEXT] * len(made), vectors)
        memory.apply([Put(version, record)])
    query = query_of(np.asarray(NORTH.values), limit, **DOCUMENTS)

    hits = search(memory, query, lambda doing: None).hits

    wanted = {name: by_definition(*((value, 1) for value in values)) for name, values in stored.items()}
    assert len(hits) == min(limit, len(wanted))
    assert [hit.score for hit in hits] == pytest.approx(
        sorted(wanted.values(), reverse=True)[:limit], abs=1e-5
    )
    for hit in hits:
        assert hit.score == pytest.approx(wanted[hit.item_id], abs=1e-5)
        values = stored[hit.item_id]
        given = [values[int(one.section_id)] for one in (hit, *hit.sections)]
        assert given == sorted(values, reverse=True)


def test_in_an_inverted_file_as_many_of_the_best_documents_are_found_as_of_the_best_sections() -> None:
    random = np.random.default_rng(0)
    count, own, width = 2000, 3, 16
    topics = random.normal(size=(count, 1, width))
    vectors = (topics + random.normal(size=(count, own, width))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    memory = Memory(width, flat_up_to=500)
    made = [Section(str(n), Content(Modality.TEXT, "x")) for n in range(own)]
    memory.apply(
        Put(n + 1, Record(Item(f"{n:04}", made), ["x"] * own, [Modality.TEXT] * own, vectors[n]))
        for n in range(count)
    )
    memory.train()
    assert not memory.vectors.exact
    wholes = vectors.mean(axis=1)
    wholes /= np.linalg.norm(wholes, axis=1, keepdims=True)
    documents, sections = [], []
    for one in random.normal(size=(20, width)).astype(np.float32):
        similarities = vectors @ one
        best = np.argsort(-(wholes @ one + similarities.max(axis=1)))[:10].tolist()
        found = search(memory, query_of(one, 10, **DOCUMENTS), lambda doing: None).hits
        documents.append(len({int(hit.item_id) for hit in found} & set(best)))
        best = np.argsort(-similarities.ravel())[:10].tolist()
        found = search(memory, query_of(one, 10), lambda doing: None).hits
        sections.append(len({own * int(hit.item_id) + int(hit.section_id) for hit in found} & set(best)))

    assert sum(documents) >= max(180, sum(sections))
