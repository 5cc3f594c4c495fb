"""A file becomes a document: its title, its facts, and sections that can be cited."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from support.each import each
from tieback_client import InvalidArgument
from tieback_client.files import Document, NotText, read_document


def sections(document: Document) -> list[tuple[str, str, str, str]]:
    return [(one.number, one.heading, one.locator, one.text) for one in document.sections]


def test_one_of_several_headings_of_the_outermost_level_below_a_text_is_no_title() -> None:
    for name, text in (
        ("kettle.md", "Boils water.\n\n# Use\n\nFill it.\n\n# Care\n\nRinse it.\n"),
        ("kettle.rst", "Boils water.\n\nUse\n===\n\nFill it.\n\nCare\n====\n\nRinse it.\n"),
    ):
        assert read_document(text.encode(), name).title == "kettle"
        assert read_document(text.partition("\n\n")[2].encode(), name).title == "Use"


def test_markdown_is_cut_at_its_headings_and_a_section_is_not_cut_by_length() -> None:
    long = "word " * 3000
    text = f"Before.\n\n# One *bold* `code`\n\na\n\n## Two\n\n{long}\n\nmore\n\nThree\n---\n\nc\n"

    document = read_document(text.encode(), "a.md")

    assert document.title == "One bold code"
    assert sections(document) == [
        ("0", "", "L1", "Before."),
        ("1", "One bold code", "L5", "a"),
        ("1.1", "Two", "L9", f"{long}\n\nmore"),
        ("1.2", "Three", "L16", "c"),
    ]


def test_a_section_has_the_headings_above_its_own_one_but_for_that_of_the_whole_document() -> None:
    text = "# News\n\n## 2.1 (2024)\n\n### Fixes\n\n#### Small\na\n\n### Features\nb\n\n## 2.0\nc\n"

    document = read_document(text.encode(), "a.md")
    several = read_document(b"# 2.1\n\n## Fixes\na\n\n# 2.0\n\n## Fixes\nb\n", "a.md")
    long = read_document(f"# 2.1\n\n## {'long ' * 59}\n\n### Fixes\na\n\n# 2.0\nb\n".encode(), "a.md")

    assert [one.heading for one in document.sections] == [
        "2.1 (2024) › Fixes › Small",
        "2.1 (2024) › Features",
        "2.0",
    ]
    assert [one.heading for one in several.sections] == ["2.1 › Fixes", "2.0 › Fixes"]
    assert long.sections[0].heading == "Fixes"


def test_a_document_is_not_titled_by_the_first_of_its_versions() -> None:
    changelog = read_document(b"# 2.1 (2024)\n\na\n\n# 2.0\n\nb\n", "changes.md")
    manual = read_document(b"# Manual 2.1\n\na\n\n# Usage\n\nb\n", "manual.md")

    assert (changelog.title, manual.title) == ("changes", "Manual 2.1")


def test_what_only_looks_like_a_heading_in_markdown_is_none() -> None:
    text = "# One\n\n```\n# code\n```\n\n> # quoted\n\n- # listed\n\n    # indented\n\na | b\n--|--\n1 | 2\n"

    document = read_document(text.encode(), "a.md")

    assert [one.heading for one in document.sections] == ["One"]


def test_titles_over_and_under_lines_and_directives_of_restructuredtext_are_understood() -> None:
    text = (
        "=====\nTitle\n=====\n\nIntro.\n\nPart\n----\n\n.. note:: Mind this\n\n"
        "   Not a title\n   -----------\n\n.. code-block:: sh\n\n"
        "   Nor this\n   ========\n\n~~~~\nDeep\n~~~~\n\nw\n\nNext\n----\n\nv\n"
    )

    document = read_document(text.encode(), "a.rst")

    assert document.title == "Title"
    assert [(one.number, one.heading, one.locator) for one in document.sections] == [
        ("1", "Title", "L5"),
        ("1.1", "Part", "L10"),
        ("1.1.1", "Part › Deep", "L24"),
        ("1.2", "Next", "L29"),
    ]


def test_html_shows_what_a_reader_sees() -> None:
    page = (
        "<title>Site</title><style>p {}</style><nav><a href='/'>Home</a></nav>\n"
        "<h1>Tides &amp; <i>moon</i></h1>\n"
        "<p>The moon <b>pull</b>s\n the sea.<p>Twice a day.\n"
        "<h2>Table</h2><table><tr><td>1<td>2<tr><td>3</table>"
        "<script>let a = '<p>no</p>'</script><pre>a\n  b</pre>"
    )

    document = read_document(page.encode(), "a.html")

    assert document.title == "Tides & moon"
    assert sections(document) == [
        ("1", "Tides & moon", "line=3", "The moon pulls the sea.\n\nTwice a day."),
        ("1.1", "Table", "line=5", "| 1 | 2 |\n| 3 |\n\n```\na\n  b\n```"),
    ]


def test_lists_tables_and_code_of_html_are_written_as_in_markdown() -> None:
    page = (
        "<h1>Profiles</h1><p>Options:</p><ul><li>fast<ul><li>very</ul><li><p>slow</ul>"
        "<ol start=3><li>c<li>d</ol>"
        "<table><thead><tr><th>Command<th>Profile</thead>\n<tr><td><p>cargo\ninstall</p><td>a|b</table>"
        "<table><tr><td><h2>Layout</h2><p>One<td><table><tr><td>x<td>y<tr><td>1<td>2</table></table>"
        "<pre><code>opt-level = 3\nlto = false\n</code></pre>"
    )

    document = read_document(page.encode(), "a.html")

    assert sections(document) == [
        (
            "1",
            "Profiles",
            "line=1",
            "Options:\n\n- fast\n\n  - very\n\n- slow\n\n3. c\n4. d\n\n"
            "| Command | Profile |\n| --- | --- |\n| cargo install | a\\|b |",
        ),
        ("1.1", "Layout", "line=3", "One\n\n| x | y |\n| 1 | 2 |\n\n```\nopt-level = 3\nlto = false\n```"),
    ]


def test_rows_of_csv_have_the_names_of_their_columns_and_their_own_lines() -> None:
    table = 'product;price;notes\nCoffee;14.50;"from\nHansen"\nTea;22;\n\n3;4\n'

    document = read_document(table.encode(), "prices.csv")

    lines = document.text.split("\n")
    assert lines[0] == "Rows of product, price, notes."
    assert lines[1] == "- product: Coffee; price: 14.50; notes: from Hansen"
    assert lines[3] == "- product: Tea; price: 22"
    assert lines[5] == "- 3; 4"
    assert (document.kind, document.is_original) == ("csv", False)


@each(
    "text",
    [
        "1,2\n3,4\n",
        "a,a\n1,2\n",
        "words alone\nand more\n",
        "Tea, coffee\nand much more, cakes, too\n",
        'a,b\n"' + "x" * 200_000,
    ],
)
def test_csv_that_names_no_columns_is_text_as_it_is(text: str) -> None:
    document = read_document(text.encode(), "a.csv")

    assert document.text == text
    assert document.is_original


def test_a_text_without_headings_is_one_section_until_it_is_very_long() -> None:
    short = read_document(("A paragraph of words.\n\n" * 500).encode(), "a.txt")
    long = read_document(("A paragraph of words.\n\n" * 10_000).encode(), "a.txt")

    assert [one.number for one in short.sections] == ["1"]
    assert [one.number for one in long.sections] == ["1", "2", "3", "4"]
    assert long.sections[1].heading.startswith("lines ")
    assert all(one.text.startswith("A ") and one.text.endswith(".") for one in long.sections)


def test_what_is_under_no_heading_is_not_lost_and_a_heading_alone_is_a_text() -> None:
    assert sections(read_document(b"# Only a heading\n", "a.md")) == [
        ("1", "Only a heading", "L1", "Only a heading")
    ]
    assert sections(read_document(b"Only\n====\n", "a.rst")) == [("1", "Only", "L1", "Only")]
    assert sections(read_document(b"<h1>Only</h1>", "a.html")) == [("1", "Only", "line=1", "Only")]


def test_a_heading_alone_is_no_section_and_several_in_a_row_are_a_list() -> None:
    cases = {
        "a.md": "# Tides\n\n## Spring\n\n## Neap\n\nWeak.\n\n## Ports\n\n### Bergen\n\n### Oslo\n",
        "a.html": "<h1>Tides</h1><h2>Spring</h2><h2>Neap</h2><p>Weak.</p><h2>Ports</h2>"
        "<h3>Bergen</h3><h3>Oslo</h3>",
        "a.rst": "Tides\n=====\n\nSpring\n------\n\nNeap\n----\n\nWeak.\n\nPorts\n-----\n\n"
        "Bergen\n......\n\nOslo\n....\n",
    }
    for name, text in cases.items():
        found = read_document(text.encode(), name).sections

        assert [(one.number, one.heading) for one in found] == [("1.2", "Neap"), ("1.3.1", "Ports")]
        assert "Bergen" in found[1].text
        assert "Oslo" in found[1].text


def test_marks_of_terminals_and_printers_are_no_words_of_a_text() -> None:
    log = read_document(b"\x1b[1;31mfailed\x1b[0m at noon\n", "run.log")
    typed = read_document(b"N\bNa\bam\bme\be\n_\bTide", "tide.txt")
    plain = read_document(b"failed at noon\n", "run.log")

    assert (log.text, log.is_original) == ("failed at noon\n", False)
    assert typed.text == "Name\nTide"
    assert plain.is_original
    assert [one.locator for one in typed.sections] == ["L1"]


def test_an_empty_file_is_a_document_with_a_note() -> None:
    for data in (b"", b" \n\t\n", b"\xef\xbb\xbf"):
        for name in ("a.md", "a.txt", "a.html", "a.pdf", "README"):
            document = read_document(data, name)

            assert (list(document.sections), document.title) == ([], name.partition(".")[0])
            assert document.notes == ("it is empty",)


def test_front_matter_keeps_lists_dates_numbers_and_truth() -> None:
    text = (
        "---\ntitle: T\ntags: [tls, http]\nyear: 1922\nratio: 0.5\ndraft: false\nday: 2024-01-02\n"
        "at: 2024-01-02T03:04:05Z\ncountry: no\nauthor: {name: X}\nnothing:\n'1': one\n---\nwords\n"
    )

    document = read_document(text.encode(), "a.md")

    assert document.title == "T"
    assert document.metadata == {
        "tags": ["tls", "http"],
        "year": 1922,
        "ratio": 0.5,
        "draft": False,
        "day": date(2024, 1, 2),
        "at": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        "country": "no",
        "author.name": "X",
        "1": "one",
    }
    assert sections(document) == [("1", "", "L14", "words")]


@each(
    "value, field",
    [
        ("[[1, 2]]", 'metadata["odd"][0]'),
        ("[a, {b: c}]", 'metadata["odd"][1]'),
        (".nan", 'metadata["odd"]'),
        ("12345678901234567890", 'metadata["odd"]'),
        ("!!binary aGVsbG8=", 'metadata["odd"]'),
    ],
)
def test_a_fact_that_cannot_be_stored_is_refused_by_its_key(value: str, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_document(f"---\nodd: {value}\n---\nwords\n".encode(), "a.md")

    assert caught.value.violations[0].field == field


def test_a_section_points_into_the_original_and_what_pages_show_does_not() -> None:
    text = "# Höhe\r\n\r\nÄ Straße\r\n\r\n## Zwei\r\n\r\nmehr €\r\nund\r\n"

    marked = read_document(text.encode(), "a.md").item_sections("b/a.md")
    page = read_document("<h1>Höhe</h1><p>Straße".encode(), "a.html").item_sections("b/a.html")

    for one in marked:
        assert one.span is not None
        assert text.encode()[slice(*one.span)].decode() == one.content
    assert [one.uri for one in marked] == ["b/a.md#L3", "b/a.md#L7"]
    assert [one.span for one in page] == [None]


def test_a_section_of_a_page_is_located_by_the_id_that_leads_to_it() -> None:
    page = """<div id="menu"><h1>Tides</h1><p>Words.
