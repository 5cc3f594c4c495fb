"""What a text may be."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.core.errors import InvalidInput
from tieback.core.types import Content, Limits, Modality, SpaceRef, Vector
from tieback.models.content import read_text
from tieback.models.tokenization import byte_spans


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        ("a\0b", "BAD_TEXT", "NUL at character 1"),
        ("ab\ud800", "BAD_TEXT", r"lone surrogate \(U\+D800\) at character 2"),
        ("x" * (10 * 1024 * 1024), "TEXT_TOO_LARGE", "1048576 bytes"),
        ("é" * (600 * 1024), "TEXT_TOO_LARGE", "1048576 bytes"),
        ("", "EMPTY_TEXT", "empty"),
        (" \n\t", "EMPTY_TEXT", "empty"),
    ],
    ids=["nul", "surrogate", "ten megabytes", "bytes and not characters", "empty", "blank"],
)
def test_a_text_that_cannot_be_carried_is_refused(text: str, reason: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        read_text(Content(Modality.TEXT, text), Limits())

    assert caught.value.field == "text"
    assert caught.value.reason == reason


def test_a_limit_of_0_is_no_limit() -> None:
    text = "x" * 2_000_000

    assert read_text(Content(Modality.TEXT, text), Limits(text_bytes=0)) == text


def test_a_vector_is_no_text() -> None:
    vector = Vector(SpaceRef("space", "1", "2"), np.ones(3, np.float32))

    with pytest.raises(InvalidInput, match="was given precomputed vector"):
        read_text(Content(None, vector), Limits())


@pytest.mark.parametrize("text", ["plain", "naïve", "東京", "🦉🦉", "a🦉é東"])
def test_ranges_of_characters_become_ranges_of_bytes(text: str) -> None:
    offsets = np.array([(place, place + 1) for place in range(len(text))])

    spans = byte_spans(text, offsets)

    assert "".join(text.encode()[begin:end].decode() for begin, end in spans) == text
