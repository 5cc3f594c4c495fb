"""Texts are read with the titles that they stand under, and stored without them."""

from collections.abc import Sequence

from answer.conftest import Platform
from support.each import each
from support.present import present
from support.queries import words
from support.requests import retrieval
from tieback.answer.ingesting.headings import LONGEST_HEADING, headed, titles_of
from tieback.core.types.content import Content, Item, Section
from tieback_contract.hits import RetrievedHit
from tieback_contract.modality import Modality


def section(data: str, name: str = "1", title: str = "") -> Section:
    return Section(name, Content(Modality.TEXT, data), title=title)


async def found(platform: Platform, text: str) -> Sequence[RetrievedHit]:
    return (await platform.answerer.retrieve(retrieval("library", [words(text)], hybrid=False))).hits


async def test_a_section_is_found_by_the_meaning_of_its_heading_alone(platform: Platform) -> None:
    sections = [
        section("we only allow tls", "1", "cipher suites"),
        section("we only allow tls", "2", "backups"),
    ]
    await platform.ingest("library", [Item("security", sections)])

    first, second = await found(platform, "cipher suites")

    assert (first.hit.section_id, second.hit.section_id) == ("1", "2")
    assert present(first.hit.vector_score) > present(second.hit.vector_score) + 0.2


async def test_a_section_is_found_by_the_meaning_of_its_items_title(platform: Platform) -> None:
    items = [Item(title, [section("first, warm it")], title=title) for title in ("tea", "glass")]
    await platform.ingest("library", items)

    first, second = await found(platform, "tea")

    assert first.hit.item_id == "tea"
    assert present(first.hit.vector_score) > present(second.hit.vector_score) + 0.2


async def test_what_is_stored_and_cited_is_the_text_alone(platform: Platform) -> None:
    await platform.ingest("library", [Item("a", [section("we only allow tls", title="cipher suites")])])

    (hit,) = await found(platform, "cipher suites")

    assert hit.hit.text == "we only allow tls"


@each(
    "titles, text, read",
    [
        (("Security", "Cipher suites"), "Only TLS.", "Security. Cipher suites\nOnly TLS."),
        (("Security",), "SECURITY of tokens", "SECURITY of tokens"),
        (("News", "long " * 20, "Fixes"), "A crash.", "News. Fixes\nA crash."),
        (("Security", "Tokens"), "Tokens are secret.", "Security\nTokens are secret."),
        ((), "Only TLS.", "Only TLS."),
        (("Security",), " \n", " \n"),
        (("x" * 2 * LONGEST_HEADING,), "y", "x" * LONGEST_HEADING + "\ny"),
    ],
)
def test_a_title_is_read_once(titles: tuple[str, ...], text: str, read: str) -> None:
    assert headed(titles, text) == read


def test_a_title_that_item_and_section_share_counts_once() -> None:
    assert titles_of(Item("a", [], title="Tea"), section("x", title=" Tea ")) == ("Tea",)
