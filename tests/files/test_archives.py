"""Workbooks, OpenDocument texts and books become documents whose sections lead to where they stand."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest
from docutils.core import publish_string
from support.each import each
from tieback_client import InvalidArgument
from tieback_client.files import Document, read_document
from tieback_client.files.office import spreadsheet


def workbook(**sheets: Sequence[Sequence[object]]) -> Any:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return book


def saved(book: Any) -> bytes:
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def rewritten(data: bytes, changes: Mapping[str, bytes]) -> bytes:
    """An archive with other contents of some of its parts."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in dict.fromkeys([*old.namelist(), *changes]):
            new.writestr(name, changes[name] if name in changes else old.read(name))
    return made.getvalue()


def sections(document: Document) -> list[tuple[str, str, str, str]]:
    return [(one.number, one.heading, one.locator, one.text) for one in document.sections]


PRICES: list[list[object]] = [
    ["Price list 2026"],
    [],
    ["article", "price", "since"],
    ["Mug", 4.5, date(2026, 3, 1)],
    ["Cup", 3],
]


def test_a_sheet_is_a_section_whose_lines_are_its_rows_with_the_names_of_their_columns() -> None:
    book = workbook(Prices=PRICES, Staff=[["Ada", "Bergen", True]], Secret=[["hidden", "words"]])
    book["Secret"].sheet_state = "hidden"
    book["Staff"]["D1"] = 0.25
    book["Staff"]["D1"].number_format = "0%"
    book["Staff"]["E1"] = datetime(2026, 3, 1, 9, 30)

    document = read_document(saved(book), "prices.xlsx")

    assert sections(document) == [
        (
            "1",
            "Prices",
            "sheet=Prices&row=1",
            "- Price list 2026\n\nRows of article, price, since.\n"
            "- article: Mug; price: 4.5; since: 2026-03-01\n- article: Cup; price: 3",
        ),
        ("2", "Staff", "sheet=Staff&row=1", "- Ada; Bergen; yes; 25 %; 2026-03-01 09:30"),
    ]
    for one in document.sections:
        assert document.text[one.begin : one.end] == one.text


def test_the_names_of_sheets_stand_in_uris_and_far_rows_begin_another_section() -> None:
    rows: list[list[object]] = [["article", "price"], ["Mug", 4]]
    book = workbook(**{"Größe & Preis": rows})
    book.active["B500"] = 7
    book.active["XFD5000"] = "far away"

    found = read_document(saved(book), "a.xlsx").item_sections("a.xlsx")

    place = "a.xlsx#sheet=Gr%C3%B6%C3%9Fe%20%26%20Preis&row="
    assert [(one.uri, one.content) for one in found] == [
        (f"{place}1", "Rows of article, price.\n- article: Mug; price: 4"),
        (f"{place}500", "- price: 7"),
        (f"{place}5000", "- far away"),
    ]


