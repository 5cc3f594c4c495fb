"""Evidence, grounding and the events of an answer."""

from __future__ import annotations

from tieback.core.errors import InvalidInput
from tieback.core.field_path import FieldPath, at
from tieback.core.types.content import Modality
from tieback.core.types.conversation import RewrittenQuestion
from tieback.core.types.generation import (
    Abstention,
    AbstentionReason,
    AnswerStyle,
    Citation,
    Claim,
    Conflict,
    ConflictingPlace,
    ConflictKind,
    Decision,
    Degraded,
    Disagreement,
    Evidence,
    Finish,
    FinishReason,
    GenerationEvent,
    Grounding,
    NotCheckedReason,
    QuestionFit,
    Repair,
    Repaired,
    ScoredToken,
    TextDelta,
    TokenScore,
    TokenScores,
    Twin,
    Verdict,
    VerdictLabel,
)
from tieback.serving.conversions.contents import read_modality, write_modality
from tieback.serving.conversions.decisions import read_decision, write_decision
from tieback.serving.conversions.frames import Numbers, finite, optional
from tieback.serving.conversions.recognition import segment_messages, segments_of
from tieback.serving.conversions.reports import (
    microseconds,
    read_method,
    read_timing,
    write_method,
    write_timing,
)
from tieback.serving.conversions.vectors import read_box, read_time, write_box, write_span, write_time
from tieback.v1 import evidence_pb2, generator_pb2

_VERDICTS = Numbers(evidence_pb2.VerdictLabel, VerdictLabel, "verdict")
_NOT_CHECKED = Numbers(evidence_pb2.NotCheckedReason, NotCheckedReason, "reason")
_ABSTENTIONS = Numbers(evidence_pb2.AbstentionReason, AbstentionReason, "reason to abstain")
_FITS = Numbers(evidence_pb2.QuestionFit, QuestionFit, "fit of a claim and a question")
_DISAGREEMENTS = Numbers(evidence_pb2.Disagreement, Disagreement, "disagreement")
_CONFLICTS = Numbers(evidence_pb2.ConflictKind, ConflictKind, "kind of conflict")
_FINISHES = Numbers(generator_pb2.FinishReason, FinishReason, "reason to finish")
_REPAIRS = Numbers(generator_pb2.Repair, Repair, "repair", unspecified=Repair.NONE)
_STYLES = Numbers(generator_pb2.AnswerStyle, AnswerStyle, "style", unspecified=AnswerStyle.AUTO)


def read_evidence(message: evidence_pb2.Evidence, field: FieldPath) -> Evidence:
    """A passage; it has an id and a text."""
    if not message.id:
        raise InvalidInput("a passage has an id", field=field["id"])
    modality = read_modality(message.modality, field["modality"]) if message.modality else Modality.TEXT
    return Evidence(
        id=message.id,
        text=message.text,
        title=message.title,
        item_id=message.item_id,
        section_id=message.section_id,
        uri=message.uri,
        modality=modality,
        score=finite(message.score, field["score"]),
        region=optional(message, "region", read_box, field),
        segments=segments_of(message.segments, message.text, field["segments"]),
    )


def write_evidence(evidence: Evidence) -> evidence_pb2.Evidence:
    """The message of a passage."""
    return evidence_pb2.Evidence(
        id=evidence.id,
        text=evidence.text,
        title=evidence.title,
        item_id=evidence.item_id,
        section_id=evidence.section_id,
        uri=evidence.uri,
        modality=write_modality(evidence.modality),
        score=evidence.score,
        region=None if evidence.region is None else write_box(evidence.region),
        segments=segment_messages(evidence.segments),
    )


def read_grounding(message: generator_pb2.Grounding, field: FieldPath) -> Grounding:
    """How to check the answer."""
    return Grounding(
        checker=optional(message, "checker", read_method, field),
        abstain_below=optional(message, "abstain_below", finite, field),
        disabled=message.disabled,
        answerability=optional(message, "answerability", read_method, field),
        decision=optional(message, "decision", read_method, field),
        repair=_REPAIRS.read(message.repair, field["repair"]),
        context=message.context,
        evidence_tokens=message.evidence_tokens,
        demonstrations=tuple(message.demonstrations),
    )


def write_grounding(grounding: Grounding) -> generator_pb2.Grounding:
    """The message of how to check the answer."""
    return generator_pb2.Grounding(
        checker=None if grounding.checker is None else write_method(grounding.checker),
        abstain_below=grounding.abstain_below,
        disabled=grounding.disabled,
        answerability=None if grounding.answerability is None else write_method(grounding.answerability),
        decision=None if grounding.decision is None else write_method(grounding.decision),
        repair=_REPAIRS.write(grounding.repair),
        context=grounding.context,
        evidence_tokens=grounding.evidence_tokens,
        demonstrations=grounding.demonstrations,
    )


def read_style(number: generator_pb2.AnswerStyle, field: FieldPath) -> AnswerStyle:
    """How an answer is made; AUTO where nothing is said."""
    return _STYLES.read(number, field)


