"""Parts as rows of one width, and what stands for a missing one: the shared beginning of every fusion.

Written once for NumPy and torch. A part's rows are standardised, and brought to one width by a matrix of its
own. What a missing part is replaced by, the state says by its sizes: rows of a learned `pool` that the parts
that are there choose (PTUnifier's way), or a row that matrices `between` parts make of them. A state with
neither skips it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods._attention import WIDE
from tieback_lab.methods.fusion import TURNS, Layers, Missing, Rows, There

SHARED = {
    "ends": ("parts",),
    "mean": ("inputs",),
    "scale": ("inputs",),
    "enter": ("inputs", "inner"),
    "part": ("parts", "inner"),
    "pool": ("parts", "pool", "inner"),
    "between": ("links", "inner", "inner"),
    "decode": ("width", "classes"),
    "sharpness": ("one",),
}
FIXED = frozenset({"ends", "mean", "scale", TURNS})
"""Arrays that are not trained."""

CHOSEN = 16
"""Rows of the pool that stand for a missing part."""
SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of a state: `parts` are the widths of the parts, `asked` that of a condition, 0 for none.

    `layers` are those of a language model that a state begins with; None for random ones.
    """

    parts: Sequence[int]
    inner: int
    width: int
    classes: int = 0
    pool: int = 0
    links: int = 0
    asked: int = 0
    layers: Layers | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """`rows` `[n, tokens, inner]`, `there` `[n, tokens]`, and of each token the number of its part.

    They come in `blocks` of these rows and masks: a part's rows, each part in turn, then what replaces parts.
    `by_part` `[n, parts, inner]` are means of a part's tokens; `present` `[n, parts]` which have some, those
    that were replaced among them.
    """

    rows: Any
    there: Any
    part: Sequence[int]
    blocks: Sequence[tuple[int, Any, Any]]
    by_part: Any
    present: Any


def start(rows: Rows, there: There, sizes: Sizes, draw: np.random.Generator) -> dict[str, Array]:
    """The shared arrays that training begins with: rows standardised by what was seen of each part."""
    seen = [one[mask].astype(np.float64) for one, mask in zip(rows, there, strict=True)]
    inputs, inner = sum(sizes.parts), sizes.inner
    enter = np.concatenate([matrix(draw, width, inner) for width in sizes.parts])
    return {
        "ends": np.cumsum(sizes.parts).astype(np.int64),
        "mean": np.concatenate([one.mean(axis=0) for one in seen]).astype(np.float32),
        "scale": np.concatenate([1 / (one.std(axis=0) + SMALLEST**0.5) for one in seen]).astype(np.float32),
        "enter": enter.reshape(inputs, inner),
        "part": 0.1 * matrix(draw, len(sizes.parts), inner),
        "pool": 0.5 * draw.normal(size=(len(sizes.parts), sizes.pool, inner)).astype(np.float32),
        "between": np.stack([matrix(draw, inner, inner) for _ in range(sizes.links)])
        if sizes.links
        else np.zeros((0, inner, inner), np.float32),
        "decode": matrix(draw, sizes.width, sizes.classes),
        "sharpness": np.full(1, 2.3, np.float32),
    }


def start_with(
    schema: Mapping[str, Sequence[str]], rows: Rows, there: There, sizes: Sizes, draw: np.random.Generator
) -> dict[str, Array]:
    """The shared arrays, and random matrices for what else the `schema` of a method has, in its order."""
    begun = start(rows, there, sizes, draw)
    inner, width = sizes.inner, sizes.width
    lengths = {"one": 1, "asked": sizes.asked, "inner": inner, "wide": WIDE * inner, "width": width}
    for name, (ins, outs) in ((one, shape) for one, shape in schema.items() if one not in begun):
        begun[name] = matrix(draw, lengths[ins], lengths[outs])
    return begun


def policy_sizes(missing: Missing, parts: int, pool: int) -> tuple[int, int]:
    """Rows of the pool, and matrices between parts."""
    return (max(pool, CHOSEN) if missing == "pool" else 0), (parts * parts if missing == "substitute" else 0)


