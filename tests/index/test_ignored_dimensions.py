"""Dimensions of a query's vector that do not count for sections of a modality."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.present import present
from support.requests import searched
from support.sections import SPACE, WIDTH, item, section, vector
from tieback.collections.balance import _of_the_best, as_of_reference
from tieback.core.types.collection import IndexedSection
from tieback.core.types.content import Section
from tieback.index import Index
from tieback_contract.arrays import Array
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality

Known = tuple[Modality, list[int], list[list[int]], str, bool]

KINDS = list(Modality)
SUM = MethodChoice("weighted_sum", {"weights": [1.0, 0.7], "exponents": [1.0, 1.25]})
FIRST_TWO = [IgnoredDimensions(Modality.TEXT, 0, 2)]
numbers = st.lists(st.integers(-3, 3), min_size=WIDTH, max_size=WIDTH)
sections = st.builds(
    lambda kind, values, parts, words, goes_on: (kind, values, parts, words, goes_on),
    st.sampled_from(KINDS),
    numbers,
    st.lists(numbers, max_size=2),
    st.sampled_from(["", "apple", "berry", "apple berry"]),
    st.booleans(),
)
ranges = st.lists(
    st.builds(
        lambda kind, begin, more: IgnoredDimensions(kind, begin, min(begin + more, WIDTH)),
        st.sampled_from(KINDS),
        st.integers(0, WIDTH - 1),
        st.integers(1, WIDTH),
    ),
    max_size=4,
)


def masked(query: Sequence[int], ignored: Sequence[IgnoredDimensions], kind: Modality) -> Array:
    own = np.array(query, np.float32)
    for one in ignored:
        if one.modality is kind:
            own[one.begin : one.end] = 0
    return own


def similarity(query: Array, known: Known) -> float:
    kind, values, parts, *_ = known
    whole = float(query @ np.array(values, np.float32))
    if kind is not Modality.IMAGE or not parts:
        return whole
    return (whole + max(float(query @ np.array(one, np.float32)) for one in parts)) / 2


def stored(known: Known) -> tuple[Section, IndexedSection]:
    kind, values, parts, words, _ = known
    return section(values, words, modality=kind, regions=parts if kind is Modality.IMAGE and parts else None)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(sections, min_size=1, max_size=8),
    numbers,
    ranges,
    st.booleans(),
    st.sampled_from(["", "apple"]),
    st.sampled_from(["", 'modality = "text"', 'modality != "text"']),
)
async def test_a_search_finds_what_comparing_each_section_with_its_own_vector_finds(
    tmp_path_factory: pytest.TempPathFactory,
    known: list[Known],
    query: list[int],
    ignored: list[IgnoredDimensions],
    balance: bool,
    words: str,
    filter_: str,
) -> None:
    index = Index.open(tmp_path_factory.mktemp("ignored"))
    try:
        await index.create_collection("docs", SPACE, WIDTH)
        await index.upsert("docs", [item(f"i{n}", stored(one)) for n, one in enumerate(known)])
        how: dict[str, Any] = {
            "filter": filter_,
            "balance_modalities": balance,
            "limit": 100,
            "rank_fusion": SUM if words else None,
        }

        with_ignored = await searched(
            index, "docs", vector=vector(*query), text=words, ignored=ignored, **how
        )
        by_words = await searched(index, "docs", text="apple", limit=100)

        expected = np.array([similarity(masked(query, ignored, one[0]), one) for one in known])
        allowed = [
            not filter_ or (one[0] is Modality.TEXT) == (filter_ == 'modality = "text"') for one in known
        ]
        compared = expected.copy()
        kinds = [kind for kind in KINDS if any(one[0] is kind for one in known)]
        if balance and len(kinds) > 1:
            members = [[n for n, one in enumerate(known) if one[0] is kind] for kind in kinds]
            own = [expected[rows].astype(np.float32) for rows in members]
            balanced = as_of_reference(own, own, [True] * len(kinds))
            for rows, scores in zip(members, balanced, strict=True):
                compared[rows] = scores
        hits = {int(hit.item_id[1:]): hit for hit in with_ignored.hits}
        assert set(hits) == set(np.flatnonzero(allowed))
        for number, hit in hits.items():
            assert hit.vector_score == pytest.approx(expected[number], abs=1e-4)
        if not words:
            for number, hit in hits.items():
                assert hit.score == pytest.approx(compared[number], abs=1e-3)
        elif hits:
            shares = {int(hit.item_id[1:]): present(hit.text_score) for hit in by_words.hits}
            best = _of_the_best(compared[list(hits)])
            for (number, hit), share in zip(hits.items(), best, strict=True):
                assert hit.score == pytest.approx(share + 0.7 * shares.get(number, 0) ** 1.25, abs=1e-3)
        found = [hit.score for hit in with_ignored.hits]
        assert found == sorted(found, reverse=True)
    finally:
        await index.close()


async def test_a_photo_is_not_hidden_by_what_all_texts_have_in_common(index: Index) -> None:
    texts = [item(f"text{n}", section((0.9, 0, 0.1, 0), "words")) for n in range(20)]
    photo = item("photo", section((0.8, 0, 0, 0), modality=Modality.IMAGE))
    await index.upsert("docs", [*texts, photo])

    plain = await searched(index, "docs", vector=vector(1, 0, 1, 0), limit=1)
    better = await searched(index, "docs", vector=vector(1, 0, 1, 0), limit=1, ignored=FIRST_TWO)

    assert plain.hits[0].item_id == "text0"
    assert better.hits[0].item_id == "photo"
    assert better.hits[0].vector_score == pytest.approx(0.8)


async def test_the_best_part_of_a_photo_is_by_what_counts_for_photos(index: Index) -> None:
    photo = section((0, 0, 0, 0), modality=Modality.IMAGE, regions=[(3, 0, 0, 0), (0, 0, 1, 0)])
    await index.upsert("docs", [item("photo", photo)])

    for modality, box in ((Modality.IMAGE, (0, 0.5, 1, 0.5)), (Modality.TEXT, (0, 0, 1, 0.5))):
        ignored = [IgnoredDimensions(modality, 0, 2)]
        (hit,) = (await searched(index, "docs", vector=vector(1, 0, 1, 0), ignored=ignored)).hits
        assert hit.region == box


async def test_pieces_of_a_text_are_collapsed_by_what_counts_for_texts(index: Index) -> None:
    pieces = [section((2, 0, 0, 0), "one"), section((0, 0, 1, 0), "two", continues=True)]
    await index.upsert("docs", [item("text", *pieces)])

    (hit,) = (
        await searched(index, "docs", vector=vector(1, 0, 1, 0), ignored=FIRST_TWO, collapse_pieces=True)
    ).hits

    assert (hit.section_id, hit.score) == ("2", 1)
    assert [(one.section_id, one.score) for one in hit.pieces] == [("1", 0)]
