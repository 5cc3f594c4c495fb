"""Markdown (CommonMark with the tables of GitHub) by markdown-it-py, which locates its headings.

Only blocks are parsed, since no more is needed for that, and the rest is where Markdown can be slow. The text
of a section is as it is written.
"""

from __future__ import annotations

import functools
from typing import Any

from tieback_client.files.budget import Budget
from tieback_client.files.document import Parsed
from tieback_client.files.outline import (
    LONGEST_HEADING,
    Heading,
    LinePlaces,
    few_enough,
    sections_under,
    title_of,
)
from tieback_client.files.packages import load
from tieback_client.files.texts.plain import read as read_plain

LONGEST = 8 << 20
"""Characters that are parsed."""


def read(text: str, begin: int = 0, body: int = 0) -> Parsed:
    """The sections of a Markdown text from `begin` on, with headings from `body` on.

    `TookTooLong` where it takes too long.
    """
    lines = LinePlaces(text)
    body = max(begin, body)
    first = lines.number(body) - 1
    blocks = _blocks().parse(text[body:], {"budget": Budget()})
    headings: list[Heading] = []
    for at, token in enumerate(blocks):
        if token.type == "heading_open" and token.level == 0 and token.map:
            title = _words(blocks[at + 1].content)
            if title:
                begins, ends = (lines.begin(first + one) for one in token.map)
                headings.append(Heading(int(token.tag[1]), title, begins, ends))
    if not headings:
        return read_plain(text, begin)
    kept, notes = few_enough(headings)
    title = title_of(kept, text[body : kept[0].begin])
    return Parsed(text, sections_under(kept, text, lines.locator, begin=begin), title, notes)


@functools.cache
def _blocks() -> Any:
    """The parser of blocks, which asks the budget at each."""
    markdown = load("markdown_it", "Markdown").MarkdownIt("commonmark").enable("table")
    markdown.core.ruler.enableOnly(["normalize", "block"])

    def in_time(state: Any, _begin: int, _end: int, _silent: bool) -> bool:
        state.env["budget"].check()
        return False

    first = markdown.block.ruler.getRules("")[0].__name__
    markdown.block.ruler.before(
        first, "budget", in_time, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    return markdown


@functools.cache
def _inline() -> Any:
    return load("markdown_it", "Markdown").MarkdownIt("commonmark")


def _words(written: str) -> str:
    """The words of a heading, without its marks."""
    if len(written) > LONGEST_HEADING:
        return written
    (block,) = _inline().parseInline(written)
    return "".join(_shown(one) for one in block.children or ()).strip()


def _shown(token: Any) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    return str(token.content) if token.type in ("text", "code_inline", "image", "text_special") else ""
