"""A PDF becomes its pages; one that is damaged, closed or made to harm says so, and soon."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfWriter
from support.adversarial import seconds
from support.each import each
from support.pdfs import pdf
from tieback_client import InvalidArgument
from tieback_client.files import read_document

TIDES = pdf(
    ["Hello World\nof tides, été", "Two (2)", "Three"], title="Tides", outline=[("Intro", 0), ("Moon", 2)]
)


def test_each_page_is_a_section_that_says_its_page_and_heading() -> None:
    document = read_document(TIDES, "a.pdf")

    assert (document.title, document.notes) == ("Tides", ())
    assert [(one.number, one.heading, one.locator, one.text) for one in document.sections] == [
        ("1", "Intro", "page=1", "Hello World\nof tides, été"),
        ("2", "Intro", "page=2", "Two (2)"),
        ("3", "Moon", "page=3", "Three"),
    ]
    assert all(document.text[one.begin : one.end] == one.text for one in document.sections)
    assert [one.uri for one in document.item_sections("b/a.pdf")][2] == "b/a.pdf#page=3"


@each("title", ["", "untitled", "Microsoft Word - report.doc", "final_v3.docx", "--", "(anonymous)"])
def test_a_title_that_says_nothing_is_replaced_by_the_files_name(title: str) -> None:
    assert read_document(pdf(["Words"], title=title), "tide-tables.pdf").title == "tide tables"


def test_pages_that_are_pictures_are_noted() -> None:
    some = read_document(pdf(["Words", b"q Q", b"q Q"]), "a.pdf")
    none = read_document(pdf([b"q Q"]), "a.pdf")

    assert some.notes == ("pages without text: 2 of 3",)
    assert (list(none.sections), len(none.notes)) == ([], 1)


def test_a_scanned_page_is_a_picture_in_its_place_turned_as_it_is_shown() -> None:
    writer = PdfWriter()
    for part in (scan(400, 600), pdf(["Words"]), scan(400, 600, turned=90), scan(20, 20)):
        writer.append(io.BytesIO(part))
    buffer = io.BytesIO()
    writer.write(buffer)

    plain = read_document(buffer.getvalue(), "a.pdf")
    document = read_document(buffer.getvalue(), "a.pdf", pictures=True)

    assert plain.notes == (
        "pages that are pictures, which are read where a reader of writing is served: 2 of 4",
        "pages without text: 1 of 4",
    )
    assert document.notes == ("pages without text: 1 of 4",)
    sections = document.sections_with_pictures("b/a.pdf")
    assert [one.uri for one in sections] == [f"b/a.pdf#page={page}" for page in (1, 2, 3)]
    assert [one.title for one in sections] == ["page 1", "page 2", "page 3"]
    pictures = [np.asarray(Image.open(io.BytesIO(one.data))) for one in document.pictures]
    assert [one.shape for one in pictures] == [(600, 400), (400, 600)]
    # The dark corner, up on the left, is up on the right of the page that is turned.
    assert [bool(one[5, 5] < 99) for one in pictures] == [True, False]
    assert pictures[1][5, 595] < 99


def test_a_picture_with_too_many_pixels_or_damage_is_a_page_that_is_noted() -> None:
    data = scan(400, 600)
    for damaged in (
        data.replace(b"/Width 400", b"/Width 40000").replace(b"/Height 600", b"/Height 60000"),
        data.replace(b"/DCTDecode", b"/JPXDecode"),
    ):
        document = read_document(damaged, "a.pdf", pictures=True)

        assert not document.pictures
        assert document.notes[0].startswith("pages ")


def scan(width: int, height: int, *, turned: int = 0) -> bytes:
    """A page that is a white picture with a dark corner up on the left."""
    picture = Image.new("L", (width, height), 255)
    picture.paste(0, (0, 0, width // 4, height // 4))
    buffer = io.BytesIO()
    picture.save(buffer, "PDF")
    writer = PdfWriter(clone_from=buffer)
    writer.pages[0].rotate(turned)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_a_pdf_with_a_password_is_refused_and_one_without_is_read(algorithm: str) -> None:
    def locked(password: str) -> bytes:
        writer = PdfWriter(clone_from=io.BytesIO(TIDES))
        writer.encrypt(password, owner_password="owner", algorithm=algorithm)
        buffer = io.BytesIO()
        writer.write(buffer)
        return buffer.getvalue()

    with pytest.raises(InvalidArgument, match="encrypted with a password"):
        read_document(locked("secret"), "a.pdf")
    assert len(read_document(locked(""), "a.pdf").sections) == 3


@each(
    "damaged",
    [
        TIDES[: len(TIDES) // 2],
        b"%PDF-1.7\n",
        b"%PDF-1.7\n" + bytes(range(256)) * 100,
        TIDES.replace(b"/Kids [10 0 R", b"/Kids [ 2 0 R"),
        TIDES.replace(b"/Type /Catalog", b"/Type /Catalog /X " + b"[" * 50_000),
        b"not a PDF at all",
    ],
)
def test_a_damaged_pdf_is_refused_with_the_reason(damaged: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"no PDF that can be read: ."):
        read_document(damaged, "a.pdf")


def test_what_is_no_pdf_is_refused_by_what_it_is() -> None:
    for data, kind in {
        b"<!DOCTYPE html><p>Please log in.": "a page of HTML",
        b"Words.": "a text",
        b"\x89PNG\r\n\x1a\n" + bytes(99): "a PNG picture",
        bytes(5000): "NUL bytes alone",
    }.items():
        with pytest.raises(InvalidArgument, match=f"no PDF that can be read: it begins as {kind}"):
            read_document(data, "a.pdf")


def test_a_damaged_byte_anywhere_gives_a_document_or_a_reason() -> None:
    generator = random.Random(0)

    for _ in range(150):
        data = bytearray(TIDES)
        for _ in range(generator.randint(1, 30)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        try:
            document = read_document(bytes(data), "a.pdf")
        except InvalidArgument:
            pass  # with a reason, as above
        else:
            assert document.sections or document.notes


FORMS = [b"/F%d Do " % (number + 1) * 12 for number in range(11)]


@each(
    "drawing",
    [
        pytest.param(b"0 " * 30_000_000, id="a stream that grows"),
        pytest.param(b"q Q " * 1_000_000, id="operators"),
        pytest.param(b"BT /F 12 Tf " + b"(aaaa) Tj " * 300_000 + b"ET", id="texts"),
        pytest.param(b"[" * 100_000, id="deep arrays"),
        pytest.param(b"BI ID " * 50_000, id="inline pictures"),
        pytest.param(b"/F0 Do", id="forms in forms in forms"),
    ],
)
def test_a_page_that_is_made_to_harm_does_not_take_the_others_along(drawing: bytes) -> None:
    data = pdf([drawing, "after"], forms=[*FORMS, b"BT /F 9 Tf (x) Tj ET"])

    def read() -> None:
        assert read_document(data, "a.pdf").sections[-1].text == "after"

    assert seconds(read) < 15


def test_a_pdf_of_very_many_pages_keeps_all_of_them() -> None:
    document = read_document(pdf([f"Page {number}" for number in range(1, 4002)]), "a.pdf")

    assert len(document.sections) <= 2000
    assert document.sections[1].heading == "pages 4–6"
    assert all(f"Page {number}" in document.text for number in (1, 2, 4000, 4001))


def test_a_font_with_a_width_too_many_as_groff_writes_it_loses_no_page() -> None:
    document = read_document(pdf(["The moon pulls.", "It does."], widths=257), "a.pdf")

    assert [one.text for one in document.sections] == ["The moon pulls.", "It does."]
    assert document.notes == ()


SPACING = {
    "a justified line": (b"2.5 Tw (it controls ho) Tj 75 0 Td (w the time) Tj", "it controls how the time"),
    "one of an array": (
        b"2.5 Tw [(it controls ho)] TJ 75 0 Td [(w the time)] TJ",
        "it controls how the time",
    ),
    "one on the next line": (
        b"14 TL 2.5 Tw (it) Tj (controls the ho) ' 80 0 Td (w) Tj",
        "it\ncontrols the how",
    ),
    "its own spacing": (b'14 TL (it) Tj 2.5 0 (controls the ho) " 80 0 Td (w) Tj', "it\ncontrols the how"),
    "a space of two characters": (b"(ho) Tj 10 0 Td 5 Tc (wt) Tj 0 Tc 15 0 Td (he) Tj", "how the"),
    "letters moved together": (
        b"(the w) Tj 25 0 Td -4.9 Tw (av e) Tj 15.1 0 Td 0 Tw (s of) Tj",
        "the waves of",
    ),
    "spacing that was restored": (b"q 2 Tw Q (it controls ho) Tj 75 0 Td (w) Tj", "it controls ho w"),
}


@each("drawing, text", [pytest.param(*each, id=name) for name, each in SPACING.items()])
def test_words_are_told_apart_by_the_width_of_a_space_and_not_by_the_spacing_of_a_line(
    drawing: bytes, text: str
) -> None:
    document = read_document(pdf([b"BT /F 10 Tf 50 700 Td " + drawing + b" ET"], widths=256), "a.pdf")

    assert [one.text for one in document.sections] == [text]


def test_letters_that_are_drawn_as_one_are_found_by_each() -> None:
    data = pdf([b"BT /F 10 Tf 50 700 Td (con\xdegurations of af\xdfuence) Tj ET"])

    document = read_document(data.replace(b"/WinAnsiEncoding ", b"/MacRomanEncoding"), "a.pdf")

    assert document.sections[0].text == "configurations of affluence"
