"""Messages before a question, and what is asked of the model in general."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieback_contract.conversation import ChatMessage

MOST_TURNS, TURN_BYTES = 64, 1 << 16
"""Earlier messages that a request may have, and bytes of one."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Earlier messages, the oldest first, and the caller's instruction to the model; empty for none."""

    history: Sequence[ChatMessage] = ()
    system: str = ""


NO_CONVERSATION = Conversation()
