"""Word (.docx): its paragraphs as HTML, which is then read as a page.

So its headings begin sections, and its lists and tables are written as in Markdown. What was deleted while
changes are tracked is left out, as are the table of contents, headers, footers, footnotes and comments.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tieback_client.errors import InvalidArgument
from tieback_client.files.budget import SECONDS, TookTooLong
from tieback_client.files.document import Parsed
from tieback_client.files.office.package import Package
from tieback_client.files.outline import property_title, shortened
from tieback_client.files.pages import html_page

_HEADING = re.compile(r"heading ?([1-9])")
_CONTENTS = re.compile(r"toc ([1-9]|heading)")
_LEFT_OUT = frozenset(("w:moveFrom", "mc:Fallback", "w:del"))
_BODY_TEXT = 9
"""The outline level of what is no heading."""
_DEEPEST = 20
"""Styles that may be based on each other."""
_WRITTEN = {"w:tab": " ", "w:br": "<br>", "w:cr": "<br>", "w:noBreakHyphen": "-"}
_ON = frozenset(("", "1", "true", "on"))


def read(data: bytes) -> Parsed:
    """The sections of a Word file. `InvalidArgument` where it is none, is damaged, or takes too long."""
    package = Package(data)
    main = package.main()
    parts = dict(package.related(main).values())
    body = _Body(_styles(package, parts.get("styles", "")), _formats(package, parts.get("numbering", "")))
    if not package.read(main, body.start, body.end, body.text) or not body.is_word:
        raise InvalidArgument("it is not a Word document")
    try:
        page = html_page.read(body.html())
    except TookTooLong:
        raise InvalidArgument(f"reading it took more than {SECONDS:.0f} s") from None
    # Its lines are those of the HTML, which nobody sees.
    sections = [replace(one, locator="") for one in page.sections]
    title = shortened(body.title) or page.title or property_title(package.title())
    return replace(page, sections=sections, title=title)


@dataclass(slots=True)
class _Style:
    name: str = ""
    based_on: str = ""
    level: int | None = None
    """Of the outline, from 0."""
    numbering: str = ""


@dataclass(slots=True)
class _Paragraph:
    style: str = ""
    level: int | None = None
    numbering: str = ""
    depth: int = 0
    """In its list, from 0."""
    parts: list[str] = field(default_factory=list)


def _styles(package: Package, part: str) -> dict[str, _Style]:
    styles: dict[str, _Style] = {"": _Style()}
    now = styles[""]

    def start(tag: str, values: Mapping[str, str]) -> None:
        nonlocal now
        value = values.get("w:val", "")
        match tag:
            case "w:style":
                now = styles.setdefault(values.get("w:styleId", ""), _Style())
            case "w:name":
                now.name = value.lower()
            case "w:basedOn":
                now.based_on = value
            case "w:outlineLvl":
                now.level = _number(value)
            case "w:numId":
                now.numbering = value

    package.read(part, start)
    styles[""] = _Style()  # what has no id styles nothing
    return styles


def _formats(package: Package, part: str) -> dict[tuple[str, int], str]:
    """The format of the numbers of each list, "bullet" for none, by its id and level."""
    formats: dict[tuple[str, int], str] = {}
    lists: dict[str, str] = {}
    abstract, number, depth = "", "", 0

    def start(tag: str, values: Mapping[str, str]) -> None:
        nonlocal abstract, number, depth
        match tag:
            case "w:abstractNum":
                abstract = values.get("w:abstractNumId", "")
            case "w:num":
                number = values.get("w:numId", "")
            case "w:abstractNumId":
                lists[number] = values.get("w:val", "")
            case "w:lvl":
                depth = _number(values.get("w:ilvl", ""))
            case "w:numFmt":
                formats[abstract, depth] = values.get("w:val", "")

    package.read(part, start)
    kinds: dict[str, dict[int, str]] = {}
    for (abstract, depth), kind in formats.items():
        kinds.setdefault(abstract, {})[depth] = kind
    return {
        (number, depth): kind for number, of in lists.items() for depth, kind in kinds.get(of, {}).items()
    }


class _Body:
    """Writes the paragraphs and tables of a document as HTML."""

    def __init__(self, styles: Mapping[str, _Style], formats: Mapping[tuple[str, int], str]) -> None:
        self.title = ""
        self.is_word = False
        self._styles = styles
        self._formats = formats
        self._written: list[str] = []
        self._paragraphs: list[_Paragraph] = []  # several are open where one has a box of text
        self._in_text = False
        self._left_out = 0  # tags that are open in what is left out
        self._lists: list[str] = []  # the tags of those that are open
        self._counts: dict[tuple[str, int], int] = {}
        self._has_head: list[bool] = []  # of each open table, whether its next row is its head
        self._cell = "td"

    def html(self) -> str:
        """All that was written."""
        self._close_lists(0)
        return "".join(self._written)

    def start(self, tag: str, values: Mapping[str, str]) -> None:
        """A tag opens."""
        if self._left_out or tag in _LEFT_OUT:
            self._left_out += 1
            return
        value = values.get("w:val", "")
        if tag == "w:document":
            self.is_word = True
        elif tag == "w:p":
            self._paragraphs.append(_Paragraph())
        elif tag in ("w:t", "m:t"):
            self._in_text = True
        elif tag in ("w:tbl", "w:tr", "w:tc", "w:tblLook", "w:tblHeader"):
            self._open_table(tag, values)
        elif not self._paragraphs:
            return
        elif tag in _WRITTEN:
            self._paragraphs[-1].parts.append(_WRITTEN[tag])
        elif tag == "w:pStyle":
            self._paragraphs[-1].style = value
        elif tag == "w:outlineLvl":
            self._paragraphs[-1].level = _number(value)
        elif tag == "w:ilvl":
            self._paragraphs[-1].depth = _number(value)
        elif tag == "w:numId":
            self._paragraphs[-1].numbering = value

    def end(self, tag: str) -> None:
        """A tag closes."""
        if self._left_out:
            self._left_out -= 1
        elif tag == "w:p" and self._paragraphs:
            self._write(self._paragraphs.pop())
        elif tag in ("w:t", "m:t"):
            self._in_text = False
        elif tag == "w:tc":
            self._close_lists(0)
            self._written.append(f"</{self._cell}>")
        elif tag == "w:tr":
            self._written.append("</tr>")
            self._cell = "td"
        elif tag == "w:tbl" and self._has_head:
            self._has_head.pop()
            self._written.append("</table>")

    def text(self, words: str) -> None:
        """Text within a tag."""
        if self._in_text and not self._left_out and self._paragraphs:
            self._paragraphs[-1].parts.append(html.escape(words, quote=False))

    def _open_table(self, tag: str, values: Mapping[str, str]) -> None:
        if tag == "w:tbl":
            self._close_lists(0)
            self._has_head.append(False)
            self._written.append("<table>")
        elif not self._has_head:
            return
        elif tag == "w:tblLook":
            bits = int(values["w:val"], 16) if re.fullmatch("[0-9A-Fa-f]{4}", values.get("w:val", "")) else 0
            self._has_head[-1] = values.get("w:firstRow", "1" if bits & 0x20 else "0") in _ON
        elif tag == "w:tblHeader":
            self._cell = "th" if values.get("w:val", "") in _ON else self._cell
        elif tag == "w:tr":
            self._written.append("<tr>")
            self._cell = "th" if self._has_head[-1] else "td"
            self._has_head[-1] = False
        else:
            self._close_lists(0)
            self._written.append(f"<{self._cell}>")

    def _write(self, paragraph: _Paragraph) -> None:
        words = "".join(paragraph.parts).strip()
        name, level, numbering = self._styled(paragraph)
        if not words or _CONTENTS.fullmatch(name):
            return
        if name == "title" and not self.title:
            self.title = html.unescape(words.replace("<br>", " "))
        if level is not None and level < _BODY_TEXT:
            self._close_lists(0)
            tag = f"h{min(level + 1, 6)}"
            self._written.append(f"<{tag}>{words}</{tag}>\n")
        elif numbering and numbering != "0":
            self._item(numbering, paragraph.depth, words)
        else:
            self._close_lists(0)
            self._written.append(f"<p>{words}</p>\n")

    def _styled(self, paragraph: _Paragraph) -> tuple[str, int | None, str]:
        """The name of a paragraph's style, its outline level and its list, by itself or by its styles."""
        level, numbering = paragraph.level, paragraph.numbering
        style = self._styles.get(paragraph.style, _Style(paragraph.style.lower()))
        name = style.name
        for _ in range(_DEEPEST):
            known = _HEADING.fullmatch(style.name)
            if level is None:
                level = style.level if style.level is not None else int(known[1]) - 1 if known else None
            numbering = numbering or style.numbering
            if not style.based_on:
                break
            style = self._styles.get(style.based_on, self._styles[""])
        return name, level, numbering

    def _item(self, numbering: str, depth: int, words: str) -> None:
        depth = min(depth, 8)
        tag = "ul" if self._formats.get((numbering, depth), "bullet") in ("bullet", "none") else "ol"
        self._close_lists(depth + 1)
        if len(self._lists) == depth + 1 and self._lists[-1] != tag:
            self._close_lists(depth)
        for key in [key for key in self._counts if key[0] == numbering and key[1] > depth]:
            del self._counts[key]
        count = self._counts[numbering, depth] = self._counts.get((numbering, depth), 0) + 1
        while len(self._lists) <= depth:
            self._lists.append(tag)
            start = count if len(self._lists) == depth + 1 else 1
            self._written.append(f'<{tag} start="{start}">' if tag == "ol" else "<ul>")
        self._written.append(f"<li>{words}</li>\n")

    def _close_lists(self, depth: int) -> None:
        while len(self._lists) > depth:
            self._written.append(f"</{self._lists.pop()}>")


def _number(value: str) -> int:
    return int(value) if value.isdecimal() and len(value) < 3 else 0
