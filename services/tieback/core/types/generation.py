"""Requests for grounded answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tieback_contract.answers import AnswerStyle
from tieback_contract.conversation import ChatMessage
from tieback_contract.generation import Evidence, Grounding, SamplingParameters

from tieback.core.types.conversation import Conversation


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """A prompt, what its answer may rest on, and how it is written."""

    prompt: str
    evidence: Sequence[Evidence] = ()
    model: str = ""
    sampling: SamplingParameters = field(default_factory=SamplingParameters)
    grounding: Grounding = field(default_factory=Grounding)
    style: AnswerStyle = AnswerStyle.AUTO
    history: Sequence[ChatMessage] = ()
    system: str = ""

    @property
    def conversation(self) -> Conversation:
        """The earlier messages, and what is asked of the model in general."""
        return Conversation(self.history, self.system)
