"""Requests for grounded answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tieback_contract.answers import AnswerStyle
from tieback_contract.arrays import Span
from tieback_contract.claims import Citation, Claim, Conflict, Verdict
from tieback_contract.generation import (
    ChatMessage,
    Evidence,
    Grounding,
    SamplingParameters,
)
from tieback_contract.method_choice import MethodChoice
from tieback_contract.reports import Timing
from tieback_contract.shapes import alone

from tieback.core.errors import TiebackError

MOST_TURNS, TURN_BYTES = 64, 1 << 16
"""Earlier messages that a request may have, and bytes of one."""


@dataclass(frozen=True, slots=True)
class GroundingCheck:
    """A text to check by passages; `claims` are bytes of its UTF-8, without any its sentences.

    `question` is what the text answers; empty where nothing was asked.
    """

    text: str
    evidence: Sequence[Evidence]
    claims: Sequence[Span] = ()
    question: str = ""


@dataclass(frozen=True, slots=True)
class CheckGroundingRequest:
    """Texts to check; `checker` is a method of the family "grounding", None for the server's default."""

    checks: Sequence[GroundingCheck] = field(metadata=alone())
    checker: MethodChoice | None = None


@dataclass(frozen=True, slots=True)
class CheckedClaims:
    """The claims of a text in order, each with one verdict, and what they rest on, best first by claim.

    `supported_share` is the supported part of the claims with a verdict, which neither those have that were
    not checked nor those of low confidence; None where none has one. `conflicts` are passages that disagree.
    """

    claims: Sequence[Claim]
    citations: Sequence[Citation]
    verdicts: Sequence[Verdict]
    supported_share: float | None
    conflicts: Sequence[Conflict] = ()


@dataclass(frozen=True, slots=True)
class CheckReply:
    """A result for each check, in order; a bad one has an error."""

    results: Sequence[CheckedClaims | TiebackError]
    timing: Timing


@dataclass(frozen=True, slots=True)
class Conversation:
    """Earlier messages, the oldest first, and the caller's instruction to the model; empty for none."""

    history: Sequence[ChatMessage] = ()
    system: str = ""


NO_CONVERSATION = Conversation()


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
