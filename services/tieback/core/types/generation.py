"""Requests for grounded answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tieback_contract.answers import AnswerStyle
from tieback_contract.generation import Evidence, Grounding, SamplingParameters

from tieback.core.types.conversation import NO_CONVERSATION, Conversation


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """A prompt, what its answer may rest on, and how it is written."""

    prompt: str
    evidence: Sequence[Evidence] = ()
    model: str = ""
    sampling: SamplingParameters = field(default_factory=SamplingParameters)
    grounding: Grounding = field(default_factory=Grounding)
    style: AnswerStyle = AnswerStyle.AUTO
    conversation: Conversation = NO_CONVERSATION
