"""Where a picture is written on: from the probabilities of a detector to rectangles, and to lines of them.

The detector is one of Differentiable Binarization (Liao et al., 2020, arXiv:1911.08947): a map of the
probability that each pixel is in the core of a line of writing, which is shrunk, so that lines are apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array, Box

WRITTEN, LEAST_MEAN = 0.3, 0.5
"""The least probability of a pixel of a core, and the least mean of one; as of PP-OCR's."""

GROWTH = 1.6
"""By how much a core grows: so often its area over its perimeter, on every side."""

THINNEST, NARROWEST = 3.0, 5.0
"""Pixels of the map that a core, and a line, has at least in its height."""

MOST = 1000
"""Lines of one picture."""

NEIGHBOURS = np.ones((3, 3), bool)


@dataclass(frozen=True, slots=True)
class WrittenLine:
    """A rectangle that is written on, in pixels: its corners `[4, 2]` clockwise from the upper left."""

    corners: Array

    @property
    def size(self) -> tuple[float, float]:
        """How wide and high it is, along its own sides."""
        first, second, third, _ = self.corners
        return float(np.hypot(*(second - first))), float(np.hypot(*(third - second)))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of all its corners."""
        (left, top), (right, bottom) = self.corners.min(axis=0), self.corners.max(axis=0)
        return float(left), float(top), float(right), float(bottom)

    def box(self, width: float, height: float) -> Box:
        """Its place in a picture of that size."""
        left, top, right, bottom = self.bounds
        return Box(left / width, top / height, (right - left) / width, (bottom - top) / height)


def written_lines(probabilities: Array, width: float, height: float) -> list[WrittenLine]:
    """The lines in a map `[rows, columns]` of a picture of that size, the first `MOST` from the top."""
    from scipy import ndimage  # a process that reads no photos need not load it

    core = ndimage.binary_dilation(probabilities > WRITTEN, np.ones((2, 2), bool))
    numbers, _ = ndimage.label(core, NEIGHBOURS)
    rows, columns = probabilities.shape
    scale = np.array([width / columns, height / rows])
    found: list[WrittenLine] = []
    for number, place in enumerate(ndimage.find_objects(numbers)[:MOST], 1):
        corners = _grown(numbers[place] == number, probabilities[place])
        if corners is None:
            continue
        offset = np.array([place[1].start, place[0].start])
        corners = np.clip((corners + offset) * scale, 0.0, [width, height])
        line = WrittenLine(corners)
        left, top, right, bottom = line.bounds
        if right - left >= 1.0 and bottom - top >= 1.0:
            found.append(line)
    return found


def in_reading_order(lines: Sequence[WrittenLine]) -> Iterator[list[int]]:
    """The places of the lines, row by row from the top, and in each row from the left.

    In a row are lines whose middles are at about one height, whatever is between them: a name and its price.
    So columns of running text are read across.
    """
    tops = np.array([line.bounds[1] for line in lines])
    bottoms = np.array([line.bounds[3] for line in lines])
    middles, heights = (tops + bottoms) / 2, bottoms - tops
    row: list[int] = []
    for place in np.argsort(middles, kind="stable").tolist():
        if row and middles[place] - middles[row].mean() > min(heights[row].min(), heights[place]) / 2:
            yield sorted(row, key=lambda one: lines[one].bounds[0])
            row = []
        row.append(place)
    if row:
        yield sorted(row, key=lambda one: lines[one].bounds[0])


def _grown(core: Array, probabilities: Array) -> Array | None:
    """The corners `[4, 2]` of the line around a core; None for one that is too thin or too improbable."""
    down, across = np.nonzero(core)
    points = np.stack([across, down], axis=1).astype(np.float64)
    if len(points) < 4:
        return None
    found = _smallest_rectangle(points)
    if found is None:
        return None
    middle, axes, half = found
    if 2.0 * half.min() < THINNEST:
        return None
    grid = np.stack(np.meshgrid(np.arange(core.shape[1]), np.arange(core.shape[0])), axis=-1)
    inside = (np.abs((grid - middle) @ axes.T) <= half).all(axis=-1)
    if not inside.any() or probabilities[inside].mean() < LEAST_MEAN:
        return None
    half = half + GROWTH * half.prod() / half.sum()  # area over perimeter is 4ab / 4(a + b)
    if 2.0 * half.min() < NARROWEST:
        return None
    if abs(axes[0, 0]) < abs(axes[1, 0]):
        axes, half = axes[::-1], half[::-1]
    axes = axes * np.where(np.diag(axes) < 0, -1.0, 1.0)[:, None]
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return np.asarray(middle + (signs * half) @ axes)


def _smallest_rectangle(points: Array) -> tuple[Array, Array, Array] | None:
    """Of the smallest rectangle around points `[n, 2]`: its middle, its two directions, half its sizes.

    One of its sides lies on a side of the convex hull (Freeman and Shapira, 1975). None where all points lie
    on one line.
    """
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull = points[ConvexHull(points).vertices]
    except QhullError:
        return None
    edges = np.roll(hull, -1, axis=0) - hull
    angles = np.unique(np.arctan2(edges[:, 1], edges[:, 0]) % (np.pi / 2))
    cosines, sines = np.cos(angles), np.sin(angles)
    axes = np.stack([np.stack([cosines, sines], axis=1), np.stack([-sines, cosines], axis=1)], axis=1)
    projected = axes @ hull.T  # [angles, 2, corners]
    lowest, highest = projected.min(axis=2), projected.max(axis=2)
    best = int(np.argmin((highest - lowest).prod(axis=1)))
    return (lowest[best] + highest[best]) / 2 @ axes[best], axes[best], (highest[best] - lowest[best]) / 2
