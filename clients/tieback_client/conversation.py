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


@dataclass(frozen=True, slots=True)
class RewrittenQuestion:
    """The question as it is searched for and answered, so that it is understood without the history."""

    text: str
    """The whole question."""


@dataclass(frozen=True, slots=True)
class Degraded:
    """The answer is not made as it would be, because what makes it does not answer."""

    reason: str
    """Why, in one word: ``"ENDPOINT_UNAVAILABLE"``, or ``"ENDPOINT_MISCONFIGURED"``."""
    message: str
    """A sentence for people that says what is away, and what is done instead."""
    model: str
    """The model that would have written."""
