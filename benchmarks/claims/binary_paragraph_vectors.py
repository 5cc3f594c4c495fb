"""Bits that are learned with a document's words, against signs of vectors that were learned without them: the
claim of "Vector representations of text data in deep learning" (Grzegorczyk, 2019), method 65.

PV-DBOW learns a vector for each document, from which a softmax predicts the document's words. In Binary
Paragraph Vector the sigmoid of the vector is rounded to bits in the forward pass, and the gradient passes
through the rounding as if it was not there. The Real-Binary variant has a real vector, whose projection is
rounded: bits choose candidates, and the real vectors order them. The softmax is over all words, in place of a
sample of them.

The documents are passages of the public-domain pages of examples/library, all of which are learned from, as
the model has no vector for others. Each is a query in turn, and the others of its page are what it should
find. The baselines are the signs of PV-DBOW's vectors, as they are and after their mean is taken off, and
random bits. The length of passages and the number of steps were chosen with a seed that is not reported, by
the precision of the real vectors.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from tieback_contract.arrays import Array
from torch import Tensor, nn

from benchmarks import corpus
from benchmarks.claims import by_seed, claim
from benchmarks.report import Report, Tried

METHOD = "65 Vector representations of text data in deep learning"
OF = Tried(65, "paper", product=False, data="real")
WORD = re.compile(r"[a-z]{2,}")
PASSAGE_WORDS, FEWEST_PASSAGES, FEWEST_USES = 40, 8, 2
BITS, REAL = 128, 256
STEPS, RATE, DROPPED = 100, 0.05, 0.25
FIRST, CANDIDATES = 10, 100
GAIN, TIMES, RECALL = 3.0, 3.0, 0.95
REAL_VECTORS, SIGNS, CENTRED = "PV-DBOW", "signs of PV-DBOW", "signs of centred PV-DBOW"
BINARY, REAL_BINARY, RANDOM = "Binary PV", "bits of Real-Binary PV", "random bits"
REAL_OF_BOTH, RESCORED = "real vectors of Real-Binary PV", "Hamming top 100, rescored: recall@10"


class Documents(NamedTuple):
    """How often each word is in each document `[documents, words]`, and the pages `[documents]`."""

    counts: Tensor
    pages: Array


class ParagraphVectors(nn.Module):
    """A vector for each document, and a softmax over words.

    Without `projected`, of `width` numbers; with it, of as many, of which `BITS` are made by a projection.
    """

    def __init__(self, documents: int, words: int, *, width: int, rounded: bool, projected: bool) -> None:
        super().__init__()
        self.vectors = nn.Parameter(0.1 * torch.randn(documents, width))
        self.project = nn.Linear(width, BITS) if projected else nn.Identity()
        self.words = nn.Linear(BITS if projected else width, words)
        self.rounded = rounded

    def codes(self) -> Tensor:
        """What words are predicted from: bits, where the model rounds."""
        made: Tensor = self.project(self.vectors)
        if not self.rounded:
            return made
        smooth = torch.sigmoid(made)
        return smooth + (torch.round(smooth) - smooth).detach()

    def forward(self) -> Tensor:
        """Log probabilities of words `[documents, words]`."""
        dropped = nn.functional.dropout(self.codes(), DROPPED, self.training)
        return torch.log_softmax(self.words(dropped), dim=1)


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims of precision against signs and random bits, and of recall with rescoring."""
    torch.set_num_threads(1)
    known = documents()
    count, words = known.counts.shape
    say(f"{count} passages of {len(set(known.pages))} pages, {words:,} words")
    rows = by_seed(
        report,
        f"{METHOD}: precision@{FIRST} in percent of {count} passages, and recall",
        seeds,
        lambda seed: one(known, seed),
        say,
    )

    def less(name: str, other: str) -> list[float]:
        return [row[name] - row[other] for row in rows]

    for name in (BINARY, REAL_BINARY):
        for signs in (SIGNS, CENTRED):
            claim(
                report, OF, f"{METHOD}: precision@{FIRST} of {BITS} bits, {name} minus {signs}",
                less(name, signs), "points", f">= {GAIN:g}",
            )  # fmt: skip
        times = [row[name] / row[RANDOM] for row in rows]
        claim(
            report, OF, f"{METHOD}: precision@{FIRST}, {name} by random bits", times, "times", f">= {TIMES:g}"
        )
    claim(
        report, OF,
        f"{METHOD}: recall@{FIRST} of the {CANDIDATES} nearest by bits, ordered by the real vectors",
        [row[RESCORED] for row in rows], "share", f">= {RECALL}",
    )  # fmt: skip


