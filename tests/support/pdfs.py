"""Small PDFs, written by hand: pages of lines, contents, and streams that are more than they seem."""

from __future__ import annotations

import zlib
from collections.abc import Sequence


def pdf(
    pages: Sequence[str | bytes],
    *,
    title: str = "",
    outline: Sequence[tuple[str, int]] = (),
    forms: Sequence[bytes] = (),
    widths: int = 0,
) -> bytes:
    """A PDF with these pages: a text in lines, or the bytes of a drawing, which may name `forms` /F0, /F1, …

    Its font has so many `widths`; none, where that is 0.

    `outline` are headings with the page, counted from 0, at which each begins.
    """
    objects: dict[int, bytes] = {}
    first = 10 + len(forms)
    kids = b" ".join(b"%d 0 R" % (first + 2 * at) for at in range(len(pages)))
    objects[1] = b"<< /Type /Catalog /Pages 2 0 R %s >>" % (b"/Outlines 4 0 R" if outline else b"")
    objects[2] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages))
    listed = b"/FirstChar 0 /LastChar 255 /Widths [%s]" % (b"500 " * widths) if widths else b""
    objects[3] = (
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding %s >>" % listed
    )
    objects[5] = b"<< /Title (%s) >>" % title.encode("latin-1")
    named = b" ".join(b"/F%d %d 0 R" % (at, 10 + at) for at in range(len(forms)))
    resources = b"<< /Font << /F 3 0 R >> /XObject << %s >> >>" % named
    for at, form in enumerate(forms):
        head = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources %s" % resources
        objects[10 + at] = stream(form, head)
    for at, page in enumerate(pages):
        drawing = _lines(page) if isinstance(page, str) else page
        objects[first + 2 * at] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources %s /Contents %d 0 R >>"
            % (resources, first + 2 * at + 1)
        )
        objects[first + 2 * at + 1] = stream(drawing)
    if outline:
        last = max(objects)
        entries = range(last + 1, last + 1 + len(outline))
        objects[4] = b"<< /Type /Outlines /First %d 0 R /Last %d 0 R /Count %d >>" % (
            entries[0],
            entries[-1],
            len(outline),
        )
        for number, (heading, page_number) in zip(entries, outline, strict=True):
            follows = b"/Next %d 0 R" % (number + 1) if number < entries[-1] else b""
            objects[number] = b"<< /Title (%s) /Parent 4 0 R /Dest [%d 0 R /Fit] %s >>" % (
                heading.encode("latin-1"),
                first + 2 * page_number,
                follows,
            )
    return _file(objects)


def stream(data: bytes, head: bytes = b"") -> bytes:
    """A compressed stream."""
    packed = zlib.compress(data)
    return b"<< /Length %d /Filter /FlateDecode %s >>\nstream\n%s\nendstream" % (len(packed), head, packed)


def _lines(text: str) -> bytes:
    shown = b"".join(
        b"(%s) Tj T*\n"
        % line.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        for line in text.split("\n")
    )
    return b"BT /F 12 Tf 14 TL 50 750 Td\n%sET" % shown


def _file(objects: dict[int, bytes]) -> bytes:
    parts = [b"%PDF-1.7\n"]
    at: dict[int, int] = {}
    length = len(parts[0])
    for number, body in sorted(objects.items()):
        at[number] = length
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, body))
        length += len(parts[-1])
    table = b"".join(
        b"%010d 00000 n \n" % at[number] if number in at else b"0000000000 65535 f \n"
        for number in range(max(objects) + 1)
    )
    parts.append(
        b"xref\n0 %d\n%strailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (max(objects) + 1, table, max(objects) + 1, length)
    )
    return b"".join(parts)
