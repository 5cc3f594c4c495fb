"""Parts of a page that lead to other parts of it, and say nothing that these do not say."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from turbohtml import Element

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
