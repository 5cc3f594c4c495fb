"""No text takes the command line longer than in proportion to its length."""

from __future__ import annotations

from support.adversarial import seconds
from tieback_client.cli.query.search import snippet


def test_a_snippet_of_a_long_text_that_is_one_word_over_and_over_is_found_at_once() -> None:
    text = "tides " * 40_000

    assert seconds(lambda: snippet(text, ("tides",), width=80)) < 2.0
