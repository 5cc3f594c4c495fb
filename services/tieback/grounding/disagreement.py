"""In what a claim and the passages disagree, and which words of the claim show it. English.

A word is marked where no passage has it, or where the nearest sentence has another number, date or name in
its place. If there is none, the words that the nearest sentence lacks are marked, which stand elsewhere. That
is exact of words and not of meaning: a word in place of another one with the same meaning is marked as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tieback_contract.arrays import Span
from tieback_contract.claims import Citation, Claim, Disagreement, Verdict, VerdictLabel
from tieback_contract.generation import Evidence

from tieback.core.language import Sentence
from tieback.core.language.tokens import has_number
from tieback.core.recognised import region_of, time_of
from tieback.core.text.visible import as_displayed
from tieback.grounding.conflicts import place_of
from tieback.grounding.differences import Kind, Word, spanned_words
from tieback.methods.grounding import Finding, Passage, Place, Support, TokenMark, Words, words_of

SHARED = 0.5
"""Share of the claim's content words that a sentence has that is about the same matter."""

SAME_PLACE = 2
"""Likeness of what stands around two words, from which on one stands in the place of the other."""

LIKELY = 0.5
"""Probability from which on a network's mark counts."""

BETWEEN = 3
"""Function words between two marked words that are marked with them."""

DISAGREES = {
    Kind.NUMBER: Disagreement.NUMBER,
    Kind.DATE: Disagreement.DATE,
    Kind.NAME: Disagreement.NAME,
}


@dataclass(frozen=True, slots=True)
class Found:
    """A difference: its kind, the words of the claim and those of the sentence at `place`, as characters."""

    kind: Disagreement | None
    marked: Sequence[Span]
    place: Place | None = None
    differs: Span | None = None


ALIKE = 5
"""Letters that the stems of one word in two forms share: "infection" and "infected"."""


class _Said:
    """Words that some sentences have, all together."""

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        read = list(sentences)
        self._stems = {stem for one in read for stem in one.all_stems}
        self._beginnings = {stem[:ALIKE] for stem in self._stems if len(stem) >= ALIKE}
        self._numbers = {number for one in read for number in one.numbers}

    def has(self, word: Word) -> bool:
        """Tell whether a content word or number is there, a word also in another form, a number in others."""
        if word.term[0].isdecimal():
            return has_number(word.term, self._numbers) or self._has_stem(word.term)
        return self._has_stem(word.term)

    def _has_stem(self, stem: str) -> bool:
        return stem in self._stems or (len(stem) >= ALIKE and stem[:ALIKE] in self._beginnings)