def write_style(style: AnswerStyle) -> generator_pb2.AnswerStyle:
    """The number of a style."""
    return _STYLES.write(style)


def read_event(message: generator_pb2.GenerateResponse) -> GenerationEvent:
    """One event of an answer."""
    match message.WhichOneof("event"):
        case "text":
            return TextDelta(message.text.text, message.text.is_quoted)
        case "token_scores":
            return TokenScores([_read_scored(token) for token in message.token_scores.tokens])
        case "claim":
            return read_claim(message.claim)
        case "citation":
            return read_citation(message.citation)
        case "verdict":
            return read_verdict(message.verdict)
        case "repaired":
            repaired = message.repaired
            begin, end = repaired.span.begin_byte, repaired.span.end_byte
            return Repaired((begin, end), repaired.text, _VERDICTS.members[repaired.label], repaired.score)
        case "conflict":
            return read_conflict(message.conflict)
        case "decision":
            return read_decision(message.decision)
        case "degraded":
            degraded = message.degraded
            return Degraded(degraded.reason, degraded.message, degraded.model)
        case "rewritten":
            return RewrittenQuestion(message.rewritten.text)
        case "abstention":
            abstention = message.abstention
            reason = _ABSTENTIONS.members[abstention.reason]
            return Abstention(reason, abstention.score, abstention.threshold, abstention.message)
        case _:
            finish = message.finish
            return Finish(
                _FINISHES.members[finish.reason],
                finish.model,
                finish.prompt_tokens,
                finish.completion_tokens,
                finish.changed_tokens if finish.HasField("changed_tokens") else None,
                read_timing(finish.timing),
                finish.first_token_us / 1e6,
                _STYLES.members[finish.style],
                finish.drafted_tokens,
                finish.accepted_tokens,
                finish.reused_tokens,
                list(finish.evidence_transforms),
                optional(finish, "twin", _read_twin, at("finish")),
                finish.soft_tokens,
                finish.demonstration_tokens,
            )


def _read_twin(message: generator_pb2.Twin, _: FieldPath) -> Twin:
    return Twin(message.text, _FINISHES.members[message.reason], message.completion_tokens)


def _write_twin(twin: Twin) -> generator_pb2.Twin:
    reason = _FINISHES.write(twin.reason)
    return generator_pb2.Twin(text=twin.text, reason=reason, completion_tokens=twin.completion_tokens)


def read_claim(message: evidence_pb2.Claim) -> Claim:
    """A claim."""
    return Claim(message.id, (message.span.begin_byte, message.span.end_byte), message.text)


def read_citation(message: evidence_pb2.Citation) -> Citation:
    """A citation."""
    place = message.place
    has_span = place.HasField("text_span")
    return Citation(
        message.claim_id,
        message.evidence_id,
        place.item_id,
        place.section_id,
        (place.text_span.begin_byte, place.text_span.end_byte) if has_span else None,
        message.support,
        optional(place, "region", read_box, at("citation", "place")),
        optional(place, "time", read_time, at("citation", "place")),
    )


def read_verdict(message: evidence_pb2.Verdict) -> Verdict:
    """A verdict."""
    return Verdict(
        message.claim_id,
        _VERDICTS.members[message.label],
        message.score,
        message.checker,
        _NOT_CHECKED.members.get(message.reason),
        _FITS.members.get(message.answers_question),
        read_citation(message.nearest) if message.HasField("nearest") else None,
        _DISAGREEMENTS.members.get(message.disagreement),
        [(one.begin_byte, one.end_byte) for one in message.marked],
        _read_conflicting(message.compared) if message.HasField("compared") else None,
        checker_revision=message.checker_revision,
        other_language=message.other_language,
    )


def read_conflict(message: evidence_pb2.Conflict) -> Conflict:
    """Passages that disagree."""
    cited, other = map(_read_conflicting, (message.cited, message.other))
    return Conflict(message.claim_id, _CONFLICTS.members[message.kind], cited, other)


def _read_conflicting(message: evidence_pb2.ConflictingPlace) -> ConflictingPlace:
    place, differs = message.place, message.differs
    return ConflictingPlace(
        message.evidence_id,
        place.item_id,
        place.section_id,
        (place.text_span.begin_byte, place.text_span.end_byte),
        (differs.begin_byte, differs.end_byte) if message.HasField("differs") else None,
        message.text,
    )


def _read_scored(message: generator_pb2.ScoredToken) -> ScoredToken:
    scores = [
        TokenScore(one.id, one.text, one.log_probability) for one in (message.chosen, *message.alternatives)
    ]
    return ScoredToken(scores[0], scores[1:])


def _write_scored(token: ScoredToken) -> generator_pb2.ScoredToken:
    chosen, *alternatives = (
        generator_pb2.TokenScore(id=one.id, text=one.text, log_probability=one.log_probability)
        for one in (token.chosen, *token.alternatives)
    )
    return generator_pb2.ScoredToken(chosen=chosen, alternatives=alternatives)


