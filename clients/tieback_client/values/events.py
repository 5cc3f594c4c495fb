"""What an answer is made of, event by event, and the answer as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from tieback_contract.answers import (
    Abstention,
    Decision,
    Finish,
    GenerationEvent,
    ScoredToken,
    TextDelta,
    TokenScores,
)
from tieback_contract.answers import AnswerStyle as AnswerStyle
from tieback_contract.answers import Degraded as Degraded
from tieback_contract.answers import Repair as Repair
from tieback_contract.answers import RewrittenQuestion as RewrittenQuestion
from tieback_contract.claims import Citation, Claim, Conflict, Repaired, Verdict
from tieback_contract.claims import NotCheckedReason as NotCheckedReason
from tieback_contract.claims import QuestionFit as QuestionFit
from tieback_contract.claims import VerdictLabel as VerdictLabel
from tieback_contract.generation import Evidence
from tieback_contract.method_choice import MethodLike as MethodLike
from tieback_contract.reports import Timing

from tieback_client.reports import CallInfo
from tieback_client.values.batch import Batch
from tieback_client.values.results import RetrievalResult

if TYPE_CHECKING:
    from tieback_client.shown import ShownAnswer, ShownChecked


@dataclass(frozen=True, slots=True)
class RetrievalEvent:
    """Hits that were found. Citations name its hits ``"1"``, ``"2"``, … in order."""

    result: RetrievalResult
    """The hits, best first."""


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
        """The text as JSON, in the form of docs/grounding.md#checked-texts, which every door gives."""
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


UNDECIDED = frozenset({VerdictLabel.NOT_CHECKED, VerdictLabel.LOW_CONFIDENCE})
"""Labels that do not decide whether a claim is supported."""


def supported_share(verdicts: Iterable[Verdict]) -> float | None:
    """The supported part of the claims that were decided, 0 to 1; None where none was."""
    labels = [one.label for one in verdicts if one.label not in UNDECIDED]
    return labels.count(VerdictLabel.SUPPORTED) / len(labels) if labels else None


@dataclass(frozen=True, slots=True)
class Check:
    """A text to check, and what it has to rest on."""

    text: str
    """The text."""
    evidence: Sequence[str | Evidence] = ()
    """The passages; with none, the claims are found and not checked."""
    claims: Sequence[tuple[int, int]] = ()
    """The claims, as bytes of the UTF-8 of the text; empty: each sentence is one."""
    question: str = ""
    """The question that it answers: verdicts then say whether each claim can be an answer."""


@dataclass(slots=True)
class Checked(CheckedText):
    """A text that was checked."""

    evidence: Sequence[Evidence] = ()
    """The passages, by whose ids citations name them."""
    supported_share: float | None = None
    """The supported part of the claims that were checked, 0 to 1; None where none was."""
    timing: Timing = field(default_factory=Timing)
    """Where the time went, of the call that checked."""
    call: CallInfo = field(default_factory=CallInfo)
    """How that call went."""

    @property
    def shown(self) -> ShownChecked:
        """Text that people are told of it at every door: claims with their marks, the passages to read."""
        from tieback_client.shown.checked import shown  # it reads checked texts

        return shown(self)


@dataclass(frozen=True, slots=True)
class Checks(Batch[Checked]):
    """The outcome of `check_all`: one per check."""
