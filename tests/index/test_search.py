import asyncio
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.present import present
from support.requests import searched
from support.sections import axis, item, section, vector
from tieback.answer.plan import DEFAULT_PLAN
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, NotFound, Overloaded, SpaceMismatch
from tieback.core.types.search import SearchReply
from tieback.index import Index
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef


@pytest.fixture
async def library(index: Index) -> Index:
    await index.upsert(
        "docs",
        [
            item(
                "tea", section((0.9, 0.1, 0, 0), "Green tea is steeped, not boiled."), year=2001, kind="drink"
            ),
            item(
                "cup",
                section((0.5, 0.5, 0, 0), "a red cup", modality=Modality.IMAGE),
                year=1990,
                kind="thing",
            ),
            item(
                "sea",
                section((0, 0.9, 0, 0), "The sea was calm.", name="1", title="Morning", uri="book:1"),
                section((0, 0, 0.9, 0), "Waves broke on the rocks.", name="2"),
                title="A day",
                year=1985,
            ),
        ],
    )
    return index


def names(reply: SearchReply) -> list[str]:
    return [f"{hit.item_id}.{hit.section_id}" for hit in reply.hits]


async def test_the_nearest_sections_come_first_with_what_was_kept_of_them(library: Index) -> None:
    reply = await searched(library, "docs", vector=vector(0, 1, 0, 0))

    assert names(reply) == ["sea.1", "cup.1", "tea.1", "sea.2"]
    best = reply.hits[0]
    assert best.score == best.vector_score == pytest.approx(0.9)
    assert (best.item_title, best.section_title, best.uri) == ("A day", "Morning", "book:1")
    assert (best.text, best.metadata, best.text_score) == ("The sea was calm.", {"year": 1985.0}, None)


async def test_words_are_found_in_any_form_and_case_right_after_the_acknowledgement(library: Index) -> None:
    await library.upsert("docs", [item("new", section(axis(3), "Steeping GREEN leaves; Café"))])

    assert set(names(await searched(library, "docs", text="steep green"))) == {"tea.1", "new.1"}
    assert names(await searched(library, "docs", text="cafe")) == ["new.1"]
    (hit,) = (await searched(library, "docs", text="waves")).hits
    assert hit.score == hit.text_score
    assert hit.score > 0
    assert hit.vector_score is None


async def test_words_are_found_in_scripts_without_spaces(library: Index) -> None:
    await library.upsert("docs", [item("zh", section(axis(3), "北京大学的图书馆"))])

    assert names(await searched(library, "docs", text="图书馆")) == ["zh.1"]


async def test_a_picture_is_found_by_the_words_it_was_indexed_under(library: Index) -> None:
    (hit,) = (await searched(library, "docs", text="cup")).hits

    assert (hit.item_id, hit.modality, hit.text) == ("cup", Modality.IMAGE, "a red cup")


async def test_vector_and_words_are_fused_and_both_scores_are_given(library: Index) -> None:
    by_rank = MethodChoice("reciprocal_rank")
    reply = await searched(library, "docs", vector=vector(1, 0, 0, 0), text="cup waves", rank_fusion=by_rank)

    assert names(reply)[0] == "cup.1"  # second by vector, found by words
    by_name = {hit.item_id + hit.section_id: hit for hit in reply.hits}
    assert by_name["sea2"].vector_score == pytest.approx(0)
    assert present(by_name["sea2"].text_score) > 0
    assert by_name["tea1"].text_score is None


async def test_search_merges_as_retrieve_does_where_nothing_is_said(library: Index) -> None:
    asked: dict[str, Any] = {"vector": vector(1, 0, 0, 0), "text": "cup waves"}
    unsaid = await searched(library, "docs", **asked)
    said = await searched(library, "docs", **asked, rank_fusion=DEFAULT_PLAN.options.rank_fusion)

    assert [(hit.item_id, hit.score) for hit in unsaid.hits] == [
        (hit.item_id, hit.score) for hit in said.hits
    ]


async def test_the_fusion_method_and_its_parameters_are_the_callers_choice(library: Index) -> None:
    async def best(*weights: float) -> str:
        how = MethodChoice("reciprocal_rank", {"k": 1, "weights": weights})
        reply = await searched(library, "docs", vector=vector(1, 0, 0, 0), text="waves", rank_fusion=how)
        return names(reply)[0]

    assert await best(1.0, 0.1) == "tea.1"
    assert await best(0.1, 1.0) == "sea.2"


