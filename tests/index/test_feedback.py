"""A search with a query that is expanded by what it found first."""

from typing import Any

import numpy as np
import pytest
from support.present import present
from support.requests import searched
from support.sections import item, section, vector
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.types.search import SearchReply
from tieback.index import Index
from tieback.methods.query_expansion import query_expansions
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.hits import Hit
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import Vector

NORTH = vector(1, 0, 0, 0)


def rocchio(**parameters: Any) -> MethodChoice:
    return MethodChoice("rocchio", parameters)


def names(reply: SearchReply) -> list[str]:
    return [hit.item_id for hit in reply.hits]


def by_name(reply: SearchReply) -> dict[str, Hit]:
    return {hit.item_id: hit for hit in reply.hits}


@pytest.fixture
async def seas(index: Index) -> Index:
    """Two texts about the tide, one that is about it in other words, and one about another matter.

    The vector of the third is near to those of the first two, and not to the query `NORTH`.
    """
    await index.upsert(
        "docs",
        [
            item("first", section((0.8, 0.6, 0, 0), "The tide follows the moon by gravity.")),
            item("second", section((0.8, 0.6, 0, 0), "A tide and its lunar gravity.")),
            item("third", section((0.1, 0.995, 0, 0), "Lunar gravity pulls at oceans.")),
            item("bread", section((0.2, 0, 0.98, 0), "Bread is baked in an oven.")),
        ],
    )
    return index


async def test_a_text_is_found_that_has_no_word_of_the_query_but_words_of_its_best_hits(seas: Index) -> None:
    plain = await searched(seas, "docs", text="the tide")
    expanded = await searched(seas, "docs", text="the tide", query_expansion=rocchio())

    assert set(names(plain)) == {"first", "second"}
    assert set(names(expanded)) == {"first", "second", "third"}
    assert (plain.expanded, expanded.expanded) == (False, True)


async def test_function_words_of_the_best_hits_are_not_searched_for(seas: Index) -> None:
    await seas.upsert("docs", [item("other", section((0, 0, 0, 1), "The same, and its end."))])

    reply = await searched(seas, "docs", text="tide", query_expansion=rocchio(terms=100))

    assert set(names(reply)) == {"first", "second", "third"}


async def test_a_vector_that_is_near_to_the_best_hits_comes_up(seas: Index) -> None:
    plain = await searched(seas, "docs", vector=NORTH)
    expanded = await searched(seas, "docs", vector=NORTH, query_expansion=rocchio(documents=2, weight=1))

    assert names(plain) == ["first", "second", "bread", "third"]
    assert names(expanded) == ["first", "second", "third", "bread"]


async def test_vector_and_words_are_both_expanded(seas: Index) -> None:
    how: dict[str, Any] = {"query_expansion": rocchio(documents=2, weight=1), "text": "tide"}

    reply = await searched(seas, "docs", vector=NORTH, **how)

    assert reply.expanded
    assert names(reply)[2:] == ["third", "bread"]
    alone = by_name(await searched(seas, "docs", vector=NORTH, query_expansion=how["query_expansion"]))
    by_vector = alone["third"].score / alone["first"].score
    assert by_name(reply)["third"].score > by_vector + 0.01, "the words count too"


async def test_what_a_hit_says_of_the_query_is_of_the_query_as_it_was_given(seas: Index) -> None:
    asked: dict[str, Any] = {"vector": NORTH, "text": "tide"}

    plain = by_name(await searched(seas, "docs", **asked))
    expanded = by_name(await searched(seas, "docs", **asked, query_expansion=rocchio(documents=2)))

    assert plain.keys() == expanded.keys()
    for name, hit in expanded.items():
        assert hit.vector_score == pytest.approx(plain[name].vector_score)
        assert (hit.text_score, hit.words_matched) == (plain[name].text_score, plain[name].words_matched)
    assert expanded["third"].words_matched is None
    assert expanded["third"].score != plain["third"].score


async def test_the_filter_holds_for_what_is_taken_as_relevant_too(seas: Index) -> None:
    reply = await searched(
        seas, "docs", text="tide", filter='item_id = "third" OR item_id = "bread"', query_expansion=rocchio()
    )

    assert names(reply) == []
    assert not reply.expanded


async def test_ignored_dimensions_are_ignored_of_the_expanded_vector(seas: Index) -> None:
    ignored = [IgnoredDimensions(Modality.TEXT, 1, 2)]

    how: dict[str, Any] = {"ignored": ignored, "query_expansion": rocchio(documents=2, weight=1)}
    reply = await searched(seas, "docs", vector=NORTH, **how)

    assert names(reply) == ["first", "second", "bread", "third"]


async def test_modalities_are_balanced_for_the_expanded_vector(index: Index) -> None:
    rng = np.random.default_rng(0)
    texts = [
        item(f"text{n}", section((0.8 + 0.02 * rng.standard_normal(), *rng.standard_normal(3) / 10)))
        for n in range(30)
    ]
    pictures = [
        item(
            f"picture{n}",
            section((0.1 + 0.02 * rng.standard_normal(), 0.1, 0, 0), modality=Modality.IMAGE),
        )
        for n in range(30)
    ]
    await index.upsert("docs", [*texts, *pictures])

    raw = await searched(index, "docs", vector=NORTH, query_expansion=rocchio())
    balanced = await searched(index, "docs", vector=NORTH, query_expansion=rocchio(), balance_modalities=True)

    assert {hit.modality for hit in raw.hits} == {Modality.TEXT}
    assert {hit.modality for hit in balanced.hits} == {Modality.TEXT, Modality.IMAGE}


