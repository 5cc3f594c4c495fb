"""What an answer is made of, event by event, and the answer as a whole."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from tieback_contract.arrays import Box
from tieback_contract.modality import Modality
from tieback_contract.recognition import Segment
from tieback_contract.reports import Timing

from tieback_client.answer_options import AnswerStyle as AnswerStyle
from tieback_client.answer_options import Grounding as Grounding
from tieback_client.answer_options import Repair as Repair
from tieback_client.answer_options import SamplingParameters as SamplingParameters
from tieback_client.conflicts import Conflict, ConflictingPlace, Disagreement
from tieback_client.conversation import ChatMessage as ChatMessage
from tieback_client.conversation import ChatRole as ChatRole
from tieback_client.conversation import Degraded as Degraded
from tieback_client.conversation import RewrittenQuestion as RewrittenQuestion
from tieback_client.decisions import Decision
from tieback_client.methods import MethodLike as MethodLike
from tieback_client.reports import CallInfo
from tieback_client.results import RetrievalResult
from tieback_client.token_scores import ScoredToken, TokenScores
from tieback_client.verdict_labels import NotCheckedReason as NotCheckedReason
from tieback_client.verdict_labels import QuestionFit as QuestionFit
from tieback_client.verdict_labels import VerdictLabel as VerdictLabel

if TYPE_CHECKING:
    from tieback_client.shown import ShownAnswer


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that an answer may rest on. A plain `str` does as well."""

    text: str
    """The passage."""
    id: str = ""
    """Names it in citations; empty for its ordinal."""
    title: str = ""
    """A heading for people."""
    item_id: str = ""
    """The item it comes from."""
    section_id: str = ""
    """The section within the item."""
    uri: str = ""
    """Where the original can be found."""
    modality: Modality = Modality.TEXT
    """Its modality."""
    score: float = 0.0
    """Its retrieval score."""
    region: Box | None = None
    """Where in the picture what was looked for is, of a picture that is known by its regions."""
    segments: Sequence[Segment] = ()
    """Of a picture or a sound: where parts of the text are in it, which citations of these parts have."""


class AbstentionReason(enum.StrEnum):
    """Why no answer is given."""

    NO_EVIDENCE = "no_evidence"
    """There was nothing to rest on."""
    WEAK_EVIDENCE = "weak_evidence"
    """What there was does not bear on the question."""
    UNSUPPORTED_ANSWER = "unsupported_answer"
    """An answer was written, and too little of it was supported."""
    NO_ANSWER = "no_answer"
    """None of what was written, or would be quoted, can be an answer to the question."""
    SEARCH_AGAIN = "search_again"
    """The passages are about the question and do not answer it; another search may."""
    NOT_NAMED = "not_named"
    """The question names something that no passage does; the message says what."""


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
class RetrievalEvent:
    """What was found. Citations name its hits ``"1"``, ``"2"``, … in order."""

    result: RetrievalResult
    """The hits, best first."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of the answer."""

    text: str
    """To be appended."""
    is_quoted: bool = False
    """True if it quotes a passage; the `Verdict` that follows tells if that is shown as the answer."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement within the text."""

    id: int
    """Counts from 1 within the answer."""
    span: tuple[int, int]
    """Its bytes in the UTF-8 of the text."""
    text: str
    """The statement."""


@dataclass(frozen=True, slots=True)
class Citation:
    """Ties a claim to a passage."""

    claim_id: int
    """The claim."""
    evidence_id: str
    """The passage."""
    item_id: str
    """The item it is in."""
    section_id: str
    """The section within the item."""
    span: tuple[int, int] | None
    """Bytes of the passage's text, where it is text."""
    support: float
    """How well the passage supports the claim, 0 to 1."""
    region: Box | None = None
    """The region of the picture: where the cited words are, or what was looked for."""
    time: tuple[float, float] | None = None
    """When the cited words are said in the sound: begin and end, in seconds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a check."""

    claim_id: int
    """The claim."""
    label: VerdictLabel
    """What was found."""
    score: float
    """How likely it is that the passages support the claim, 0 to 1, where the checker is calibrated; else the
    best passage's support by the checker's own scale."""
    checker: str
    """What checked."""
    reason: NotCheckedReason | None = None
    """Why the claim was not checked."""
    answers_question: QuestionFit | None = None
    """Whether it can be an answer to the question; None where nothing was asked or checked."""
    nearest: Citation | None = None
    """Of `UNSUPPORTED` and `LOW_CONFIDENCE`: the sentence that is nearest to the claim. It does not support
    the claim; None where no passage has one."""
    disagreement: Disagreement | None = None
    """In what the claim and the passages disagree; None where it is supported, or nothing was found."""
    marked: Sequence[tuple[int, int]] = ()
    """The words of the claim that the passages do not have or say otherwise, as bytes of the UTF-8 of the
    text that it is a claim of, in order."""
    compared: ConflictingPlace | None = None
    """The sentence that says the marked words otherwise or, of `OTHER_SOURCE`, that has them."""
    checker_revision: str = ""
    """The revision of what the checker has learned; of one that learns nothing, the server's release."""
    other_language: bool = False
    """True if question or claim are not in English, for which `answers_question` is less sure."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """A claim that is not in the answer because the passages do not support it; before what replaces it."""

    span: tuple[int, int]
    """What stands in its place, in bytes of the UTF-8 of the text; empty where nothing does."""
    text: str
    """As it was written, with the white space before it."""
    label: VerdictLabel
    """Its verdict: `UNSUPPORTED` or `CONTRADICTED`."""
    score: float
    """The verdict's score."""

    @property
    def is_dropped(self) -> bool:
        """Whether nothing stands in its place."""
        return self.span[0] == self.span[1]