async def test_a_wrong_fusion_method_or_parameter_is_refused(library: Index) -> None:
    north = vector(1, 0, 0, 0)
    with pytest.raises(NotFound) as unknown:
        await searched(library, "docs", vector=north, text="x", rank_fusion=MethodChoice("magic"))
    with pytest.raises(InvalidInput) as wrong:
        how = MethodChoice("reciprocal_rank", {"k": -1})
        await searched(library, "docs", vector=north, text="x", rank_fusion=how)

    assert "reciprocal_rank" in unknown.value.choices
    assert str(wrong.value.field) == "options.rank_fusion.parameters.k"


async def test_a_filter_holds_for_vectors_and_for_words(library: Index) -> None:
    by_vector = await searched(
        library, "docs", vector=vector(1, 1, 1, 1), filter='year < 2000 AND modality = "text"'
    )
    by_words = await searched(library, "docs", text="the tea cup sea", filter="kind = thing")

    assert set(names(by_vector)) == {"sea.1", "sea.2"}
    assert names(by_words) == ["cup.1"]


async def test_a_filter_that_nothing_passes_finds_nothing(library: Index) -> None:
    assert not (
        await searched(library, "docs", vector=vector(1, 0, 0, 0), text="tea", filter="year > 3000")
    ).hits


async def test_a_filtered_search_for_words_looks_past_better_matches_that_do_not_pass(index: Index) -> None:
    chaff = [item(f"chaff{n}", section(axis(0), "tea tea tea")) for n in range(300)]
    await index.upsert(
        "docs", [*chaff, item("grain", section(axis(0), "a long text that says tea once"), good=True)]
    )

    reply = await searched(index, "docs", text="tea", filter="good = true", limit=1)

    assert names(reply) == ["grain.1"]


async def test_the_limit_holds_and_is_ten_where_none_is_given(index: Index) -> None:
    await index.upsert("docs", [item(f"i{n:02}") for n in range(30)])

    assert len((await searched(index, "docs", vector=vector(1, 0, 0, 0))).hits) == 10
    assert len((await searched(index, "docs", vector=vector(1, 0, 0, 0), limit=25)).hits) == 25
    assert len((await searched(index, "docs", vector=vector(1, 0, 0, 0), limit=1000)).hits) == 30


NORTH = vector(1, 0, 0, 0)


