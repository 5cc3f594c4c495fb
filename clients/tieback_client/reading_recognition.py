"""From messages of the contract to what was recognised."""

from __future__ import annotations

from typing import Any

from tieback_client.reading import segments
from tieback_client.recognition import RecognisedText


def recognised(message: Any) -> RecognisedText:
    """A text with its segments."""
    return RecognisedText(message.text, segments(message.segments), list(message.models))
