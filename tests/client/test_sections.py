"""A text becomes sections that can be cited."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tieback_client.cli.sections import SIZE, split


def parts(name: str, text: str) -> list[tuple[str, str, str]]:
    _, sections = split(Path(name), text, uri=name)
    return [(one.id, one.title, str(one.content)) for one in sections]


def test_headings_number_sections_as_in_a_book() -> None:
    text = "Before.\n\n# One\n\na\n\n## Two\n\nb\n\n## Three\n\nc\n\n# Four\n\nd\n"

    assert [one[:2] for one in parts("a.md", text)] == [
        ("0-1", "One"),
        ("1", "One"),
        ("1.1", "Two"),
        ("1.2", "Three"),
        ("2", "Four"),
    ]


def test_underlined_headings_count_in_the_order_of_their_lines() -> None:
    text = "Title\n=====\n\na\n\nPart\n----\n\nb\n"

    assert [one[:2] for one in parts("a.rst", text)] == [("1", "Title"), ("1.1", "Part")]


def test_a_hash_within_a_code_fence_is_no_heading() -> None:
    text = "# One\n\n```\n# not a heading\n```\n"

    assert parts("a.md", text) == [("1", "One", "```\n# not a heading\n```")]


def test_a_level_that_is_passed_over_counts_as_its_first() -> None:
    assert [one[0] for one in parts("a.md", "# One\n\na\n\n### Three\n\nb\n")] == ["1", "1.1.1"]


def test_a_plain_text_is_numbered_and_titled_by_its_lines() -> None:
    text = "\n\n".join(["word " * 60] * 4)

    found = parts("a.txt", text)

    assert [one[0] for one in found] == ["1", "2"]
    assert found[0][1] == "lines 1–3"
    assert found[1][1] == "lines 5–7"


def test_a_long_section_goes_on_under_its_number() -> None:
    text = "# One\n\n" + "\n\n".join(["word " * 100] * 2)

    assert [one[0] for one in parts("a.md", text)] == ["1", "1-2"]


@given(st.text(alphabet=st.sampled_from("ab #=-`.\n"), max_size=3000))
def test_no_section_is_empty_or_much_too_long_and_no_word_is_lost(text: str) -> None:
    found = parts("a.txt", text)

    assert all(0 < len(content) <= SIZE * 1.1 for _, _, content in found)
    assert "".join("".join(content.split()) for _, _, content in found) == "".join(text.split())
    assert len({name for name, _, _ in found}) == len(found)


@given(st.text(alphabet=st.sampled_from("ab #=-`.\n"), max_size=1500))
def test_sections_of_a_marked_text_have_names_of_their_own(text: str) -> None:
    found = parts("a.md", text)

    assert len({name for name, _, _ in found}) == len(found)
