"""Vectors of texts by an encoder, and as many more as are asked for that lie as these do."""

from __future__ import annotations

import random
from pathlib import Path

import faiss as _faiss
import numpy as np
from tieback_contract.arrays import Array

from benchmarks.data_folder import read_rows
from benchmarks.encoders import encoder, text_vectors

faiss = _faiss
QUERIES = 200
NEIGHBOURS, SPREAD = 8, 0.5  # of a vector that is drawn: mixed of so many directions, each of this length
LONGEST = 48  # words of a text that are encoded
AT_ONCE = 8192


def texts_of(folder: Path) -> list[str]:
    """The beginnings of all documents, and the sentences, of a folder of judged texts; each once."""
    files = [
        folder / "cranfield" / "documents.jsonl",
        *sorted((folder / "retrieval").glob("*/documents.jsonl")),
    ]
    texts = [row["text"] for path in files if path.is_file() for row in read_rows(path)]
    for path in sorted((folder / "sts").glob("*.jsonl")):
        texts += [text for row in read_rows(path) for text in (row["a"], row["b"])]
    cut = (" ".join(text.split()[:LONGEST]) for text in texts)
    return list(dict.fromkeys(text for text in cut if text))


def encoded(texts: list[str], space: str) -> tuple[Array, Array]:
    """Unit vectors of texts, in an order of their own, and of others as queries."""
    if len(texts) <= 2 * QUERIES:
        raise SystemExit(f"scale: {len(texts)} texts are too few; name a folder with more: --data DIR")
    vectors = text_vectors(encoder(space), texts, "scale")
    order = np.random.default_rng(1).permutation(len(vectors))
    return vectors[order[QUERIES:]], vectors[order[:QUERIES]]


def more_of(known: Array, count: int) -> Array:
    """So many unit vectors: those that are known, then drawn around them.

    Each of these is a known one, moved along the directions to its nearest neighbours by Gaussian steps: the
    covariance is that of the neighbourhood, and the distance about that of neighbours.
    """
    made = np.empty((count, known.shape[1]), np.float32)
    made[: len(known)] = known[:count]
    if count <= len(known):
        return made
    index = faiss.IndexFlatIP(known.shape[1])
    index.add(known)
    neighbours = np.concatenate(
        [
            index.search(known[begin : begin + 1024], NEIGHBOURS + 1)[1][:, 1:]
            for begin in range(0, len(known), 1024)
        ]
    )
    rng = np.random.default_rng(2)
    for begin in range(len(known), count, AT_ONCE):
        size = min(AT_ONCE, count - begin)
        chosen = rng.integers(len(known), size=size)
        steps = np.float32(SPREAD) * rng.standard_normal((size, NEIGHBOURS), np.float32)
        moved = known[chosen] * (1 - steps.sum(axis=1, keepdims=True))
        for place in range(NEIGHBOURS):
            moved += steps[:, place, None] * known[neighbours[chosen, place]]
        made[begin : begin + size] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return made


def nearest(vectors: Array, queries: Array, limit: int) -> Array:
    """The exact ones, by place, `[queries, limit]`."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    best = np.zeros((len(queries), 0), np.int64)
    scores = np.zeros((len(queries), 0), np.float32)
    for begin in range(0, len(vectors), 65_536):
        index.reset()
        index.add(vectors[begin : begin + 65_536])
        found, places = index.search(queries, limit)
        scores, best = np.concatenate((scores, found), 1), np.concatenate((best, places + begin), 1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :limit]
        scores, best = np.take_along_axis(scores, order, 1), np.take_along_axis(best, order, 1)
    return best


def short_texts(texts: list[str], count: int, words: int = 20) -> list[str]:
    """Texts of so many words, cut anywhere out of others."""
    every = [word for text in texts for word in text.split()]
    rng = random.Random(1)
    begins = (rng.randrange(max(len(every) - words, 1)) for _ in range(count))
    return [" ".join(every[begin : begin + words]) for begin in begins]
