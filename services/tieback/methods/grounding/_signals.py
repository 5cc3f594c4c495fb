"""What is exact about a claim and the sentences that it is held against: signals, and a rule."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import numpy as np

from tieback.methods.grounding._words import Words, conflicts, lacking, words_of

WINDOWS = 4
"""Sentences that are read."""

SIGNALS = (
    "coverage", "best coverage", "lacks names", "has names", "lacks numbers", "has numbers", "conflict",
    "any conflict", "negation differs", "shared words", "shared pairs", "claim length", "passage length",
    "windows", "nearness", "reordered",
)  # fmt: skip

SAME, OTHERWISE = 1, -1
"""What rules find of a sentence."""

PASSIVE = "by"

FEWEST_WORDS = 3
"""Content words from which on the same words in their order are the same statement."""


def by_rule(stated: Words, said: Words) -> int:
    """What is certain without the network: that a sentence says the `SAME`, or `OTHERWISE`; else 0.

    It says the same where it has the claim's content words in their order, its numbers and its negations.
    It says otherwise where it has those words in their order, and other numbers or another negation.
    """
    if len(stated.stems) < FEWEST_WORDS or not _in_order(stated.stems, said.stems):
        return 0
    if not same_voice(stated, said):
        return 0
    if conflicts(stated, said):
        return OTHERWISE
    return 0 if lacking(stated, said.numbers) else SAME


def _in_order(wanted: Sequence[str], said: Sequence[str]) -> bool:
    """Whether all words are there in their order, others between them or not."""
    left = iter(said)
    return all(word in left for word in wanted)


def signals_of(stated: Words, said: Sequence[Words], near: float) -> list[float]:
    """The signals, in the order of `SIGNALS`, of windows; `near` is the best cosine with one."""
    stems = set(stated.stems)
    everywhere = {stem for one in said for stem in one.all_stems}
    numbers = {number for one in said for number in one.numbers}
    coverages = [_share(stems, one.all_stems) for one in said]
    best = said[int(np.argmax(coverages))] if said else words_of("")
    clashes = [conflicts(stated, one) for one in said]
    pairs = set(zip(stated.stems, stated.stems[1:], strict=False))
    found = {pair for one in said for pair in zip(one.stems, one.stems[1:], strict=False)}
    return [
        _share(stems, everywhere),
        max(coverages, default=0.0),
        1 - _share(stated.names, everywhere) if stated.names else 0.0,
        float(bool(stated.names)),
        float(lacking(stated, numbers)),
        float(bool(stated.numbers)),
        float(conflicts(stated, best)),
        float(any(clash and share >= 0.5 for clash, share in zip(clashes, coverages, strict=True))),
        float(bool((stated.negated ^ best.negated) & stems)),
        _share(stated.all_stems, everywhere),
        _share(pairs, found),
        min(len(stated.stems), 30) / 30,
        min(sum(len(one.stems) for one in said), 200) / 200,
        len(said) / WINDOWS,
        near,
        float(_reordered(stated, said)),
    ]


def _reordered(stated: Words, said: Sequence[Words]) -> bool:
    """Whether a sentence has all content words of the claim, and none has them in what order says the same:
    theirs, or another one where one of the two is in the passive voice.
    """
    if len(stated.stems) < FEWEST_WORDS:
        return False
    stems = set(stated.stems)
    found = [one for one in said if stems <= one.all_stems]
    return bool(found) and not any(
        _in_order(stated.stems, one.stems) is same_voice(stated, one) for one in found
    )


def same_voice(stated: Words, said: Words) -> bool:
    """Whether both name who acts behind "by", or neither does."""
    return (PASSIVE in stated.all_stems) is (PASSIVE in said.all_stems)


def _share(wanted: Set[Any], found: Set[Any]) -> float:
    return len(wanted & found) / max(len(wanted), 1)