def documents() -> Documents:
    """The passages of pages that have enough of them."""
    texts, pages = corpus.passages_of_pages(PASSAGE_WORDS)
    enough = Counter(pages)
    kept = [n for n, page in enumerate(pages) if enough[page] >= FEWEST_PASSAGES]
    split = [WORD.findall(texts[n].lower()) for n in kept]
    used = Counter(word for words in split for word in set(words))
    places = {word: n for n, word in enumerate(sorted(w for w, uses in used.items() if uses >= FEWEST_USES))}
    counts = np.zeros((len(kept), len(places)), np.float32)
    for row, words in enumerate(split):
        np.add.at(counts[row], [places[word] for word in words if word in places], 1)
    return Documents(torch.from_numpy(counts), np.array([pages[n] for n in kept]))


def one(known: Documents, seed: int) -> dict[str, float]:
    plain = trained(known.counts, seed, width=BITS, rounded=False, projected=False).vectors.detach().numpy()
    binary = trained(known.counts, seed, width=BITS, rounded=True, projected=False)
    both = trained(known.counts, seed, width=REAL, rounded=True, projected=True)
    bits, real = _bits(both), both.vectors.detach().numpy()
    draw = np.random.default_rng(seed)
    found = {
        REAL_VECTORS: _cosines(plain),
        SIGNS: _agreement(plain > 0),
        CENTRED: _agreement(plain > plain.mean(axis=0)),
        BINARY: _agreement(_bits(binary)),
        REAL_BINARY: _agreement(bits),
        REAL_OF_BOTH: _cosines(real),
        RANDOM: _agreement(draw.random((len(plain), BITS)) < 0.5),
    }
    precisions = {name: _precision(scores, known.pages) for name, scores in found.items()}
    return {**precisions, RESCORED: _recall(found[REAL_BINARY], found[REAL_OF_BOTH])}


def trained(counts: Tensor, seed: int, *, width: int, rounded: bool, projected: bool) -> ParagraphVectors:
    """Vectors and softmax that make the words of the documents likely."""
    torch.manual_seed(seed)
    model = ParagraphVectors(*counts.shape, width=width, rounded=rounded, projected=projected)
    shares = counts / counts.sum(dim=1, keepdim=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = -(shares * model()).sum(dim=1).mean()
        loss.backward()
        optimiser.step()
    return model.eval()


def _bits(model: ParagraphVectors) -> Array:
    return np.asarray(model.codes().detach().numpy() > 0.5)


def _agreement(bits: Array) -> Array:
    """How many bits are the same, for each two."""
    signs = np.where(bits, np.float32(1), np.float32(-1))
    return np.asarray(signs @ signs.T)


def _cosines(vectors: Array) -> Array:
    rows = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(rows @ rows.T)


def _nearest(scores: Array, most: int) -> Array:
    """The places `[documents, most]` of the nearest others, best first; equal ones in an order by chance."""
    others = scores + 1e-6 * np.random.default_rng(0).random(scores.shape)
    np.fill_diagonal(others, -np.inf)
    return np.argsort(-others, axis=1)[:, :most]


def _precision(scores: Array, pages: Array) -> float:
    return 100 * float((pages[_nearest(scores, FIRST)] == pages[:, None]).mean())


def _recall(choosing: Array, ordering: Array) -> float:
    """The share of the best by one score that are among the candidates by another."""
    best, candidates = _nearest(ordering, FIRST), _nearest(choosing, CANDIDATES)
    return float((best[:, :, None] == candidates[:, None, :]).any(axis=2).mean())
