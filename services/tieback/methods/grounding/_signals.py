"""What is exact about a claim and the sentences that it is held against: signals, and a rule."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import numpy as np

from tieback.core.language import Sentence as Words
from tieback.core.language import sentence_of as words_of
from tieback.methods.grounding._words import conflicts, lacking

WINDOWS = 4
"""Sentences that are read."""

SIGNALS = (
    "coverage", "best coverage", "lacks names", "has names", "lacks numbers", "has numbers", "conflict",
    "any conflict", "negation differs", "shared words", "shared pairs", "claim length", "passage length",
    "windows", "nearness", "reordered",
)  # fmt: skip

SAME, OTHERWISE = 1, -1
"""What rules find of a sentence."""

FEWEST_WORDS = 3
"""Content words from which on the same words in their order are the same statement."""


def by_rule(stated: Words, said: Words) -> int:
    """What is certain without the network: that a sentence says the `SAME`, or `OTHERWISE`; else 0.

    It says the same where it has the claim's content words in their order, or but for a phrase with a
    preposition that stands elsewhere, its numbers and its negations. It says otherwise where it has those
    words so, and other numbers or another negation.
    """
    if len(stated.stems) < FEWEST_WORDS or not (_in_order(stated, said) or _is_moved(stated, said)):
        return 0
    if not same_voice(stated, said):
        return 0
    if conflicts(stated, said):
        return OTHERWISE
    return 0 if lacking(stated, said.numbers) else SAME


def _in_order(wanted: Words, said: Words) -> bool:
    """Whether all words are there in their order, others between them or not."""
    return len(_runs(wanted.stems, said.stems)) == 1


def _is_moved(stated: Words, said: Words) -> bool:
    """Whether a phrase with a preposition, which nobody can mistake for another, stands elsewhere, and all
    else is in order.
    """
    begins = _runs(stated.stems, said.stems)
    if len(begins) != 2 or not _are_led_alike(stated, said):
        return False
    led = {stem for _, stem in stated.led}
    firsts = [stated.stems[place] for place in begins]
    return any(one in led and stated.stems.count(one) == said.stems.count(one) == 1 for one in firsts)


def _are_led_alike(stated: Words, said: Words) -> bool:
    """Whether the words of both stand behind the same prepositions: not so "from Linz to Graz" and back."""
    own = {pair for pair in stated.led if pair[1] in said.stems}
    return own == {pair for pair in said.led if pair[1] in stated.stems}


def _runs(wanted: Sequence[str], said: Sequence[str]) -> list[int]:
    """Where runs of a text begin, each of which has its words in the order of another text: two where a
    phrase stands in front ("In 1994 it opened"), three where two words changed places around another; none
    where a word is not there.
    """
    if not set(wanted) <= set(said):
        return []
    begins, place = [0], 0
    for number, word in enumerate(wanted):
        try:
            place = said.index(word, place) + 1
        except ValueError:
            begins.append(number)
            place = said.index(word) + 1
    return begins


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
    count = len(_runs(stated.stems, said.stems))
    if not same_voice(stated, said):
        return count != 1
    return count == 1 or (may_move and count == 2 and _are_led_alike(stated, said))


def same_voice(stated: Words, said: Words) -> bool:
    """Whether no verb that both have is in the passive voice in one of them alone."""
    turned = stated.acted - said.acted - said.undergone, said.acted - stated.acted - stated.undergone
    return not set().union(*turned).intersection(stated.stems).intersection(said.stems)


def _share(wanted: Set[Any], found: Set[Any]) -> float:
    return len(wanted & found) / max(len(wanted), 1)