def test_a_workbook_that_is_damaged_or_hostile_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = saved(workbook(Prices=PRICES))
    bomb = (
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>'
    )
    beyond = bomb[bomb.index(b"<worksheet") :].replace(b'r="1"', b'r="99999999"').replace(b"&b;", b"far")
    monkeypatch.setattr(spreadsheet, "MOST_BYTES", 1 << 20)
    big = b" " * (2 << 20)
    cases = {
        "no ZIP archive": b"PK no archive",
        "encrypted with a password": b"\xd0\xcf\x11\xe0" + bytes(600),
        "damaged, or no Excel workbook": rewritten(good, {"xl/workbook.xml": b"<workbook"}),
        "no Excel workbook": rewritten(good, {"[Content_Types].xml": b"<Types/>"}),
        "defines entities": rewritten(good, {"xl/worksheets/sheet1.xml": bomb}),
        "beyond the 1,048,576": rewritten(good, {"xl/worksheets/sheet1.xml": beyond}),
        "bytes, decompressed": rewritten(good, {"xl/worksheets/sheet1.xml": big}),
        "styles.xml has": rewritten(good, {"xl/styles.xml": b" " * (spreadsheet.WHOLE_BYTES + 1)}),
    }
    for reason, data in cases.items():
        with pytest.raises(InvalidArgument, match=reason):
            read_document(data, "a.xlsx")
    with pytest.raises(InvalidArgument):
        read_document(good[: len(good) // 2], "a.xlsx")

    monkeypatch.setattr(spreadsheet, "SECONDS", -1.0)
    with pytest.raises(InvalidArgument, match="took more than"):
        read_document(good, "a.xlsx")


def test_formulas_without_a_value_are_noted() -> None:
    data = saved(workbook(Sum=[["total", "=SUM(B2:B9)"], ["mean", "=AVERAGE(B2:B9)"]]))
    calculated = b'<c r="B1"><f>SUM(B2:B9)</f><v>7</v></c>'
    part = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = archive.read(part)
    one = re.sub(rb'<c r="B1"[^>]*>.*?</c>', calculated, sheet)

    assert read_document(data, "a.xlsx").notes == (
        "2 formulas have no stored value: open and save the file in Excel or LibreOffice to have them read",
    )
    assert read_document(rewritten(data, {part: one}), "a.xlsx").notes[0].startswith("1 formula has no")
    assert read_document(saved(workbook(Prices=PRICES)), "a.xlsx").notes == ()


def open_document(text: str) -> bytes:
    return bytes(publish_string(text, writer="odt"))


def test_a_text_of_open_document_is_cut_at_its_headings() -> None:
    text = (
        "Tides\n=====\n\nBefore.\n\nSpring\n------\n\nThe **moon** [1]_\n\n- fast\n- slow\n\n  - very\n\n"
        ".. [1] A note.\n\nPorts\n-----\n\n1. first\n2. second\n\n"
        "====== =====\nPort   Depth\n====== =====\nBergen 12 m\nOslo   9 m\n====== =====\n"
    )

    document = read_document(open_document(text), "tides.odt")

    assert document.title == "Tides"
    assert sections(document) == [
        ("0", "", "", "Tides\n\nBefore."),
        ("1", "Spring", "", "The moon\n\n- fast\n- slow\n\n  - very"),
        (
            "2",
            "Ports",
            "",
            "1. first\n2. second\n\n| Port | Depth |\n| --- | --- |\n| Bergen | 12 m |\n| Oslo | 9 m |",
        ),
    ]


@each(
    "changes, reason",
    [
        ({"content.xml": b"<office:text"}, "damaged"),
        ({"content.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'}, "document type"),
        ({"content.xml": b"<x/>"}, "not an OpenDocument text"),
        (
            {
                "META-INF/manifest.xml": b'<m:a xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
                b"<m:encryption-data/></m:a>"
            },
            "encrypted with a password",
        ),
    ],
)
def test_a_text_of_open_document_that_is_none_is_refused(changes: dict[str, bytes], reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        read_document(rewritten(open_document("Words."), changes), "a.odt")


CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="book/list.opf"/></rootfiles></container>'
)
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>Of Tides</dc:title></metadata><manifest>
<item id="two" href="text/two.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="text/o%20ne.xhtml" media-type="application/xhtml+xml"/>
<item id="toc" href="toc.xhtml" properties="nav" media-type="application/xhtml+xml"/>
<item id="lost" href="lost.xhtml" media-type="application/xhtml+xml"/>
<item id="blank" href="blank.xhtml" media-type="application/xhtml+xml"/>
<item id="cover" href="cover.png" media-type="image/png"/></manifest>
<spine><itemref idref="cover"/><itemref idref="toc"/><itemref idref="blank"/><itemref idref="one"/>
<itemref idref="two"/><itemref idref="lost"/></spine></package>"""


def book(**changes: str) -> bytes:
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "book/list.opf": PACKAGE,
        "book/toc.xhtml": "<p>Contents",
        "book/blank.xhtml": "<img src='a.png'/>",
        "book/text/o ne.xhtml": "<?xml version='1.0'?><!DOCTYPE html><title>Moon</title><p>The moon pulls.",
        "book/text/two.xhtml": "<h1>Spring</h1><p>High &amp; low.</p><h2>Neap</h2><p>Less.</p>",
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in (parts | changes).items():
            file.writestr(name, content)
    return made.getvalue()


def test_a_book_is_read_in_its_order_by_its_chapters() -> None:
    document = read_document(book(), "tides.epub")

    assert document.title == "Of Tides"
    assert sections(document) == [
        ("1", "Moon", "chapter=1", "The moon pulls."),
        ("2.1", "Spring", "chapter=2", "High & low."),
        ("2.1.1", "Neap", "chapter=2", "Less."),
    ]
    assert document.notes == ("1 of its 4 parts cannot be read",)
    for one in document.sections:
        assert document.text[one.begin : one.end] == one.text


@each(
    "changes, reason",
    [
        ({"META-INF/container.xml": "<a/>"}, "not an EPUB"),
        ({"META-INF/container.xml": CONTAINER.replace("list", "other")}, "list of contents is missing"),
        ({"book/list.opf": "<package"}, "damaged"),
        ({"book/list.opf": '<!DOCTYPE a [<!ENTITY b "c">]><package>&b;</package>'}, "document type"),
    ],
)
def test_a_book_that_is_none_is_refused(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        read_document(book(**changes), "a.epub")
