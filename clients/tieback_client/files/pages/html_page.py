"""HTML by its tree: what a page shows, without scripts, styles and navigation.

Lists, tables and code are written as in Markdown. Where a page has a `main` element that holds half of its
text or more, that is the page. Lists of links to places of the same page are left out. A section is located
by the id of its heading, or of what its heading opens or stands in, as a browser finds it; else by its line.
That is written as "line=12", not as "L12": the lines of what a page shows are not those of its source, so
what a server cuts off it has no line of its own.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tieback_client.files.budget import Budget
from tieback_client.files.document import Parsed
from tieback_client.files.outline import Heading, few_enough, sections_under, shortened
from tieback_client.files.pages.html_blocks import LIST_TAGS, HtmlBlocks, WrittenBlock
from tieback_client.files.pages.html_tree import Tree

if TYPE_CHECKING:
    from turbohtml import Element, Node


_LEAST = 2
"""Links of a table of contents."""


class HtmlContents:
    """Tables of contents and permalinks of a page, by the places that it has."""

    def __init__(self, root: Element) -> None:
        self._root = root
        self._places: set[str] | None = None

    def covers(self, element: Element) -> bool:
        """Tell if a list has no words but those of links to places of the page, or a link to one has none."""
        if element.tag == "a":
            return self._leads_here(element) and not any(map(str.isalnum, element.text))
        if element.tag not in ("ul", "ol", "dl"):
            return False
        links = element.find_all("a")
        if len(links) < _LEAST or not all(map(self._leads_here, links)):
            return False
        return _length(element.text) == sum(_length(one.text) for one in links)

    def _leads_here(self, link: Element) -> bool:
        target = link.attr("href") or ""
        return target[:1] == "#" and unquote(target[1:]) in self._known()

    def _known(self) -> set[str]:
        if self._places is None:
            named = [one.attr("id") or one.attr("name") or "" for one in self._root.select("[id], a[name]")]
            self._places = {one for one in named if one}
        return self._places


def _length(text: str) -> int:
    return sum(map(str.isalnum, text))


_LEFT_OUT = frozenset(
    ("script", "style", "template", "noscript", "nav", "svg", "iframe", "canvas", "object", "select")
)
_ROLES_LEFT_OUT = frozenset(("navigation", "doc-toc", "search"))
_CLASSES_LEFT_OUT = frozenset(("navheader", "navfooter", "nav-panel"))
"""Navigation that has no other mark: of DocBook's style sheets, and of Texinfo."""
_MAIN_PART = 2
"""A `main` element is the page if the page has not more than this many times its text."""
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
    page = _Page(Tree(source), budget or Budget())
    text, begin, end = page.shown()
    headings = [one for one in page.headings if begin <= one.begin and one.end <= end]
    headings = [Heading(one.level, one.title, one.begin - begin, one.end - begin) for one in headings]
    headings, notes = few_enough(headings)
    sections = sections_under(
        headings, text, lambda at: page.anchor(at + begin) or f"line={page.line(at + begin)}"
    )
    named = [one.title for one in headings if one.level == 1]
    own = shortened(" ".join(page.titles))
    if len(named) == 1 or not own:
        own = (named or [one.title for one in headings[:1]] or [""])[0]
    title = own
    return Parsed(text, sections, title, notes, is_original=False)


