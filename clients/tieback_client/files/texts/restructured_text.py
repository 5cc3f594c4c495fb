"""reStructuredText by docutils, which locates the starts of its sections.

No directive of a file is run, so that none reads another file. Inline markup is not parsed either, since
titles are all that is looked for. The text of a section is as it is written, directives and comments too.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from typing import Any

from tieback_client.files.budget import Budget
from tieback_client.files.document import Parsed
from tieback_client.files.outline import Heading, LinePlaces, few_enough, sections_under, title_of
from tieback_client.files.packages import load
from tieback_client.files.texts.plain import read as read_plain

LONGEST = 4 << 20
"""Characters that are parsed."""
# docutils ends lines at these as well, and counts them.
_NO_NEWLINES = dict.fromkeys(map(ord, "\v\f\x1c\x1d\x1e\x85\u2028\u2029"), " ")


def read(text: str, begin: int = 0, body: int = 0) -> Parsed:
    """The sections of a text from `begin` on, with headings from `body` on.

    `TookTooLong` where it takes too long, `RecursionError` where it is nested too deeply.
    """
    lines = LinePlaces(text)
    body = max(begin, body)
    first = lines.number(body) - 1
    nodes = load("docutils.nodes", "reStructuredText")
    headings: list[Heading] = []
    for level, section in _sections(_tree(text[body:]), nodes.section, 1):
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
    title = title_of(kept, text[body : kept[0].begin])
    return Parsed(text, sections_under(kept, text, lines.locator, begin=begin), title, notes)


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
    inliner = states.Inliner()
    inliner.parse = lambda text, *_: ([nodes.Text(text)], [])  # leaves inline markup alone
    parser = rst.Parser(inliner=inliner)
    parser.state_classes = _state_classes()
    settings = load("docutils.frontend", "reStructuredText").get_default_settings(rst.Parser)
    settings.file_insertion_enabled = False
    settings.raw_enabled = False
    settings.line_length_limit = LONGEST + 1
    settings.report_level = settings.halt_level = 5
    settings.warning_stream = False
    document = load("docutils.utils", "reStructuredText").new_document("", settings)
    budget = Budget()
    note_source = document.note_source

    def in_time(source: Any, offset: Any) -> None:
        budget.check()
        note_source(source, offset)

    document.note_source = in_time  # docutils calls it at each line
    parser.parse(text.translate(_NO_NEWLINES), document)
    return document


@functools.cache
def _state_classes() -> tuple[type, ...]:
    """The states of docutils' parser, but for directives: their blocks are passed over, and none is run."""
    states = load("docutils.parsers.rst.states", "reStructuredText")

    def passed_over(state: Any, match: Any, **_: Any) -> tuple[list[Any], bool]:
        *_, blank_finish = state.state_machine.get_first_known_indented(match.end(), strip_top=0)
        return [], blank_finish

    explicit = copy.copy(states.Body.explicit)
    explicit.constructs = [
        (passed_over if method is states.Body.directive else method, pattern)
        for method, pattern in explicit.constructs
    ]
    classes: list[type] = []

    class Opaque:
        nested_sm_cache: list[Any] = []  # noqa: RUF012 - as docutils declares it; its own one has other states
        directive = passed_over

        def __init__(self, state_machine: Any, debug: bool = False) -> None:
            super().__init__(state_machine, debug)  # type: ignore[call-arg] # of a state of docutils
            self.nested_sm_kwargs = {"state_classes": tuple(classes), "initial_state": "Body"}

    classes += (type(one.__name__, (Opaque, one), {"explicit": explicit}) for one in states.state_classes)
    return tuple(classes)
