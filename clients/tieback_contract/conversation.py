"""A conversation around a question: earlier messages, the question as rewritten, and what was away."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ChatRole(enum.StrEnum):
    """Whose a message is."""

    USER = "user"
    """Of whoever asks."""
    ASSISTANT = "assistant"
    """An earlier answer."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """An earlier message of a conversation."""

    role: ChatRole
    """Whose it is."""
    text: str
    """The text that was said."""
