"""Support by a network that reads a claim together with sentences of the evidence, learned.

A cross-encoder (Nogueira and Cho, 2019, arXiv:1901.04085): the layers of a sentence encoder, trained on with
labelled claims and pairs that are made of them. It reads each sentence of a claim with windows of the
evidence, the sentences that have most of its words with their neighbours, of all passages and of each of the
best ones. What the window says that supports most counts (as in SummaC; Laban et al., 2022,
arXiv:2111.09525). Its log odds are weighed with exact features of words by a logistic regression, whose
weights and bounds are chosen on sources that the network has not learned from. It is learned by `tieback
train claim_reading`.

On request the served language model says how likely it finds the claim behind the passages, and behind
nothing. The network reads chosen sentences, the language model all of them.

Whatever the network finds: a sentence with the claim's content words in their order, its numbers and its
negations says the same, and one that has other numbers or negations contradicts it.

What it knows is in its training data: English statements. What is weighed is how claims of many kinds of
texts were, and no source has quite the same (docs/grounding.md has what it gives on each one).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array
from tieback_contract.claims import NotCheckedReason, VerdictLabel

from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback.core.text.sentences import sentences
from tieback.methods.grounding import (
    Finding,
    Passage,
    Place,
    Statement,
    Support,
    Words,
    checkers,
    words_of,
)
from tieback.methods.grounding._chosen import bounds, chosen, summary, windows
from tieback.methods.grounding._features import (
    FEATURES,
    PartRead,
    features_of,
    says_the_same,
    with_likelihoods,
)
from tieback.methods.grounding._rules import OTHERWISE, SAME, by_rule

__all__ = ["claim_reading", "reads", "summary", "weighed"]

STATE = {
    "weight": ("features",), "bias": ("one",), "contradicted": ("one",), "curve": ("points", "three"),
    "heard.weight": ("heard",), "heard.bias": ("one",),
}  # fmt: skip
"""`contradicted` are the log odds of contradiction from which on a claim is contradicted. Each point of the
`curve` is a likelihood, the share of the claims from it on that are supported, and of those up to it that are
not. `heard` are weights and bias where a language model is asked; without weights it learned of none."""

PRECISION = 0.9
"""Of verdicts."""

LESS = 0.1
"""Share by which UNSUPPORTED is less often right than a tick: it asks to read on, and misleads less."""

RULED = 0.93
"""Share of claims that are supported, of those that the evidence has word for word: 202 of 24 sources."""

MOST_ALONE = 3
"""Passages that are read alone beside all together: those with most of the claim's words."""

LEAST_OF_CLAIM = 0.2
"""The share of the claim's content words from which on a passage takes part."""

Precision = Annotated[float, Field(ge=0.5, le=1)]


