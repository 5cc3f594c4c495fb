"""The tree of a page, by turbohtml: as browsers build it, whatever its tags, and linear in its length.

Some elements are renamed before it is built. Of formatting elements that are not closed, browsers make new
ones in every paragraph that follows, so that a page of 80 KB has ten million elements; what a page says does
not depend on them.
"""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, Any

from tieback_client.files.budget import TookTooLong
from tieback_client.files.packages import load

if TYPE_CHECKING:
    from turbohtml import Comment, Element, Text

LONGEST = 32 << 20
"""Characters that are parsed."""
MOST_TAGS = 2_000_000
"""Tags of a page. The HTML standard on one page has 1,200,000."""
_FORMATTING = re.compile(
    r"(</?)(b|big|code|em|font|i|nobr|s|selectedcontent|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE
)
_XHTML = re.compile(r"<\?xml|<html[^<>]{0,500}\sxmlns\s*=", re.IGNORECASE)
_CLOSES_ITSELF = re.compile(r"<([a-z][a-z0-9:]*)(\s[^<>]*)?/>", re.IGNORECASE)
_EMPTY = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr")
)
_HEAD = 2000
"""Characters in which a page says that it is XHTML."""


class Tree:
    """The tree of a page, and where in the source its elements begin. `TookTooLong` where it is too much."""

    def __init__(self, source: str) -> None:
        if len(source) > LONGEST:
            raise TookTooLong(f"it has more than {LONGEST:,} characters")
        if source.count("<") > MOST_TAGS:
            raise TookTooLong(f"it has more than {MOST_TAGS:,} tags")
        nodes: Any = load("turbohtml", "HTML pages")
        self.element: type[Element] = nodes.Element
        self.text: type[Text] = nodes.Text
        self.comment: type[Comment] = nodes.Comment
        self._source = _without_formatting(_closed(source.replace("\r\n", "\n").replace("\r", "\n")))
        self._begins = array("L", [0])
        self._begins.extend(found.end() for found in re.finditer("\n", self._source))
        self.root: Element = nodes.parse(self._source).root

    def line_after(self, element: Element) -> int:
        """The line on which the start tag of an element ends; 0 for one that the source does not write."""
        line, column = element.source_line, element.source_col
        if line is None or column is None:
            return 0
        begin = self._begins[line - 1] + column
        end = max(self._source.find(">", begin), begin)
        # The first line break of what is typed belongs to its tag.
        end += element.tag == "pre" and self._source.startswith("\n", end + 1)
        return line + self._source.count("\n", begin, end + 1)


def _without_formatting(source: str) -> str:
    """The same places, with names that mean nothing to a browser."""
    return _FORMATTING.sub(lambda found: found[1] + "x" * len(found[2]), source)


def _closed(source: str) -> str:
    """XHTML with end tags where a tag closes itself, since HTML takes it as open; lines stay as they are."""
    if not _XHTML.search(source[:_HEAD]):
        return source
    return _CLOSES_ITSELF.sub(
        lambda found: (
            found[0] if found[1].lower() in _EMPTY else f"<{found[1]}{found[2] or ''}></{found[1]}>"
        ),
        source,
    )
