"""Counts the words that a file shows, in a plain way that shares nothing with the parser of its format.

The parsers may lose text in silence, as one did that took an inner end tag for the end of a page. So tags are
taken out here without a tree: what a parser keeps is compared with what is left then.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping

from tieback_client.errors import InvalidArgument
from tieback_client.files import kinds
from tieback_client.files.budget import Budget, TookTooLong
from tieback_client.files.decoding import decoded
from tieback_client.files.office.package import Package

_WORD = re.compile(r"\w+")
_TAG = re.compile(r"<(/?)([a-z][a-z0-9:]*)|<[!?/]", re.IGNORECASE)
_HIDDEN = frozenset(
    ("head", "script", "style", "template", "noscript", "nav", "svg", "iframe", "canvas", "object", "select")
)
_RAW = frozenset(("script", "style"))
_NAVIGATION = re.compile(r"""\srole\s*=\s*["']?(navigation|doc-toc|search)\b""", re.IGNORECASE)
_WITHIN_WORDS = frozenset(
    (
        *("a", "abbr", "b", "big", "cite", "code", "em", "font", "i", "kbd", "mark", "q", "s", "samp"),
        *("small", "span", "strong", "sub", "sup", "tt", "u", "var", "wbr"),
    )
)
_ENDS_A_WORD = re.compile(rb"<(/[\w:]*(p|h|tc|table-cell)|[\w:]*(br|tab|line-break|s))\b[^<>]*>")
_ANY_TAG = re.compile(rb"<[^<>]*>")
_NO_WORDS = re.compile(rb"<a:tableStyleId>[^<]*")
_OFFICE: Mapping[str, re.Pattern[str]] = {
    kinds.WORD: re.compile(r"word/(document|footnotes|endnotes)\d*\.xml"),
    kinds.SLIDES: re.compile(r"ppt/slides/slide\d+\.xml"),
    kinds.OPEN_DOCUMENT: re.compile(r"content\.xml"),
    kinds.EPUB: re.compile(r".*\.(xhtml|html|htm)", re.IGNORECASE),
}
_AS_THEY_ARE = frozenset((kinds.MARKDOWN, kinds.RESTRUCTURED_TEXT, kinds.TEXT, kinds.DELIMITED))


def words(text: str) -> int:
    """Count the words of a text."""
    return sum(1 for _ in _WORD.finditer(text))


def visible_words(kind: str, data: bytes, text: str) -> int | None:
    """The words that a file shows; None where they are not counted. `text` is that of a file of text."""
    try:
        if kind in _AS_THEY_ARE:
            return words(text)
        if kind == kinds.HTML:
            return words(shown(text))
        if kind in _OFFICE:
            return _words_of_parts(data, _OFFICE[kind].fullmatch, _page if kind == kinds.EPUB else _xml)
    except (TookTooLong, InvalidArgument):
        pass
    return None


def shown(source: str) -> str:
    """The text of a page without its tags, scripts and navigation; each line is where it was."""
    budget = Budget()
    parts: list[str] = []
    never: set[str] = set()  # names of elements that do not end any more
    at = 0
    while (found := _TAG.search(source, at)) is not None:
        budget.check()
        parts.append(source[at : found.start()])
        name = (found[2] or "").lower()
        if source.startswith("<!--", found.start()):
            end = source.find("-->", found.start())
            at = end + 3 if end >= 0 else len(source)
        else:
            end = source.find(">", found.end())
            at = end + 1 if end >= 0 else len(source)
            hides = name in _HIDDEN or _NAVIGATION.search(source, found.start(), min(at, found.start() + 500))
            if not found[1] and hides and name not in never:
                behind = _end_of(name, source, at, budget)
                if behind:
                    at = behind
                else:
                    never.add(name)
        parts.append("" if name in _WITHIN_WORDS else " ")
        parts.append("\n" * source.count("\n", found.start(), at))
    parts.append(source[at:])
    return html.unescape("".join(parts))


def _end_of(name: str, source: str, at: int, budget: Budget) -> int:
    """Behind the end tag of an element that was opened before; 0 where it has none."""
    depth = 1
    for found in re.compile(rf"<(/?){re.escape(name)}(?=[\s/>])", re.IGNORECASE).finditer(source, at):
        budget.check()
        depth = 0 if name in _RAW and found[1] else depth + (-1 if found[1] else 1)
        if depth == 0:
            return max(source.find(">", found.end()) + 1, found.end())
    return 0


def _words_of_parts(data: bytes, takes: Callable[[str], object], text_of: Callable[[bytes], str]) -> int:
    package = Package(data)
    return sum(words(text_of(package.bytes_of(part))) for part in package.names() if takes(part))


def _page(data: bytes) -> str:
    return shown(decoded(data).text)


def _xml(data: bytes) -> str:
    plain = _ANY_TAG.sub(b"", _ENDS_A_WORD.sub(b" ", _NO_WORDS.sub(b"", data)))
    return html.unescape(plain.decode(errors="replace"))
