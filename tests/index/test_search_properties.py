"""What holds of every search: more hits begin with fewer; history and filters do not change what is found."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.requests import search_of, searched
from support.sections import SPACE, WIDTH, item, section, vector
from tieback.collections.description import Description
from tieback.collections.query import Query, checked
from tieback.collections.record import Record
from tieback.core.tenant import CollectionKey
from tieback.core.types.content import Content, Item, Section
from tieback.index import Index
from tieback.index.memory.collection import Memory
from tieback.index.query.search import search
from tieback.index.store.records import Change, Put, Remove
from tieback.index.vectors.codec_choice import vectors_of
from tieback_contract.arrays import Array
from tieback_contract.hits import Hit
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity
from tieback_contract.vectors import SpaceRef, Vector

WIDE = Description(CollectionKey("", "wide"), SpaceRef("wide", "r1", "f1"), 32, 0.0)
TEXTS = st.lists(st.sampled_from(["storm", "sea", "calm", "night"]), min_size=1, max_size=4).map(" ".join)
SECTION = st.tuples(st.tuples(*[st.integers(-3, 3)] * WIDTH), TEXTS)
ITEMS = st.lists(st.lists(SECTION, min_size=1, max_size=3), min_size=1, max_size=10)
NORTH = vector(1, 0.5, 0.25, 0.125)
ASKED: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"vector": NORTH},
        {"text": "storm at sea"},
        {"vector": NORTH, "text": "storm at sea"},
        {"vector": NORTH, "vector_search": MethodChoice("exact")},
        {"vector": NORTH, "vector_search": MethodChoice("within", {"similarity": 1.0})},
        {"vector": NORTH, "text": "sea", "vector_search": MethodChoice("coarse_to_fine", {"breadth": 0.1})},
        {"vector": NORTH, "text": "storm", "granularity": Granularity.DOCUMENT},
    ]
)


def put(version: int, name: str, sections: Sequence[Any]) -> Put:
    """An item whose vectors are like no others: of equal similarities a search by a vector finds any."""
    own = [Section(str(n), Content(Modality.TEXT, text)) for n, (_, text) in enumerate(sections)]
    texts = [text for _, text in sections]
    noise = np.random.default_rng(crc32(name.encode())).standard_normal((len(sections), WIDTH))
    vectors = (np.array([values for values, _ in sections]) + 0.01 * noise).astype(np.float32)
    whole = Item(name, own, metadata={"even": len(sections) % 2 == 0})
    return Put(version, Record(whole, texts, [Modality.TEXT] * len(own), vectors))


def filled(changes: Sequence[Change]) -> Memory:
    memory = Memory(WIDTH)
    for change in changes:
        memory.apply([change])
    return memory


def found(memory: Memory, **asked: Any) -> list[Hit]:
    wanted = checked(Description(CollectionKey("", "docs"), SPACE, WIDTH, 0.0), search_of("docs", **asked))
    return list(search(memory, wanted, lambda doing: None).hits)


def shown(hits: Sequence[Hit]) -> list[tuple[str, str, float]]:
    """What a hit is, and its score but for rounding, which follows the order of sums."""
    return [(hit.item_id, hit.section_id, round(hit.score, 4)) for hit in hits]


@settings(max_examples=40, deadline=None)
@given(items=ITEMS, asked=ASKED, limit=st.integers(1, 8), more=st.integers(1, 8))
def test_more_hits_begin_with_the_fewer(
    items: list[Any], asked: dict[str, Any], limit: int, more: int
) -> None:
    memory = filled([put(n + 1, str(n), sections) for n, sections in enumerate(items)])

    few = shown(found(memory, **asked, limit=limit))

    assert shown(found(memory, **asked, limit=limit + more))[: len(few)] == few


@settings(max_examples=40, deadline=None)
@given(
    items=ITEMS, others=ITEMS, asked=ASKED, order=st.randoms(use_true_random=False), limit=st.integers(1, 12)
)
def test_what_is_found_does_not_depend_on_how_the_collection_came_about(
    items: list[Any], others: list[Any], asked: dict[str, Any], order: Any, limit: int
) -> None:
    """Written in another order, after others that were removed, and over older ones of the same ids."""
    written = [(str(n), sections) for n, sections in enumerate(items)]
    plain = filled([put(n + 1, name, sections) for n, (name, sections) in enumerate(written)])
    gone = [(f"gone-{n}", sections) for n, sections in enumerate(others)]
    older = [(name, others[0]) for name, _ in written]
    shuffled = list(written)
    order.shuffle(shuffled)
    changes: list[Change] = []
    for name, sections in [*older, *gone]:
        changes.append(put(len(changes) + 1, name, sections))
    for name, _ in gone:
        changes.append(Remove(len(changes) + 1, name))
    for name, sections in shuffled:
        changes.append(put(len(changes) + 1, name, sections))

    assert shown(found(filled(changes), **asked, limit=limit)) == shown(found(plain, **asked, limit=limit))


@settings(max_examples=40, deadline=None)
@given(items=ITEMS, vector_search=st.sampled_from(["nearest", "exact", "coarse_to_fine"]))
def test_a_filter_before_a_search_finds_what_one_after_it_leaves(
    items: list[Any], vector_search: str
) -> None:
    memory = filled([put(n + 1, str(n), sections) for n, sections in enumerate(items)])
    how = {"vector": NORTH, "vector_search": MethodChoice(vector_search)}

    before = found(memory, **how, limit=1000, filter="even")
    after = [hit for hit in found(memory, **how, limit=1000) if hit.metadata["even"]]

    assert shown(before) == shown(after)


CODECS = st.sampled_from([MethodChoice("binary", {"oversampling": 1}), MethodChoice("int8")])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), codec=CODECS, limits=st.lists(st.integers(1, 60), min_size=2, max_size=5))
def test_of_the_nearest_no_fewer_are_found_by_a_codec_where_more_hits_are_asked_for(
    seed: int, codec: MethodChoice, limits: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        memory = Memory(WIDE.width, wholes=vectors_of(WIDE.width, codec, Path(folder)))
        rows = np.random.default_rng(seed).standard_normal((200, WIDE.width)).astype(np.float32)
        own = [Section("1", Content(Modality.TEXT, "storm"))]
        memory.apply(
            [
                Put(n + 1, Record(Item(str(n), own), ["storm"], [Modality.TEXT], row[None]))
                for n, row in enumerate(rows)
            ]
        )
        asked = np.random.default_rng(seed + 1).standard_normal(WIDE.width).astype(np.float32)
        best = {str(place) for place in np.argsort(-(rows @ asked))[:10]}

        recalls = [
            len(best & {hit.item_id for hit in search(memory, _wide(asked, limit), lambda doing: None).hits})
            for limit in sorted(limits)
        ]

    assert recalls == sorted(recalls)


def _wide(asked: Array, limit: int) -> Query:
    return checked(WIDE, search_of("docs", vector=Vector(asked, WIDE.space), limit=limit))


async def test_a_restart_changes_nothing_that_is_found(open_index: Callable[..., Index]) -> None:
    random = np.random.default_rng(0)
    index = open_index()
    await index.create_collection("docs", SPACE, WIDTH)
    words = ["storm", "sea", "calm", "night"]
    for begin in range(0, 120, 40):
        rows = [
            item(f"{n:03}", section(random.standard_normal(WIDTH), " ".join(random.choice(words, 3))))
            for n in range(begin, begin + 40)
        ]
        await index.upsert("docs", rows)
    await index.delete_items("docs", [f"{n:03}" for n in range(0, 120, 7)])
    ways: list[dict[str, Any]] = [
        {"vector": NORTH},
        {"text": "storm"},
        {"vector": NORTH, "text": "storm", "hits_per_item": 1},
        {"vector": NORTH, "vector_search": MethodChoice("within", {"similarity": 0.5})},
    ]

    before = [shown((await searched(index, "docs", limit=50, **how)).hits) for how in ways]
    await index.close()
    again = open_index()
    after = [shown((await searched(again, "docs", limit=50, **how)).hits) for how in ways]
    await again.close()

    assert after == before
