"""What the default plan puts first, of vectors and words that are known."""

from typing import Any

import numpy as np
import pytest
from support.requests import searched
from support.sections import item, section, vector
from tieback.answer.plan import DEFAULT_PLAN
from tieback.core.types.collection import IndexedItem
from tieback.index import Index
from tieback_contract.modality import Modality

SEED = np.random.default_rng(7)


def near(similarity: float) -> tuple[float, ...]:
    """A unit vector that is so similar to `axis(0)`."""
    rest = SEED.standard_normal(3)
    return (similarity, *(np.sqrt(1 - similarity**2) * rest / np.linalg.norm(rest)))


def noise(
    count: int, low: float, high: float, modality: Modality = Modality.TEXT, text: str = ""
) -> list[IndexedItem]:
    """Sections at large: how similar things of a modality are to whatever is asked."""
    return [
        item(f"{modality.value}{n}", section(near(SEED.uniform(low, high)), text, modality=modality))
        for n in range(count)
    ]


async def asked(index: Index, text: str, **how: Any) -> list[str]:
    reply = await searched(
        index,
        "docs",
        vector=vector(1, 0, 0, 0),
        text=text,
        rank_fusion=DEFAULT_PLAN.options.rank_fusion,
        **how,
    )
    return [hit.item_id for hit in reply.hits]


async def test_a_match_of_function_words_does_not_outrank_meaning(index: Index) -> None:
    right = item("right", section(near(0.6), "Feline companions rest"))
    chatter = [
        item(f"chatter{n}", section(near(0.1), "what is it that a one of the is on a the")) for n in range(30)
    ]
    await index.upsert("docs", [right, *chatter])

    assert (await asked(index, "what is it that a cat is on"))[0] == "right"


async def test_the_label_of_one_photo_does_not_beat_a_right_text(index: Index) -> None:
    text = item(
        "text", section(near(0.6), "Sharpening the blades of a mower, and how to store it for winter")
    )
    photo = item("photo", section(near(0.15), "mower", modality=Modality.IMAGE))
    await index.upsert(
        "docs", [text, photo, *noise(40, 0.0, 0.3, text="gardens"), *noise(40, 0, 0.2, Modality.IMAGE)]
    )

    assert (await asked(index, "how to store a mower for the winter"))[0] == "text"


async def test_the_one_right_photo_is_not_hidden_by_texts_that_share_function_words(index: Index) -> None:
    """No class is called giraffe, so the photo has no word of the query; photos lie far from any words."""
    giraffe = item("giraffe", section(near(0.35), "gazelle", modality=Modality.IMAGE))
    texts = [
        item(f"park{n}", section(near(0.3), "A day in the park, and the trees of it")) for n in range(10)
    ]
    await index.upsert("docs", [giraffe, *texts, *noise(200, 0, 0.3), *noise(60, 0.0, 0.12, Modality.IMAGE)])

    assert (await asked(index, "a giraffe in the grass"))[0] == "giraffe"


async def test_all_words_of_a_query_outrank_a_text_that_is_a_little_more_similar(index: Index) -> None:
    named = item("named", section(near(0.45), "Decision 0017 on Kaldi"))
    await index.upsert(
        "docs",
        [
            named,
            item("like", section(near(0.6), "A goatherd in the hills")),
            *noise(50, 0, 0.3, text="It was seen here"),
        ],
    )

    assert (await asked(index, "decision 0017 kaldi"))[0] == "named"


@pytest.mark.parametrize("filter", ['modality = "text"', ""])
async def test_texts_score_the_same_whether_photos_are_beside_them_or_not(index: Index, filter: str) -> None:
    await index.upsert("docs", noise(30, 0, 0.5, text="words"))
    before = await asked(index, "some words", filter=filter)

    await index.upsert("docs", noise(30, 0, 0.2, Modality.IMAGE))
    after = [name for name in await asked(index, "some words", filter=filter, limit=60) if "text" in name]

    assert after[: len(before)] == before


async def test_the_order_does_not_depend_on_how_similar_an_encoder_finds_everything(index: Index) -> None:
    texts = ["tea in the cup", "the cup of the king", "a moon", "tea of the moon", "kings and queens"]
    await index.upsert(
        "docs", [item(text, section(near(0.8 - 0.1 * n), text)) for n, text in enumerate(texts)]
    )

    orders = [
        [
            hit.item_id
            for hit in (
                await searched(
                    index,
                    "docs",
                    vector=vector(scale, 0, 0, 0),
                    text="tea moon",
                    rank_fusion=DEFAULT_PLAN.options.rank_fusion,
                )
            ).hits
        ]
        for scale in (1, 0.3)
    ]

    assert orders[0] == orders[1]
    assert orders[0] != texts  # words had their say


async def test_half_of_a_long_querys_words_are_worth_more_than_half_of_a_short_ones(index: Index) -> None:
    """By chance, a text hardly has four words of eight; one of two it easily has."""
    await index.upsert(
        "docs",
        [
            item("named", section(near(0.42), "wing slipstream boundary shock")),
            item("like", section(near(0.6), "The lift of aircraft")),
            *noise(60, 0, 0.2, text="It was seen here"),
        ],
    )

    assert (await asked(index, "wing kettle"))[0] == "like"
    assert (await asked(index, "wing slipstream boundary shock kettle lamp river market"))[0] == "named"
