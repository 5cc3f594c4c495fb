"""OpenDocument text (.odt): its paragraphs as HTML, which is then read as a page, as Word files are.

What was deleted while changes are tracked is left out, as are indexes, notes, comments, headers and footers.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import replace

from tieback_client.errors import InvalidArgument
from tieback_client.files.budget import SECONDS, TookTooLong
from tieback_client.files.document import Parsed
from tieback_client.files.office.package import Package
from tieback_client.files.outline import property_title, shortened
from tieback_client.files.pages import html_page

_LEFT_OUT = frozenset(
    (
        *("text:tracked-changes", "text:note", "text:table-of-content", "text:alphabetical-index"),
        *("text:illustration-index", "text:table-index", "text:object-index", "text:user-index"),
        *("text:bibliography", "office:annotation", "text:ruby-text", "svg:title", "svg:desc"),
    )
)
_WRITTEN = {"text:s": " ", "text:tab": " ", "text:line-break": "<br>"}
_PARAGRAPHS = frozenset(("text:p", "text:h"))
_TABLES = {"table:table": "table", "table:table-row": "tr", "text:list-item": "li"}
_MOST_REPEATED = 64
"""Empty cells that one cell stands for; more are the rest of a sheet."""


def read(data: bytes) -> Parsed:
    """The sections of a text. `InvalidArgument` where it is none, damaged, encrypted, or takes too long."""
    package = Package(data)
    if _is_encrypted(package):
        raise InvalidArgument("it is encrypted with a password")
    body = _Body()
    package.read("styles.xml", body.style)
    if not package.read("content.xml", body.start, body.end, body.text) or not body.is_text:
        raise InvalidArgument("it is not an OpenDocument text")
    try:
        page = html_page.read("".join(body.written))
    except TookTooLong:
        raise InvalidArgument(f"reading it took more than {SECONDS:.0f} s") from None
    # Its lines are those of the HTML, which nobody sees.
    sections = [replace(one, locator="") for one in page.sections]
    title = shortened(body.title) or page.title or property_title(package.title("meta.xml"))
    return replace(page, sections=sections, title=title)


def _is_encrypted(package: Package) -> bool:
    found: list[str] = []
    package.read("META-INF/manifest.xml", lambda tag, _: found.append(tag) if "encryption" in tag else None)
    return bool(found)


class _Body:
    """Writes the paragraphs, lists and tables of a text as HTML."""

    def __init__(self) -> None:
        self.title = ""
        self.is_text = False
        self.written: list[str] = []
        self._parents: dict[str, str] = {}  # the style that each automatic style is based on
        self._numbered: set[str] = set()
        self._list_style = ""  # that is being read
        self._paragraphs: list[tuple[str, list[str]]] = []  # several are open where one has a box of text
        self._left_out = 0  # tags that are open in what is left out
        self._lists: list[str] = []  # the tags of those that are open
        self._styles: list[str] = []  # and their styles
        self._in_head = False
        self._cells: list[tuple[str, int]] = []  # of those that are open, the tag and how often it stands

    def start(self, tag: str, values: Mapping[str, str]) -> None:
        """A tag opens."""
        if self._left_out or tag in _LEFT_OUT:
            self._left_out += 1
        elif tag == "office:text":
            self.is_text = True
        elif not self.is_text:
            self.style(tag, values)
        elif tag in _PARAGRAPHS:
            style = values.get("text:style-name", "")
            level = min(max(_number(values.get("text:outline-level", "1")), 1), 6)
            if tag == "text:h":
                self._paragraphs.append((f"h{level}", []))
            else:
                names = (style, self._parents.get(style, ""))
                is_title = any(one.lower().rpartition("-")[2] == "title" for one in names)
                self._paragraphs.append(("title" if is_title else "p", []))
        elif self._paragraphs and tag in _WRITTEN:
            self._paragraphs[-1][1].append(_WRITTEN[tag])
        else:
            self._open(tag, values)

    def style(self, tag: str, values: Mapping[str, str]) -> None:
        """A tag opens where styles are, and no text."""
        if tag == "style:style":
            self._parents[values.get("style:name", "")] = values.get("style:parent-style-name", "")
        elif tag == "text:list-style":
            self._list_style = values.get("style:name", "")
        elif tag == "text:list-level-style-number" and values.get("text:level") == "1":
            self._numbered.add(self._list_style)

    def end(self, tag: str) -> None:
        """A tag closes."""
        if self._left_out:
            self._left_out -= 1
        elif tag in _PARAGRAPHS and self._paragraphs:
            self._write(*self._paragraphs.pop())
        elif tag == "text:list" and self._lists:
            self.written.append(f"</{self._lists.pop()}>")
            self._styles.pop()
        elif tag == "table:table-header-rows":
            self._in_head = False
        elif tag in ("table:table-cell", "table:covered-table-cell") and self._cells:
            name, times = self._cells.pop()
            self.written.append(f"</{name}>" + f"<{name}></{name}>" * (times - 1))
        elif tag in _TABLES and self.is_text:
            self.written.append(f"</{_TABLES[tag]}>")

    def text(self, words: str) -> None:
        """Text within a tag."""
        if self._paragraphs and not self._left_out:
            self._paragraphs[-1][1].append(html.escape(words, quote=False))

    def _open(self, tag: str, values: Mapping[str, str]) -> None:
        if tag == "text:list":
            style = values.get("text:style-name") or (self._styles[-1] if self._styles else "")
            self._styles.append(style)
            self._lists.append("ol" if style in self._numbered else "ul")
            self.written.append(f"<{self._lists[-1]}>")
        elif tag == "table:table-header-rows":
            self._in_head = True
        elif tag in ("table:table-cell", "table:covered-table-cell"):
            times = _number(values.get("table:number-columns-repeated", "1"))
            name = "th" if self._in_head else "td"
            self._cells.append((name, max(1, min(times, _MOST_REPEATED))))
            self.written.append(f"<{name}>")
        elif tag in _TABLES:
            self.written.append(f"<{_TABLES[tag]}>")

    def _write(self, kind: str, parts: list[str]) -> None:
        words = "".join(parts).strip()
        if not words:
            return
        if kind == "title":
            self.title = self.title or html.unescape(words.replace("<br>", " "))
            kind = "p"
        self.written.append(f"{words}\n" if self._lists and kind == "p" else f"<{kind}>{words}</{kind}>\n")


def _number(value: str) -> int:
    return int(value) if value.isdecimal() and len(value) < 6 else 1
