"""Features of a claim and the sentences that it was read with: what a network finds, and exact ones of words.

The report of the recipe `claim_reading` has what each is worth on domains that are left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.claims import VerdictLabel

from tieback.core.language import Sentence as Words
from tieback.methods.grounding._rules import SAME, by_rule, lacking

FEATURES = (
    "reading", "contradiction", "coverage", "pairs", "numbers", "names", "same", "anywhere",
)  # fmt: skip
HEARD = (*FEATURES, "gain")
"""The features where a language model was asked as well."""
LABELS = (VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED, VerdictLabel.UNSUPPORTED)
"""In the order of the network's logits."""
SUPPORTED, CONTRADICTED, UNSUPPORTED = range(len(LABELS))


class PartRead(NamedTuple):
    """A sentence of a claim, the sentences of evidence that have most of its words, and the logits of a
    verdict by each window of the evidence that it was read with `[windows, 3]`.
    """

    words: Words
    said: Sequence[Words]
    logits: Array

    @property
    def best(self) -> Array:
        """The logits `[3]` of the window that supports it most."""
        return np.asarray(max(self.logits, key=lambda one: odds(one, SUPPORTED)))


def features_of(parts: Sequence[PartRead], anywhere: float) -> Array:
    """The features `[8]` of a claim, in the order of `FEATURES`.

    The log odds that a window supports a part, those of the best one, their mean over parts; the greatest log
    odds that such a window contradicts its part. Of a part's content words the share that one sentence has,
    and of pairs of neighbours the share that follow one another there: the least of each. The share of its
    numbers and of its names that is missing, the greatest. Whether each part is there word for word.
    `anywhere` is the share of the claim's words that all of the evidence has.
    """
    return np.array(
        [
            sum(odds(one.best, SUPPORTED) for one in parts) / len(parts),
            max(odds(one.best, CONTRADICTED) for one in parts),
            min(_coverage(one) for one in parts),
            min(_pairs(one) for one in parts),
            max(_lacks_numbers(one) for one in parts),
            max(1 - _share(one.words.names, _stems(one.said)) if one.words.names else 0.0 for one in parts),
            float(all(any(says_the_same(one.words, said) for said in one.said) for one in parts)),
            anywhere,
        ],
        np.float64,
    )


def with_likelihoods(features: Array, likelihoods: Array) -> Array:
    """The features `[..., 9]` in the order of `HEARD`: behind the others what the whole evidence adds to the
    claim's mean log-probability.

    `likelihoods` `[..., 2]` are those after the evidence and after nothing. The first by itself tells kinds
    of texts apart: with it as a feature, domains that were left out were ranked worse.
    """
    return np.concatenate([features, likelihoods[..., :1] - likelihoods[..., 1:]], axis=-1)


def says_the_same(stated: Words, said: Words) -> bool:
    """Tell whether a sentence has the claim's words in their order, or is the claim."""
    return by_rule(stated, said) == SAME or _plain(stated) == _plain(said)


def _plain(words: Words) -> str:
    return " ".join(words.text.lower().strip(" .!").split())


def odds(logits: Array, label: int) -> float:
    """The log odds of a label."""
    return float(logits[label] - np.logaddexp.reduce(np.delete(np.asarray(logits, np.float64), label)))


def _stems(said: Sequence[Words]) -> set[str]:
    return {stem for one in said for stem in one.all_stems}


def _coverage(part: PartRead) -> float:
    return max((_share(set(part.words.stems), one.all_stems) for one in part.said), default=0.0)


def _pairs(part: PartRead) -> float:
    wanted = set(itertools.pairwise(part.words.stems))
    return _share(wanted, {pair for one in part.said for pair in itertools.pairwise(one.stems)})


def _lacks_numbers(part: PartRead) -> float:
    return float(lacking(part.words, {number for one in part.said for number in one.numbers}))


def _share(wanted: Collection[object], found: Collection[object]) -> float:
    return len(set(wanted) & set(found)) / max(len(set(wanted)), 1)