@checkers.method
def claim_reading(
    claim: Statement,
    passages: Sequence[Passage],
    state: State,
    *,
    precision: Precision = PRECISION,
    likelihood: bool = False,
) -> Finding:
    """A verdict where such verdicts are right in a share of `precision`, else LOW_CONFIDENCE.

    SUPPORTED where a passage, or sentences of several, support the claim so likely; else CONTRADICTED where
    one contradicts it; else UNSUPPORTED where support is unlikely enough, with 0.1 less of `precision`, or
    no passage has a word of it. NOT_CHECKED where the claim states nothing. The score is how likely the claim
    is supported.
    `likelihood` weighs what the served language model finds of the claim behind the whole evidence, at two
    runs of it for each claim.
    """
    nothing = [Support(0.0, None) for _ in passages]
    parts = _parts(claim.text)
    if not parts:
        return Finding(VerdictLabel.NOT_CHECKED, 0.0, nothing, NotCheckedReason.STATES_NOTHING)
    if claim.read is None:
        raise InvalidInput("claim_reading needs the network that it was learned with", field="checker")
    held, reader = _Held(claim.text, parts, passages), cache(claim.read)
    heard = _heard(claim, held.whole, state) if likelihood else None
    prefix = "" if heard is None else "heard."
    (least, _), (_, most) = (bounds(state["curve"], one) for one in (precision, precision - LESS))
    found = list(nothing)
    score, is_supported = 0.0, False
    for places in held.groups:
        read = held.read(places, reader)
        features = features_of(read, held.anywhere)
        every = features if heard is None else with_likelihoods(features, heard)
        likely = _likely(every, state[f"{prefix}weight"], state[f"{prefix}bias"])
        is_same = bool(features[FEATURES.index("same")])
        likely = max(likely, RULED) if is_same else likely
        supports = likely >= least or (is_same and precision <= RULED)
        is_supported |= supports
        against = float(features[FEATURES.index("contradiction")])
        ruled = {place: held.ruled(place) for place in places}
        otherwise = [place for place, one in ruled.items() if one == OTHERWISE]
        contradicts = not supports and (bool(otherwise) or against >= float(state["contradicted"][0]))
        score = max(score, likely)
        owners = {passage for passage, _ in places}
        for owner in owners:
            own = {place: one for place, one in ruled.items() if place[0] == owner}
            says = [place for place, one in own.items() if one == (SAME if supports else OTHERWISE)]
            best = max(says or own, key=held.closeness)
            if len(owners) > 1 and not says and (is_same or held.closeness(best) < LEAST_OF_CLAIM):
                continue  # it takes no part in what several say together
            if supports and OTHERWISE in own.values() and not says:
                continue
            span = passages[owner].windows[best[1]]
            against_it = contradicts and (not otherwise or bool(says))
            if likely >= found[owner].score or against_it:
                found[owner] = Support(max(likely, found[owner].score), span, against_it)
    if is_supported:
        label = VerdictLabel.SUPPORTED
        found = [Support(one.score, one.span) for one in found]
    elif any(one.contradicts for one in found):
        label = VerdictLabel.CONTRADICTED
    elif score <= most or not held.is_mentioned:
        label = VerdictLabel.UNSUPPORTED
    else:
        label = VerdictLabel.LOW_CONFIDENCE
    return Finding(label, score, found)


def weighed(claim: Statement, passages: Sequence[Passage]) -> Array | None:
    """Features of a claim and all passages together, in the order of `FEATURES`; None where the claim
    states nothing, or nothing was read.
    """
    parts = _parts(claim.text)
    if claim.read is None or not parts:
        return None
    held = _Held(claim.text, parts, passages)
    return features_of(held.read(held.groups[0], claim.read), held.anywhere) if held.groups else None


def reads(claim: Statement, passages: Sequence[Passage]) -> list[list[int]]:
    """The windows that are read with the claim. The network reads their texts; passages that disagree are
    compared by their vectors.
    """
    held = _Held(claim.text, _parts(claim.text), passages)
    found: list[set[int]] = [set() for _ in passages]
    for places in held.groups if held.parts else ():
        for number, window in held.chosen(places):
            found[number].add(window)
    return [sorted(one) for one in found]


