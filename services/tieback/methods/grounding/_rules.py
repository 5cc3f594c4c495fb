"""Rules of words, without a network: that a sentence says the same as a claim, or otherwise."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tieback.core.language import Sentence
from tieback.core.language import Sentence as Words
from tieback.core.language.tokens import has_number

SAME, OTHERWISE = 1, -1
"""Outcomes of the rules."""

FEWEST_WORDS = 3
"""Content words from which on the same words in their order are the same statement."""


def by_rule(stated: Words, said: Words) -> int:
    """Tell without the network that a sentence says the `SAME`, or `OTHERWISE`; else 0.

    It says the same where it has the claim's content words in their order, or but for a phrase with a
    preposition that stands elsewhere, its numbers and its negations. It says otherwise where it has those
    words so, and other numbers or another negation.
    """
    if len(stated.stems) < FEWEST_WORDS or not (_in_order(stated, said) or _is_moved(stated, said)):
        return 0
    if not _same_voice(stated, said):
        return 0
    if conflicts(stated, said):
        return OTHERWISE
    return 0 if lacking(stated, said.numbers) else SAME


def _in_order(wanted: Words, said: Words) -> bool:
    """Tell whether all words are there in their order, others between them or not."""
    return len(_runs(wanted.stems, said.stems)) == 1


def _is_moved(stated: Words, said: Words) -> bool:
    """Tell whether a phrase with a preposition, which nobody can mistake for another, stands elsewhere, and
    all else is in order.
    """
    begins = _runs(stated.stems, said.stems)
    if len(begins) != 2 or not _are_led_alike(stated, said):
        return False
    led = {stem for _, stem in stated.led}
    firsts = [stated.stems[place] for place in begins]
    return any(one in led and stated.stems.count(one) == said.stems.count(one) == 1 for one in firsts)


def _are_led_alike(stated: Words, said: Words) -> bool:
    """Tell whether words of both stand behind the same prepositions: not so "from Linz to Graz" and back."""
    own = {pair for pair in stated.led if pair[1] in said.stems}
    return own == {pair for pair in said.led if pair[1] in stated.stems}


def _runs(wanted: Sequence[str], said: Sequence[str]) -> list[int]:
    """Beginnings of runs of a text, each of which has its words in the order of another text: two where a
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


def _same_voice(stated: Words, said: Words) -> bool:
    """Tell whether no verb that both have is in the passive voice in one of them alone."""
    turned = stated.acted - said.acted - said.undergone, said.acted - stated.acted - stated.undergone
    return not set().union(*turned).intersection(stated.stems).intersection(said.stems)


def lacking(stated: Sentence, said: Collection[str]) -> bool:
    """Whether a number that is stated is not among those that are said."""
    return any(not has_number(number, said) for number in stated.numbers)


def conflicts(stated: Sentence, said: Sentence) -> bool:
    """Whether two texts about the same matter say different things of it."""
    if lacking(stated, said.numbers) and set(said.numbers) - set(stated.numbers):
        return True
    # "10 volumes" is not in "three volumes and ten chapters", though both its words are.
    for number, thing in stated.counts - said.counts:
        others = [other for other, counted in said.counts if counted == thing]
        if others and not has_number(number, others):
            return True
    shared = set(stated.stems) & set(said.stems)
    return bool((stated.negated ^ said.negated) & shared)
