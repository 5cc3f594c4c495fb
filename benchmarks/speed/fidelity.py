"""Dependence of a text's vector on what it is computed with, and how far it is from the bare graph's."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.corpus import Corpus
from benchmarks.load.generator import Generator, generating
from benchmarks.load.tieback import StubTarget
from benchmarks.speed.cells import draw
from benchmarks.speed.limit import Limit

TEXTS = 64
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Fidelity:
    """Largest differences of an element between a text alone and the same text in batches.

    As served, and where the request asks for the same vector whatever the batch. `cosine` is the smallest to
    the bare float32 graph.
    """

    side: str
    difference: float
    exact_difference: float
    cosine: float


def fidelity(side: str, target: StubTarget, corpus: Corpus, limit: Limit) -> Fidelity:
    """Encodes mixed texts one by one, then all in one request."""
    texts = draw(corpus, "mixed", TEXTS, 0)
    with generating(target) as generator:
        alone, difference = _difference(generator, texts)
    with generating(dataclasses.replace(target, batch_invariant=True)) as generator:
        _, exact = _difference(generator, texts)
    return Fidelity(side, difference, exact, smallest_cosine(alone, limit, texts))


def smallest_cosine(vectors: Vectors, limit: Limit, texts: list[str]) -> float:
    """Of the texts' vectors `[n, width]` to those of the bare graph."""
    return float((vectors * limit.vectors(texts)).sum(axis=1).min())


def _difference(generator: Generator, texts: list[str]) -> tuple[Vectors, float]:
    alone = np.concatenate(generator.vectors([(text,) for text in texts]))
    together = generator.vectors([tuple(texts)])[0]
    return alone, float(np.abs(alone - together).max())