@dataclass(frozen=True)
class _Held:
    """A claim of some parts that is held against passages."""

    text: str
    parts: Sequence[Words]
    passages: Sequence[Passage]

    @cached_property
    def terms(self) -> set[str]:
        """The content words and numbers of the claim."""
        return {term for part in self.parts for term in (*part.stems, *part.numbers)}

    @cached_property
    def shares(self) -> Sequence[float]:
        """The share of the claim's content words that each passage has."""
        return [len(self.terms & _terms(passage)) / len(self.terms) for passage in self.passages]

    @property
    def speaking(self) -> Sequence[int]:
        """The passages that have some of them; all, where none has any."""
        return [place for place, share in enumerate(self.shares) if share > 0] or range(len(self.shares))

    @property
    def whole(self) -> str:
        """The passages that speak of the claim, in their order, as one text."""
        return "\n".join(self.passages[number].text for number in self.speaking)

    @cached_property
    def groups(self) -> Sequence[Sequence[Place]]:
        """The sentences that are read together: of all passages that speak of the claim, then of the best
        ones alone.
        """
        shares, speaking = self.shares, self.speaking
        every = [
            [(number, window) for window in range(len(self.passages[number].windows))] for number in speaking
        ]
        whole = [place for places in every for place in places]
        if len(every) < 2:
            return [whole] if whole else []
        first = sorted(speaking, key=lambda number: -shares[number])[:MOST_ALONE]
        alone = [every[speaking.index(number)] for number in first if shares[number] >= LEAST_OF_CLAIM]
        return [whole, *(one for one in alone if one)]

    @cached_property
    def anywhere(self) -> float:
        """The share of the claim's words that all of the passages have."""
        own = {stem for part in self.parts for stem in part.all_stems}
        every = {stem for passage in self.passages for one in passage.window_words for stem in one.all_stems}
        return len(own & every) / max(len(own), 1)

    def words(self, place: Place) -> Words:
        """Those of a sentence."""
        return self.passages[place[0]].window_words[place[1]]

    def ruled(self, place: Place) -> int:
        """Tell by rules whether a sentence says the same as one of the parts, or otherwise."""
        said = self.words(place)
        found = [SAME if says_the_same(part, said) else by_rule(part, said) for part in self.parts]
        return OTHERWISE if OTHERWISE in found else max(found)

    def closeness(self, place: Place) -> float:
        """The share of the claim's content words that a sentence has."""
        said = self.words(place)
        return len(self.terms & {*said.all_stems, *said.numbers}) / len(self.terms)

    @property
    def is_mentioned(self) -> bool:
        """Tell whether a passage has a content word or a number of the claim."""
        return any(self.shares)

    def chosen(self, places: Sequence[Place]) -> set[Place]:
        """Those of the sentences that are read with a part."""
        said = [self.words(place) for place in places]
        lengths = [len(self.passages[number].read_of(window)) for number, window in places]
        return {places[one] for part in self.parts for one in chosen(part, said, lengths)}

    def read(self, places: Sequence[Place], reader: Callable[[str, str], Array]) -> list[PartRead]:
        """Each part, read with windows of the sentences, and with those of several passages that together
        have most of its words.
        """
        said = [self.words(place) for place in places]
        texts = [self.passages[number].read_of(window) for number, window in places]
        lengths, numbers = [len(text) for text in texts], [number for number, _ in places]
        found = []
        for part, text in zip(self.parts, _texts(self.text), strict=True):
            some = chosen(part, said, lengths)
            read = [texts[one] for one in windows(part, said, numbers)]
            if len({numbers[one] for one in some}) > 1:
                read.append([texts[one] for one in some])
            logits = np.stack([reader(text, " ".join(one)) for one in read])
            found.append(PartRead(part, [said[one] for one in some], logits))
        return found


def _texts(claim: str) -> list[str]:
    """The sentences of a claim that state something."""
    cut = (claim[begin:end].strip() for begin, end in sentences(claim))
    return [text for text in cut if (words := words_of(text)).stems or words.numbers]


def _parts(claim: str) -> list[Words]:
    return [words_of(text) for text in _texts(claim)]


def _terms(passage: Passage) -> set[str]:
    return {term for words in passage.window_words for term in (*words.stems, *words.numbers)}


def _heard(claim: Statement, evidence: str, state: State) -> Array:
    """The claim's mean log-probabilities by the language model, behind the evidence and alone `[2]`."""
    if claim.likelihoods_behind is None or not len(state["heard.weight"]):
        raise InvalidInput(
            "likelihood needs the language model that the checker was calibrated with, and there is none",
            field="checker",
        )
    return claim.likelihoods_behind(evidence)


def _likely(features: Array, weight: Array, bias: Array) -> float:
    return 1 / (1 + math.exp(-float(features @ weight + bias[0])))
