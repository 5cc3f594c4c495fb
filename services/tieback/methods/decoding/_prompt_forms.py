"""Prompt forms: how the prompt of a stream differs from the plain prompt.

A form is a function of a module that makes a request of the plain request. These are the common ones; a
strategy may define others in its own file.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tieback.core.text import sentences

FROM_MEMORY = "Answer the question in one full sentence."
FALSELY = "Answer falsely: whatever you say must be wrong."
TRUTHFULLY = "Answer truthfully: say only what is known to be true, and do not repeat common misbeliefs."


@dataclass(frozen=True, slots=True)
class Example:
    """A question that is answered before the real one: a text, a question, its answer, and a false answer."""

    text: str
    question: str
    answer: str
    false_answer: str


@dataclass(frozen=True, slots=True)
class PromptRequest:
    """What a model is asked: the system's instruction, examples, sentences of the evidence, the question.

    Without an excerpt, the texts of the examples are not shown. A form that draws does so by `seed`, so that
    it makes the same of the same request.
    """

    instruction: str
    question: str
    excerpt: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    seed: int = 0


PromptForm = Callable[[PromptRequest], PromptRequest]
"""Makes a request of the plain request. Streams of equal forms share a prompt and its cache."""


def with_evidence(asked: PromptRequest) -> PromptRequest:
    """The plain request: the question with the passages before it."""
    return asked


def without_evidence(asked: PromptRequest) -> PromptRequest:
    """The question alone, in the same form. Without evidence it is the plain request."""
    return replace(asked, instruction=FROM_MEMORY, excerpt=()) if asked.excerpt else asked


def amateur(asked: PromptRequest) -> PromptRequest:
    """Asks for a wrong answer, by the instruction and by the examples: an amateur that hallucinates."""
    examples = tuple(replace(one, answer=one.false_answer) for one in asked.examples)
    return replace(asked, instruction=f"{asked.instruction} {FALSELY}", examples=examples)


def truthful(asked: PromptRequest) -> PromptRequest:
    """Asks for the truth by the instruction."""
    return replace(asked, instruction=f"{asked.instruction} {TRUTHFULLY}")


# Transforms of the evidence: prompt forms that show the same evidence otherwise.
#
# Papers on models that see transform the picture: they flip, crop or blur it, or add noise. The prompts
# here are texts, so the sentences of the evidence are transformed. What is drawn depends on the request's
# seed and the evidence alone. Claims are checked and cited against the evidence as it was given, whatever a
# form shows.
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
