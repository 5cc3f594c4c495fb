"""Answers of every kind, by names that are asked as questions: verdicts, levels, abstentions, conflicts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from tieback_contract.answers import (
    Abstention,
    AbstentionReason,
    AnswerStyle,
    Degraded,
    Finish,
    FinishReason,
    GenerationEvent,
    RewrittenQuestion,
    TextDelta,
)
from tieback_contract.claims import (
    Citation,
    Claim,
    Conflict,
    ConflictingPlace,
    ConflictKind,
    Disagreement,
    NotCheckedReason,
    QuestionFit,
    Verdict,
    VerdictLabel,
)
from tieback_contract.reports import Timing

SENTENCE = "The moon pulls the sea towards it"
"""Of the first passage that the canned server finds."""
SPAN = (39, 39 + len(SENTENCE))
CITED = ConflictingPlace("1", "tides.md", "2", SPAN, (43, 47), SENTENCE)


@cache
def every_answer() -> Mapping[str, Sequence[GenerationEvent]]:
    """The events of each answer, by its name."""
    found = dict(_with_a_claim())
    told: list[GenerationEvent] = [
        RewrittenQuestion("What pulls the sea?"),
        Degraded("ENDPOINT_UNAVAILABLE", "far is away", "far"),
    ]
    claimed = _claimed(AnswerStyle.QUOTE, VerdictLabel.SUPPORTED, QuestionFit.ANSWERS)
    foreign = _claimed(AnswerStyle.QUOTE, VerdictLabel.SUPPORTED, QuestionFit.LIKELY)
    noted = {
        "quote supported answers rewritten and degraded": [
            *told,
            *claimed,
            _finish(AnswerStyle.QUOTE, FinishReason.END),
        ],
        "quote supported likely in another language": [
            *(replace(one, other_language=True) if isinstance(one, Verdict) else one for one in foreign),
            _finish(AnswerStyle.QUOTE, FinishReason.END),
        ],
    }
    return found | dict(_withheld()) | noted


def _with_a_claim() -> Iterator[tuple[str, Sequence[GenerationEvent]]]:
    fits = (None, *QuestionFit)
    for style, label, fit, is_conflicting in itertools.product(
        (AnswerStyle.QUOTE, AnswerStyle.WRITE), VerdictLabel, fits, (False, True)
    ):
        name = f"{style} {label} {fit} {'conflict' if is_conflicting else 'alone'}"
        conflict = [_conflict(list(ConflictKind)[len(name) % 5])] if is_conflicting else []
        yield name, [*_claimed(style, label, fit), *conflict, _finish(style, FinishReason.END)]


def _withheld() -> Iterator[tuple[str, Sequence[GenerationEvent]]]:
    for style, reason, has_text in itertools.product(
        (AnswerStyle.QUOTE, AnswerStyle.WRITE), AbstentionReason, (False, True)
    ):
        written = _claimed(style, VerdictLabel.SUPPORTED, QuestionFit.ANSWERS) if has_text else []
        written += [TextDelta(" And so on.")] if has_text else []
        abstention = Abstention(reason, 0.27, 0.3, "the passages leave it open.")
        name = f"{style} withheld {reason} {'after text' if has_text else 'at once'}"
        yield name, [*written, abstention, _finish(style, FinishReason.ABSTAINED)]


def _claimed(style: AnswerStyle, label: VerdictLabel, fit: QuestionFit | None) -> list[GenerationEvent]:
    text = SENTENCE if style is AnswerStyle.QUOTE else "It is pulled by the moon."
    checker = "verbatim" if style is AnswerStyle.QUOTE else "claim_reading"
    citation = Citation(1, "1", "tides.md", "2", SPAN, 0.9)
    cited = [citation] if label in (VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED) else []
    is_open = label in (VerdictLabel.UNSUPPORTED, VerdictLabel.LOW_CONFIDENCE)
    reason = NotCheckedReason.LANGUAGE if label is VerdictLabel.NOT_CHECKED else None
    verdict = Verdict(1, label, 0.9, checker, reason, fit, citation if is_open else None)
    if style is AnswerStyle.WRITE and (is_open or label is VerdictLabel.CONTRADICTED):
        kind = list(Disagreement)[len(f"{label} {fit}") % 7]
        compared = None if kind is Disagreement.NOT_MENTIONED else CITED
        verdict = replace(verdict, disagreement=kind, marked=[(6, 12), (20, 24)], compared=compared)
    return [
        TextDelta(text, is_quoted=style is AnswerStyle.QUOTE),
        Claim(1, (0, len(text)), text),
        *cited,
        verdict,
    ]


def _conflict(kind: ConflictKind) -> Conflict:
    other = ConflictingPlace("2", "sea.jpg", "1", (0, 13), (4, 7), "The sun pulls")
    return Conflict(1, kind, CITED, other)


def _finish(style: AnswerStyle, reason: FinishReason) -> Finish:
    return Finish(reason, "writer", 40, 5, None, Timing(), 0.001, style)
