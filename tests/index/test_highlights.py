"""The sentences of hits that have words of the query."""

import pytest
from support.requests import searched
from support.sections import item, section, vector
from tieback.core.errors import InvalidInput
from tieback.index import Index
from tieback_contract.hits import Hit
from tieback_contract.query import Granularity

NORTH = vector(1, 0, 0, 0)

TEXTS = {
    "latin": "It rains a lot. The tides follow the moon! Dr. Vega measured no tide at all. Cats sleep.",
    "emoji": "🌊🌊 Waves are high 👩‍👩‍👧. 🌙 The moon pulls the tide 🌊. Nothing else 🐈.",
    "hindi": "यह एक बिल्ली है। चाँद ज्वार को खींचता है। वह सोती है।",
    "chinese": "猫在睡觉。月亮引起潮汐。今天下雨！",
    "arabic": "القطة تنام. هل يسبب القمر المد؟ نعم.",
}


@pytest.fixture
async def texts(index: Index) -> Index:
    await index.upsert("docs", [item(name, section((0.8, 0.6, 0, 0), text)) for name, text in TEXTS.items()])
    return index


async def highlighted(index: Index, text: str, most: int = 1, **how: object) -> dict[str, Hit]:
    reply = await searched(index, "docs", text=text, highlights=most, **how)  # type: ignore[arg-type]
    return {hit.item_id: hit for hit in reply.hits}


def sentences(hit: Hit) -> list[str]:
    return [hit.text.encode()[slice(*one.span)].decode() for one in hit.highlights]


@pytest.mark.parametrize(
    ("name", "asked", "sentence"),
    [
        ("latin", "moon and tide", "The tides follow the moon!"),
        ("emoji", "moon and tide", "🌙 The moon pulls the tide 🌊."),
        ("hindi", "चाँद ज्वार", "चाँद ज्वार को खींचता है।"),
        ("chinese", "潮汐", "月亮引起潮汐。"),
        ("arabic", "القمر", "هل يسبب القمر المد؟"),
    ],
)
async def test_spans_are_bytes_in_every_script(texts: Index, name: str, asked: str, sentence: str) -> None:
    found = await highlighted(texts, asked)

    assert sentences(found[name]) == [sentence]


async def test_the_sentence_with_most_of_the_words_is_first_and_none_without_a_word_is_there(
    texts: Index,
) -> None:
    found = await highlighted(texts, "tide moon", 10)

    assert sentences(found["latin"]) == ["The tides follow the moon!", "Dr. Vega measured no tide at all."]
    best, other = found["latin"].highlights
    assert best.words == pytest.approx(1)
    assert 0 < other.words < 1
    assert best.similarity is None


async def test_hits_have_none_where_none_are_asked_for(texts: Index) -> None:
    assert not any(hit.highlights for hit in (await highlighted(texts, "moon", 0)).values())


async def test_the_sections_of_documents_have_theirs(texts: Index) -> None:
    await texts.upsert(
        "docs", [item("both", section((1, 0, 0, 0), "A moon. A cat."), section(NORTH, "Moons. Dogs."))]
    )

    found = await highlighted(texts, "moon", 1, vector=NORTH, granularity=Granularity.DOCUMENT)

    both = found["both"]
    assert sorted(sentences(one)[0] for one in (both, *both.sections)) == ["A moon.", "Moons."]


@pytest.mark.parametrize(
    ("how", "match"),
    [({"text": "a", "highlights": 101}, "0 to 100"), ({"vector": NORTH, "highlights": 1}, "words")],
)
async def test_a_number_out_of_range_and_a_search_without_words_are_refused(
    texts: Index, how: dict[str, object], match: str
) -> None:
    with pytest.raises(InvalidInput, match=match) as refusal:
        await searched(texts, "docs", **how)  # type: ignore[arg-type]

    assert str(refusal.value.field) == "options.highlights"
