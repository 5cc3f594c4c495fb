"""The events of an answer."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tieback_contract.claims import Citation, Claim, Conflict, Repaired, Verdict
from tieback_contract.reports import Timing
from tieback_contract.shapes import read_as


class AnswerStyle(enum.StrEnum):
    """Way in which an answer is made of the evidence."""

    AUTO = "auto"
    """The better one for the served model."""
    QUOTE = "quote"
    """The best sentences of the evidence, word for word."""
    WRITE = "write"
    """A language model writes."""


class Repair(enum.StrEnum):
    """Treatment of a written claim that the passages do not support."""

    NONE = "none"
    """It is sent as it was written, with its verdict."""
    DROP = "drop"
    """It is left out."""
    REWRITE = "rewrite"
    """The model writes it again, from the nearest sentences; it is left out where that fails."""


class AbstentionReason(enum.StrEnum):
    """Why no answer is given."""

    NO_EVIDENCE = "no_evidence"
    """There was nothing to rest on."""
    WEAK_EVIDENCE = "weak_evidence"
    """Evidence that does not bear on the question."""
    UNSUPPORTED_ANSWER = "unsupported_answer"
    """An answer was written, and too little of it was supported."""
    NO_ANSWER = "no_answer"
    """None of what was written, or would be quoted, can be an answer to the question."""
    SEARCH_AGAIN = "search_again"
    """The passages are about the question and do not answer it; another search may."""
    NOT_NAMED = "not_named"
    """The question names something that no passage does; the message says what."""


class AnswerAction(enum.StrEnum):
    """Action for a question, by what was found for it."""

    ANSWER = "answer"
    """It is answered from the passages."""
    ITEM = "item"
    """The item itself is what is asked for; nothing is written."""
    SEARCH = "search"
    """The passages are about it and do not answer it; another search may."""
    ABSTAIN = "abstain"
    """Nothing that was found bears on it."""


class FinishReason(enum.StrEnum):
    """Why the text ended."""

    END = "end"
    """The model was done."""
    LENGTH = "length"
    """The limit of tokens was reached."""
    STOP = "stop"
    """A stop text was reached."""
    ABSTAINED = "abstained"
    """The server abstained."""
    ITEM = "item"
    """The item itself was asked for: `Answer.decision` names it."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of the answer."""

    text: str
    """To be appended."""
    is_quoted: bool = False
    """True if it quotes a passage; the `Verdict` that follows tells if that is shown as the answer."""


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A token and how probable it was."""

    id: int
    """Its number in the model's vocabulary; 0 where the model is an endpoint."""
    text: str
    """Its text; bytes that are no whole character are shown as U+FFFD."""
    log_probability: float
    """Its natural log-probability, before penalties, temperature and grammar; at least -1000."""


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """A token that was written."""

    chosen: TokenScore
    """Choice that was made."""
    alternatives: Sequence[TokenScore] = ()
    """The most probable tokens in its place, best first; the chosen one may be among them."""


@dataclass(frozen=True, slots=True)
class TokenScores:
    """The scores of tokens, where they were asked for; before the text that the tokens complete."""

    tokens: Sequence[ScoredToken]
    """In the order in which they were written."""


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


@dataclass(frozen=True, slots=True)
class Decision:
    """The likeliest action, and how likely each is."""

    action: AnswerAction = field(metadata=read_as(AnswerAction.ABSTAIN))
    """Action that is taken."""
    probabilities: Mapping[AnswerAction, float]
    """Of each action; they add up to 1."""
    method: str
    """The method of the family "answer_decision" that decided."""
    evidence_id: str = ""
    """The passage that is nearest to the question: the item that is asked for, where that is the action."""
    item_id: str = ""
    """The item it is in."""
    section_id: str = ""
    """The section within the item."""


@dataclass(frozen=True, slots=True)
class Abstention:
    """The decision not to answer."""

    reason: AbstentionReason = field(metadata=read_as(AbstentionReason.NO_EVIDENCE))
    """Why."""
    score: float
    """Measured value, 0 to 1."""
    threshold: float
    """Value that it had to reach."""
    message: str
    """The same in words, for people."""


@dataclass(frozen=True, slots=True)
class Twin:
    """Text of plain decoding for the same request. Its claims are not checked."""

    text: str
    """All of its text."""
    reason: FinishReason = field(metadata=read_as(FinishReason.END))
    """Why it ended."""
    completion_tokens: int
    """Its tokens."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of an answer."""

    reason: FinishReason = field(metadata=read_as(FinishReason.END))
    """Why it ended."""
    model: str
    """The model that wrote it; empty where none did."""
    prompt_tokens: int
    """Tokens read, evidence and instructions included."""
    completion_tokens: int
    """Tokens written."""
    changed_tokens: int | None
    """Tokens that differ from plain decoding; None if the strategy does not read plain decoding."""
    timing: Timing
    """Time by stage."""
    first_token: float
    """Seconds from the request's arrival to the first text."""
    style: AnswerStyle = AnswerStyle.WRITE
    """Style of the answer: `QUOTE` or `WRITE`."""
    drafted_tokens: int = 0
    """Tokens that were drafted from the prompt and the answer."""
    accepted_tokens: int = 0
    """Of these, tokens that were written."""
    reused_tokens: int = 0
    """Tokens of the prompts that were read for an earlier answer, and not again."""
    evidence_transforms: Sequence[str] = ()
    """Changes that the strategy drew for the evidence of its other prompts: "drop", "shuffle", "mask", or
    "none" where the evidence is too short for it."""
    twin: Twin | None = None
    """Text of plain decoding, where `SamplingParameters.twin` asked for it and the model wrote."""
    soft_tokens: int = 0
    """Tokens of the prompt that are soft tokens of `Grounding.soft_prompt`."""


GenerationEvent: TypeAlias = (
    TextDelta
    | TokenScores
    | Claim
    | Citation
    | Verdict
    | Conflict
    | Repaired
    | Decision
    | Degraded
    | RewrittenQuestion
    | Abstention
    | Finish
)
"""Events that `generate` streams."""
