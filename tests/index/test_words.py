"""Full text: what the words of a query find, and how much of what was asked for that is."""

from typing import Any

import numpy as np
import pytest
from support.requests import searched
from support.sections import axis, item, section
from tieback.collections.words import QueryTerm, Words, analysed, analysed_sections
from tieback.core.types.collection import IndexedItem
from tieback.core.types.content import Item
from tieback.index import Index
from tieback_contract.modality import Modality


async def found(index: Index, text: str, **how: Any) -> list[str]:
    return [hit.item_id for hit in (await searched(index, "docs", text=text, **how)).hits]


def texts(**by_name: str) -> list[IndexedItem]:
    return [item(name, section(axis(0), text)) for name, text in by_name.items()]


async def test_function_words_of_a_question_find_nothing(index: Index) -> None:
    await index.upsert("docs", texts(tea="how tea is made", verse="what is it that the one of a kind is"))

    assert await found(index, "what is the temperature of the tea?") == ["tea"]


async def test_a_query_of_function_words_alone_is_looked_for_as_it_is(index: Index) -> None:
    await index.upsert("docs", texts(hamlet="To be, or not to be: that is the question", other="A question"))

    assert (await found(index, "to be or not to be"))[0] == "hamlet"


async def test_endings_do_not_matter_in_the_language_of_each_text(index: Index) -> None:
    await index.upsert(
        "docs",
        texts(
            english="The cats were sleeping on all of the sofas",
            german="Die Häuser und die Bäume stehen auf einem Berg",
            french="Les chevaux sont dans les grandes montagnes",
        ),
    )

    assert await found(index, "cat sleeps") == ["english"]
    assert await found(index, "Haus") == ["german"]
    assert await found(index, "Häusern und Baum") == ["german"]
    assert await found(index, "montagne") == ["french"]


async def test_a_german_question_in_a_mixed_collection_is_not_led_by_its_function_words(index: Index) -> None:
    await index.upsert(
        "docs",
        texts(
            katze="Die Katze schläft auf dem Sofa, und der Hund ist im Garten",
            mond="Der Mond ist die ganze Nacht auf der anderen Seite und das ist gut",
            cats="The cat sleeps on the sofa",
        ),
    )

    assert (await found(index, "Wo schläft die Katze?"))[0] == "katze"


@pytest.mark.parametrize(
    ("text", "query"),
    [("Café Müller", "cafe muller"), ("東京タワーは高い", "東京"), ("ภาษาไทยง่าย", "ภาษา"),
     ("हिन्दी भाषा", "भाषा"),
     ("snake_case names", "case"), ("The dog's bowl", "dogs"), ("ÜBERMUT tut selten gut", "übermut")],
)  # fmt: skip
async def test_words_are_found_in_any_script_without_case_and_accents(
    index: Index, text: str, query: str
) -> None:
    await index.upsert("docs", texts(it=text, other="nothing of the kind"))

    assert await found(index, query) == ["it"]


async def test_a_word_of_the_title_counts_as_a_word_of_the_text(index: Index) -> None:
    titled = item("titled", section(axis(0), "it grows in spring"))
    titled = type(titled)(Item("titled", titled.item.sections, "Bamboo"), titled.sections)
    await index.upsert("docs", [titled, *texts(other="it grows in autumn")])

    assert await found(index, "bamboo in spring") == ["titled"]


async def test_the_score_of_words_is_the_share_of_the_best_that_the_query_could_give(index: Index) -> None:
    await index.upsert("docs", texts(both="tea ceremony", one="tea leaves", none="coffee"))

    hits = (await searched(index, "docs", text="tea ceremony unheardof")).hits

    assert [hit.item_id for hit in hits] == ["both", "one"]
    assert 0 < hits[1].score < hits[0].score < 1
    assert hits[0].text_score == hits[0].score


async def test_a_filter_of_few_sections_finds_their_words(index: Index) -> None:
    items = [item(f"i{n}", section(axis(n), f"tea {'cup ' * (n % 7)}"), n=n) for n in range(300)]
    await index.upsert("docs", items)

    assert len(await found(index, "cup", filter="n >= 280", limit=100)) == 17


def words_of_dictionary(texts: dict[int, str]) -> Words:
    """The same search, by the definition: no segments, no numbers, no removals."""
    words = Words()
    words.put(np.array(list(texts)), analysed_sections(list(texts.values())))
    return words


def scores(words: Words, query: str) -> dict[int, float]:
    positions, shares, *_ = words.shares(query)
    return dict(sorted(zip(positions.tolist(), np.round(shares, 4).tolist(), strict=True)))


