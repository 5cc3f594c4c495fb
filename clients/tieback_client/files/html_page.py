"""HTML by Python's own html.parser: what a page shows, without scripts, styles and navigation.

The parser reports tags as they come and builds no tree, so that no nesting is too deep, and says at which
line each stands. Lists, tables and code are written as in Markdown. Where a page has a `main` element with
text in it, that is the page. A section is located by the id of its heading, or of what its heading opens or
stands in, as a browser finds it; else by its line. That is written as "line=12", not as "L12": the lines of
what a page shows are not those of its source, so what a server cuts off it has no line of its own.
"""

from __future__ import annotations

import bisect
import html
import re
from html.parser import HTMLParser

from tieback_client.files.budget import Budget
from tieback_client.files.html_blocks import LIST_TAGS, Blocks, Written
from tieback_client.files.outline import Heading, few_enough, sections_under, shortened
from tieback_client.files.parsed import Parsed

LONGEST = 32 << 20
"""Characters that are parsed."""
_LEFT_OUT = frozenset(
    ("script", "style", "template", "noscript", "nav", "svg", "iframe", "canvas", "object", "select")
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SPACE, _LINE, _PARAGRAPH = 1, 2, 3
_BREAKS = {
    **dict.fromkeys(("br", "li", "tr", "dt", "dd", "option", "summary", "figcaption", "caption"), _LINE),
    **dict.fromkeys(("td", "th"), _SPACE),
    **dict.fromkeys(
        (
            *(
                "p",
                "div",
                "section",
                "article",
                "main",
                "header",
                "footer",
                "aside",
                "body",
                "ul",
                "ol",
                "dl",
            ),
            *(
                "table",
                "pre",
                "blockquote",
                "figure",
                "form",
                "fieldset",
                "address",
                "details",
                "hr",
                "title",
            ),
            *_HEADINGS,
        ),
        _PARAGRAPH,
    ),
}
# A heading whose end is missing ends where one of these begins.
_NOT_IN_HEADINGS = frozenset(
    ("p", "ul", "ol", "dl", "table", "pre", "blockquote", "section", "article", *_HEADINGS)
)
# Whose ids lead to a heading that follows, if no words stand between.
_LEADING = frozenset(("section", "article", "a", "span", *_HEADINGS))
_SEPARATORS = ("", " ", "\n", "\n\n")
_ID = re.compile(r"(?!L\d+$)[A-Za-z0-9_][A-Za-z0-9_.:-]{0,199}")
"""Ids that stand in a URI as they are, and would not be taken for a line."""
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)


def declared_encoding(data: bytes) -> str:
    """The encoding that the head of a page names; "" for none."""
    found = _CHARSET.search(data[:4096])
    return found[1].decode("ascii", errors="ignore") if found else ""


def read(source: str, budget: Budget | None = None) -> Parsed:
    """The sections of a page. `TookTooLong` where it takes longer than the budget, which others may share."""
    page = _Page(budget or Budget())
    page.feed(source)
    page.read_rest()
    text, begin, end = page.shown()
    headings = [one for one in page.headings if begin <= one.begin and one.end <= end]
    headings = [Heading(one.level, one.title, one.begin - begin, one.end - begin) for one in headings]
    headings, notes = few_enough(headings)
    sections = sections_under(
        headings, text, lambda at: page.anchor(at + begin) or f"line={page.line(at + begin)}"
    )
    first = next((one.title for one in headings if one.level == 1), "")
    title = first or shortened(" ".join(page.titles)) or (headings[0].title if headings else "")
    return Parsed(text, sections, title, notes, is_original=False)


