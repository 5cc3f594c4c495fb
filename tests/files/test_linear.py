"""No file takes long: what a parser is slow on is bounded, and then read as plain text with a note."""

from __future__ import annotations

import itertools

import pytest
from support.adversarial import SHAPES, seconds, text_of
from support.each import each
from tieback_client.files import NotText, read_document
from tieback_client.files.budget import SECONDS

LENGTH = 1 << 16
MORE = {
    "brackets": "[",
    "quotes": ">",
    "quotes with spaces": "> ",
    "lists": "- ",
    "tables": "|a|\n|-|\n",
    "definitions": "[a]: b\n",
    "titles": "a\n-\n",
    "fields": ":a: x\n",
    "grid tables": "+---+---+\n| a | b |\n",
    "simple tables": "==== ====\na    b\n",
    "directives": ".. note:: x\n\n",
    "substitutions": ".. |a| replace:: |a|\n",
    "option lists": "-a  x\n",
    "open tags": "<a ",
    "open values": '<a b="',
    "open comments": "<!-- a",
    "sections of SGML": "<![",
    "divisions": "<div>",
    "headings": "<h1>a",
    "emphases": "*a_ ",
    "NUL": "a\0",
}


NAMES = ["a.md", "a.txt", "a.rst", "a.html", "a"]


def check_is_read_within_bounds(shape: str, name: str) -> None:
    unit = MORE.get(shape)
    text = text_of(shape, LENGTH) if unit is None else unit * (LENGTH // len(unit))

    def read() -> None:
        try:
            document = read_document(text.encode(), name)
        except NotText:
            assert shape in ("NUL", "control characters")
        else:
            assert document.sections or document.notes

    assert seconds(read) < SECONDS + 5


@each("shape, name", zip(MORE, itertools.cycle(NAMES)))
def test_a_text_is_read_within_bounds_whatever_it_repeats(shape: str, name: str) -> None:
    check_is_read_within_bounds(shape, name)


@pytest.mark.all
@pytest.mark.parametrize("shape", [*SHAPES, *MORE])
def test_every_format_is_read_within_bounds_whatever_it_repeats(shape: str) -> None:
    for name in NAMES:
        check_is_read_within_bounds(shape, name)


@each("line", ["# a{}b", "#{}", "# a{}", "# {}b"])
def test_a_heading_full_of_spaces_is_read_at_once(line: str) -> None:
    text = line.format(" " * 20_000).encode()

    assert seconds(lambda: read_document(text, "a.md")) < 0.5


def test_a_headings_closing_signs_are_no_part_of_its_title() -> None:
    titles = [one.heading for one in read_document(b"# One ##\nx\n# C#\nx\n## #\nx\n", "a.md").sections]

    assert titles == ["One", "C#"]


@each("line", ["a:{}\N{NO-BREAK SPACE}", "a: x{}\N{NO-BREAK SPACE}", "a: x{}", "a{}"])
def test_facts_full_of_spaces_are_read_at_once(line: str) -> None:
    text = f"---\n{line.format(' ' * 20_000)}\n---\nrest".encode()

    assert seconds(lambda: read_document(text, "a.md")) < 0.5
