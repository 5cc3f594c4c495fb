"""Resizes a picture for a network, as a transformers `preprocessor_config.json` describes it.

The picture is resized, by its shorter side or to an exact size, its centre is cut out, and the values are
scaled and normalised. Of a picture as thin as a line only what is cut out is resized, so that it costs no
more than another. Files of processors that resize with torch ("fast") are followed with Pillow's filters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tieback_contract.arrays import Array

from tieback.core.errors import StartupError
from tieback.models.preprocessor import read_preprocessor

MOST_PIXELS = 2048  # a side
CHANNELS = 3
BILINEAR, BICUBIC = 2, 3
RESCALE = 1 / 255
STEEP = 8  # times as long as wide: such a picture is not resized as a whole
WARPED = 384  # ConvNeXt's processor cuts nothing out from this size on
TYPES = ("image_processor_type", "feature_extractor_type")
KIND = re.compile(r"(\w+?)(ImageProcessor|FeatureExtractor)(Fast|Pil)?")
CONVNEXT, DINO_V3 = "ConvNext", "DINOv3ViT"
FOLLOWED: Mapping[str, int] = {
    "CLIP": BICUBIC, "ChineseCLIP": BICUBIC, "Siglip": BICUBIC, "ViT": BILINEAR, "DeiT": BICUBIC,
    "Beit": BICUBIC, "Bit": BICUBIC, CONVNEXT: BICUBIC, DINO_V3: BILINEAR, "MobileNetV2": BILINEAR,
    "Blip": BICUBIC,
}  # fmt: skip
"""Processors of transformers whose rules are these, with the filter where a file names none."""

SQUARED = ("DeiT", "Beit")
"""For these a bare number is the size of both sides, even where the centre is cut out."""


@dataclass(frozen=True, slots=True)
class PictureFitting:
    """`height` and `width` are what the network sees.

    Before that much of the centre is cut out, the shorter side is resized to `edge`, or, where that is None,
    the picture to `resized`, its height and width. With `in_floats` values are not rounded after that.
    """

    height: int
    width: int
    edge: int | None
    resized: tuple[int, int]
    resampling: Image.Resampling
    scale: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    in_floats: bool = False

    @classmethod
    def read(cls, path: Path) -> PictureFitting:
        """StartupError names the key that is wrong, or asks for what is not done here."""
        return cls._of(read_preprocessor(path, "image_processor"), path.name)

    @classmethod
    def _of(cls, fields: Mapping[str, Any], name: str) -> PictureFitting:
        kind = _kind(fields, name)
        if fields.get("do_resize", True) is False:
            raise StartupError(f"{name}: pictures of any size (do_resize: false) are not taken by one graph")
        if fields.get("do_pad"):
            raise StartupError(f"{name}: padding of pictures (do_pad) is not done here")
        crops, shares = _crops(fields), kind == CONVNEXT or fields.get("crop_pct") is not None
        if crops and shares:
            raise StartupError(f"{name}: do_center_crop beside crop_pct is not done here")
        by_edge = shares or (crops and kind not in SQUARED)
        height, width, edge = _resized(fields.get("size"), by_edge, f"{name}: size")
        resized = (height, width)
        if shares:
            edge = _edge_of_share(fields, edge, name)
        elif crops:
            height, width, _ = _resized(fields.get("crop_size"), False, f"{name}: crop_size")
        elif edge is not None:
            raise StartupError(
                f"{name}: size.shortest_edge without do_center_crop gives pictures of any shape, "
                "which one graph does not take"
            )
        if height > (edge or resized[0]) or width > (edge or resized[1]):
            raise StartupError(f"{name}: crop_size is at most size")
        resampling = fields.get("resample")
        resampling = FOLLOWED.get(kind, BICUBIC) if resampling is None else resampling
        if resampling not in list(Image.Resampling):
            raise StartupError(f"{name}: resample is one of Pillow's filters, 0 to 5, not {resampling!r}")
        normalizes = fields.get("do_normalize", True) is not False
        return cls(
            height,
            width,
            edge,
            resized,
            Image.Resampling(resampling),
            _number(fields, "rescale_factor", name, RESCALE) if fields.get("do_rescale", True) else 1.0,
            _channels(fields, "image_mean", name) if normalizes else (0.0,) * CHANNELS,
            _channels(fields, "image_std", name, positive=True) if normalizes else (1.0,) * CHANNELS,
            in_floats=kind == DINO_V3,
        )

    @property
    def finest(self) -> int:
        """Pixels of a picture's shorter side that are enough."""
        return self.edge or max(self.resized)

    def pixels(self, image: Image.Image) -> Array:
        """An RGB picture as the network sees it, `[height, width, 3]`: uint8, or float32 of 0 to 255."""
        if not self.in_floats:
            return np.asarray(self._fitted(image), np.uint8)
        channels = [self._fitted(channel.convert("F")) for channel in image.split()]
        return np.stack([np.asarray(channel, np.float32) for channel in channels], axis=-1)

    def _fitted(self, image: Image.Image) -> Image.Image:
        if self.edge is not None or self.resized != (self.height, self.width):
            return self._cut(image)
        size = (self.width, self.height)
        if image.width < self.width and image.height > STEEP * self.height:
            image = image.resize((image.width, self.height), self.resampling)  # else widened at full height
        return image.resize(size, self.resampling)

    def _cut(self, image: Image.Image) -> Image.Image:
        """The centre of the resized picture, whose longer side is rounded down."""
        shorter, size = min(image.size), (self.width, self.height)
        down, across = self.resized
        if (edge := self.edge) is not None:
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
        """`[batch, height, width, 3]` of 0 to 255 as the network's float32 `[batch, 3, height, width]`."""
        mean, deviation = (np.array(one, np.float32) for one in (self.mean, self.deviation))
        values = (pixels.astype(np.float32) * np.float32(self.scale) - mean) / deviation
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def _kind(fields: Mapping[str, Any], name: str) -> str:
    """The processor of transformers that the file is for; empty where it names none."""
    named = next((str(fields[key]) for key in TYPES if fields.get(key)), "")
    known = KIND.fullmatch(named)
    kind = known[1] if known else named
    if kind and kind not in FOLLOWED:
        raise StartupError(
            f"{name} is for {named}, whose rules are not followed here; those that are: "
            f"{', '.join(FOLLOWED)}. Where one of these does the same, write its name ({TYPES[0]})"
        )
    return kind


def _crops(fields: Mapping[str, Any]) -> bool:
    crops = fields.get("do_center_crop")
    return fields.get("crop_size") is not None if crops is None else bool(crops)


def _edge_of_share(fields: Mapping[str, Any], side: int | None, name: str) -> int | None:
    """The shorter side, of which a share (`crop_pct`) is cut out; None where the whole becomes a square."""
    share = _number(fields, "crop_pct", name, 224 / 256)
    if side is None or not 0 < share <= 1:
        raise StartupError(f"{name}: crop_pct is above 0 and at most 1, and of size.shortest_edge")
    return None if side >= WARPED else _side(int(side / share), f"{name}: size / crop_pct")


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
