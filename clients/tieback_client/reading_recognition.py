"""From messages of the contract to what was recognised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tieback_client.reading import locator, span
from tieback_client.recognition import RecognisedText, Segment


def recognised(message: Any) -> RecognisedText:
    """A text with its segments."""
    return RecognisedText(message.text, segments(message.segments), message.model)


def segments(messages: Iterable[Any]) -> list[Segment]:
    """Parts of a text with their places."""
    return [Segment(span(one.span), locator(one.place), one.score) for one in messages]