@dataclass(frozen=True, slots=True)
class Abstention:
    """The decision not to answer."""

    reason: AbstentionReason
    """Why."""
    score: float
    """What was measured, 0 to 1."""
    threshold: float
    """What it had to reach."""
    message: str
    """The same in words, for people."""


@dataclass(frozen=True, slots=True)
class Twin:
    """What plain decoding writes for the same request. Its claims are not checked."""

    text: str
    """All of its text."""
    reason: FinishReason
    """Why it ended."""
    completion_tokens: int
    """Its tokens."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of an answer."""

    reason: FinishReason
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
    """Where the time went."""
    first_token: float
    """Seconds from the request's arrival to the first text."""
    style: AnswerStyle
    """How the answer was made: `QUOTE` or `WRITE`."""
    drafted_tokens: int = 0
    """Tokens that were drafted from the prompt and the answer."""
    accepted_tokens: int = 0
    """Of these, tokens that were written."""
    reused_tokens: int = 0
    """Tokens of the prompts that were read for an earlier answer, and not again."""
    evidence_transforms: Sequence[str] = ()
    """What the strategy drew to be done to the evidence of its other prompts: "drop", "shuffle", "mask", or
    "none" where the evidence is too short for it."""
    twin: Twin | None = None
    """What plain decoding writes, where `SamplingParameters.twin` asked for it and the model wrote."""
    soft_tokens: int = 0
    """Tokens of the prompt that stand for sentences of the evidence, by `Grounding.context`."""
    demonstration_tokens: int = 0
    """Tokens of the prompt that are virtual tokens of `Grounding.demonstrations`."""


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
"""What `generate` streams."""
AnswerEvent: TypeAlias = RetrievalEvent | GenerationEvent
"""What `answer` streams."""


@dataclass(slots=True)
class CheckedText:
    """A text whose claims are held against passages."""

    text: str = ""
    """The text so far."""
    claims: list[Claim] = field(default_factory=list)
    """The statements, in order."""
    citations: list[Citation] = field(default_factory=list)
    """What they rest on."""
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    """What the check of each claim found, by the claim's id."""
    conflicts: list[Conflict] = field(default_factory=list)
    """Passages that disagree about a claim."""

    @property
    def supported(self) -> bool:
        """Whether there is a claim, and a passage supports each claim that was checked."""
        checked = [one for one in self.verdicts.values() if one.label is not VerdictLabel.NOT_CHECKED]
        return bool(checked) and all(one.label is VerdictLabel.SUPPORTED for one in checked)

    @property
    def document(self) -> dict[str, Any]:
        """The text as JSON, in the form of docs/checked-text.md, which every door gives."""
        from tieback_client.checked_text.document import document  # it reads checked texts

        return document(self)

    def citations_of(self, claim: Claim) -> Sequence[Citation]:
        """The citations of one claim, best support first."""
        own = [one for one in self.citations if one.claim_id == claim.id]
        return sorted(own, key=lambda one: -one.support)


@dataclass(slots=True)
class Answer(CheckedText):
    """An answer put together from its events; complete once `finish` is there."""

    abstention: Abstention | None = None
    """The decision not to answer, where it was taken."""
    decision: Decision | None = None
    """What was decided before anything was written, where `Grounding.decision` asked for it."""
    rewritten: str = ""
    """The question as it was searched for and answered, where the history changed it."""
    degraded: Degraded | None = None
    """Why the answer is quoted, where a model was to write it and its endpoint does not answer."""
    retrieval: RetrievalResult | None = None
    """What was found; None for `generate`."""
    repaired: list[Repaired] = field(default_factory=list)
    """The claims that were left out or written again, in order, where that was asked for."""
    tokens: list[ScoredToken] = field(default_factory=list)
    """The tokens with their log-probabilities, where these were asked for."""
    finish: Finish | None = None
    """The end."""
    question: str = ""
    """The words of what was asked."""
    is_quoted: bool = False
    """True if its text quotes passages, and no model wrote it."""
    call: CallInfo = field(default_factory=CallInfo)
    """How the call went."""

    @property
    def is_complete(self) -> bool:
        """Whether its end was read. Where a stream breaks off, what came before is here and this is False."""
        return self.finish is not None

    @property
    def shown(self) -> ShownAnswer:
        """Text that people are told of it at every door: the text with its marks, the level, the passages."""
        from tieback_client.shown.answers import shown  # it reads answers

        return shown(self)

    @property
    def unrepaired_text(self) -> str:
        """What the model wrote: the text with the claims that are not in it."""
        text, written, at = self.text.encode(), "", 0
        for begin, end, one in [
            *((*one.span, one.text) for one in self.repaired),
            (len(text), len(text), ""),
        ]:
            shown = text[at:begin].decode()
            # White space before the first sentence that is shown was left out.
            written += f" {shown}" if shown and written and not at else shown
            written += one
            at = end
        return written

    def add(self, event: AnswerEvent) -> None:
        """Takes in the next event."""
        match event:
            case TextDelta():
                self.text += event.text
                self.is_quoted |= event.is_quoted
            case TokenScores():
                self.tokens += event.tokens
            case Claim():
                self.claims.append(event)
            case Citation():
                self.citations.append(event)
            case Verdict():
                self.verdicts[event.claim_id] = event
            case Repaired():
                self.repaired.append(event)
            case Conflict():
                self.conflicts.append(event)
            case Decision():
                self.decision = event
            case RewrittenQuestion():
                self.rewritten = event.text
            case Degraded():
                self.degraded = event
            case Abstention():
                self.abstention = event
            case RetrievalEvent():
                self.retrieval = event.result
            case Finish():
                self.finish = event


Weights: TypeAlias = Mapping[str, float] | MethodLike
"""Weights per space, or a method of the family "routing": ``"uniform"``, ``("top_k", {"k": 1})``."""
