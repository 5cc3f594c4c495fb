import pytest
from tieback_client.cli import front_matter


def test_facts_are_read_and_the_lines_of_the_text_keep_their_numbers() -> None:
    text = '---\ntitle: "A: b"\nyear: 1922\ndraft: false\nsub-title: x\n---\n# Heading\nwords'

    facts, rest = front_matter.read(text)

    assert facts == {"title": "A: b", "year": 1922.0, "draft": False, "sub_title": "x"}
    assert rest.splitlines().index("# Heading") == text.splitlines().index("# Heading")
    assert rest.strip() == "# Heading\nwords"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Heading\n---\nkey: value\n---\n",
        "---\nkey: value\nno end",
        "---\nA sentence between rules.\n---\nmore",
        "---\nlist:\n  - one\n---\nmore",
    ],
)
def test_a_text_without_facts_is_left_as_it_is(text: str) -> None:
    assert front_matter.read(text) == ({}, text)
