"""From messages of the contract to the events of an answer."""

from __future__ import annotations

from typing import Any

from tieback_contract.tensors import read_box as box
from tieback_contract.tensors import read_span as span

from tieback_client import conflicts, decisions, events, token_scores
from tieback_client.reading import MICROSECONDS, timing, value_of
from tieback_client.reading_hits import retrieval
from tieback_client.reports import CallInfo

# In the order of the contract's enums, whose zero is "not given".
_VERDICTS = (events.VerdictLabel.NOT_CHECKED, *events.VerdictLabel)
_NOT_CHECKED = (None, *events.NotCheckedReason)
_ABSTENTIONS = (events.AbstentionReason.NO_EVIDENCE, *events.AbstentionReason)
_FINISHES = (events.FinishReason.END, *events.FinishReason)
_DISAGREEMENTS = (None, *conflicts.Disagreement)
_CONFLICTS = (None, *conflicts.ConflictKind)
_ACTIONS = (decisions.AnswerAction.ABSTAIN, *decisions.AnswerAction)
_FITS = (None, *events.QuestionFit)
_STYLES = (events.AnswerStyle.WRITE, *events.AnswerStyle)


def answer_event(message: Any, info: CallInfo) -> events.AnswerEvent | None:
    """An event of an answer; None for a kind that this version does not know."""
    match message.WhichOneof("event"):
        case "retrieval":
            return events.RetrievalEvent(retrieval(message.retrieval, info))
        case "generation":
            return generation_event(message.generation, info)
        case _:
            return None


def generation_event(message: Any, _info: CallInfo) -> events.GenerationEvent | None:
    """An event of the generator; None for a kind that this version does not know."""
    kind = message.WhichOneof("event")
    one: Any = getattr(message, kind) if kind else None
    match kind:
        case "text":
            return events.TextDelta(one.text, one.is_quoted)
        case "token_scores":
            return token_scores.TokenScores([_scored(token) for token in one.tokens])
        case "claim":
            return claim(one)
        case "citation":
            return citation(one)
        case "verdict":
            return verdict(one)
        case "repaired":
            label = value_of(_VERDICTS, one.label, events.VerdictLabel.UNSUPPORTED)
            return events.Repaired(span(one.span), one.text, label, one.score)
        case "conflict":
            return conflict(one)
        case "decision":
            return _decision(one)
        case "degraded":
            return events.Degraded(one.reason, one.message, one.model)
        case "rewritten":
            return events.RewrittenQuestion(one.text)
        case "abstention":
            reason = value_of(_ABSTENTIONS, one.reason, events.AbstentionReason.NO_EVIDENCE)
            return events.Abstention(reason, one.score, one.threshold, one.message)
        case "finish":
            return _finish(one)
        case _:
            return None


def _decision(one: Any) -> decisions.Decision:
    default = decisions.AnswerAction.ABSTAIN
    return decisions.Decision(
        value_of(_ACTIONS, one.action, default),
        {value_of(_ACTIONS, each.action, default): each.probability for each in one.probabilities},
        one.method,
        one.evidence_id,
        one.item_id,
        one.section_id,
    )


def _scored(token: Any) -> token_scores.ScoredToken:
    scores = [
        token_scores.TokenScore(one.id, one.text, one.log_probability)
        for one in (token.chosen, *token.alternatives)
    ]
    return token_scores.ScoredToken(scores[0], scores[1:])


def _finish(one: Any) -> events.Finish:
    return events.Finish(
        reason=value_of(_FINISHES, one.reason, events.FinishReason.END),
        model=one.model,
        prompt_tokens=one.prompt_tokens,
        completion_tokens=one.completion_tokens,
        changed_tokens=one.changed_tokens if one.HasField("changed_tokens") else None,
        timing=timing(one.timing),
        first_token=one.first_token_us / MICROSECONDS,
        style=value_of(_STYLES, one.style, events.AnswerStyle.WRITE),
        drafted_tokens=one.drafted_tokens,
        accepted_tokens=one.accepted_tokens,
        reused_tokens=one.reused_tokens,
        evidence_transforms=list(one.evidence_transforms),
        twin=_twin(one.twin) if one.HasField("twin") else None,
        soft_tokens=one.soft_tokens,
        demonstration_tokens=one.demonstration_tokens,
    )


def _twin(one: Any) -> events.Twin:
    reason = value_of(_FINISHES, one.reason, events.FinishReason.END)
    return events.Twin(one.text, reason, one.completion_tokens)


def claim(one: Any) -> events.Claim:
    """A statement within a text."""
    return events.Claim(one.id, span(one.span), one.text)


def verdict(one: Any) -> events.Verdict:
    """The outcome of a check."""
    label = value_of(_VERDICTS, one.label, events.VerdictLabel.NOT_CHECKED)
    reason = value_of(_NOT_CHECKED, one.reason, None)
    fit = value_of(_FITS, one.answers_question, None)
    return events.Verdict(
        one.claim_id,
        label,
        one.score,
        one.checker,
        reason,
        fit,
        nearest=citation(one.nearest) if one.HasField("nearest") else None,
        disagreement=value_of(_DISAGREEMENTS, one.disagreement, None),
        marked=[span(marked) for marked in one.marked],
        compared=_conflicting(one.compared) if one.HasField("compared") else None,
        checker_revision=one.checker_revision,
        other_language=one.other_language,
    )


def conflict(one: Any) -> conflicts.Conflict | None:
    """Passages that disagree; None of a kind that this version does not know."""
    kind = value_of(_CONFLICTS, one.kind, None)
    if kind is None:
        return None
    return conflicts.Conflict(one.claim_id, kind, _conflicting(one.cited), _conflicting(one.other))


def _conflicting(one: Any) -> conflicts.ConflictingPlace:
    place = one.place
    return conflicts.ConflictingPlace(
        one.evidence_id,
        place.item_id,
        place.section_id,
        span(place.text_span),
        span(one.differs) if one.HasField("differs") else None,
        one.text,
    )


def citation(one: Any) -> events.Citation:
    """What a claim rests on."""
    place = one.place
    return events.Citation(
        claim_id=one.claim_id,
        evidence_id=one.evidence_id,
        item_id=place.item_id,
        section_id=place.section_id,
        span=span(place.text_span) if place.HasField("text_span") else None,
        support=one.support,
        region=box(place.region) if place.HasField("region") else None,
        time=(place.time.begin_seconds, place.time.end_seconds) if place.HasField("time") else None,
    )