class Disagreements:
    """Finds in what claims and passages disagree; what the passages say is read once for all claims."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._said: _Said | None = None

    def of(
        self, claim: str, nearest: Place | None, *, contradicts: bool, marks: Sequence[TokenMark] = ()
    ) -> Found:
        """Finds what differs between a claim and the sentence that contradicts it, or is nearest to it."""
        shown = as_displayed(claim)
        words = spanned_words(shown)
        if self._said is None:
            windows = (words for one in self._passages for words in one.window_words)
            titles = (words_of(one.title) for one in self._passages if one.title)
            self._said = _Said([*windows, *titles])
        missing = [word for word in words if word.is_content and not self._said.has(word)]
        found = self._found(shown, words, missing, nearest, marks)
        if found.kind is None and contradicts:
            found = Found(Disagreement.STATEMENT, found.marked, nearest)
        return found if shown == claim else Found(found.kind, (), found.place, found.differs)

    def _found(
        self,
        claim: str,
        words: Sequence[Word],
        missing: Sequence[Word],
        nearest: Place | None,
        marks: Sequence[TokenMark],
    ) -> Found:
        if nearest is None:
            kind = Disagreement.NOT_MENTIONED if missing else None
            return Found(kind, marked(claim, words, missing, marks))
        sentence = as_displayed(self._text(nearest))
        its = spanned_words(sentence)
        near = _Said([self._passages[nearest[0]].window_words[nearest[1]]])
        absent = [word for word in words if word.is_content and not near.has(word)]
        content = sum(word.is_content for word in words)
        if content and len(absent) <= (1 - SHARED) * content:
            pairs = list(_instead(words, its, absent))
            if pairs:
                wrong = sorted({*missing, *(word for one, _ in pairs for word in one)}, key=_place_of)
                own, other = pairs[0]
                kind = DISAGREES[own[0].kind]
                return Found(kind, marked(claim, words, wrong, marks), nearest, _span(other))
            negated = _negated(words, its)
            if negated is not None:
                wrong = sorted({*missing, *negated[0]}, key=_place_of)
                return Found(Disagreement.NEGATION, marked(claim, words, wrong, marks), nearest, negated[1])
        if missing:
            return Found(Disagreement.NOT_MENTIONED, marked(claim, words, missing, marks))
        place = self._elsewhere(absent) if absent else None
        kind = Disagreement.OTHER_SOURCE if place is not None else None
        return Found(kind, marked(claim, words, absent, marks), place, self._where(place, absent))

    def _text(self, place: Place) -> str:
        number, window = place
        begin, end = self._passages[number].windows[window]
        return self._passages[number].text.encode()[begin:end].decode()

    def _elsewhere(self, words: Sequence[Word]) -> Place | None:
        """The sentence that has most of some words, the first of those with as many."""
        best, found = 0, None
        for number, passage in enumerate(self._passages):
            for window, one in enumerate(passage.window_words):
                count = sum(word.term in one.all_stems or word.term in one.numbers for word in words)
                if count > best:
                    best, found = count, (number, window)
        return found

    def _where(self, place: Place | None, words: Sequence[Word]) -> Span | None:
        """Place of the first of some words in a sentence."""
        if place is None:
            return None
        terms = {word.term for word in words}
        said = spanned_words(as_displayed(self._text(place)))
        return next((word.span for word in said if word.term in terms), None)


def marked(
    claim: str, words: Sequence[Word], wrong: Sequence[Word], marks: Sequence[TokenMark] = ()
) -> list[Span]:
    """The parts of a claim that are marked, as characters: `wrong` words, with function words between.

    Where a network has `marks`, they decide, but for wrong numbers, dates and names, which are exact.
    """
    if marks:
        likely = [one.span for one in marks if one.probability >= LIKELY]
        wrong = [
            word
            for word in words
            if (word in wrong and word.kind in DISAGREES)
            or any(begin < word.span[1] and word.span[0] < end for begin, end in likely)
        ]
    found: list[Span] = []
    last: Word | None = None
    for word in wrong:
        if last is not None and _is_one(claim, words, last, word):
            found[-1] = (found[-1][0], word.span[1])
        else:
            found.append(word.span)
        last = word
    return found


def _is_one(claim: str, words: Sequence[Word], one: Word, other: Word) -> bool:
    """Tell whether two marked words are a phrase: nothing between that states something, and no stop."""
    between = words[one.place + 1 : other.place]
    if len(between) > BETWEEN or any(word.kind is not Kind.FUNCTION for word in between):
        return False
    return not any(mark in claim[one.span[1] : other.span[0]] for mark in ".;:!?")


def _instead(
    words: Sequence[Word], its: Sequence[Word], absent: Sequence[Word]
) -> Iterator[tuple[Sequence[Word], Sequence[Word]]]:
    """Numbers, dates and names of a claim with those that a sentence has in their place."""
    own = {word.term for word in words}
    others = [word for word in its if word.term not in own]
    for kind in DISAGREES:
        theirs = _runs(others, kind)
        for run in _runs(absent, kind):
            likest = max(theirs, key=lambda one: _likeness(words, run, its, one), default=None)
            if likest is not None and _likeness(words, run, its, likest) >= SAME_PLACE:
                yield run, likest


def _runs(words: Sequence[Word], kind: Kind) -> list[list[Word]]:
    """Words of a kind, those together that follow each other."""
    found: list[list[Word]] = []
    for word in words:
        if word.kind is not kind:
            continue
        if found and found[-1][-1].place + 1 == word.place:
            found[-1].append(word)
        else:
            found.append([word])
    return found


def _likeness(words: Sequence[Word], run: Sequence[Word], its: Sequence[Word], other: Sequence[Word]) -> int:
    """Likeness of what stands before and behind two runs: 2 for a content word that both have there, 1 for a
    function word, or the end of the sentence.
    """
    return sum(
        0 if one != its_one else 2 if one is not None and one[1] else 1
        for one, its_one in zip(_beside(words, run), _beside(its, other), strict=True)
    )


def _beside(words: Sequence[Word], run: Sequence[Word]) -> list[tuple[str, bool] | None]:
    """The words before and behind a run: terms, and whether they are content words; None at an end."""
    places = (run[0].place - 1, run[-1].place + 1)
    return [
        (words[place].term, words[place].is_content) if 0 <= place < len(words) else None for place in places
    ]


def _negated(words: Sequence[Word], its: Sequence[Word]) -> tuple[Sequence[Word], Span | None] | None:
    """Finds what one denies of the other: the words of the claim to mark, the negation of the sentence."""
    own, other = ([word for word in each if word.kind is Kind.NEGATION] for each in (words, its))
    if len(own) % 2 == len(other) % 2:
        return None
    denying, said = (words, its) if own else (its, words)
    [*negations] = own or other
    terms = {word.term: word for word in said if word.is_content}
    for negation in negations:
        behind = (word for word in denying[negation.place + 1 :] if word.is_content)
        denied = next(behind, None)
        if denied is not None and denied.term in terms:
            return ([negation], None) if own else ([terms[denied.term]], negation.span)
    return None


def _span(words: Sequence[Word]) -> Span:
    return words[0].span[0], words[-1].span[1]


def _place_of(word: Word) -> int:
    return word.place


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
