"""Files of Office, notebooks and mails become documents as text files do."""

from __future__ import annotations

import io
import json
import zipfile
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from support.each import each
from tieback_client import InvalidArgument
from tieback_client.files import Document, read_document
from tieback_client.files.packed.packing import unpacked

OPEN = "http://schemas.openxmlformats.org"
RELATED = f"{OPEN}/officeDocument/2006/relationships"
NAMES = (
    f'xmlns:w="{OPEN}/wordprocessingml/2006/main" xmlns:p="{OPEN}/presentationml/2006/main" '
    f'xmlns:a="{OPEN}/drawingml/2006/main" xmlns:r="{RELATED}"'
)


def archive(**parts: str) -> bytes:
    """A ZIP archive of files; "__" stands for "/"."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name.replace("__", "/"), content)
    return made.getvalue()


def relations(**targets: str) -> str:
    inner = "".join(
        f'<Relationship Id="{kind}" Type="{RELATED}/{kind.rstrip("123")}" Target="{target}"/>'
        for kind, target in targets.items()
    )
    return f'<Relationships xmlns="{OPEN}/package/2006/relationships">{inner}</Relationships>'


def word(body: str, styles: str = "", numbering: str = "") -> bytes:
    return archive(
        **{"_rels__.rels": relations(officeDocument="word/document.xml")},
        **{"word___rels__document.xml.rels": relations(styles="styles.xml", numbering="/word/numbering.xml")},
        **{"word__document.xml": f"<w:document {NAMES}><w:body>{body}</w:body></w:document>"},
        **{"word__styles.xml": f"<w:styles {NAMES}>{styles}</w:styles>"},
        **{"word__numbering.xml": f"<w:numbering {NAMES}>{numbering}</w:numbering>"},
    )


def paragraph(words: str, style: str = "", more: str = "") -> str:
    styled = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{styled}{more}</w:pPr><w:r><w:t>{words}</w:t></w:r></w:p>"


def listed(words: str, number: int, depth: int = 0) -> str:
    of = f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>'
    return paragraph(words, more=of)


def sections(document: Document) -> list[tuple[str, str, str, str]]:
    return [(one.number, one.heading, one.locator, one.text) for one in document.sections]


STYLES = (
    '<w:style w:styleId="Titel"><w:name w:val="Title"/></w:style>'
    '<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:styleId="Own"><w:name w:val="own"/><w:basedOn w:val="Two"/></w:style>'
    '<w:style w:styleId="Two"><w:name w:val="two"/><w:outlineLvl w:val="1"/></w:style>'
    '<w:style w:styleId="Toc"><w:name w:val="toc 1"/></w:style>'
)
NUMBERING = (
    '<w:abstractNum w:abstractNumId="7"><w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/></w:lvl></w:abstractNum>'
    '<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>'
)


def test_word_is_cut_at_its_headings_which_are_known_by_their_styles_in_any_language() -> None:
    body = (
        paragraph("Pump &amp; valve", "Titel")
        + paragraph("Contents 3", "Toc")
        + paragraph("Before.")
        + paragraph("Start", "berschrift1")
        + paragraph("Open <w:br/>".replace("<w:br/>", "")).replace("</w:t>", "</w:t><w:br/><w:t>it.</w:t>")
        + paragraph("Sizes", "Own")
        + paragraph("Small.")
    )

    document = read_document(word(body, STYLES), "a.docx")

    assert (document.kind, document.title, document.is_original) == ("docx", "Pump & valve", False)
    assert sections(document) == [
        ("0", "", "", "Pump & valve\n\nBefore."),
        ("1", "Start", "", "Open\nit."),
        ("1.1", "Sizes", "", "Small."),
    ]
    assert document.item_sections("a.docx")[1].uri == "a.docx"


def test_lists_and_tables_of_word_are_written_as_in_markdown() -> None:
    row = "<w:tr>{}</w:tr>".format
    cell = "<w:tc>{}</w:tc>".format
    table = (
        '<w:tbl><w:tblPr><w:tblLook w:val="04A0"/></w:tblPr>'
        + row(cell(paragraph("Pump")) + cell(paragraph("Flow")))
        + row(cell(paragraph("A1")) + cell(paragraph("20") + paragraph("litres")))
        + "</w:tbl>"
    )
    body = listed("One", 1) + listed("Inner", 2, 1) + listed("Two", 1) + paragraph("So.") + listed("Three", 1)

    document = read_document(word(body + table, STYLES, NUMBERING), "a.docx")

    assert [line for line in document.text.split("\n") if line] == [
        "1. One",
        "  - Inner",
        "2. Two",
        "So.",
        "3. Three",
        "| Pump | Flow |",
        "| --- | --- |",
        "| A1 | 20 litres |",
    ]


def test_what_was_deleted_in_word_is_left_out_and_a_box_of_text_is_read_once() -> None:
    body = (
        "<w:p><w:r><w:t>Kept</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
        "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom>"
        '<w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f"<mc:Choice><w:txbxContent>{paragraph('In a box')}</w:txbxContent></mc:Choice>"
        f"<mc:Fallback><w:txbxContent>{paragraph('In a box')}</w:txbxContent></mc:Fallback>"
        "</mc:AlternateContent></w:r></w:p>"
    )

    document = read_document(word(body), "a.docx")

    assert document.text == "In a box\n\nKept"


def test_a_title_or_a_heading_alone_is_no_section() -> None:
    body = "".join(
        (
            paragraph("Handbook of pumps", "Titel"),
            paragraph("Venting", "berschrift1"),
            paragraph("Open the valve."),
            paragraph("Spare parts", "berschrift1"),
        )
    )

    document = read_document(word(body, STYLES), "pumps.docx")

    assert document.title == "Handbook of pumps"
    assert sections(document) == [("1", "Venting", "", "Open the valve.")]


def slides(*parts: str, notes: str = "") -> bytes:
    order = "".join(f'<p:sldId r:id="slide{number}"/>' for number in range(len(parts), 0, -1))
    files = {f"ppt__slides__slide{number}.xml": part for number, part in enumerate(parts, 1)}
    return archive(
        **{"_rels__.rels": relations(officeDocument="ppt/presentation.xml")},
        **{"ppt__presentation.xml": f"<p:presentation {NAMES}>{order}</p:presentation>"},
        **{
            "ppt___rels__presentation.xml.rels": relations(
                **{f"slide{number}": f"slides/slide{number}.xml" for number in range(1, len(parts) + 1)}
            )
        },
        **{"ppt__slides___rels__slide1.xml.rels": relations(notesSlide="../notesSlides/n.xml")},
        **{"ppt__notesSlides__n.xml": notes},
        **files,
    )


def shape(kind: str, *lines: str) -> str:
    inner = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in lines)
    return f'<p:sp><p:nvPr><p:ph type="{kind}"/></p:nvPr><p:txBody>{inner}</p:txBody></p:sp>'


def slide(*shapes: str) -> str:
    return f"<p:sld {NAMES}>{''.join(shapes)}</p:sld>"


def test_a_slide_is_a_section_under_its_title_with_the_notes_of_its_speaker() -> None:
    shown = slide(shape("title", "Venting"), shape("body", "Open it", "Wait"), shape("sldNum", "2"))
    data = slides(shown, slide(shape("ctrTitle", "Pumps")), notes=slide(shape("body", "Mention the wrench.")))

    document = read_document(data, "a.pptx")

    assert (document.kind, document.title) == ("pptx", "Pumps")
    assert sections(document) == [
        ("2", "Venting", "slide=2", "Open it\nWait\n\nMention the wrench."),
    ]


def test_all_words_of_a_presentation_are_kept_and_a_title_that_returns_counts_each_time() -> None:
    style = "<a:tableStyleId>{5C22544A-7EE6-4342-B048-85BDC9FD1C3A}</a:tableStyleId>"
    first = slide(shape("title", "The moon"), shape("body", "It moves the sea"), style)
    second = slide(shape("title", "The moon"), shape("body", "Boats wait"))

    document = read_document(slides(first, second, notes=slide()), "moon.pptx")

    assert (document.kept_words, document.visible_words) == (10, 10)


@each(
    "data, reason",
    [
        (archive(a="b"), "not a file of Office"),
        (b"PK\x03\x04 and no more", "damaged"),
        (b"\xd0\xcf\x11\xe0 and more", "encrypted with a password, or in the format of before 2007"),
        (word("<w:p>"), "damaged: the XML of word/document.xml"),
        (slides(), "not a Word document"),
        (archive(**{"_rels__.rels": relations(officeDocument="../../none.xml")}), "not a Word document"),
    ],
)
def test_what_is_no_file_of_office_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        read_document(data, "a.docx")


def test_entities_that_grow_are_refused_and_so_are_parts_that_do() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><w:document>&c;</w:document>'
    large = f"<w:document {NAMES}>{' ' * (129 << 20)}</w:document>"
    related = {"_rels__.rels": relations(officeDocument="word/document.xml")}

    with pytest.raises(InvalidArgument, match="document type"):
        read_document(archive(**related, **{"word__document.xml": bomb}), "a.docx")
    with pytest.raises(InvalidArgument, match="decompressed"):
        read_document(archive(**related, **{"word__document.xml": large}), "a.docx")


def test_a_notebook_is_its_text_and_code_without_its_pictures() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Fit\n", "A line."]},
        {"cell_type": "code", "source": "y = fit(x)", "outputs": [{"data": {"image/png": "iVBOR" * 99}}]},
        {"cell_type": "raw", "source": "raw"},
        {"cell_type": "markdown", "source": "## Then\n\n\ud800End."},
    ]
    notebook = {"cells": cells, "metadata": {"language_info": {"name": "python"}}}

    document = read_document(json.dumps(notebook).encode(), "a.ipynb")

    assert (document.kind, document.title) == ("notebook", "Fit")
    assert sections(document) == [
        ("1", "Fit", "cell=1", "A line.\n\n```python\ny = fit(x)\n```"),
        ("1.1", "Then", "cell=4", "?End."),
    ]


def test_what_the_code_of_a_notebook_printed_is_read_in_short() -> None:
    rows = "<tr><th>port</th><th>depth</th></tr><tr><td>Oslo</td><td>9</td></tr>"
    table = f"<div><style>td{{}}</style><table>{rows}</table></div>"
    figure = {"text/plain": "<Figure size 640x480 with 1 Axes>", "image/png": "iVBOR" * 99}
    trace = ["\x1b[0;31mTraceback", "  File secret.py"]
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["10 %\r100 %\n", "\x1b[1mloss\x1b[0m 0.5\n"]},
        {"output_type": "execute_result", "data": {"text/html": [table], "text/plain": "port depth"}},
        {"output_type": "display_data", "data": figure},
        {"output_type": "execute_result", "data": {"text/plain": "[<matplotlib.lines.Line2D at 0x7f00>]"}},
        {"output_type": "error", "ename": "KeyError", "evalue": "'Bergen'", "traceback": trace},
    ]
    cells = [{"cell_type": "code", "source": "fit()", "outputs": outputs}]
    long = [
        {"cell_type": "code", "source": "", "outputs": [{"output_type": "stream", "text": "step\n" * 9000}]}
    ]

    document = read_document(json.dumps({"cells": cells}).encode(), "a.ipynb")
    logged = read_document(json.dumps({"cells": long}).encode(), "a.ipynb")

    assert document.text.split("\n\n") == [
        "```\nfit()\n```",
        "```\n100 %\nloss 0.5\n```",
        "| port | depth |\n| --- | --- |\n| Oslo | 9 |",
        "```\nKeyError: 'Bergen'\n```",
        "",
    ]
    assert len(logged.text) < 8100
    assert logged.text.endswith("step\n…\n```\n\n")
    assert logged.notes == ("of what code printed, 8,000 characters of a cell are read",)


def test_rich_text_is_its_words_without_marks_and_pictures() -> None:
    rtf = (
        r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\title Of pumps}}\pard\b Venting\b0\par "
        r"Open \u8220?the\u8221? valve of \'c5ngstr\'f6m.\par{\pict\pngblip " + "89504e47" * 100 + "}}"
    )

    document = read_document(rtf.encode(), "a.rtf")

    assert (document.kind, document.title) == ("rtf", "Of pumps")
    assert document.text.split("\n")[:2] == ["Venting", "Open “the” valve of Ångström."]
    assert "8950" not in document.text
    for data, reason in {
        b"Words.": "begins as a text",
        b"{\\rtf1 \\u99999999999999999999999?}": "damaged",
        b"{\\rtf1 " + b"word " * (1 << 20): "up to 4,194,304",
    }.items():
        with pytest.raises(InvalidArgument, match=reason):
            read_document(data, "a.rtf")


def test_the_words_of_a_drawing_are_read() -> None:
    svg = (
        '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg.dtd">'
        '<svg xmlns="http://www.w3.org/2000/svg"><title>Lock at noon</title><desc>Gates and pumps</desc>'
        "<style>text{}</style><g><text><tspan x='1'>upper</tspan><tspan x='1' dy='9'>gate</tspan></text>"
        "<foreignObject><div xmlns='http://www.w3.org/1999/xhtml'>valve <b>closed</b></div></foreignObject>"
        "</g></svg>"
    )
    hostile = "<!DOCTYPE svg [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><svg><text>&b;</text></svg>"

    document = read_document(svg.encode(), "lock.svg")
    blank = read_document(b"<svg><path d='M0 0'/></svg>", "icon.svg")

    assert (document.kind, document.title) == ("svg", "Lock at noon")
    assert document.text == "Lock at noon\nGates and pumps\nupper gate\nvalve closed"
    assert (list(blank.sections), blank.notes) == ([], ("it is a drawing without words",))
    for data in (hostile, "<svg>"):
        with pytest.raises(InvalidArgument, match="no drawing that can be read"):
            read_document(data.encode(), "a.svg")


@each("text", ["[]", "{}", "not JSON", "[" * 100_000])
def test_what_is_no_notebook_is_text_with_a_note(text: str) -> None:
    document = read_document(text.encode(), "a.ipynb")

    assert document.text == text
    assert document.notes[0].startswith("it was read as plain text, since it is")


def test_a_mail_is_what_it_says_and_its_head_is_metadata() -> None:
    words = b64encode("Die Pumpe wird gewartet.".encode("latin-1")).decode()
    mail = (
        "From: Ada <ada@example.org>\nTo: bob@example.org, Eve <eve@example.org>\n"
        "Subject: =?utf-8?q?Wartung_am_Montag=C2=A0?=\nDate: Fri, 27 Nov 2026 10:00:00 +0100\n"
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n"
        "--x\nContent-Type: text/plain; charset=latin-1\nContent-Transfer-Encoding: base64\n\n"
        f"{words}\n--x\nContent-Type: application/pdf\nContent-Disposition: attachment\n\n%PDF\n--x--\n"
    )

    document = read_document(mail.encode(), "a.eml")

    assert (document.kind, document.title) == ("mail", "Wartung am Montag")
    assert sections(document) == [("1", "", "", "Die Pumpe wird gewartet.")]
    assert document.metadata == {
        "from": "ada@example.org",
        "to": ["bob@example.org", "eve@example.org"],
        "date": datetime(2026, 11, 27, 9, tzinfo=UTC),
    }
    assert document.notes == ()


def test_a_mail_of_html_alone_is_read_as_a_page() -> None:
    mail = "Subject: News\nContent-Type: text/html\n\n<h1>Lemons</h1><script>x</script><p>They are sour.\n"

    document = read_document(mail.encode(), "a.eml")

    assert (document.title, document.text) == ("News", "Lemons\n\nThey are sour.")


@each(
    "head",
    [
        "To: " + "(" * 10_000,
        "To: " + "a," * 100_000,
        "Date: 99 Foo 10000\nFrom: <>\nTo: \udcff\udcfe",
        "Content-Type: text/plain; charset=unicode_escape",
        "Content-Type: multipart/mixed; boundary=x",
        'Content-Type: text/plain; charset="' + "\0" * 9,
    ],
)
def test_a_hostile_head_of_a_mail_hides_no_text(head: str) -> None:
    mail = f"Subject: s\n{head}\n\nWords \\ud800.\n".encode(errors="surrogateescape")

    document = read_document(mail, "a.eml")

    assert document.title == "s"
    assert "Words" in document.text or "multipart" in head
    document.text.encode()


def test_a_mail_whose_parts_are_nested_without_end_is_refused() -> None:
    parts = "".join(f"Content-Type: multipart/mixed; boundary=b{at}\n\n--b{at}\n" for at in range(3000))

    for read in (lambda data: read_document(data, "a.eml"), lambda data: list(unpacked("a.eml", data))):
        with pytest.raises(InvalidArgument, match="nested too deeply"):
            read(f"Subject: s\nMIME-Version: 1.0\n{parts}\nWords.\n".encode())
