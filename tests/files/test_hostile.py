"""Files that are made to harm, and files at random: each is read within bounds, or refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from docutils.parsers.rst import roles
from hypothesis import given, settings
from hypothesis import strategies as st
from support.adversarial import seconds
from support.each import each
from tieback_client import InvalidArgument
from tieback_client.files import Document, NotText, read_document
from tieback_client.files.budget import SECONDS

NAMES = (
    "a.md",
    "a.rst",
    "a.html",
    "a.txt",
    "a.pdf",
    "a.docx",
    "a.pptx",
    "a.xlsx",
    "a.odt",
    "a.epub",
    "a.ipynb",
    "a.eml",
    "a",
)
MARKS = st.sampled_from(
    [
        *"ab #=-~*`_>|.:[]()<!&\"'\\\n\r\t\0é€",
        *(
            "\r\n",
            "\n\n",
            "<h1>",
            "</h1>",
            "<p>",
            "<nav>",
            "</nav>",
            "<main>",
            "</main>",
            "<!--",
            "-->",
            "<pre>",
        ),
        *(
            "---\n",
            "===\n",
            "# ",
            "## ",
            ".. ",
            ".. note:: ",
            "::\n\n    ",
            "1. ",
            "\u2028",
            "\x0c",
            "\ufeff",
        ),
    ]
)


def checked(document: Document) -> None:
    """Holds a document to its contract."""
    assert document.title or not document.sections or document.kind
    assert all(one.text == document.text[one.begin : one.end] for one in document.sections)
    assert all(one.text.strip() and one.text == one.text.rstrip() for one in document.sections)
    assert len({one.number for one in document.sections}) == len(document.sections)
    ends = [0, *(one.end for one in document.sections)]
    assert all(end <= one.begin for end, one in zip(ends, document.sections, strict=False))
    for one, (begin, end) in zip(document.sections, document.byte_spans(), strict=True):
        assert document.text.encode()[begin:end].decode() == one.text
    assert document.sections or document.notes


@pytest.mark.parametrize("name", ["a.md", "a.rst", "a.html", "a.txt"])
@given(pieces=st.lists(MARKS, max_size=60))
@settings(max_examples=150, deadline=None)
def test_spans_index_the_decoded_text_whatever_it_is(name: str, pieces: list[str]) -> None:
    try:
        document = read_document("".join(pieces).encode(), name)
    except NotText:
        return
    checked(document)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_document_or_refused(name: str, data: bytes) -> None:
    try:
        document = read_document(data, name)
    except InvalidArgument:
        return
    checked(document)


@pytest.mark.parametrize("name", ["a.md", "a.rst"])
@given(pieces=st.lists(st.sampled_from(["# A", "words", "T\n=", "", "- x", "  y", "> z"]), max_size=30))
@settings(max_examples=100, deadline=None)
def test_no_word_is_lost_but_the_headings_that_are_titles(name: str, pieces: list[str]) -> None:
    document = read_document("\n\n".join(pieces).encode(), name)

    assert sum(one.text.count("words") for one in document.sections) == pieces.count("words")


def test_no_directive_of_restructuredtext_reads_a_file_or_does_anything(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("the secret words")
    text = (
        f"Title\n=====\n\n.. include:: {tmp_path}/secret.txt\n\n.. include:: /etc/passwd\n   :literal:\n\n"
        f".. raw:: html\n   :file: {tmp_path}/secret.txt\n\n"
        f".. csv-table::\n   :file: {tmp_path}/secret.txt\n\n"
        f".. literalinclude:: {tmp_path}/secret.txt\n\n.. role:: planted\n\n.. default-role:: planted\n\n"
        f".. figure:: {tmp_path}/secret.txt\n   :figwidth: image\n\n"
        f"- .. include:: {tmp_path}/secret.txt\n\n.. |x| include:: {tmp_path}/secret.txt\n\n|x|\n"
    )

    document = read_document(text.encode(), "a.rst")

    assert "secret words" not in document.text
    assert "root:" not in document.text
    assert [one.heading for one in document.sections] == ["Title"]
    assert "planted" not in roles._roles  # type: ignore[attr-defined]  # the stubs lack it
    assert "" not in roles._roles  # type: ignore[attr-defined]  # the stubs lack it


def test_a_comment_that_docutils_fails_on_does_not_fail_the_file() -> None:
    document = read_document(b'Title\n=====\n\n.. end of inclusion from "x"\n\nWords.\n', "a.rst")

    assert "Words." in document.sections[0].text
    assert document.notes == ("it was read as plain text, since its parser fails on it",)


@each(
    "matter",
    [
        "a: &a [x, x]\n" + "".join(f"k{at}: &k{at} [*k{at - 1}, *k{at - 1}]\n" for at in range(1, 40)),
        "a: &a {x: 1}\nb: &b {<<: [*a, *a]}\nc: {<<: [*b, *b]}\n",
        "a: " + "[" * 30_000,
        "a: " + "{b: " * 15_000,
        "a: !!python/object/apply:os.system [true]\n",
        "a: 'no end",
        "a: " + "9" * 60_000,
        "? " * 20_000,
    ],
)
def test_front_matter_that_is_a_bomb_is_read_as_text_or_refused(matter: str) -> None:
    def read() -> None:
        try:
            document = read_document(f"---\n{matter}\n---\nWords.\n".encode(), "a.md")
        except InvalidArgument:
            pass  # a value that cannot be stored
        else:
            assert any("Words." in one.text for one in document.sections)

    assert seconds(read) < 5


@each(
    "name, text",
    [
        ("a.html", "<div>" * 100_000 + "deep words" + "</div>" * 100_000),
        ("a.html", "<b><i>" * 50_000 + "deep words"),
        ("a.html", "<table>" + "<tr><td>1<td>2" * 50_000 + "<tr><td>deep words"),
        ("a.md", "\n".join(">" * depth + " deep words" for depth in range(500))),
        ("a.md", "\n".join("  " * depth + "- deep words" for depth in range(400))),
        ("a.md", "|a|b|\n|-|-|\n" + "|1|2|\n" * 20_000 + "\ndeep words\n"),
        ("a.md", "[" * 200_000 + "deep words"),
        ("a.rst", "\n\n".join(" " * depth + "deep words" for depth in range(400))),
        ("a.rst", "- " * 5_000 + "deep words"),
        ("a.csv", "a,b,c\n" * 300_000 + "deep words"),
        ("a.json", "[" * 300_000 + '"deep words"'),
    ],
)
def test_what_is_nested_deeply_or_very_large_is_read(name: str, text: str) -> None:
    def read() -> None:
        assert any("deep words" in one.text for one in read_document(text.encode(), name).sections)

    assert seconds(read) < SECONDS + 5


@each(
    "text, encoding",
    [
        ("Größe, Café, naïve", "latin-1"),
        ("Thanks to Ångström, José Núñez, Müller and François Brontë.", "latin-1"),
        ("Le fichier «\xa0%s\xa0» existe. La clé « %s » manque.", "latin-1"),
        ("Niet beïnvloed", "latin-1"),
        ("Soubor nelze otevřít, protože už neexistuje. Účet byl zrušen.", "iso8859_2"),
        ("Pliku nie można otworzyć.", "iso8859_2"),
        ("Dosya açılamadı, çünkü bağlantı kesildi.", "cp1254"),
        ("Datni nevar atvērt, jo tā vairs neeksistē.", "cp1257"),
        ("The café on the corner is open.", "latin-1"),
        ("He said “hello” – it’s fine", "cp1252"),
        ("L’été dernier — des crêpes près de la forêt.", "cp1252"),
        ("Rødgrød med fløde på en ø.", "latin-1"),
        ("¿Dónde está el niño? ¡Mañana!", "latin-1"),
        ("Zażółć gęślą jaźń, to jest zdanie po polsku, które ma wiele znaków", "cp1250"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy a bylo mu dobře.", "cp1250"),
        ("Съешь ещё этих мягких французских булок, да выпей чаю", "cp1251"),
        ("Съешь ещё этих мягких французских булок, да выпей чаю", "koi8_r"),
        ("Ξεσκεπάζω την ψυχοφθόρα βδελυγμία και πολλά άλλα", "cp1253"),
        ("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。", "shift_jis"),
        ("我们在学校里学习中文，大家都很高兴。今天天气很好。", "gb18030"),
        ("나는 학교에 갑니다. 오늘은 날씨가 좋습니다.", "cp949"),
        ("Größe and more", "utf-16"),
        ("Words without a mark", "utf-16-le"),
        ("Words without a mark", "utf-16-be"),
        ("Größe", "utf-32"),
        ("Größe", "utf-8-sig"),
    ],
)
def test_a_text_is_decoded_as_it_is_whatever_its_encoding(text: str, encoding: str) -> None:
    for name in ("a.txt", "a.md", "a.csv"):
        assert read_document(text.encode(encoding), name).sections[0].text == text


def test_a_page_is_decoded_as_it_says() -> None:
    page = '<meta charset="iso-8859-7"><p>Ξεσκεπάζω'

    assert read_document(page.encode("iso8859_7"), "a.html").sections[0].text == "Ξεσκεπάζω"
    assert read_document(page.encode(), "a.html").sections[0].text == "Ξεσκεπάζω"


def test_a_text_of_two_encodings_is_read_with_a_note() -> None:
    document = read_document("Größe und Höhe, Maß und Übel.\n".encode() + b"caf\xe9", "a.txt")

    assert document.sections[0].text == "Größe und Höhe, Maß und Übel.\ncafé"
    assert document.notes == ("1 byte is not UTF-8 and was read as Windows-1252",)


def test_a_text_with_a_nul_is_read_with_a_note() -> None:
    document = read_document(b"one\0two", "a.txt")

    assert document.sections[0].text == "one two"
    assert document.notes == ("1 NUL character was read as a space",)
