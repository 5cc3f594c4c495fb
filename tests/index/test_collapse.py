"""The pieces of a short text are one hit, and hits are filled up with other texts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.checked_queries import query_of
from support.requests import searched
from support.sections import WIDTH, axis, item, section, vector
from tieback.collections.grouping import MOST_PIECES
from tieback.collections.record import Record
from tieback.core.errors import InvalidInput
from tieback.core.types.collection import IndexedItem, IndexedSection, ReindexedPiece
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.reindexing import ReindexedItem
from tieback.core.types.search import SearchReply
from tieback.filters import parse
from tieback.index import Index
from tieback.index.memory.collection import Memory
from tieback.index.query.search import search
from tieback.index.store.records import Put
from tieback_contract.hits import FoundPiece, Hit
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector

ALONG = vector(1, 0, 0, 0)


def text(name: str, *scores: float, words: str = "", **facts: Any) -> IndexedItem:
    """An item that is one text in pieces which score so much along the first axis."""
    return item(
        name,
        *(
            section((score, 0, 0, 0), f"{words} {name}", continues=number > 0)
            for number, score in enumerate(scores)
        ),
        **facts,
    )


def found(reply: SearchReply) -> list[str]:
    return [f"{hit.item_id}.{hit.section_id}" for hit in reply.hits]


async def collapsed(index: Index, limit: int = 10, query: Vector = ALONG, **how: Any) -> list[str]:
    return found(await searched(index, "docs", vector=query, limit=limit, collapse_pieces=True, **how))


async def test_a_short_text_is_one_hit_at_its_best_piece_with_the_others_beside_it(index: Index) -> None:
    await index.upsert("docs", [text("a", 0.7, 0.9, 0.8), text("b", 0.75, 0.2)])

    hits = (await searched(index, "docs", vector=ALONG, collapse_pieces=True)).hits

    assert [(hit.item_id, hit.section_id) for hit in hits] == [("a", "2"), ("b", "1")]
    assert [one.section_id for one in hits[0].pieces] == ["3", "1"]
    assert [one.score for one in hits[0].pieces] == pytest.approx([0.8, 0.7])
    assert len((await searched(index, "docs", vector=ALONG)).hits) == 5


async def test_pieces_have_the_scores_that_they_would_have_as_hits(index: Index) -> None:
    await index.upsert("docs", [text("a", 0.7, 0.9, 0.8, words="lamp"), text("b", 0.75, 0.2)])
    how: dict[str, Any] = {"vector": ALONG, "text": "lamp night"}

    every = {
        (one.item_id, one.section_id): (one.score, one.vector_score, one.words_matched)
        for one in (await searched(index, "docs", **how)).hits
    }
    hits = (await searched(index, "docs", collapse_pieces=True, **how)).hits

    assert any(hit.pieces for hit in hits)
    for hit in hits:
        found: list[Hit | FoundPiece] = [hit, *hit.pieces]
        for one in found:
            assert every[hit.item_id, one.section_id] == (one.score, one.vector_score, one.words_matched)


async def test_hits_and_their_pieces_are_the_best_sections_as_far_as_the_last_hit(index: Index) -> None:
    await index.upsert("docs", [text("a", 0.9, 0.7, 0.3), text("b", 0.8, 0.5), text("c", 0.6, 0.55)])

    hits = (await searched(index, "docs", vector=ALONG, limit=3, collapse_pieces=True)).hits

    assert [[hit.section_id, *(one.section_id for one in hit.pieces)] for hit in hits] == [
        ["1", "2"],
        ["1"],
        ["1"],
    ]


async def test_a_long_text_is_found_at_several_places(index: Index) -> None:
    scores = [0.1] * 40
    scores[3], scores[20], scores[21] = 0.9, 0.7, 0.8

    await index.upsert("docs", [text("book", *scores), text("note", 0.6, 0.5)])

    assert await collapsed(index, limit=4) == ["book.4", "book.22", "book.21", "note.1"]


@pytest.mark.parametrize(("pieces", "hits"), [(MOST_PIECES, 1), (MOST_PIECES + 1, MOST_PIECES + 1)])
async def test_a_text_is_short_up_to_a_number_of_pieces(index: Index, pieces: int, hits: int) -> None:
    await index.upsert("docs", [text("a", *[0.5] * pieces)])

    assert len(await collapsed(index)) == hits


async def test_sections_that_were_given_apart_are_hits_of_their_own(index: Index) -> None:
    parts = [
        section((0.9 - n / 10, 0, 0, 0), "x", name=name, span=(n, n + 1))
        for n, name in enumerate(["x", "x-2", "x-3"])
    ]

    await index.upsert("docs", [item("doc", *parts)])

    assert await collapsed(index) == ["doc.x", "doc.x-2", "doc.x-3"]


async def test_two_texts_of_one_item_do_not_hide_each_other(index: Index) -> None:
    first, second = text("a", 0.9, 0.8), text("a", 0.7, 0.6)
    both = item(
        "a",
        *[(s, k) for one in (first, second) for s, k in zip(one.item.sections, one.sections, strict=True)],
    )

    await index.upsert("docs", [both])

    assert await collapsed(index) == ["a.1", "a.3"]


async def test_hits_are_filled_up_from_beyond_the_first_look(index: Index) -> None:
    """Of each text eight pieces are better than any of the next: ten texts are the 73 best sections."""
    texts = [text(f"t{n:02}", *[1 - n / 20 - piece / 1000 for piece in range(8)]) for n in range(12)]

    await index.upsert("docs", texts)

    assert await collapsed(index) == [f"t{n:02}.1" for n in range(10)]
    assert len(await collapsed(index, limit=100)) == 12
    words = await searched(index, "docs", text=" ".join(f"t{n:02}" for n in range(12)), collapse_pieces=True)
    assert len({hit.item_id for hit in words.hits}) == 10


async def test_fewer_hits_than_asked_for_are_all_that_there_is(index: Index) -> None:
    await index.upsert("docs", [text(name, *[0.5] * 8) for name in "abcd"])

    assert await collapsed(index, limit=50) == ["a.1", "b.1", "c.1", "d.1"]


async def test_equal_pieces_are_found_by_their_order(index: Index) -> None:
    await index.upsert("docs", [text("b", 0.5, 0.5, 0.5), text("a", 0.5, 0.5)])

    assert await collapsed(index) == ["a.1", "b.1"]


async def test_a_better_piece_that_the_filter_does_not_let_through_hides_none(index: Index) -> None:
    await index.upsert("docs", [text("a", 0.7, 0.9, 0.8), text("b", 0.75, 0.2)])

    assert await collapsed(index, filter='section_id != "2"') == ["a.3", "b.1"]


async def test_words_alone_and_words_beside_a_vector_have_one_hit_a_text(index: Index) -> None:
    await index.upsert(
        "docs", [text("a", 0.3, 0.4, words="lamp"), text("b", 0.3, 0.1), text("c", 0.2, 0.1, words="lamp")]
    )

    words = found(await searched(index, "docs", text="lamp", collapse_pieces=True))
    both = await collapsed(index, text="lamp", rank_fusion=MethodChoice("weighted_sum"))
    assert words == ["a.1", "c.1"]
    assert both == ["a.2", "c.1", "b.1"]


async def test_photos_with_regions_stay_beside_texts(index: Index) -> None:
    regions = [(0.9, 0, 0, 0), (0.1, 0, 0, 0)]
    photo = section((0.5, 0, 0, 0), "a lamp", modality=Modality.IMAGE, regions=regions)

    await index.upsert("docs", [item("photo", photo), text("a", 0.8, 0.75, 0.1)])

    for balance in (False, True):
        hits = await collapsed(index, balance_modalities=balance)
        assert sorted(hits) == ["a.1", "photo.1"]


async def test_what_belongs_together_is_known_after_a_change_a_compaction_and_a_restart(
    index: Index, open_index: Callable[..., Index]
) -> None:
    await index.upsert("docs", [text("a", 0.9, 0.8), text("b", 0.7, 0.6)])
    await index.upsert("docs", [item("b", section((0.7, 0, 0, 0)), section((0.6, 0, 0, 0)))])
    index._owned.to_write("docs").writer._compact()
    assert await collapsed(index) == ["a.1", "b.1", "b.2"]
    await index.close()

    again = open_index()

    assert await collapsed(again) == ["a.1", "b.1", "b.2"]
    assert [one.continues for one in (await again.get_item("docs", "a")).sections] == [False, True]
    await again.delete_items("docs", ["a"])
    assert again._owned.to_read("docs").memory.continuing == 0
    assert await collapsed(again) == ["b.1", "b.2"]
    await again.close()


async def test_the_first_section_of_an_item_continues_none(index: Index) -> None:
    wrong = item("a", section(axis(0), "x", continues=True))

    (error,) = (await index.upsert("docs", [wrong])).results

    assert isinstance(error, InvalidInput)
    assert str(error.field) == "items[0].item.sections[0].continues"


async def test_a_text_that_a_reindex_splits_is_one_text(index: Index) -> None:
    new = SpaceRef("pico", "r2", "f2")
    await index.upsert("docs", [item("a", section(axis(0), "one two"), section(axis(0), "three four"))])
    await index.begin_reindex("docs", new, WIDTH)
    (pending,) = await index.list_pending("docs")
    pieces = [
        ReindexedPiece(0, "1", (0, 4)),
        ReindexedPiece(0, "1-2", (4, 7)),
        ReindexedPiece(1, "2", (0, 6)),
        ReindexedPiece(1, "2-2", (6, 10)),
    ]
    sections = [IndexedSection(vector(0.9 - n / 10, 0, 0, 0, space=new), "", Modality.TEXT) for n in range(4)]

    errors = await index.write_reindexed("docs", [ReindexedItem("a", pending.version, sections, pieces)])
    await index.finish_reindex("docs")

    assert errors == [None]
    stored = (await index.get_item("docs", "a")).sections
    assert [one.continues for one in stored] == [False, True, False, True]
    assert await collapsed(index, query=vector(1, 0, 0, 0, space=new)) == ["a.1", "a.2"]


RUNS = st.lists(st.integers(1, 30), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), texts=st.lists(RUNS, min_size=1, max_size=6), limit=st.integers(1, 12))
def test_collapsing_equals_its_definition_over_the_whole_ranking(
    data: st.DataObject, texts: list[list[int]], limit: int
) -> None:
    """By vectors, by words, and by both, over whatever a filter lets through."""
    total = sum(map(sum, texts))
    order = np.array(data.draw(st.permutations(range(total))))
    worded = data.draw(st.lists(st.booleans(), min_size=total, max_size=total))
    kind = data.draw(st.sampled_from(["vector", "words", "both"]))
    tree = parse(data.draw(st.sampled_from(["", 'section_id != "2"', 'item_id < "i2"'])))
    memory, number = Memory(WIDTH), 0
    known: dict[tuple[str, str], tuple[int, int]] = {}  # by item and section: the text
    sizes: dict[tuple[int, int], int] = {}  # by text: how many pieces it has
    for name, runs in enumerate(texts):
        sections: list[Section] = []
        words, vectors = [], []
        for text_number, pieces in enumerate(runs):
            sizes[name, text_number] = pieces
            for piece in range(pieces):
                own = "lamp " * (1 + number % 3) if worded[number] else "sea"
                known[f"i{name}", str(len(sections))] = name, text_number
                sections.append(Section(str(len(sections)), Content(Modality.TEXT, own), continues=piece > 0))
                words.append(own)
                vectors.append([(1 + order[number]) / total, 0, 0, 0])
                number += 1
        record = Record(
            Item(f"i{name}", sections), words, [Modality.TEXT] * len(words), np.array(vectors, np.float32)
        )
        memory.apply([Put(name + 1, record)])

    def ask(limit: int, collapse: bool) -> list[tuple[str, str]]:
        given = None if kind == "words" else np.array([1, 0, 0, 0], np.float32)
        asked = "" if kind == "vector" else "lamp"
        query = query_of(given, limit, text=asked, tree=tree, collapse_pieces=collapse)
        return [(hit.item_id, hit.section_id) for hit in search(memory, query, lambda doing: None).hits]

    expected: dict[object, list[tuple[str, str]]] = {}  # by text: its sections, best first
    for one in ask(1000, collapse=False):
        whole = known[one]
        expected.setdefault(whole if sizes[whole] <= MOST_PIECES else one, []).append(one)
    assert ask(limit, collapse=True) == [members[0] for members in expected.values()][:limit]