class _Page(HTMLParser):
    """Collects the text of a page, its headings, and the lines that it stands on."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(convert_charrefs=True)
        self.headings: list[Heading] = []
        self.titles: list[str] = []
        self._budget = budget
        self._written = Written()
        self._blocks = Blocks(self._written)
        self._separator = 0
        self._mark = ""  # of an item, before its first words
        self._left_out: tuple[str, int] | None = None
        self._in_title = False
        self._pre = 0
        self._heading: tuple[int, int, int] | None = None  # level, first character, first part
        # Of each heading, where it begins and the id that leads to it.
        self._anchors: list[tuple[int, str]] = []
        self._id = ""  # of what was opened last, since the last words before a heading, or in it
        self._main: list[int] = []
        self._main_depth = 0

    def shown(self) -> tuple[str, int, int]:
        """The text, and which stretch of all text it is."""
        text = "".join(self._written.parts)
        if len(self._main) == 2:
            begin, end = self._main
            if text[begin:end].strip():
                return text[begin:end], begin, end
        return text, 0, len(text)

    def line(self, character: int) -> int:
        """The line of the source that a character of all text comes from."""
        return self._written.line(character)

    def anchor(self, character: int) -> str:
        """The id that leads to the heading that a character of all text stands under; "" for none."""
        at = bisect.bisect_right(self._anchors, character, key=lambda one: one[0]) - 1
        return self._anchors[at][1] if at >= 0 else ""

    def read_rest(self) -> None:
        """Ends the page. A tag without an end is text: the parser would look for its end over and over."""
        rest, self.rawdata = self.rawdata, ""
        self.handle_data(html.unescape(rest))
        self.close_heading()

    def close_heading(self) -> None:
        """Ends the heading that is open, if one is."""
        if self._heading is None:
            return
        level, begin, part = self._heading
        self._heading = None
        title = shortened(self._written.since(part)).rstrip("¶").strip()
        if title:
            self.headings.append(Heading(level, title, begin, self._written.length))
            self._anchors.append((begin, self._id))
        self._id = ""

    def parse_html_declaration(self, i: int) -> int:
        """As browsers do it: older Pythons raise on `<![` with anything but CDATA after it."""
        if self.rawdata.startswith("<![", i):
            return self.parse_bogus_comment(i)
        return super().parse_html_declaration(i)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens."""
        self._budget.check()
        if self._left_out is not None:
            name, depth = self._left_out
            if tag == name:
                self._left_out = (name, depth + 1)
            return
        values = dict(attrs)
        if tag in _LEFT_OUT or values.get("role") == "navigation":
            self._left_out = (tag, 1)
            self._break(_BREAKS.get(tag, _SPACE))
            return
        if self._heading is not None and tag in _NOT_IN_HEADINGS:
            self.close_heading()
        self._note_id(tag, values)
        self._break(_BREAKS.get(tag, 0))
        self._open_block(tag, values)
        if tag == "title":
            self._in_title = True
        elif tag == "pre":
            self._pre += 1
        elif tag == "main" or values.get("role") == "main":
            self._begin_main(tag)
        elif tag == "img" and values.get("alt"):
            self._words(f" {values['alt']} ")
        elif tag in _HEADINGS:
            self._mark = ""
            self._blocks.note_heading()
            self._write_separator()
            self._heading = (_HEADINGS[tag], self._written.length, len(self._written.parts))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself; in HTML that has no meaning, except within drawings."""
        self.handle_starttag(tag, attrs)
        if self._left_out is not None and tag not in ("script", "style"):
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """A tag closes."""
        self._budget.check()
        if self._left_out is not None:
            name, depth = self._left_out
            if tag == name:
                self._left_out = (name, depth - 1) if depth > 1 else None
            return
        if tag in _HEADINGS:
            self.close_heading()
        elif tag == "title":
            self._in_title = False
        elif tag == "pre":
            self._pre = max(0, self._pre - 1)
            if not self._pre:
                self._blocks.close_code()
        elif tag in LIST_TAGS:
            self._blocks.close_list()
        elif tag == "table":
            self._blocks.close_table()
        self._end_main(tag)
        self._break(_BREAKS.get(tag, 0))

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        self._budget.check()
        if self._left_out is not None:
            return
        if self._in_title:
            self.titles.append(data)
        elif self._pre:
            self._emit(data)
        else:
            self._words(data)

    def _words(self, data: str) -> None:
        words = " ".join(data.split())
        if not words:
            self._break(_SPACE if data else 0)
            return
        self._break(_SPACE if data[0].isspace() else 0)
        self._emit(words, data.count("\n", 0, len(data) - len(data.lstrip())))
        self._break(_SPACE if data[-1].isspace() else 0)

    def _note_id(self, tag: str, values: dict[str, str | None]) -> None:
        """The heading's own counts for more than that of what it stands in, that for more than one in it."""
        own = values.get("id") or (values.get("name") if tag == "a" else None) or ""
        leads = tag in _LEADING or "section" in (values.get("class") or "").split()
        if _ID.fullmatch(own) and (leads if self._heading is None else not self._id):
            self._id = own

    def _break(self, separator: int) -> None:
        self._separator = max(self._separator, separator)

    def _write_separator(self) -> None:
        """What separates the next words from those before; nothing at the beginning."""
        if self._written.length and self._separator:
            self._written.append(_SEPARATORS[self._separator])
        self._separator = 0

    def _emit(self, text: str, below: int = 0) -> None:
        """Writes words, which begin so many lines below the place of the parser."""
        if self._heading is None:
            self._id = ""
        self._write_separator()
        line = self.getpos()[0] + below
        if self._mark:
            self._written.append(self._mark, line)
            self._mark = ""
        self._written.append(text, line)

    def _open_block(self, tag: str, values: dict[str, str | None]) -> None:
        """What begins with a tag, where it is a list, a table, code, or a part of one."""
        if tag in LIST_TAGS:
            self._blocks.open_list(tag, values.get("start"))
        elif tag == "li":
            self._mark = self._blocks.item()
        elif tag == "table":
            self._blocks.open_table()
        elif tag == "tr":
            self._blocks.row(self.getpos()[0])
        elif tag in ("td", "th"):
            self._blocks.cell(self.getpos()[0], is_header=tag == "th")
        elif tag == "pre" and not self._pre:
            self._mark = ""
            self._write_separator()
            self._blocks.open_code()

    def _begin_main(self, tag: str) -> None:
        if not self._main:
            self._main_tag = tag
            self._main = [self._written.length]
        if len(self._main) == 1 and tag == self._main_tag:
            self._main_depth += 1

    def _end_main(self, tag: str) -> None:
        if len(self._main) == 1 and tag == self._main_tag:
            self._main_depth -= 1
            if self._main_depth == 0:
                self._main.append(self._written.length)
