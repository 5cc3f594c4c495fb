"""Pages as common generators make them: their words are kept, and their navigation is left out."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from tieback_client.files import read_document
from tieback_client.files.outline import BETWEEN

PAGES = Path(__file__).with_name("pages")
LEAST = 0.97
WORD = re.compile(r"\w+")


def counted(text: str) -> Counter[str]:
    return Counter(WORD.findall(text.lower()))


@pytest.mark.parametrize("name", sorted(one.stem for one in PAGES.glob("*.html")))
def test_the_words_of_a_generated_page_are_kept_without_its_navigation(name: str) -> None:
    document = read_document(PAGES / f"{name}.html")
    headings = {part for one in document.sections for part in one.heading.split(BETWEEN)}
    kept = counted(" ".join([document.title, *headings, *(one.text for one in document.sections)]))
    wanted = counted((PAGES / "text.txt").read_text())

    assert (wanted & kept).total() / wanted.total() >= LEAST
    assert "zeppelin" not in kept  # another page, to which the navigation leads
    assert not document.is_thin
    assert document.kept is not None
    assert document.kept > 0.5
