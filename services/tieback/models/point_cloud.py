"""Point-NN: an encoder of point clouds without a learned weight (Zhang et al., CVPR 2023, arXiv:2303.08134).

Stage after stage, farthest-point sampling halves the points, each of those left looks at its nearest
neighbours, weighs their features by sines and cosines of where they lie, and keeps the maximum plus the mean.

A cloud is a set here: order and repetition are ignored. Coordinates are put on a grid of 2⁻²⁰ of the cloud's
extent and sorted, so that distances are exact and what is decided by them is decided in the same way, in
whatever order the points came and wherever and however large the cloud is. What differs from the published
code besides: deviations are those of the one cloud, not of a batch, a cloud with fewer points than a stage
wants gives all it has, and the error function in the activation is approximated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.vectors import VectorKind

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.point_cloud import PointCloud
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.content import read_points
from tieback.models.encoder_model import Prepared, RawEncoding, Weight, unit_rows
from tieback.models.session import PROCESSOR, Hardware
from tieback.models.store import ServedModel

GRID = 1 << 20
EPSILON = 1e-5
AXES = 3
MOST_PER_POINT = 16  # points that farthest-point sampling looks at for each that it takes
BYTES_PER_POINT = 256  # while a cloud is put on the grid and sorted
VALUES_AT_ONCE = 1 << 17  # what is computed stays within a core's cache


class PointCloudModel:
    """Encodes clouds one by one, in NumPy; there is no session and nothing that a batch would share."""

    pads = False

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:  # noqa: ARG002 - there are no files and no session
        self.card = card
        self._options = card.options_for(PointCloud)
        width = self._options.embedding << self._options.stages
        if card.width != width:
            raise StartupError(
                f"{card.name}: {self._options.stages} stages from {self._options.embedding} give vectors of "
                f"{width}; the card's width is {card.width}"
            )

    @property
    def sizes(self) -> Sequence[int]:
        """Small clouds and full ones, in points after sampling."""
        points = self._options.points
        return sorted({min(64, points), max(1, points // 4), points})

    def sample(self, tokens: int) -> Prepared:
        """A spiral of that many points on a sphere."""
        turn = np.arange(tokens) * np.pi * (3 - 5**0.5)
        height = (np.arange(tokens) + 0.5) / tokens * 2 - 1
        circle = np.sqrt(1 - height**2)
        return Prepared(
            tokens, np.rint(np.stack([circle * np.cos(turn), circle * np.sin(turn), height], axis=1) * GRID)
        )

    def weigh(self, content: Content, plan: EncodePlan, limits: Limits) -> Weight:  # noqa: ARG002 - there is one kind
        """By the number of points."""
        points = len(read_points(content, limits))
        return Weight(min(points, self._options.points), BYTES_PER_POINT * points)

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:  # noqa: ARG002 - a cloud has no end to cut off
        """Puts a cloud on the grid and samples it down, in the order of sampling; it costs its points."""
        points = read_points(content, limits)
        if points.ndim != 2 or points.shape[1] != AXES:
            raise InvalidInput(
                f"a cloud has the shape [points, 3], not {list(points.shape)}",
                field="points",
                reason="BAD_POINTS",
            )
        cloud = on_grid(points)
        # Sorted as they are, each n-th of many points is a fair sample, and it is sampled from again.
        cloud = cloud[:: -(-len(cloud) // (MOST_PER_POINT * self._options.points))]
        cloud = cloud[farthest_points(cloud, self._options.points)]
        return Prepared(len(cloud), cloud, size=cloud.nbytes)

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Encodes the clouds."""
        dense = VectorKind.DENSE in plan.kinds
        return [RawEncoding(self._encode(one.payload) if dense else None, None) for one in batch]

    def warm_up(self) -> None:
        """Nothing is made on first use."""

    def _encode(self, points: Array) -> Array:
        """`[points, 3]` of the grid, in the order of farthest-point sampling, to `[width]` of length 1.

        A sample's own farthest points are its first ones, so halving is to keep those.
        """
        centred = points - points.mean(axis=0)
        radius = np.sqrt((centred**2).sum(axis=1).max())
        places = (centred / (radius or 1.0)).astype(np.float32)
        features = self._waves(places, self._options.embedding)
        for _ in range(self._options.stages):
            kept = max(1, len(points) // 2)
            near = nearest_points(points, kept, self._options.neighbours)
            features = self._pooled(places, features, near)
            points, places = points[:kept], places[:kept]
        return unit_rows(features.max(axis=0) + features.mean(axis=0))

    def _pooled(self, places: Array, features: Array, near: Array) -> Array:
        """Features `[points, width]` to `[kept, 2 · width]`, of the `near` `[kept, neighbours]` of each."""
        kept, neighbours = near.shape
        width = features.shape[1]
        offsets = places[near] - places[:kept, None]
        offsets /= _deviation(offsets) + EPSILON
        changes = features[near]
        changes -= features[:kept, None]
        scale = np.float32(1.0 / (_deviation(changes) + EPSILON))
        pooled = np.empty((kept, 2 * width), np.float32)
        step = max(1, VALUES_AT_ONCE // (neighbours * 2 * width))
        for begin in range(0, kept, step):
            rows = slice(begin, begin + step)
            waves = self._waves(offsets[rows], 2 * width)
            # The point's own features stand beside the change of its neighbours', and the waves are added to
            # both and then multiply the sum.
            weighed = waves.copy()
            weighed[..., :width] += changes[rows] * scale
            weighed[..., width:] += features[:kept][rows][:, None]
            weighed *= waves
            pooled[rows] = weighed.max(axis=1) + weighed.mean(axis=1)
        return _gelu(pooled)

    def _waves(self, offsets: Array, width: int) -> Array:
        """Sines and cosines `[..., width]` of `[..., 3]`: for each axis, one of each for each wavelength."""
        options = self._options
        count = width // (2 * AXES)
        rates = (options.beta / options.alpha ** (np.arange(count) / count)).astype(np.float32)
        angles = offsets.astype(np.float32)[..., None] * rates
        waves = np.empty((*offsets.shape, count, 2), np.float32)
        np.sin(angles, out=waves[..., 0])
        np.cos(angles, out=waves[..., 1])
        return waves.reshape(*offsets.shape[:-1], width)


def on_grid(points: Array) -> Array:
    """`[n, 3]` as whole numbers of -GRID to GRID in float64, in order, each once."""
    points = points.astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = (high - low).max() / 2
    places = np.rint((points - (low + high) / 2) / (extent or 1.0) * GRID)
    places = places[np.lexsort(places.T)]
    first = np.ones(len(places), bool)
    first[1:] = (places[1:] != places[:-1]).any(axis=1)
    return np.asarray(places[first])


def farthest_points(points: Array, count: int) -> Array:
    """Indices of `count` of `[n, 3]` points, or of all: the first is the farthest from the centroid, and each
    further one is the farthest from those before it. Of equals the first in the order given is taken.
    """
    count = min(count, len(points))
    x, y, z = np.ascontiguousarray(points.T)
    taken = np.empty(count, np.intp)
    taken[0] = ((points - points.mean(axis=0)) ** 2).sum(axis=1).argmax()
    distance = np.full(len(points), np.inf)
    for index in range(1, count):
        last = taken[index - 1]
        np.minimum(distance, (x - x[last]) ** 2 + (y - y[last]) ** 2 + (z - z[last]) ** 2, out=distance)
        taken[index] = distance.argmax()
    return taken


def nearest_points(points: Array, kept: int, count: int) -> Array:
    """Indices `[kept, count]`, or of all, of the points nearest to each of the first `kept`."""
    if count >= len(points):
        return np.broadcast_to(np.arange(len(points)), (kept, len(points)))
    lengths = (points**2).sum(axis=1)
    # Whole numbers below 2⁵³ are added and multiplied without error, so this form is exact too.
    squares = lengths - 2.0 * (points[:kept] @ points.T)
    return np.argpartition(squares, count - 1, axis=1)[:, :count]


def _deviation(values: Array) -> float:
    """The standard deviation of all values together."""
    count, total = values.size, float(values.sum())
    flat = values.ravel()
    return float(np.sqrt(max(float(flat @ flat) / count - (total / count) ** 2, 0.0)))


def _gelu(values: Array) -> Array:
    """The Gaussian error linear unit, by its tanh form (Hendrycks and Gimpel, 2016, arXiv:1606.08415)."""
    inner = np.float32(np.sqrt(2 / np.pi)) * (values + np.float32(0.044715) * values**3)
    return np.asarray(values * np.float32(0.5) * (1 + np.tanh(inner)))
