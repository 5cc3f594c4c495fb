"""The sentences of evidence that a claim is held against, where not all of them can be read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.claims import VerdictLabel

from tieback.core.language import Sentence as Words
from tieback.methods.grounding import Finding

MOST_CHARACTERS = 640
"""Of the sentences that are read together: with a claim they are about 190 tokens."""

AGAIN = 0.3
"""Weight of a word that a chosen sentence has too."""

LONGER = 0.02
"""Weight against a sentence of each word that the claim does not have."""

NEAREST, AROUND = 2, 1
"""Sentences with most of a claim's words, and how many around each are read with it by a network."""


def chosen(stated: Words, said: Sequence[Words], lengths: Sequence[int]) -> list[int]:
    """The places of the sentences, in their order, that together have most of the words of a claim.

    One is chosen after another, by what it has that the others do not; `lengths` are their characters. At
    least one is chosen, and no more than `MOST_CHARACTERS` have room.
    """
    if sum(lengths) <= MOST_CHARACTERS:
        return list(range(len(said)))
    shared = [stated.all_stems & one.all_stems for one in said]
    left, covered, room, found = set(range(len(said))), set[str](), MOST_CHARACTERS, list[int]()
    while left:
        worth = {
            place: (len(shared[place] - covered) + AGAIN * len(shared[place] & covered))
            / (1 + LONGER * len(said[place].all_stems))
            for place in left
        }
        best = max(sorted(left), key=worth.__getitem__)
        left.discard(best)
        if found and lengths[best] > room:
            continue
        found.append(best)
        room -= lengths[best]
        covered |= shared[best]
        if room <= 0 or (found and not worth[best]):
            break
    return sorted(found)


def windows(stated: Words, said: Sequence[Words], passages: Sequence[int]) -> list[slice]:
    """The runs of sentences that a network reads: those around the nearest ones, each of one passage.

    `passages` are the numbers of the sentences' passages, which stand together.
    """
    terms = {*stated.stems, *stated.numbers}

    def worth(place: int) -> float:
        one = said[place]
        return len(terms & {*one.all_stems, *one.numbers}) / (1 + LONGER * len(one.all_stems))

    found: dict[tuple[int, int], None] = {}
    for place in sorted(range(len(said)), key=worth, reverse=True)[:NEAREST]:
        begin, end = place, place + 1
        while begin > max(0, place - AROUND) and passages[begin - 1] == passages[place]:
            begin -= 1
        while end < min(len(said), place + AROUND + 1) and passages[end] == passages[place]:
            end += 1
        found[begin, end] = None
    return [slice(*one) for one in found]


CITED_SHARE = 0.8
"""Passages are cited whose support is at least this share of the best one's."""


def bounds(curve: Array, precision: float) -> tuple[float, float]:
    """The likelihoods from which on, and up to which, verdicts are right in a share of `precision`.

    A point of the curve `[points, 3]` is a likelihood, the share of claims from it on that are supported, and
    of those up to it that are not.
    """
    ticks, others = curve[:, 1] >= precision, curve[:, 2] >= precision
    least = float(curve[ticks, 0].min()) if ticks.any() else np.inf
    most = float(curve[others, 0].max()) if others.any() else -np.inf
    return least, min(most, least)


def summary(finding: Finding) -> list[int]:
    """The passages that a supported claim rests on, or that say otherwise of a contradicted one."""
    found = list(enumerate(finding.passages))
    if finding.label is VerdictLabel.SUPPORTED:
        cited = [place for place, support in found if support.score >= CITED_SHARE * finding.score]
    elif finding.label is VerdictLabel.CONTRADICTED:
        cited = [place for place, support in found if support.contradicts]
    else:
        cited = []
    return sorted(cited, key=lambda place: -finding.passages[place].score)
