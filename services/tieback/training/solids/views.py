"""Pictures of a point cloud from several sides, as an encoder of pictures is shown them.

Each is an orthographic projection, a little from above. A point is a small square, as large as the points are
far apart, and the darker the nearer it is.
"""

from __future__ import annotations

import io

import numpy as np
from tieback_contract.arrays import Array

VIEWS = 4
SIDE = 128  # pixels
FILLED = 0.85
"""Share of the picture's side that the cloud reaches over."""
FROM_ABOVE = np.radians(20.0)
NEAR, FAR, GROUND = 50, 190, 255


def views(points: Array) -> list[bytes]:
    """VIEWS PNG pictures of `[points, 3]`, a quarter turn apart."""
    return [_png(_picture(points, turn)) for turn in np.arange(VIEWS) * 2 * np.pi / VIEWS + np.pi / 8]


def _picture(points: Array, turn: float) -> Array:
    centred = points - (points.min(axis=0) + points.max(axis=0)) / 2
    reach = float(np.linalg.norm(centred, axis=1).max()) or 1.0
    x, y, z = (centred / reach).T
    across, deep = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    upward = np.cos(FROM_ABOVE) * z + np.sin(FROM_ABOVE) * deep
    depth = np.cos(FROM_ABOVE) * deep - np.sin(FROM_ABOVE) * z  # larger is farther
    columns, rows = (
        np.rint((FILLED * side / 2 + 0.5) * (SIDE - 1)).astype(int) for side in (across, -upward)
    )
    spread = float(np.ptp(depth)) or 1.0
    shade = NEAR + (FAR - NEAR) * (depth - depth.min()) / spread
    picture = np.full((SIDE, SIDE), GROUND, np.float32)
    half = max(1, round(SIDE / 2 / np.sqrt(len(points))))
    order = np.argsort(-depth, kind="stable")  # the nearest last, over those behind
    for down in range(-half, half + 1):
        for right in range(-half, half + 1):
            places = np.clip(rows + down, 0, SIDE - 1)[order], np.clip(columns + right, 0, SIDE - 1)[order]
            np.minimum.at(picture, places, shade[order])
    return picture.astype(np.uint8)


def _png(picture: Array) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()
