"""What is exact about a claim and the sentences that it is held against: signals, and a rule."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import numpy as np

from tieback.core.language import Sentence as Words
from tieback.core.language import sentence_of as words_of
from tieback.methods.grounding._rules import FEWEST_WORDS, are_led_alike, runs, same_voice
from tieback.methods.grounding._words import conflicts, lacking

WINDOWS = 4
"""Sentences that are read."""

SIGNALS = (
    "coverage", "best coverage", "lacks names", "has names", "lacks numbers", "has numbers", "conflict",
    "any conflict", "negation differs", "shared words", "shared pairs", "claim length", "passage length",
    "windows", "nearness", "reordered",
)  # fmt: skip


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
        float(is_reordered(stated, said)),
    ]


def is_reordered(stated: Words, said: Sequence[Words], *, may_move: bool = False) -> bool:
    """Whether a sentence has all content words of the claim, and none has them in what order says the same:
    in theirs, or in another one where one of the two is in the passive voice. If a part `may_move`, two runs
    of theirs are an order too, in which each word stands behind the same preposition.
    """
    if len(stated.stems) < FEWEST_WORDS:
        return False
    stems = set(stated.stems)
    found = [one for one in said if stems <= one.all_stems]
    return bool(found) and not any(_says_in_order(stated, one, may_move=may_move) for one in found)


def _says_in_order(stated: Words, said: Words, *, may_move: bool) -> bool:
    count = len(runs(stated.stems, said.stems))
    if not same_voice(stated, said):
        return count != 1
    return count == 1 or (may_move and count == 2 and are_led_alike(stated, said))


def _share(wanted: Set[Any], found: Set[Any]) -> float:
    return len(wanted & found) / max(len(wanted), 1)
