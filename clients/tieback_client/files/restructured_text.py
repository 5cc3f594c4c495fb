"""reStructuredText by docutils, which tells where its sections begin.

Nothing in a file is obeyed that would read another file or the network: `include`, `raw` and tables of files
are off. Inline markup is not parsed, since titles are all that is looked for. The text of a section is as it
is written, directives and comments included.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tieback_client.files.budget import Budget
from tieback_client.files.outline import Heading, Lines, few_enough, sections_under
from tieback_client.files.packages import load
from tieback_client.files.parsed import Parsed
from tieback_client.files.plain import read as read_plain

LONGEST = 4 << 20
"""Characters that are parsed."""
# docutils ends lines at these as well, and counts them.
_NO_NEWLINES = dict.fromkeys(map(ord, "\v\f\x1c\x1d\x1e\x85\u2028\u2029"), " ")
_ONE_AT_A_TIME = threading.Lock()


def read(text: str, begin: int = 0) -> Parsed:
    """The sections of a text from `begin` on.

    `TookTooLong` where it takes too long, `RecursionError` where it is nested too deeply.
    """
    lines = Lines(text)
    first = lines.number(begin) - 1
    nodes = load("docutils.nodes", "reStructuredText")
    headings: list[Heading] = []
    for level, section in _sections(_tree(text[begin:]), nodes.section, 1):
        underline = first + section.line - 1
        title = underline - 1
        overline = title - 1
        marks = lines.begins[underline], lines.begin(underline + 1)
        above = text[lines.begin(overline) : lines.begin(title)].strip() if overline >= first else ""
        if above and above == text[marks[0] : marks[1]].strip():
            title = overline
        headings.append(Heading(level, section[0].astext(), lines.begin(title), marks[1]))
    if not headings:
        return read_plain(text, begin)
    kept, notes = few_enough(headings)
    return Parsed(text, sections_under(kept, text, lines.locator, begin=begin), headings[0].title, notes)


def _sections(node: Any, section: Any, level: int) -> Iterator[tuple[int, Any]]:
    """Sections with their depth, in the order of the text."""
    waiting = [(level, one) for one in reversed(node.children) if isinstance(one, section)]
    while waiting:
        depth, one = waiting.pop()
        yield depth, one
        waiting += [(depth + 1, inner) for inner in reversed(one.children) if isinstance(inner, section)]


def _tree(text: str) -> Any:
    nodes = load("docutils.nodes", "reStructuredText")
    states = load("docutils.parsers.rst.states", "reStructuredText")
    rst = load("docutils.parsers.rst", "reStructuredText")
    frontend = load("docutils.frontend", "reStructuredText")
    utils = load("docutils.utils", "reStructuredText")

    inliner = states.Inliner()
    inliner.parse = lambda text, *_: ([nodes.Text(text)], [])  # leaves inline markup alone
    settings = frontend.get_default_settings(rst.Parser)
    settings.file_insertion_enabled = False
    settings.raw_enabled = False
    settings.line_length_limit = LONGEST + 1
    settings.syntax_highlight = "none"
    settings.report_level = settings.halt_level = 5
    settings.warning_stream = False
    document = utils.new_document("", settings)
    budget = Budget()
    note_source = document.note_source

    def in_time(source: Any, offset: Any) -> None:
        budget.check()
        note_source(source, offset)

    document.note_source = in_time  # docutils calls it at each line
    with _roles_kept():
        rst.Parser(inliner=inliner).parse(text.translate(_NO_NEWLINES), document)
    return document


@contextmanager
def _roles_kept() -> Iterator[None]:
    """Forgets the roles that a file defines: docutils keeps them for the whole process."""
    known = load("docutils.parsers.rst.roles", "reStructuredText")._roles
    with _ONE_AT_A_TIME:
        before = dict(known)
        try:
            yield
        finally:
            known.clear()
            known.update(before)