def test_after_any_writes_and_removals_the_scores_are_those_of_what_is_left() -> None:
    rng = np.random.default_rng(0)
    vocabulary = ["tea", "cup", "moon", "cats", "Häuser", "und", "die", "the", "of", "montagnes", "les"]
    words = Words()
    left: dict[int, str] = {}
    for _ in range(400):
        if left and rng.random() < 0.45:
            gone = rng.choice(list(left), min(len(left), int(rng.integers(1, 60))), replace=False).tolist()
            words.remove(gone)
            for position in gone:
                del left[position]
        free = [position for position in range(3000) if position not in left]
        new = rng.choice(free, int(rng.integers(1, 40)), replace=False).tolist()
        made = [" ".join(rng.choice(vocabulary, int(rng.integers(1, 12)))) for _ in new]
        words.put(np.array(new), analysed_sections(made))
        left |= dict(zip(new, made, strict=True))

    for query in ("tea of the moon", "cat", "Haus und Häuser", "montagne"):
        assert scores(words, query) == pytest.approx(scores(words_of_dictionary(left), query), abs=2e-3)


async def test_a_photos_label_is_found_by_its_words_too(index: Index) -> None:
    await index.upsert("docs", [item("photo", section(axis(0), "golden retriever", modality=Modality.IMAGE))])

    assert await found(index, "retrievers") == ["photo"]


def test_terms_that_no_section_has_any_more_are_forgotten() -> None:
    words = Words()
    for turn in range(12):
        words.put(np.arange(500), analysed_sections([f"only{turn}x{n} tea" for n in range(500)]))
        words.remove(list(range(500)))
    words.put(np.array([7]), analysed_sections(["green tea"]))

    assert len(words._terms) < 12 * 500 / 2
    assert scores(words, "green tea").keys() == {7}
    assert scores(words, "only3x5") == {}


async def test_a_query_of_very_many_words_is_read_as_far_as_is_useful(index: Index) -> None:
    await index.upsert("docs", texts(tea="tea", last="unread"))
    many = " ".join(f"word{n}" for n in range(1500))

    assert await found(index, f"tea {many} unread") == ["tea"]


def test_how_many_words_match_is_told_apart_from_how_well_they_match() -> None:
    words = Words()
    long = "cipher suites " + "and much else that is written about other matters " * 20
    titles = [(), ("Cipher suites",), ()]
    words.put(np.arange(3), analysed_sections([long, "one version", "cipher"], titles))

    positions, shares, matched, *_ = words.shares("the cipher suites")
    found = {int(p): (float(s), float(m)) for p, s, m in zip(positions, shares, matched, strict=True)}

    assert found[0][0] < found[1][0] < 1
    assert found[0][1] == found[1][1] == pytest.approx(1)
    assert 0 < found[2][1] < 0.6


def test_a_query_has_as_many_words_as_are_equally_rare() -> None:
    words = Words()
    words.put(np.arange(4), analysed_sections(["tea cup", "moon cats", "tea house", "tea"]))

    def number(query: str) -> float:
        return words.shares(query).words

    assert number("cup moon cats") == pytest.approx(3)
    assert number("cup") == pytest.approx(1)
    assert 1 < number("cup tea") < 2, "the frequent word counts less"
    assert number("of the cup") == pytest.approx(1)
    assert number("") == 1


def test_a_word_of_half_the_weight_counts_half() -> None:
    words = Words()
    words.put(np.arange(3), analysed_sections(["tea", "cup", "moon"]))

    found = words.matches([QueryTerm(("tea",), 1.0), QueryTerm(("cup",), 0.5)])

    shares = dict(zip(found.positions.tolist(), found.shares.tolist(), strict=True))
    assert shares.keys() == {0, 1}
    assert shares[1] == pytest.approx(shares[0] / 2)
    assert found.words == pytest.approx(1.5**2 / 1.25)


TEXTS = ["", "The cats were sleeping on all of the sofas", "Die Häuser und die Bäume stehen auf einem Berg",
         "Les chevaux sont dans les grandes montagnes", "東京タワーは高い", "Café Müller", "tea",
         "of the", "one " * 300, "la de i", "x" * 100, "snake_case names of the dog's bowl"]  # fmt: skip


def test_many_sections_at_once_have_the_words_that_each_has_alone() -> None:
    titles = [(TEXTS[n % 5], "Cipher suites" if n % 3 else "") for n in range(len(TEXTS))]

    (found,) = analysed_sections(TEXTS, titles)

    for place, (text, of_section) in enumerate(zip(TEXTS, titles, strict=True)):
        alone, mine = analysed(text, of_section), found.sections == place
        terms = [found.terms[term] for term in found.of_terms[mine].tolist()]
        assert dict(zip(terms, found.counts[mine].tolist(), strict=True)) == alone.counts
        assert found.lengths[place] == alone.length
        assert found.languages[found.of_languages[place]] == alone.language


def test_sections_in_several_parts_are_the_same_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parted = Words(), Words()
    whole.put(np.arange(len(TEXTS)), analysed_sections(TEXTS))
    monkeypatch.setattr("tieback.collections.words.sections._SECTIONS_AT_ONCE", 5)
    parted.put(np.arange(len(TEXTS)), analysed_sections(TEXTS))

    for query in ("cats", "Haus", "montagne", "東京", "one names"):
        assert scores(whole, query) == scores(parted, query) != {}
