"""Views of textures: two noisy windows, one translated against the other, which share a part of their cells.

A texture is a grid of random cells. 30 % of the cells are repeated: they hold one of three patterns, the same
in all textures. What is seen at a cell holds a part of its neighbours, as a network's features do. PCK is the
share of the cells seen in both whose match is at the right cell. The noise was chosen with a seed that is not
used, so that raw correlation is right for about half of the cells.
"""

from __future__ import annotations

import numpy as np
from tieback.methods.projection import unit_rows
from tieback.methods.reranking import SUMMARY, cosines, rerankings
from tieback_contract.arrays import Array
from tieback_lab.methods.reranking.dense_matching import mutual_choices

GRID, SIDE, SHIFT, WIDTH = 12, 8, 3, 64  # cells a side of a texture and of a window, and how far it is moved
REPEATED, PATTERNS, CONTEXT, NOISE = 0.3, 3, 0.5, 2.0
TEXTURES = 40
TEMPERATURE = 0.05  # the method's default
RAW, DENSE = "late_interaction", "dense_matching"
PCK = "PCK"
TELLS, SIMILARITY_TELLS = "AUC of the consistency", "AUC of the similarity"


def measured(seed: int) -> dict[str, float]:
    """PCK in per cent, by the method, and how well each confidence tells right matches."""
    draw = np.random.default_rng(seed)
    patterns = draw.normal(size=(PATTERNS, WIDTH)) / np.sqrt(WIDTH)
    queries, candidates, cells = (
        np.stack(one) for one in zip(*(views(draw, patterns) for _ in range(TEXTURES)), strict=True)
    )
    mask = np.ones(candidates.shape[:2], bool)
    found = {}
    for name in (DENSE, RAW):
        summarise = rerankings.form(SUMMARY, name)
        weights = np.concatenate(
            [
                summarise(query, candidates[[own]], mask[[own]], lambda: None).weights
                for own, query in enumerate(queries)
            ]
        )
        right = weights.argmax(axis=2) == cells
        found[f"{PCK}, {name}"] = 100 * float(right[cells >= 0].mean())
    similarities = np.concatenate([cosines(query, candidates[[own]]) for own, query in enumerate(queries)])
    choices = mutual_choices(similarities, mask, temperature=TEMPERATURE)
    found[TELLS] = auc(choices.sum(axis=2), choices.argmax(axis=2) == cells)
    found[SIMILARITY_TELLS] = auc(similarities.max(axis=2), similarities.argmax(axis=2) == cells)
    return found


def views(draw: np.random.Generator, patterns: Array) -> tuple[Array, Array, Array]:
    """Two windows `[SIDE², WIDTH]` of a new texture, and which cell of the second each cell of the first is.

    -1 where it is none.
    """
    texture = draw.normal(size=(GRID, GRID, WIDTH)) / np.sqrt(WIDTH)
    repeated = draw.random((GRID, GRID)) < REPEATED
    texture[repeated] = patterns[draw.integers(PATTERNS, size=int(repeated.sum()))]
    around = np.sum([np.roll(texture, step, axis) for step in (-1, 1) for axis in (0, 1)], axis=0)
    seen = texture + CONTEXT * around
    first = draw.integers(GRID - SIDE + 1, size=2)
    second = np.clip(first + draw.integers(-SHIFT, SHIFT + 1, size=2), 0, GRID - SIDE)
    here = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"), axis=-1) + first
    there = here - second
    inside = ((there >= 0) & (there < SIDE)).all(axis=-1)
    cells = np.where(inside, there[..., 0] * SIDE + there[..., 1], -1)
    return _window(draw, seen, first), _window(draw, seen, second), cells.ravel()


def auc(confidence: Array, right: Array) -> float:
    """The chance that a right match has more confidence than a wrong one."""
    order = np.argsort(np.argsort(confidence, axis=None))
    of_right = order[right.ravel()]
    count, others = len(of_right), order.size - len(of_right)
    return float((of_right.sum() - count * (count - 1) / 2) / (count * others))


def _window(draw: np.random.Generator, seen: Array, corner: Array) -> Array:
    row, column = corner.tolist()
    window = seen[row : row + SIDE, column : column + SIDE].reshape(-1, WIDTH)
    return unit_rows(window + NOISE * draw.normal(size=window.shape) / np.sqrt(WIDTH))