@each(
    "request_, field",
    [
        ({}, "vector"),
        ({"text": "  \n"}, "vector"),
        ({"text": "x", "limit": 1001}, "limit"),
        ({"text": "x", "limit": -1}, "limit"),
        ({"text": "x" * 20_000}, "text"),
        ({"text": "a\ud800"}, "text"),
        ({"text": "x", "filter": "year >"}, "filter"),
        ({"text": "x", "balance_modalities": True}, "options.balance_modalities"),
        ({"text": "x", "ignored": [IgnoredDimensions(Modality.TEXT, 0, 1)]}, "ignored"),
        ({"vector": NORTH, "ignored": [IgnoredDimensions(Modality.TEXT, 0, 1)] * 257}, "ignored"),
        ({"vector": NORTH, "ignored": [IgnoredDimensions(Modality.TEXT, 1, 1)]}, "ignored[0].end"),
        (
            {
                "vector": NORTH,
                "ignored": [IgnoredDimensions(Modality.TEXT, 0, 4), IgnoredDimensions(Modality.IMAGE, 0, 5)],
            },
            "ignored[1].end",
        ),
        ({"vector": vector(1, 0, 0)}, "vector.values"),
        ({"vector": vector(1, 0, 0, float("nan"))}, "vector.values"),
        ({"vector": vector(1, 0, 0, 0, space=SpaceRef("pico", "r9", "f1"))}, "vector.space"),
    ],
)
async def test_a_bad_search_is_refused_with_the_field(
    index: Index, request_: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await searched(index, "docs", **request_)

    assert str(caught.value.field) == field


async def test_a_query_vector_of_another_space_is_a_space_mismatch(index: Index) -> None:
    with pytest.raises(SpaceMismatch, match=r"pico@r9.*pico@r1"):
        await searched(index, "docs", vector=vector(1, 0, 0, 0, space=SpaceRef("pico", "r9", "f1")))


@pytest.mark.parametrize("text", ['"', "AND (", "tea\0tea", "*", "tea~2", "a:b", "ſ∂\u202e", "' OR 1=1 --"])
async def test_words_are_words_whatever_signs_stand_among_them(library: Index, text: str) -> None:
    await searched(library, "docs", text=text)


async def test_an_empty_collection_finds_nothing(index: Index) -> None:
    reply = await searched(index, "docs", vector=vector(1, 0, 0, 0), text="x", balance_modalities=True)

    assert reply.hits == []


async def test_balanced_modalities_do_not_hide_each_other(index: Index) -> None:
    """Texts lie nearer to the query than pictures, as in a real joint space; one picture stands out."""
    rng = np.random.default_rng(0)
    texts = [
        item(f"text{n}", section((0.8 + 0.02 * rng.standard_normal(), *rng.standard_normal(3))))
        for n in range(50)
    ]
    pictures = [
        item(
            f"picture{n}",
            section((0.1 + 0.02 * rng.standard_normal(), *rng.standard_normal(3)), modality=Modality.IMAGE),
        )
        for n in range(50)
    ]
    special = item("special", section((0.3, 0, 0, 0), modality=Modality.IMAGE))
    await index.upsert("docs", [*texts, *pictures, special])

    raw = await searched(index, "docs", vector=vector(1, 0, 0, 0), limit=10)
    balanced = await searched(index, "docs", vector=vector(1, 0, 0, 0), limit=10, balance_modalities=True)

    assert all(hit.modality is Modality.TEXT for hit in raw.hits)
    assert balanced.hits[0].item_id == "special"
    assert balanced.hits[0].vector_score == pytest.approx(0.3)
    assert balanced.hits[0].score > max(
        present(hit.vector_score) for hit in raw.hits
    )  # on the scale of texts
    assert {hit.modality for hit in balanced.hits} == {Modality.TEXT, Modality.IMAGE}


async def test_one_of_three_clips_can_stand_out_too(index: Index) -> None:
    rng = np.random.default_rng(0)
    texts = [item(f"text{n}", section((0.5 + 0.1 * rng.standard_normal(), 0, 0, 0))) for n in range(100)]
    clips = [
        item(f"clip{n}", section((value, 0, 0, 0), modality=Modality.AUDIO))
        for n, value in enumerate((0, 0.05, 0.5))
    ]
    await index.upsert("docs", [*texts, *clips])

    reply = await searched(index, "docs", vector=vector(1, 0, 0, 0), limit=1, balance_modalities=True)

    assert reply.hits[0].item_id == "clip2"


async def test_a_passed_deadline_starts_no_search_and_is_counted(index: Index) -> None:
    with pytest.raises(DeadlineExceeded):
        await searched(index, "docs", text="x", deadline=Deadline.after(-1))

    assert index.load.dropped_deadline == 1


async def test_too_many_waiting_searches_are_refused_with_the_time_to_come_back(index: Index) -> None:
    await index.upsert("docs", [item("a")])
    memory = index._owned.to_write("docs").memory

    with memory.lock.writing():
        waiting = [
            asyncio.create_task(searched(index, "docs", vector=vector(1, 0, 0, 0))) for _ in range(1200)
        ]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    replies = await asyncio.gather(*waiting, return_exceptions=True)

    refused = [reply for reply in replies if isinstance(reply, Overloaded)]
    assert 0 < len(refused) == index.load.rejected < 200
    assert refused[0].retry_after > 0
    answered = [reply for reply in replies if isinstance(reply, SearchReply)]
    assert len(answered) + len(refused) == 1200
    assert {len(reply.hits) for reply in answered} == {1}
    assert (index.load.queued_items, index.load.active_items) == (0, 0)


async def test_searches_during_writes_see_each_item_whole(index: Index) -> None:
    """Every version of the item has two sections of one sign; a search must never see a mix, or neither."""

    async def write() -> None:
        for turn in range(40):
            sign = 1.0 if turn % 2 else -1.0
            words = "odd" if turn % 2 else "even"
            await index.upsert(
                "docs", [item("a", *(section(sign * axis(n), words) for n in range(2)), turn=turn)]
            )

    await index.upsert("docs", [item("a", section(axis(0), "odd"), section(axis(1), "odd"), turn=-1)])
    writing = asyncio.create_task(write())
    searches = 0
    while not writing.done():
        reply = await searched(index, "docs", vector=vector(1, 1, 0, 0), text="odd even")
        assert len({hit.metadata["turn"] for hit in reply.hits}) == 1
        assert len(reply.hits) == 2
        assert all(hit.text_score is not None for hit in reply.hits)
        searches += 1
    await writing

    assert searches > 5


async def test_the_reply_says_where_the_time_went(library: Index) -> None:
    timing = (await searched(library, "docs", text="tea")).timing

    assert 0 < timing.compute <= timing.total
