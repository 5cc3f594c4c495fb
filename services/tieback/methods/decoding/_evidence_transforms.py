"""Transforms of the evidence: prompt forms that show the same evidence otherwise.

Papers on models that see transform the picture: they flip, crop or blur it, or add noise. The prompts here
are texts, so the sentences of the evidence are transformed. What is drawn depends on the request's seed and
the evidence alone. Claims are checked and cited against the evidence as it was given, whatever a form shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tieback.core import sentences
from tieback.methods.decoding._prompt_forms import PromptRequest

MASK = "_"
"""Stands for a word that is masked."""

TransformName = Literal["random", "drop", "shuffle", "mask"]

Transform = Callable[[Sequence[str], float, np.random.Generator], list[str]]
"""Makes other sentences of the sentences of the evidence, by a share and a draw."""


@dataclass(frozen=True, slots=True)
class EvidenceTransform:
    """A prompt form with the evidence transformed; equal ones share a prompt and its cache.

    "drop" leaves out one sentence, "shuffle" puts the sentences into another order, "mask" puts "_" in the
    place of a `share` of the words, at least one. "random" draws one of the three for each request. What
    would change nothing, because there is only one sentence, is not drawn, and leaves the prompt as it is
    where it is named.
    """

    name: TransformName
    share: float

    def __call__(self, asked: PromptRequest) -> PromptRequest:
        """The request with its evidence transformed; without evidence the same request."""
        drawn, random = self._draw(asked)
        if drawn is None:
            return asked
        changed = TRANSFORMS[drawn](_sentences(asked.excerpt), self.share, random)
        return replace(asked, excerpt=tuple(changed))

    def drawn(self, asked: PromptRequest) -> str:
        """What is done to the request's evidence: "drop", "shuffle" or "mask", or "none"."""
        return self._draw(asked)[0] or "none"

    def _draw(self, asked: PromptRequest) -> tuple[str | None, np.random.Generator]:
        random = np.random.default_rng(asked.seed)
        fit = [name for name, least in LEAST_SENTENCES.items() if len(_sentences(asked.excerpt)) >= least]
        if self.share <= 0.0 and "mask" in fit:
            fit.remove("mask")
        if self.name == "random" and fit:
            return str(random.choice(fit)), random
        return (self.name if self.name in fit else None), random


def _sentences(excerpt: Sequence[str]) -> list[str]:
    """The sentences of all entries, in their order."""
    found = []
    for entry in excerpt:
        places = [0, *sentences.ends(entry), len(entry)]
        pieces = (entry[begin:end].strip() for begin, end in itertools.pairwise(places))
        found += [piece for piece in pieces if piece]
    return found


def _drop(found: Sequence[str], _: float, random: np.random.Generator) -> list[str]:
    left_out = int(random.integers(len(found)))
    return [sentence for place, sentence in enumerate(found) if place != left_out]


def _shuffle(found: Sequence[str], _: float, random: np.random.Generator) -> list[str]:
    order = random.permutation(len(found))
    if (np.diff(order) > 0).all():  # the order that they have
        order = np.roll(order, 1)
    return [found[place] for place in order]


def _mask(found: Sequence[str], share: float, random: np.random.Generator) -> list[str]:
    count = sum(len(sentence.split()) for sentence in found)
    places = set(random.permutation(count)[: max(round(share * count), 1)].tolist())
    masked, begin = [], 0
    for sentence in found:
        words = enumerate(sentence.split(), begin)
        begin += len(sentence.split())
        masked.append(" ".join(MASK if place in places else word for place, word in words))
    return masked


TRANSFORMS: Mapping[str, Transform] = {"drop": _drop, "shuffle": _shuffle, "mask": _mask}
LEAST_SENTENCES = {"drop": 2, "shuffle": 2, "mask": 1}
"""Sentences that there must be for a transform to change something."""