def tokens(xp: Any, rows: Any, there: Any, state: Any) -> Tokens:
    """The parts of things in one width, with what is in the place of missing ones."""
    entered = entered_parts(rows, state)
    pooled = xp.stack([mean(xp, one, mask) for one, mask in zip(entered, there, strict=True)], 1)
    has = xp.stack([mask.any(1) for mask in there], 1)
    blocks: list[tuple[int, Any, Any]] = [
        (place, *one) for place, one in enumerate(zip(entered, there, strict=True))
    ]
    present = has
    for place, made in enumerate(_replaced(xp, pooled, has, state)):
        absent = ~has[:, place]
        blocks.append((place, made, xp.broadcast_to(absent[:, None], made.shape[:2])))
        present = present | absent[:, None] & _column(xp, present, place)
        pooled = xp.where(
            (absent[:, None] & _column(xp, present, place))[..., None], made.mean(1)[:, None], pooled
        )
    numbers = [place for place, own, _ in blocks for _ in range(own.shape[1])]
    together, masks = (xp.concatenate([one[field] for one in blocks], 1) for field in (1, 2))
    return Tokens(together, masks, numbers, blocks, pooled, present)


def entered_parts(rows: Any, state: Any) -> list[Any]:
    """The rows of each part in the inner width `[n, rows, inner]`."""
    found, begin = [], 0
    for place, one in enumerate(rows):
        found.append(_entered(one, place, begin, state))
        begin += one.shape[-1]
    return found


def entered_part(rows: Array, place: int, state: State) -> Array:
    """The rows of one part in the inner width `[n, rows, inner]`."""
    return np.asarray(_entered(rows, place, int(state["ends"][place]) - rows.shape[-1], state))


def _entered(rows: Any, place: int, begin: int, state: Any) -> Any:
    end = begin + rows.shape[-1]
    seen = (rows - state["mean"][begin:end]) * state["scale"][begin:end]
    return seen @ state["enter"][begin:end] + state["part"][place]


def mean(xp: Any, rows: Any, there: Any) -> Any:
    """The mean `[n, d]` of rows `[n, r, d]` where `there` `[n, r]`; zeros where none is."""
    return (rows * there[..., None]).sum(1) / xp.clip(there.sum(1)[:, None], 1, None)


def unit(rows: Any) -> Any:
    """Rows at length 1."""
    return rows / ((rows * rows).sum(-1)[..., None] + SMALLEST) ** 0.5


def matrix(draw: np.random.Generator, ins: int, outs: int) -> Array:
    """A random matrix that keeps the variance of what it multiplies."""
    return np.asarray(draw.normal(size=(ins, outs)) / np.sqrt(max(ins, 1)), np.float32)


def every(mask: Any) -> Any:
    """A mask of that shape that is True everywhere."""
    return mask | ~mask


def _replaced(xp: Any, pooled: Any, has: Any, state: Any) -> list[Any]:
    """Rows for each part where it is missing `[n, rows, inner]`; nothing where that is skipped."""
    parts = pooled.shape[1]
    if xp is np and has.all():  # they would be masked; a graph has them in any case
        return []
    if state["pool"].shape[1]:
        asked = mean(xp, pooled, has)
        return [_chosen(xp, asked, state["pool"][place]) for place in range(parts)]
    if state["between"].shape[0]:
        return [guessed(xp, pooled, has, state, place)[:, None] for place in range(parts)]
    return []


def guessed(xp: Any, pooled: Any, has: Any, state: Any, place: int) -> Any:
    """The row `[n, inner]` of a part, by the mean of the maps from the other parts that are there."""
    parts = pooled.shape[1]
    others = [other for other in range(parts) if other != place]
    if not others:
        return pooled[:, place] * 0 + state["part"][place]
    made = xp.stack([pooled[:, other] @ state["between"][other * parts + place] for other in others], 1)
    return mean(xp, made, xp.stack([has[:, other] for other in others], 1)) + state["part"][place]


def _chosen(xp: Any, asked: Any, pool: Any) -> Any:
    """The pool's rows `[n, CHOSEN, inner]` nearest to what asks; the choice has no gradient, the rows have.

    The choice of a row by its number is no function of the state, so the gradient reaches the rows alone.
    """
    scores = asked @ pool.T
    places = (
        np.argpartition(-scores, CHOSEN - 1, axis=1)[:, :CHOSEN] if xp is np else scores.topk(CHOSEN).indices
    )
    return pool[places]


def _column(xp: Any, like: Any, place: int) -> Any:
    """A mask `[1, parts]` that is True at one part."""
    made = np.arange(like.shape[1]) == place
    return (made if xp is np else xp.from_numpy(made))[None]
