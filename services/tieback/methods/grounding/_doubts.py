"""What speaks against a tick, exactly. English.

A network takes what is near in meaning for support, and of texts unlike those that it learned from it is
surer than it may be. In claims that differ from their source in one word that a machine chose, half of what
it ticked was wrong. So nothing is ticked that has something which the sentences do not have, by rules that no
text can argue with.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence

from tieback.core.language import Sentence as Words
from tieback.core.language import language
from tieback.core.types.arrays import Array
from tieback.methods.grounding._rules import same_voice
from tieback.methods.grounding._signals import SIGNALS, is_reordered

EXACT = ("lacks names", "lacks numbers", "conflict", "negation differs")
DOUBTS = [SIGNALS.index(name) for name in EXACT]

FEWEST_WORDS = 2
"""Content words and numbers of a claim that can be ticked: of "It was." nobody knows what it states."""

ALIKE = 5
"""Letters that the stems of one word in two forms share: "infection" and "infected"."""

QUANTIFIERS = language().quantifiers
"""Words that say of how many something holds, or when: of most it may be said where it is not of all."""

NARROWING = language().narrowing
"""Words behind which, as behind a negation, a statement with a word less says more: who did not find prints
in the area may have found some elsewhere."""

SPEAKERS = language().speakers

REACH = 5
"""Content words of a sentence within which two follow one another."""
SHARE_IN_ORDER = 0.5
"""Of the claim's neighbouring content words, those that follow one another in a sentence too."""


def is_doubted(stated: Words, said: Sequence[Words], signals: Array) -> bool:
    """Whether a claim that sentences seem to support has something that they do not have.

    By its signals that is a name, a number, a negation, or the order of its words; and by its words a content
    word, a quantifier, who speaks, what tells a name from another one ("World War II"), or which words stand
    together.
    """
    if any(signals[place] > 0 for place in DOUBTS):
        return True
    own = dict.fromkeys(stated.stems)
    if not said or len(own) + len(stated.numbers) < FEWEST_WORDS:
        return True
    everywhere = Stems(one.all_stems for one in said)
    if not all(everywhere.have(stem) for stem in own):
        return True
    plain = frozenset[str]().union(*(one.plain for one in said))
    marked = frozenset[tuple[str, str]]().union(*(one.marked for one in said))
    if (stated.plain & (QUANTIFIERS | SPEAKERS)) - plain or stated.marked - marked:
        return True
    covered = [sum(map(Stems([one.all_stems]).have, own)) for one in said]
    best = said[covered.index(max(covered))]
    if stated.negations % 2 != best.negations % 2:
        return True
    if (stated.negations or stated.plain & NARROWING) and set(best.stems) - own.keys():
        return True
    return is_reordered(stated, said, may_move=True) or not _stand_together(stated, said)


class Stems:
    """Stems of texts, which a word may have in another form."""

    def __init__(self, texts: Iterable[Collection[str]]) -> None:
        self._whole = {stem for text in texts for stem in text}
        self._beginnings = {stem[:ALIKE] for stem in self._whole if len(stem) >= ALIKE}

    def have(self, stem: str) -> bool:
        return stem in self._whole or (len(stem) >= ALIKE and stem[:ALIKE] in self._beginnings)


def _stand_together(stated: Words, said: Sequence[Words]) -> bool:
    """Whether most neighbours of the claim follow one another in a sentence, with few words between; in one
    of the other voice the other way round too.
    """
    pairs = list(itertools.pairwise(map(_form, stated.stems)))
    found: set[tuple[str, str]] = set()
    for one in said:
        following = _following([_form(stem) for stem in one.stems])
        found |= following
        if not same_voice(stated, one):
            found |= {(other, stem) for stem, other in following}
    return not pairs or sum(pair in found for pair in pairs) >= SHARE_IN_ORDER * len(pairs)


def _following(stems: Sequence[str]) -> set[tuple[str, str]]:
    return {
        (stem, other) for place, stem in enumerate(stems) for other in stems[place + 1 : place + 1 + REACH]
    }


def _form(stem: str) -> str:
    return stem[:ALIKE]
