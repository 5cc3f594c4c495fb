"""Parts of passages that are read with a question, before it is known whether they are quoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.language import Sentence as Words
from tieback.methods.grounding import Passage, Place, words_of

MOST_READ = 48
"""Parts of all passages that are read with a question, at some milliseconds each."""

BEFORE, TITLE = 160, 100
"""Characters that are read of the part before, its last ones, and of the headings, the last ones too."""

BESIDE = " ‖ "
"""Between what may be quoted and what it stands under."""


def in_context(parts: Sequence[str], place: int, title: str) -> str:
    """A part, behind it the headings that it stands under and the end of the part before it."""
    before = parts[place - 1][-BEFORE:] if place else ""
    return BESIDE.join(one for one in (parts[place], title[-TITLE:], before) if one)


def candidates_of(question: str, passages: Sequence[Passage]) -> Mapping[Place, str]:
    """The parts that are read, in their contexts: where there are too many, those with most of the words of
    the question, of the first passages where they have as many.
    """
    asked = words_of(question)
    wanted = {*asked.all_stems, *asked.numbers}
    shared = {
        (number, window): len(wanted & {*words.all_stems, *words.numbers})
        for number, passage in enumerate(passages)
        for window, words in enumerate(passage.window_words)
    }
    places = sorted(shared, key=lambda place: (-shared[place], place))[:MOST_READ]
    reads = {
        number: [passages[number].read_of(one) for one in range(len(passages[number].windows))]
        for number in {number for number, _ in places}
    }
    return {
        (number, window): in_context(reads[number], window, passages[number].title)
        for number, window in sorted(places)
    }


# Features of a question and a sentence that may answer it: what a network finds, and exact ones of words.
#
# The report of the recipe `question_reading` has what each is worth on domains that are left out.
FEATURES = ("reading", "coverage", "not named")


def features_of(question: Words, text: Words, logit: float, *, is_named: bool) -> Array:
    """The features `[3]` of a sentence in its context, in the order of `FEATURES`.

    The `logit` of the network, the share of the question's content words and numbers that the text has, and 1
    where the passages have not all that the question names.
    """
    wanted, found = {*question.stems, *question.numbers}, {*text.all_stems, *text.numbers}
    coverage = len(wanted & found) / max(len(wanted), 1)
    return np.array([logit, coverage, float(not is_named)])
