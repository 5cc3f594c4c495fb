"""No text takes the command line longer than in proportion to its length."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.adversarial import SHAPES, seconds, text_of
from tieback_client.cli import front_matter
from tieback_client.cli.search import snippet
from tieback_client.cli.sections import split

MEGABYTE = 1 << 20


@pytest.mark.parametrize("name", ["a.md", "a.txt"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_megabyte_is_cut_into_sections_in_seconds(shape: str, name: str) -> None:
    text = text_of(shape, MEGABYTE)

    assert seconds(lambda: split(Path(name), text, uri=name)) < 8.0


@pytest.mark.parametrize("line", ["# a{}b", "#{}", "# a{}", "# {}b"])
def test_a_heading_full_of_spaces_is_read_at_once(line: str) -> None:
    text = line.format(" " * 20_000)

    assert seconds(lambda: split(Path("a.md"), text, uri="a")) < 0.5


def test_a_headings_closing_signs_are_no_part_of_its_title() -> None:
    titles = [one.title for one in split(Path("a.md"), "# One ##\nx\n# C#\nx\n# #\nx\n", uri="a")[1]]

    assert titles == ["One", "C", "#"]


@pytest.mark.parametrize("line", ["a:{}\N{NO-BREAK SPACE}", "a: x{}\N{NO-BREAK SPACE}", "a: x{}", "a{}"])
def test_facts_full_of_spaces_are_read_at_once(line: str) -> None:
    text = f"---\n{line.format(' ' * 20_000)}\n---\nrest"

    assert seconds(lambda: front_matter.read(text)) < 0.5


def test_a_snippet_of_a_long_text_that_is_one_word_over_and_over_is_found_at_once() -> None:
    text = "tides " * 40_000

    assert seconds(lambda: snippet(text, ("tides",), width=80)) < 2.0
