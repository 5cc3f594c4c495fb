"""A search that is explained: its steps, what they left out, and what they made of each hit."""

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.explained import stages_of
from support.requests import search_of, searched
from support.sections import SPACE, WIDTH, item, section, vector
from tieback.collections.description import Description
from tieback.collections.grouping import takes_several_rows
from tieback.collections.query import checked
from tieback.collections.record import Record
from tieback.core.tenant import CollectionKey
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.search import SearchReply
from tieback.index import Index
from tieback.index.memory.collection import Memory
from tieback.index.query.recorder import Recorder
from tieback.index.query.search import search
from tieback.index.store.records import Put
from tieback.index.vectors.codec_choice import vectors_of
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity
from tieback_contract.reports import Dropped, Stage
from tieback_contract.vectors import Vector

NORTH = vector(1, 0, 0, 0)


def steps(reply: SearchReply) -> dict[str, Stage]:
    return {stage.name: stage for stage in reply.timing.stages}


@pytest.fixture
async def news(index: Index) -> Index:
    texts = ["a storm at sea", "a storm on land", "calm", "a storm of words", "the sea"]
    await index.upsert(
        "docs",
        [item(name, section((1 - n / 10, n / 10, 0, 0), texts[n])) for n, name in enumerate("abcde")],
    )
    return index


async def test_each_step_of_a_hybrid_search_says_what_it_was_given_and_left_out(news: Index) -> None:
    reply = await searched(news, "docs", vector=NORTH, text="storm", limit=2, explain=True)

    found = steps(reply)
    assert list(found) == [
        *("queue", "filter", "word_search", "vector_search", "merge", "hits", "return"),
    ]
    words = found["word_search"]
    assert (words.candidates_in, words.candidates_out) == (5, 3)
    assert words.dropped == [Dropped("no_words", 2, [])]
    merge = found["merge"]
    assert (merge.candidates_in, merge.candidates_out) == (5, 2)
    (left,) = merge.dropped
    assert (left.reason, left.count) == ("depth", 3)
    assert [one.item_id for one in left.best] == ["d", "c", "e"]


async def test_a_hit_says_what_each_step_made_of_it(news: Index) -> None:
    reply = await searched(news, "docs", vector=NORTH, text="storm", limit=3, explain=True)

    second = {one.stage: one for one in stages_of(reply.steps, 1)}
    assert list(second) == ["word_search", "vector_search", "merge"]
    assert second["vector_search"].score == pytest.approx(0.9)
    assert second["vector_search"].normalised == pytest.approx(0.9)  # the best similarity is 1
    assert [second[name].rank for name in ("vector_search", "merge")] == [1, 1]
    assert [second[name].kept for name in ("vector_search", "word_search", "merge")] == [
        *("nearest", "matches", "both"),
    ]
    assert second["merge"].score == reply.hits[1].score


async def test_a_section_that_words_alone_found_says_so(index: Index) -> None:
    far = [item(f"far{n:03}", section((1, n / 1000, 0, 0), "calm")) for n in range(120)]
    await index.upsert("docs", [*far, item("said", section((-1, 0, 0, 0), "storm"))])
    reply = await searched(index, "docs", vector=NORTH, text="storm", limit=121, explain=True)
    few = await searched(index, "docs", vector=NORTH, text="storm", limit=2, explain=True)

    (said,) = [place for place, hit in enumerate(reply.hits) if hit.item_id == "said"]
    assert [one.kept for one in stages_of(reply.steps, said) if one.stage == "merge"] == ["both"]
    assert {one.kept for one in stages_of(few.steps, 0) if one.stage == "merge"} == {"vector_alone"}
    merge = steps(few)["merge"]
    assert merge.candidates_in == steps(few)["vector_search"].candidates_out + 1


async def test_pieces_and_further_hits_of_an_item_are_told_apart_from_what_is_worse(index: Index) -> None:
    book = item("book", *(section((1 - n / 10, n / 10, 0, 0), "storm") for n in range(4)))
    await index.upsert("docs", [book, item("note", section((0.1, 0.9, 0, 0), "storm"))])
    reply = await searched(index, "docs", vector=NORTH, limit=2, hits_per_item=1, explain=True)

    group = steps(reply)["group"]
    assert {one.reason: one.count for one in group.dropped} == {"item_limit": 3}
    assert [one.item_id for one in group.dropped[0].best] == ["book"] * 3


async def test_what_is_too_similar_is_named(index: Index) -> None:
    await index.upsert(
        "docs",
        [
            item("a", section((0.9, 0.436, 0, 0))),
            item("b", section((0.899, 0.437, 0, 0))),
            item("c", section((0.7, -0.5, 0.5, 0))),
        ],
    )
    reply = await searched(index, "docs", vector=NORTH, limit=2, diversity=0.7, explain=True)

    diversity = steps(reply)["diversity"]
    (left,) = diversity.dropped
    assert (left.reason, left.count, [one.item_id for one in left.best]) == ("similar", 1, ["b"])
    assert [stages_of(reply.steps, hit)[-1].kept for hit in (0, 1)] == ["most_relevant", "differs"]


async def test_the_second_search_of_feedback_has_steps_of_its_own(news: Index) -> None:
    how = MethodChoice("rocchio", {"agreement": 0, "documents": 2})
    reply = await searched(news, "docs", vector=NORTH, text="storm", query_expansion=how, explain=True)

    found = steps(reply)
    assert list(found)[2:9] == [
        *("word_search", "vector_search", "merge", "feedback"),
        *("expanded_word_search", "expanded_vector_search", "expanded_merge"),
    ]
    assert found["feedback"].candidates_out == 2
    assert "expanded_merge" in [one.stage for one in stages_of(reply.steps, 0)]


