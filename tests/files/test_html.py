"""HTML is read by its tree: no words are lost where its tags do not match, and nothing makes it large."""

from __future__ import annotations

import pytest
from support.adversarial import seconds
from tieback_client.files import Document, read_document
from tieback_client.files.pages.html_tree import MOST_TAGS, Tree


def page(source: str) -> Document:
    return read_document(source.encode(), "a.html")


def words(source: str) -> list[str]:
    return page(source).text.split()


@pytest.mark.parametrize(
    "source",
    [
        '<div role="main"><div>one</div>two<div><div>three</div></div>four</div>',
        '<div class="body" role="main"><section><div>one</div><p>two</section><p>three</p>four</div>',
        "<main>one<main>two</main>three</main> <p>four",
        '<table><tr><td>side<td><div role="main">one<div>two</div><p>three four</div></table>',
        '<div role="main"><ul><li>one</div></ul><p>two three</div><p>four',  # ends early in browsers
        "<article role='main'>one<p>two<h2>three</h2><div>four",
        "<main>one</main><main>two three</main> four",
        "<p>one <b>two<p>three</b> four",
    ],
)
def test_a_page_is_not_cut_at_an_end_tag_of_something_in_it(source: str) -> None:
    found = [one for one in ("one", "two", "three", "four") if one in words(source)]

    assert found[:3] == ["one", "two", "three"]
    assert "four" in found or "</main>" in source


def test_the_main_part_is_the_page_unless_it_holds_next_to_nothing() -> None:
    text = "<p>" + "The moon pulls the sea. " * 20

    assert "Banner" not in words(f"<p>Banner<main>{text}</main>")
    assert "moon" in words(f"{text}<main>Loading</main>")


def test_navigation_and_what_only_leads_to_other_parts_of_a_page_are_left_out() -> None:
    source = (
        "<div role='navigation'><ul><li>Home</ul></div><nav>Next</nav><form role='search'>Find</form>"
        "<ul><li><a href='#spring'>Spring</a><ul><li><a href='#n%C3%A9ap'>Neap</a></ul></ul>"
        "<h2 id=spring>Of spring<a href='#spring'>#</a></h2><p id='néap'>Words<a href='#spring'>↩</a>.</p>"
        "<ul><li><a href='other.html'>Moon</a><li><a href='#'>Sun</a><li><a href='#gone'>Stars</a></ul>"
        "<ul><li><a href='#spring'>Ebb</a>: the water falls</ul>"
    )

    assert page(source).text.split() == (
        "Of spring Words. - Moon - Sun - Stars - Ebb : the water falls".replace("Ebb :", "Ebb:").split()
    )


def test_a_section_names_the_line_of_the_source_that_it_begins_on() -> None:
    source = (
        "<!-- a\ncomment -->\r\n<h1>One</h1><p\n  title='a'\n  class=b>first\n"  # the text is on line 5
        "<h2>Two</h2>\n\n  <div\n>\n second <i>on</i></div>\r<h2>Three</h2><pre>\n\nthird</pre>"
        "<h2>Four</h2><script>\n\n</script>fourth"
    )

    assert [one.locator for one in page(source).sections] == ["line=5", "line=10", "line=11", "line=15"]


def test_what_closes_itself_in_xhtml_does_not_swallow_the_page() -> None:
    head = "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>"

    assert words(
        f"{head}<head><title/><script src='a'/></head><p>one<br/>two<a id='x'/> <i/>three</p></html>"
    ) == [
        "one",
        "two",
        "three",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "<p>" + "".join(f"<b a={at}>" for at in range(600)) + "<p>x" * 20_000,
        "<p>" + "".join(f"<font a={at}><i>" for at in range(600)) + "<div>x</div>" * 20_000,
        "<select>"
        + "<button><selectedcontent></selectedcontent></button>" * 1000
        + "<option>"
        + "<i>x" * 1000,
        "<a><b><div></a>" * 20_000,
        "<table><tr><td><a>" * 20_000,
    ],
)
def test_a_page_has_no_more_elements_than_tags(source: str) -> None:
    def read() -> None:
        assert len(Tree(source).root.find_all(True)) < 4 * source.count("<") + 10

    assert seconds(read) < 5


@pytest.mark.parametrize(
    "source",
    [
        "<p " + " ".join(f"a{at}=x" for at in range(200_000)) + ">deep words",
        "<p>deep words" + "&amp;" * 1_000_000,
        "<p>deep words" + "&notit;" * 500_000,
        "<p>deep words" + "<" * 1_000_000,
        "<p>deep words" + "<!--" * 500_000,
        "<p>deep words" + "</span>" * 200_000,
        "<p>deep words" + "<ul><li>" * 50_000,
        "<p>deep words" + "<a href='#x'>" * 50_000 + "<p id=x>",
        "<p>deep words<select>" + "<option>x" * 100_000,
        "<p>deep words\n" + "<p>" * (MOST_TAGS + 1),
    ],
)
def test_a_page_that_is_made_to_be_large_is_read_within_bounds(source: str) -> None:
    def read() -> None:
        assert "deep words" in page(source).sections[0].text

    assert seconds(read) < 90  # the last takes 14, and minutes where its cost grows with the square