def claim_message(claim: Claim) -> evidence_pb2.Claim:
    """The message of a claim."""
    return evidence_pb2.Claim(id=claim.id, span=write_span(claim.span), text=claim.text)


def citation_message(citation: Citation) -> evidence_pb2.Citation:
    """The message of a citation."""
    place = evidence_pb2.CitedPlace(
        item_id=citation.item_id,
        section_id=citation.section_id,
        text_span=None if citation.span is None else write_span(citation.span),
        region=None if citation.region is None else write_box(citation.region),
        time=None if citation.time is None else write_time(citation.time),
    )
    return evidence_pb2.Citation(
        claim_id=citation.claim_id,
        evidence_id=citation.evidence_id,
        place=place,
        support=citation.support,
    )


def verdict_message(verdict: Verdict) -> evidence_pb2.Verdict:
    """The message of a verdict."""
    return evidence_pb2.Verdict(
        claim_id=verdict.claim_id,
        label=_VERDICTS.write(verdict.label),
        score=verdict.score,
        checker=verdict.checker,
        reason=None if verdict.reason is None else _NOT_CHECKED.write(verdict.reason),
        answers_question=None if verdict.answers_question is None else _FITS.write(verdict.answers_question),
        nearest=None if verdict.nearest is None else citation_message(verdict.nearest),
        disagreement=None if verdict.disagreement is None else _DISAGREEMENTS.write(verdict.disagreement),
        marked=map(write_span, verdict.marked),
        compared=None if verdict.compared is None else _conflicting_message(verdict.compared),
        checker_revision=verdict.checker_revision,
        other_language=verdict.other_language,
    )


def conflict_message(conflict: Conflict) -> evidence_pb2.Conflict:
    """The message of passages that disagree."""
    return evidence_pb2.Conflict(
        claim_id=conflict.claim_id,
        kind=_CONFLICTS.write(conflict.kind),
        cited=_conflicting_message(conflict.cited),
        other=_conflicting_message(conflict.other),
    )


def _conflicting_message(one: ConflictingPlace) -> evidence_pb2.ConflictingPlace:
    return evidence_pb2.ConflictingPlace(
        evidence_id=one.evidence_id,
        place=evidence_pb2.CitedPlace(
            item_id=one.item_id, section_id=one.section_id, text_span=write_span(one.span)
        ),
        differs=None if one.differs is None else write_span(one.differs),
        text=one.text,
    )


def write_event(event: GenerationEvent) -> generator_pb2.GenerateResponse:
    """The message of one event."""
    match event:
        case TextDelta():
            text = generator_pb2.TextDelta(text=event.text, is_quoted=event.is_quoted)
            return generator_pb2.GenerateResponse(text=text)
        case TokenScores():
            scores = generator_pb2.TokenScores(tokens=map(_write_scored, event.tokens))
            return generator_pb2.GenerateResponse(token_scores=scores)
        case Claim():
            return generator_pb2.GenerateResponse(claim=claim_message(event))
        case Citation():
            return generator_pb2.GenerateResponse(citation=citation_message(event))
        case Verdict():
            return generator_pb2.GenerateResponse(verdict=verdict_message(event))
        case Repaired():
            repaired = generator_pb2.Repaired(
                span=write_span(event.span),
                text=event.text,
                label=_VERDICTS.write(event.label),
                score=event.score,
            )
            return generator_pb2.GenerateResponse(repaired=repaired)
        case Conflict():
            return generator_pb2.GenerateResponse(conflict=conflict_message(event))
        case Decision():
            return generator_pb2.GenerateResponse(decision=write_decision(event))
        case Degraded():
            degraded = generator_pb2.Degraded(reason=event.reason, message=event.message, model=event.model)
            return generator_pb2.GenerateResponse(degraded=degraded)
        case RewrittenQuestion():
            rewritten = generator_pb2.RewrittenQuestion(text=event.text)
            return generator_pb2.GenerateResponse(rewritten=rewritten)
        case Abstention():
            abstention = evidence_pb2.Abstention(
                reason=_ABSTENTIONS.write(event.reason),
                score=event.score,
                threshold=event.threshold,
                message=event.message,
            )
            return generator_pb2.GenerateResponse(abstention=abstention)
        case Finish():
            finish = generator_pb2.Finish(
                reason=_FINISHES.write(event.reason),
                model=event.model,
                prompt_tokens=event.prompt_tokens,
                completion_tokens=event.completion_tokens,
                changed_tokens=event.changed_tokens,
                timing=write_timing(event.timing),
                first_token_us=microseconds(event.first_token),
                style=_STYLES.write(event.style),
                drafted_tokens=event.drafted_tokens,
                accepted_tokens=event.accepted_tokens,
                reused_tokens=event.reused_tokens,
                evidence_transforms=event.evidence_transforms,
                twin=None if event.twin is None else _write_twin(event.twin),
                soft_tokens=event.soft_tokens,
                demonstration_tokens=event.demonstration_tokens,
            )
            return generator_pb2.GenerateResponse(finish=finish)