async def test_a_query_whose_vector_and_words_find_different_texts_stays_as_it_is(index: Index) -> None:
    near = [item(f"near{n:02}", section((1, n / 100, 0, 0), "sea")) for n in range(15)]
    worded = [item(f"word{n:02}", section((0, 1, n / 100, 0), "lamp " * (n + 1))) for n in range(15)]
    await index.upsert("docs", [*near, *worded])
    asked: dict[str, Any] = {"vector": NORTH, "text": "lamp"}

    plain = await searched(index, "docs", **asked)
    guarded = await searched(index, "docs", **asked, query_expansion=rocchio(agreement=0.1))
    unguarded = await searched(index, "docs", **asked, query_expansion=rocchio(agreement=0))

    assert (guarded.expanded, unguarded.expanded) == (False, True)
    assert guarded.hits == plain.hits
    assert [hit.score for hit in unguarded.hits] != [hit.score for hit in plain.hits]


@pytest.mark.parametrize("collapse", [False, True])
async def test_the_second_search_is_that_of_the_vector_which_the_method_makes(
    index: Index, collapse: bool
) -> None:
    rng = np.random.default_rng(0)
    known: dict[tuple[str, str], Any] = {}
    items = []
    for n in range(40):
        rows = rng.normal(size=(3, 4)).astype(np.float32)
        known |= {(f"i{n:02}", str(place + 1)): row for place, row in enumerate(rows)}
        items.append(item(f"i{n:02}", *(section(row, "x", continues=p > 0) for p, row in enumerate(rows))))
    await index.upsert("docs", items)
    how: dict[str, Any] = {"collapse_pieces": collapse, "filter": 'item_id < "i30"'}

    first = await searched(index, "docs", vector=NORTH, limit=4, **how)
    found = await searched(index, "docs", vector=NORTH, query_expansion=rocchio(documents=4), **how)

    relevant = np.stack([known[hit.item_id, hit.section_id] for hit in first.hits])
    moved = query_expansions.configure("rocchio")(np.asarray(NORTH.values), relevant)
    by_hand = await searched(index, "docs", vector=Vector(moved, NORTH.space), **how)
    assert [(hit.item_id, hit.section_id) for hit in found.hits] == [
        (hit.item_id, hit.section_id) for hit in by_hand.hits
    ]
    assert [hit.score for hit in found.hits] == pytest.approx([hit.score for hit in by_hand.hits], abs=1e-5)


async def test_the_region_of_a_photo_is_that_which_is_nearest_to_the_query_as_given(index: Index) -> None:
    regions = [(1, 0, 0, 0), (0.6, 0.8, 0, 0)]
    photo = section((0.5, 0.5, 0, 0), modality=Modality.IMAGE, regions=regions)
    await index.upsert("docs", [item("photo", photo), item("text", section((0.5, 0.85, 0, 0), "sea"))])

    plain = by_name(await searched(index, "docs", vector=NORTH))
    expanded = by_name(await searched(index, "docs", vector=NORTH, query_expansion=rocchio(weight=10)))

    assert expanded["photo"].region == present(plain["photo"].region)


async def test_an_empty_collection_and_a_query_of_unknown_words_find_nothing(index: Index) -> None:
    empty = await searched(index, "docs", vector=NORTH, text="x", query_expansion=rocchio(agreement=0))
    await index.upsert("docs", [item("a")])
    unknown = await searched(index, "docs", text="unheard", query_expansion=rocchio())

    assert (empty.hits, empty.expanded) == ([], False)
    assert (unknown.hits, unknown.expanded) == ([], False)


async def test_none_and_nothing_search_once(seas: Index) -> None:
    unsaid = await searched(seas, "docs", text="tide")
    none = await searched(seas, "docs", text="tide", query_expansion=MethodChoice("none"))

    assert none.hits == unsaid.hits
    assert not none.expanded


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"text": "x", "query_expansion": rocchio(weight=0)}, "options.query_expansion.parameters.weight"),
        ({"text": "x", "query_expansion": rocchio(magic=1)}, "options.query_expansion.parameters.magic"),
        ({"text": "!?", "query_expansion": rocchio()}, "options.query_expansion"),
        ({"query_expansion": rocchio()}, "vector"),
        (
            {"text": "x", "query_expansion": MethodChoice("none", {"terms": 1})},
            "options.query_expansion.parameters.terms",
        ),
    ],
)
async def test_a_bad_expansion_is_refused_with_the_field(
    index: Index, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await searched(index, "docs", **asked)

    assert str(refusal.value.field) == field


async def test_an_unknown_expansion_is_not_found_and_the_choices_are_named(index: Index) -> None:
    with pytest.raises(NotFound) as refusal:
        await searched(index, "docs", text="x", query_expansion=MethodChoice("magic"))

    assert refusal.value.choices == ["none", "rocchio"]