<h2 id="spring">Spring</h2><p>More.
<section id="neap"><h2>Neap</h2><p>More.</section>
<h2><a id="slack" href="#slack">Slack</a></h2><p>More <a id="note">noted</a>.
<h2 id='"no id"'>Ebb</h2><p>More.
<h2 id="L12">Flood</h2><p>More."""
    found = read_document(page.encode(), "a.html").item_sections("b/a.html")

    assert [one.uri for one in found] == [
        "b/a.html#line=1",
        "b/a.html#spring",
        "b/a.html#neap",
        "b/a.html#slack",
        "b/a.html#line=5",
        "b/a.html#line=6",
    ]


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="cannot read it: No such file"):
        read_document(tmp_path / "none.md")
    with pytest.raises(NotText, match="a PNG picture"):
        read_document(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.txt")
    with pytest.raises(NotText, match="binary data"):
        read_document(bytes(range(256)), "a")


@each(
    "module, package, name, data",
    [
        ("pypdf", "pypdf", "a.pdf", b"%PDF-1.7"),
        ("turbohtml", "turbohtml", "a.html", b"<p>Words"),
        ("docutils", "docutils", "a.rst", b"Title\n=====\n"),
        ("markdown_it", "markdown-it-py", "a.md", b"# Title"),
        ("yaml", "PyYAML", "a.md", b"---\na: b\n---\n"),
        ("chardetng_py", "chardetng_py", "a.txt", "Съешь ещё".encode("koi8_r")),
    ],
)
def test_a_format_whose_package_is_missing_says_what_to_install(
    module: str, package: str, name: str, data: bytes
) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from tieback_client import FailedPrecondition\n"
        "from tieback_client.files import read_document\n"
        "assert read_document(b'Words', 'a.txt').sections\n"
        f"try: read_document({data!r}, {name!r})\n"
        "except FailedPrecondition as error: print(error.message)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip().endswith(
        f"the package {package}, which is not installed: pip install {package}"
    )


@pytest.mark.parametrize("name", ["a.md", "a.rst"])
def test_front_matter_that_is_no_yaml_is_text_before_the_first_heading_and_no_title(name: str) -> None:
    head = "# Coffee\n\n" if name == "a.md" else "Coffee\n======\n\n"
    text = f"---\ntags: [a, b\ndate: :::\n---\n\n{head}The machine is descaled each month.\n"

    document = read_document(text.encode(), name)

    assert document.title == "Coffee"
    assert [(one.number, one.heading) for one in document.sections] == [("0", ""), ("1", "Coffee")]
    assert "tags: [a, b" in document.sections[0].text
    assert "front matter is no YAML" in document.notes[0]
