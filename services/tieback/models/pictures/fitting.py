"""Resizes a picture for a network, as a transformers `preprocessor_config.json` describes it.

The picture is resized, by its shorter side or to an exact size, its centre is cut out, and the values are
scaled and normalised. Of a picture as thin as a line only what is cut out is resized, so that it costs no
more than another.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tieback_contract.arrays import Array

from tieback.core.errors import StartupError

MOST_PIXELS = 2048  # a side
CHANNELS = 3
BICUBIC = 3
RESCALE = 1 / 255
STEEP = 8  # times as long as wide: such a picture is not resized as a whole


@dataclass(frozen=True, slots=True)
class PictureFitting:
    """`height` and `width` are what the network sees.

    `edge` is what the shorter side is resized to before that much of the centre is cut out; None where the
    whole picture is resized to the height and the width.
    """

    height: int
    width: int
    edge: int | None
    resampling: Image.Resampling
    scale: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def read(cls, path: Path) -> PictureFitting:
        """StartupError names the key that is wrong, or asks for what is not done here."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise StartupError(f"{path.name} is not JSON that can be read: {error}") from None
        if not isinstance(fields, dict):
            raise StartupError(f"{path.name} holds no JSON object")
        return cls._of(fields, path.name)

    @classmethod
    def _of(cls, fields: Mapping[str, Any], name: str) -> PictureFitting:
        if fields.get("do_resize", True) is False:
            raise StartupError(f"{name}: pictures of any size (do_resize: false) are not taken by one graph")
        crops = fields.get("do_center_crop")
        crops = "crop_size" in fields if crops is None else bool(crops)
        height, width, edge = _resized(fields.get("size"), crops, f"{name}: size")
        if crops:
            cut = fields.get("crop_size")
            cut_height, cut_width, _ = _resized(cut, False, f"{name}: crop_size")
            if max(cut_height - height, cut_width - width) > 0:
                raise StartupError(f"{name}: crop_size is at most size")
            if edge is None and (cut_height, cut_width) != (height, width):
                raise StartupError(
                    f"{name}: a cut out of an exact size is not done here; resize to crop_size"
                )
            height, width = cut_height, cut_width
        elif edge is not None:
            raise StartupError(
                f"{name}: size.shortest_edge without do_center_crop gives pictures of any shape, "
                "which one graph does not take"
            )
        resampling = fields.get("resample", BICUBIC)
        if resampling not in list(Image.Resampling):
            raise StartupError(f"{name}: resample is one of Pillow's filters, 0 to 5, not {resampling!r}")
        normalizes = fields.get("do_normalize", True) is not False
        return cls(
            height,
            width,
            edge,
            Image.Resampling(resampling),
            _number(fields, "rescale_factor", name, RESCALE) if fields.get("do_rescale", True) else 1.0,
            _channels(fields, "image_mean", name) if normalizes else (0.0,) * CHANNELS,
            _channels(fields, "image_std", name, positive=True) if normalizes else (1.0,) * CHANNELS,
        )

    def pixels(self, image: Image.Image) -> Array:
        """What the network sees of an RGB picture, uint8 `[height, width, 3]`."""
        if self.edge is not None:
            return np.asarray(self._cut(image, self.edge), np.uint8)
        size = (self.width, self.height)
        if image.width < self.width and image.height > STEEP * self.height:
            image = image.resize((image.width, self.height), self.resampling)  # else widened at full height
        return np.asarray(image.resize(size, self.resampling), np.uint8)

    def _cut(self, image: Image.Image, edge: int) -> Image.Image:
        """The centre of the resized picture, whose longer side is rounded down."""
        shorter, size = min(image.size), (self.width, self.height)
        across, down = (edge if side == shorter else edge * side // shorter for side in image.size)
        left, top = (across - self.width) // 2, (down - self.height) // 2
        right, bottom = left + self.width, top + self.height
        if max(image.size) <= STEEP * shorter:
            return image.resize((across, down), self.resampling).crop((left, top, right, bottom))
        # The same but for rounding between the axes, and without a resized picture of any length.
        wide, high = image.width / across, image.height / down
        box = (left * wide, top * high, min(right * wide, image.width), min(bottom * high, image.height))
        return image.resize(size, self.resampling, box=box)

    def scaled(self, pixels: Array) -> Array:
        """`[batch, height, width, 3]` uint8 as the network's float32 `[batch, 3, height, width]`."""
        mean, deviation = (np.array(one, np.float32) for one in (self.mean, self.deviation))
        values = (pixels.astype(np.float32) * np.float32(self.scale) - mean) / deviation
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def _resized(size: Any, by_edge: bool, name: str) -> tuple[int, int, int | None]:
    """Height, width, and the shorter side where that is what the size is of."""
    if isinstance(size, int):  # as configurations of before 2022 write it
        return _side(size, name), _side(size, name), size if by_edge else None
    if isinstance(size, dict) and set(size) == {"shortest_edge"}:
        edge = _side(size["shortest_edge"], name)
        return edge, edge, edge
    if isinstance(size, dict) and set(size) == {"height", "width"}:
        return _side(size["height"], name), _side(size["width"], name), None
    raise StartupError(f"{name} is a number, {{shortest_edge}} or {{height, width}}, not {size!r:.80}")


def _side(value: Any, name: str) -> int:
    if not isinstance(value, int) or not 0 < value <= MOST_PIXELS:
        raise StartupError(f"{name} is 1 to {MOST_PIXELS} pixels, not {value!r:.80}")
    return value


def _number(fields: Mapping[str, Any], key: str, name: str, default: float) -> float:
    value = fields.get(key, default)
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise StartupError(f"{name}: {key} is a number, not {value!r:.80}")
    return float(value)


def _channels(fields: Mapping[str, Any], key: str, name: str, *, positive: bool = False) -> tuple[float, ...]:
    values = fields.get(key)
    if (
        not isinstance(values, list)
        or len(values) != CHANNELS
        or not all(isinstance(value, (int, float)) and math.isfinite(value) for value in values)
        or (positive and min(values) <= 0)
    ):
        raise StartupError(f"{name}: {key} is three numbers, one a channel, not {values!r:.80}")
    return tuple(float(value) for value in values)