async def test_what_a_filter_leaves_out_is_counted_also_where_nothing_is_left(news: Index) -> None:
    some = await searched(news, "docs", vector=NORTH, filter='item_id = "a"', explain=True)
    none = await searched(news, "docs", vector=NORTH, filter='item_id = "z"', explain=True)

    assert steps(some)["filter"].dropped == [Dropped("filter", 4, [])]
    assert steps(none)["filter"].dropped == [Dropped("filter", 5, [])]
    assert list(steps(none)) == ["queue", "filter", "return"]


async def test_the_steps_are_the_whole_search(news: Index) -> None:
    reply = await searched(news, "docs", vector=NORTH, text="storm", limit=2, explain=True)

    stages = reply.timing.stages
    assert sum(stage.seconds for stage in stages) == pytest.approx(reply.timing.total)
    for before, after in itertools.pairwise(stages):
        assert after.begin == pytest.approx(before.begin + before.seconds)


async def test_a_search_that_is_not_explained_has_no_steps(news: Index) -> None:
    reply = await searched(news, "docs", vector=NORTH, text="storm")

    assert not reply.timing.stages
    assert not reply.steps


@pytest.mark.parametrize(
    ("codec", "count", "structure"),
    [("float32", 300, "none"), ("float32", 600, "graph"), ("binary", 300, "none"), ("binary", 600, "lists")],
)
def test_a_search_by_vectors_says_what_finds_its_candidates(
    tmp_path: Path, codec: str, count: int, structure: str
) -> None:
    width = 16
    memory = Memory(width, wholes=vectors_of(width, MethodChoice(codec), tmp_path, 500))
    vectors = np.random.default_rng(0).normal(size=(count, 1, width)).astype(np.float32)
    own = [Section("1", Content(Modality.TEXT, "x"))]
    memory.apply(
        Put(n + 1, Record(Item(str(n), own), ["x"], [Modality.TEXT], rows)) for n, rows in enumerate(vectors)
    )
    memory.train()
    wanted = checked(
        Description(CollectionKey("", "docs"), SPACE, width, 0.0),
        search_of("docs", vector=Vector(vectors[0, 0], SPACE), limit=3),
    )

    told = search(memory, wanted, lambda doing: None, Recorder(memory, time.perf_counter()))

    assert steps(told)["vector_search"].structure == structure
    assert not steps(told)["filter"].structure


TEXTS = st.lists(st.sampled_from(["storm", "sea", "calm", "the"]), max_size=4).map(" ".join)
SECTIONS = st.tuples(
    st.tuples(*[st.integers(-2, 2)] * WIDTH), TEXTS, st.sampled_from(Modality), st.booleans()
)
ASKED: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "limit": st.integers(1, 6),
        "collapse_pieces": st.booleans(),
        "hits_per_item": st.integers(0, 2),
        "diversity": st.sampled_from([0.0, 0.5]),
        "filter": st.sampled_from(["", 'item_id < "3"']),
        "granularity": st.sampled_from(Granularity),
        "query_expansion": st.sampled_from([None, MethodChoice("rocchio", {"agreement": 0})]),
    }
)
QUERIES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"vector": NORTH, "text": "storm at sea"},
        {"vector": NORTH},
        {"vector": NORTH, "balance_modalities": True},
        {"text": "storm at sea"},
    ]
)


@given(items=st.lists(st.lists(SECTIONS, min_size=1, max_size=4), max_size=12), asked=ASKED, query=QUERIES)
@settings(max_examples=60, deadline=None)
def test_whatever_is_asked_the_steps_account_for_every_section_and_the_hits_stay(
    items: list[list[Any]], asked: dict[str, Any], query: dict[str, Any]
) -> None:
    if asked["granularity"] is Granularity.DOCUMENT:
        asked = asked | {"collapse_pieces": False, "hits_per_item": 0}
    memory = Memory(WIDTH)
    memory.apply(Put(number + 1, _record(str(number), sections)) for number, sections in enumerate(items))
    wanted = checked(
        Description(CollectionKey("", "docs"), SPACE, WIDTH, 0.0), search_of("docs", **asked, **query)
    )
    begun = time.perf_counter()

    plain = search(memory, wanted, lambda doing: None)
    told = search(memory, wanted, lambda doing: None, Recorder(memory, begun))

    assert told.hits == plain.hits
    found = {(hit.item_id, hit.section_id) for hit in told.hits}
    for stage in told.timing.stages:
        left = sum(one.count for one in stage.dropped)
        assert stage.candidates_in - stage.candidates_out == left, stage
        for one in stage.dropped:
            assert len(one.best) <= min(one.count, 3)
            assert not {(best.item_id, best.section_id) for best in one.best} & found, stage
    if told.hits:
        assert told.timing.stages[-1].candidates_out == len(told.hits)
    assert "group" not in {stage.name for stage in told.timing.stages} or takes_several_rows(memory, wanted)
    ordering = ("group", "documents", "diversity")
    ordered = [one for one in told.steps if one.stage in ordering]
    assert all(list(one.ranks) == list(one.hits) for one in ordered[-1:])


def _record(name: str, sections: list[Any]) -> Record:
    vectors = np.array([values for values, *_ in sections], np.float32)
    texts, modalities = [text for _, text, *_ in sections], [modality for *_, modality, _ in sections]
    own = [
        Section(str(place), Content(Modality.TEXT, text), continues=place > 0 and continues)
        for place, (_, text, _, continues) in enumerate(sections)
    ]
    return Record(Item(name, own), texts, modalities, vectors)
