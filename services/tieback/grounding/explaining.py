"""Explanations of verdicts on claims that are not supported: the nearest sentence, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tieback_contract.arrays import Span
from tieback_contract.claims import Citation, Claim, Verdict, VerdictLabel
from tieback_contract.generation import Evidence

from tieback.core.recognised import region_of, time_of
from tieback.grounding.conflicts import place_of
from tieback.grounding.disagreement import Disagreements
from tieback.methods.grounding import Finding, Passage, Place, Support, Words, words_of

OPEN = (VerdictLabel.UNSUPPORTED, VerdictLabel.LOW_CONFIDENCE)
"""Verdicts on claims that nothing supports or contradicts."""


class Explanations:
    """Explains the verdicts on the claims of one text."""

    def __init__(self, sources: Sequence[Evidence], passages: Sequence[Passage]) -> None:
        self._sources = sources
        self._passages = passages
        self._disagreements = Disagreements(passages)

    def explained(
        self, verdict: Verdict, claim: Claim, finding: Finding, cited: Sequence[Citation], *, compares: bool
    ) -> Verdict:
        """The verdict on a claim that is not supported, with the nearest sentence where nothing is cited, and
        with what differs if words are to be compared.
        """
        if verdict.label in OPEN:
            place = self._nearest(claim, finding)
            if place is not None and not cited:
                number, window = place
                support = Support(finding.passages[number].score, self._passages[number].windows[window])
                verdict = replace(verdict, nearest=citation_of(claim, self._sources[number], support))
        elif verdict.label is VerdictLabel.CONTRADICTED:
            place = self._place_of(cited)
        else:
            return verdict
        if not compares:
            return verdict
        contradicts = verdict.label is VerdictLabel.CONTRADICTED
        found = self._disagreements.of(claim.text, place, contradicts=contradicts, marks=finding.marks)
        compared = None
        if found.place is not None:
            number, window = found.place
            compared = place_of(self._sources[number], self._passages[number], window, found.differs)
        marked = [_in_bytes(claim, span) for span in found.marked]
        return replace(verdict, disagreement=found.kind, marked=marked, compared=compared)

    def _nearest(self, claim: Claim, finding: Finding) -> Place | None:
        """The sentence that has most of a claim's words, numbers and names; of those with as many the one of
        the passage that supports it most. None where none has one.

        How far a sentence supports the claim does not tell it alone: that with another year does not at all.
        """
        asked = _content(words_of(claim.text))
        best, found = (0, 0.0), None
        for number, (passage, support) in enumerate(zip(self._passages, finding.passages, strict=True)):
            for window, words in enumerate(passage.window_words):
                likeness = (len(asked & _content(words)), support.score)
                if likeness[0] and likeness > best:
                    best, found = likeness, (number, window)
        return found

    def _place_of(self, cited: Sequence[Citation]) -> Place | None:
        """The sentence that the first citation is of."""
        for one in cited[:1]:
            number = next(place for place, source in enumerate(self._sources) if source.id == one.evidence_id)
            for window, (begin, end) in enumerate(self._passages[number].windows):
                if one.span is not None and begin < one.span[1] and one.span[0] < end:
                    return number, window
        return None


def citation_of(claim: Claim, source: Evidence, support: Support) -> Citation:
    """Ties a claim to what supports or contradicts it, or is nearest to it."""
    return Citation(
        claim.id,
        source.id,
        source.item_id,
        source.section_id,
        support.span,
        support.score,
        region_of(source.segments, support.span) or source.region,
        time_of(source.segments, support.span),
    )


def _content(words: Words) -> set[str]:
    return {*words.stems, *words.numbers}


def _in_bytes(claim: Claim, span: Span) -> Span:
    """Characters of a claim as bytes of the text that it is a claim of."""
    begin = claim.span[0] + len(claim.text[: span[0]].encode())
    return begin, begin + len(claim.text[slice(*span)].encode())
