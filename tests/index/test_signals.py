"""The signals of hits: what a learned ranking can go by."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from support.requests import searched
from support.sections import item, section, vector
from tieback.collections.words import likeness, read
from tieback.core.errors import InvalidInput
from tieback.core.types.search import NAMES, Signals
from tieback.index import Index
from tieback.index.stages.signals import neighbours
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import Granularity

NORTH = vector(1, 0, 0, 0)


@pytest.fixture
async def seas(index: Index) -> Index:
    far = " ".join(["and so on"] * 10)
    await index.upsert(
        "docs",
        [
            item("close", section((0.8, 0.6, 0, 0), f"{far} here the tide follows the moon by gravity")),
            item("apart", section((0.7, 0.7, 0, 0), f"tide tables {far} the moon")),
            item("other", section((0.1, 0.995, 0, 0), "lunar gravity pulls at oceans")),
            item("twice", section((0.9, 0, 0.4, 0), "moon base"), section((0.9, 0, 0.3, 0), "moon dust")),
        ],
    )
    return index


async def signals(index: Index, text: str = "tide moon", limit: int = 10) -> dict[tuple[str, str], Signals]:
    reply = await searched(index, "docs", vector=NORTH, text=text, limit=limit, signals=NAMES)
    return {(hit.item_id, hit.text.split()[-1]): hit.signals for hit in reply.hits}


async def test_hits_have_signals_only_where_they_are_asked_for(seas: Index) -> None:
    plain = await searched(seas, "docs", vector=NORTH, text="tide moon")
    asked = await searched(seas, "docs", vector=NORTH, text="tide moon", signals=NAMES)

    assert [dict(hit.signals) for hit in plain.hits] == [{}] * 5
    assert [hit.item_id for hit in asked.hits] == [hit.item_id for hit in plain.hits]
    for hit in asked.hits:
        assert set(hit.signals) <= set(NAMES)
        assert hit.signals["search"] == pytest.approx(hit.score)
        assert hit.signals["vector"] == pytest.approx(hit.vector_score)
        assert hit.signals["matched"] == pytest.approx(hit.words_matched or 0)
        assert np.isfinite(list(hit.signals.values())).all()


async def test_words_that_stand_together_have_a_fuller_window(seas: Index) -> None:
    found = await signals(seas)

    close, apart = found["close", "gravity"], found["apart", "moon"]
    assert close["matched"] == apart["matched"] == pytest.approx(1)
    assert close["window"] == pytest.approx(1)
    assert 0 < apart["window"] < 1
    assert close["beginning"] == 0 < apart["beginning"] < 1


async def test_the_rarest_word_counts_by_its_share_of_the_rarity(seas: Index) -> None:
    found = await signals(seas, "moon gravity")

    assert found["close", "gravity"]["rarest"] == pytest.approx(1)
    assert 0 < found["apart", "moon"]["rarest"] < found["other", "oceans"]["rarest"] <= 1


async def test_a_neighbourhood_of_all_others_is_their_mean_by_likeness(seas: Index) -> None:
    found = await signals(seas)

    for one in found.values():
        rest = [other["search"] for other in found.values() if other is not one]
        assert min(rest) <= one["neighbourhood"] <= max(rest)


async def test_words_that_only_the_expanded_query_has_raise_the_feedback(seas: Index) -> None:
    await seas.upsert("docs", [item("bread", section((0.1, 0.995, 0, 0), "bread is baked in ovens"))])

    found = await signals(seas)

    other, bread = found["other", "oceans"], found["bread", "ovens"]
    assert other["search"] == pytest.approx(bread["search"])
    assert other["feedback"] > bread["feedback"] + 0.01


async def test_sections_of_one_item_know_each_other_and_their_places(seas: Index) -> None:
    found = await signals(seas)

    base, dust = found["twice", "base"], found["twice", "dust"]
    assert (base["siblings"], dust["siblings"]) == (dust["search"], base["search"])
    assert (base["place"], dust["place"]) == (0, 1)
    assert "siblings" not in found["close", "gravity"]


async def test_a_query_by_a_vector_alone_has_no_signals_of_words(seas: Index) -> None:
    reply = await searched(seas, "docs", vector=NORTH, signals=NAMES)

    assert not {"words", "matched", "rarest", "window", "beginning"} & set(reply.hits[0].signals)
    assert {"search", "vector", "feedback", "neighbours", "length"} <= set(reply.hits[0].signals)


async def test_a_query_by_words_alone_has_none_of_vectors(seas: Index) -> None:
    reply = await searched(seas, "docs", text="tide moon", signals=NAMES)

    assert "vector" not in reply.hits[0].signals
    assert {"search", "words", "feedback", "neighbours"} <= set(reply.hits[0].signals)


async def test_an_expanded_search_has_its_own_scores_as_the_search_signal(seas: Index) -> None:
    how = MethodChoice("rocchio", {"agreement": 0.0})

    reply = await searched(seas, "docs", vector=NORTH, text="tide moon", query_expansion=how, signals=NAMES)

    assert [hit.signals["search"] for hit in reply.hits] == pytest.approx([hit.score for hit in reply.hits])


async def test_signals_are_refused_in_a_search_by_documents(seas: Index) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await searched(seas, "docs", vector=NORTH, granularity=Granularity.DOCUMENT, signals=NAMES)

    assert str(refusal.value.field) == "signals"


def test_neighbours_are_the_five_most_alike_without_the_candidate_itself() -> None:
    alike = np.full((8, 8), 0.1)
    alike[0, 1:6] = 0.5
    alike[0, 0] = 1.0
    scores = np.array([100.0, 1, 2, 3, 4, 5, 50, 50])

    found = neighbours(scores, alike, 5)

    assert found[0] == pytest.approx(3)


def test_a_candidate_that_is_like_no_other_has_no_neighbours() -> None:
    found = neighbours(np.array([1.0, 2.0]), np.array([[1.0, 0.0], [0.0, 1.0]]), 5)

    assert np.isnan(found).all()


def test_likeness_is_by_the_words_that_not_all_have() -> None:
    texts = ["the tide and the moon", "a tide below the moon", "bread and the oven", "the the the the"]

    found = likeness([read(text, (), "english") for text in texts])

    assert found[0, 1] > found[0, 2] + 0.1
    assert found[0, 3] == pytest.approx(0, abs=1e-6)
    assert found[0, 0] == pytest.approx(1)
    assert np.allclose(found, found.T, atol=1e-6)


async def test_a_number_or_a_time_of_the_metadata_is_a_signal(index: Index) -> None:
    tide, noon = section(NORTH, "tide"), datetime(2024, 3, 2, 12, tzinfo=UTC)
    await index.upsert(
        "docs",
        [
            item("new", tide, clicks=100.0, published=noon, free=True),
            item("old", tide, clicks=0.0, published=date(2024, 3, 1)),
            item("none", tide, clicks="many"),
        ],
    )

    names = ["metadata.clicks", "metadata.published", "metadata.free", "metadata.unknown"]
    reply = await searched(index, "docs", text="tide", signals=[*names, "search"])

    found = {hit.item_id: dict(hit.signals) for hit in reply.hits}
    assert found["new"].keys() == {"search", *names[:3]}
    assert found["new"]["metadata.clicks"] > found["old"]["metadata.clicks"] == 0
    assert found["new"]["metadata.published"] - found["old"]["metadata.published"] == pytest.approx(1.5)
    assert found["none"].keys() == {"search"}


async def test_a_signal_of_no_field_is_refused(index: Index) -> None:
    with pytest.raises(InvalidInput, match="and metadata"):
        await searched(index, "docs", text="tide", signals=["metadata."])
