"""Surfaces of triangles, `[triangles, 3, 3]`, z upwards: what solids are made of, and points of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array

ROUND = 24
"""Sides of what is round."""

Profile = Sequence[tuple[float, float]]
"""Corners of an outline, one after the other."""


def box(width: float, depth: float, height: float, *, at: Sequence[float] = (0, 0, 0)) -> Array:
    """A cuboid whose foot has its middle at that place."""
    outline = [
        (-width / 2, -depth / 2),
        (width / 2, -depth / 2),
        (width / 2, depth / 2),
        (-width / 2, depth / 2),
    ]
    return moved(prism(outline, height), at)


def prism(outline: Profile, height: float) -> Array:
    """An outline `(x, y)`, all of which its middle sees, drawn out upwards and closed at both ends."""
    foot = np.array([(x, y, 0.0) for x, y in outline])
    top = foot + np.array([0, 0, height])
    caps = [
        np.stack([ends, np.roll(ends, -1, axis=0), np.broadcast_to(ends.mean(axis=0), ends.shape)], axis=1)
        for ends in (foot, top)
    ]
    return np.concatenate([_between(np.stack([foot, top]), closed=True), *caps])


def revolved(profile: Profile, *, at: Sequence[float] = (0, 0, 0)) -> Array:
    """What a line through points `(radius, height)` leaves where it turns about the vertical."""
    turn = np.arange(ROUND) * 2 * np.pi / ROUND
    rows = [[(r * np.cos(a), r * np.sin(a), z) for a in turn] for r, z in profile]
    return moved(_between(np.array(rows), closed=True), at)


def cylinder(radius: float, height: float, *, at: Sequence[float] = (0, 0, 0)) -> Array:
    """Upright, closed at both ends, its foot at that place."""
    return revolved([(0, 0), (radius, 0), (radius, height), (0, height)], at=at)


def cone(radius: float, height: float, *, at: Sequence[float] = (0, 0, 0)) -> Array:
    """Upright, with its disc."""
    return revolved([(0, 0), (radius, 0), (0, height)], at=at)


def ball(radius: float, *, at: Sequence[float] = (0, 0, 0), height: float | None = None) -> Array:
    """A sphere about that place, or an ellipsoid of another height from the middle to the top."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, ROUND // 2)
    tall = radius if height is None else height
    return revolved([(radius * float(np.cos(a)), tall * float(np.sin(a))) for a in turn], at=at)


def ring(radius: float, thickness: float, *, at: Sequence[float] = (0, 0, 0)) -> Array:
    """A lying torus."""
    turn = np.linspace(0, 2 * np.pi, ROUND // 2)
    return revolved(
        [(radius + thickness * float(np.cos(a)), thickness * float(np.sin(a))) for a in turn], at=at
    )


def pipe(line: Array, radius: float) -> Array:
    """A tube about a line `[points, 3]`."""
    ahead = np.gradient(np.asarray(line, np.float64), axis=0)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    # Of the axes, the one that the line follows least gives a direction across it all the way.
    across = np.cross(ahead, np.eye(3)[np.abs(ahead).mean(axis=0).argmin()])
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    other = np.cross(ahead, across)
    turn = np.arange(8) * np.pi / 4
    rows = line[:, None] + radius * (
        np.cos(turn)[None, :, None] * across[:, None] + np.sin(turn)[None, :, None] * other[:, None]
    )
    return _between(rows, closed=True)


def rod(begin: Sequence[float], end: Sequence[float], radius: float) -> Array:
    """A straight tube."""
    return pipe(np.linspace(begin, end, 3), radius)


def moved(shape: Array, by: Sequence[float]) -> Array:
    """The shape somewhere else."""
    return np.asarray(shape + np.asarray(by, np.float64))


def tipped(shape: Array, degrees: float, *, about: str = "x") -> Array:
    """The shape turned about an axis through the origin."""
    axis = "xyz".index(about)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    turned = shape.copy()
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turned[..., a], turned[..., b] = (
        cos * shape[..., a] - sin * shape[..., b],
        sin * shape[..., a] + cos * shape[..., b],
    )
    return turned


def drawn(shape: Array, count: int, draw: np.random.Generator) -> Array:
    """`[count, 3]` points of the surface, wherever on it alike."""
    sides = shape[:, 1:] - shape[:, :1]
    areas = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
    chosen = draw.choice(len(shape), count, p=areas / areas.sum())
    share = draw.random((count, 2))
    share = np.where(share.sum(axis=1, keepdims=True) > 1, 1 - share, share)
    return np.asarray(shape[chosen, 0] + np.einsum("ns,nsd->nd", share, sides[chosen]))


def _between(rows: Array, *, closed: bool) -> Array:
    """The triangles between neighbouring points of `[rows, points, 3]`; a closed row goes round."""
    if closed:
        rows = np.concatenate([rows, rows[:, :1]], axis=1)
    a, b, c, d = rows[:-1, :-1], rows[:-1, 1:], rows[1:, :-1], rows[1:, 1:]
    halves = (np.stack([a, b, c], axis=-2), np.stack([b, d, c], axis=-2))
    return np.concatenate([half.reshape(-1, 3, 3) for half in halves])


def curve(points: int, place: Callable[[float], tuple[float, float, float]]) -> Array:
    """A line through so many places, each by its share of the way."""
    return np.array([place(float(share)) for share in np.linspace(0, 1, points)])


FEWEST_POINTS, MOST_POINTS = 400, 1000
NOISE = 0.01
"""The most noise, as a share of the longest extent; as much is drawn as a uniform share of it."""
STRETCH = 1.25
"""Each axis is stretched by up to so much, or pressed."""

Between = Callable[[float, float], float]
"""A number between two."""
Make = Callable[[Between], list[Array]]


@dataclass(frozen=True, slots=True)
class Solid:
    """A thing's name, and how one is made."""

    name: str
    make: Make

    def sample(self, draw: np.random.Generator) -> Array:
        """One of them as a cloud `[points, 3]`, in float32."""
        parts = self.make(lambda low, high: float(draw.uniform(low, high)))
        count = int(draw.integers(FEWEST_POINTS, MOST_POINTS))
        points = drawn(np.concatenate(parts), count, draw)
        points = points * STRETCH ** draw.uniform(-1, 1, 3)
        turn = draw.uniform(0, 2 * np.pi)
        about = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        extent = float(np.ptp(points, axis=0).max())
        noise = draw.uniform(0, NOISE) * extent * draw.normal(size=points.shape)
        return np.asarray(points @ about.T + noise, np.float32)


SOLIDS: list[Solid] = []
"""All of them, in the order of their files."""


def solid(make: Make) -> Make:
    """Registers a thing; its name is the function's."""
    SOLIDS.append(Solid(make.__name__.strip("_").replace("_", " "), make))
    return make
