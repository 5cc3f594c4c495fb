"""Messages before a question, and what is asked of the model in general."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

MOST_TURNS, TURN_BYTES = 64, 1 << 16
"""Earlier messages that a request may have, and bytes of one."""


class Speaker(enum.StrEnum):
    """Whose a message is."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier message."""

    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Earlier messages, the oldest first, and the caller's instruction to the model; empty for none."""

    history: Sequence[Turn] = ()
    system: str = ""


NO_CONVERSATION = Conversation()