class _Page:
    """Collects the text of a page, its headings, and the lines that it stands on."""

    def __init__(self, tree: Tree, budget: Budget) -> None:
        self.headings: list[Heading] = []
        self.titles: list[str] = []
        self._tree = tree
        self._budget = budget
        self._contents = HtmlContents(tree.root)
        self._written = WrittenBlock()
        self._blocks = HtmlBlocks(self._written)
        self._line = 1  # of the source, where the next text begins
        self._separator = 0
        self._mark = ""  # of an item, before its first words
        self._in_title = False
        self._pre = 0
        self._heading: tuple[int, int, int] | None = None  # level, first character, first part
        # Of each heading, where it begins and the id that leads to it.
        self._anchors: list[tuple[int, str]] = []
        self._id = ""  # of what was opened last, since the last words before a heading, or in it
        self._main: list[int] = []  # where the first main element begins, and the last one ends
        self._read(tree.root)

    def shown(self) -> tuple[str, int, int]:
        """The text, and which stretch of all text it is."""
        text = "".join(self._written.parts)
        if len(self._main) == 2:
            begin, end = self._main
            if _MAIN_PART * len(text[begin:end].strip()) >= len(text.strip()):
                return text[begin:end], begin, end
        return text, 0, len(text)

    def line(self, character: int) -> int:
        """The line of the source that a character of all text comes from."""
        return self._written.line(character)

    def anchor(self, character: int) -> str:
        """The id that leads to the heading that a character of all text stands under; "" for none."""
        at = bisect.bisect_right(self._anchors, character, key=lambda one: one[0]) - 1
        return self._anchors[at][1] if at >= 0 else ""

    def _read(self, root: Element) -> None:
        """Goes through the tree in the order of the text."""
        open_: list[tuple[str, bool, Iterator[Node]]] = [("", False, iter((root,)))]
        while open_:
            self._budget.check()
            tag, is_main, nodes = open_[-1]
            node = next(nodes, None)
            if node is None:
                open_.pop()
                self._close(tag, is_main=is_main)
            elif isinstance(node, self._tree.text):
                self._say(node.data)
                self._line += node.data.count("\n")
            elif isinstance(node, self._tree.comment):
                self._line += node.data.count("\n")
            elif isinstance(node, self._tree.element):
                self._line = self._tree.line_after(node) or self._line
                if self._is_left_out(node):
                    self._break(_BREAKS.get(node.tag, 0 if node.tag == "a" else _SPACE))
                    self._line += node.text.count("\n")
                else:
                    open_.append((node.tag, self._open(node), iter(node.children)))
        self._close_heading()

    def _is_left_out(self, element: Element) -> bool:
        tag = element.tag
        if tag in _LEFT_OUT or element.attr("role") in _ROLES_LEFT_OUT:
            return True
        if element.attr("class") in _CLASSES_LEFT_OUT:
            return True
        return (tag == "a" or (tag in LIST_TAGS and not self._blocks.in_list)) and self._contents.covers(
            element
        )

    def _close_heading(self) -> None:
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

    def _open(self, element: Element) -> bool:
        """An element begins; whether it is the main one."""
        tag = element.tag
        if self._heading is not None and tag in _NOT_IN_HEADINGS:
            self._close_heading()
        self._note_id(element)
        self._break(_BREAKS.get(tag, 0))
        self._open_block(element)
        is_main = tag == "main" or element.attr("role") == "main"
        if is_main:
            self._blocks.note_part()
            self._main = self._main or [self._written.length]
        if tag == "title":
            self._in_title = True
        elif tag == "pre":
            self._pre += 1
        elif tag == "img" and (words := element.attr("alt")):
            self._words(f" {words} ")
        elif tag in _HEADINGS:
            self._mark = ""
            self._blocks.note_part()
            self._write_separator()
            self._heading = (_HEADINGS[tag], self._written.length, len(self._written.parts))
        return is_main

    def _close(self, tag: str, *, is_main: bool) -> None:
        """An element ends."""
        if tag in _HEADINGS:
            self._close_heading()
        elif tag == "title":
            self._in_title = False
        elif tag == "pre":
            self._pre -= 1
            if not self._pre:
                self._blocks.close_code()
        elif tag in LIST_TAGS:
            self._blocks.close_list()
        elif tag == "table":
            self._blocks.close_table()
        if is_main:
            self._main[1:] = [self._written.length]
        self._break(_BREAKS.get(tag, 0))

    def _say(self, data: str) -> None:
        """Text between tags."""
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

    def _note_id(self, element: Element) -> None:
        """The heading's own counts for more than that of what it stands in, that for more than one in it."""
        own = element.attr("id") or (element.attr("name") if element.tag == "a" else None) or ""
        leads = element.tag in _LEADING or "section" in (element.attr("class") or "").split()
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
        line = self._line + below
        if self._mark:
            self._written.append(self._mark, line)
            self._mark = ""
        self._written.append(text, line)

    def _open_block(self, element: Element) -> None:
        """Open the block that begins with an element, where it is a list, a table, code, or a part of one."""
        tag = element.tag
        if tag in LIST_TAGS:
            self._blocks.open_list(tag, element.attr("start"))
        elif tag == "li":
            self._mark = self._blocks.item()
        elif tag == "table":
            self._blocks.open_table()
        elif tag == "tr":
            self._blocks.row(self._line)
        elif tag in ("td", "th"):
            self._blocks.cell(self._line, is_header=tag == "th")
        elif tag == "pre" and not self._pre:
            self._mark = ""
            self._write_separator()
            self._blocks.open_code()
