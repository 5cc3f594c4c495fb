"""An image network that gives a vector of a picture and vectors of its regions in one run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FileName, Strict


class ImageRegions(Strict):
    """An image network that gives a vector of a picture and vectors of its regions in one run.

    A picture is cut to its central square, the share `view` of the shorter side, resized to `side`, and
    enters as `(x - mean) / scale`, RGB, NCHW. `weights` is an ONNX file with the input `pixels` and the
    outputs `vector` `[batch, width]` and `regions` `[batch, 9, width]`: windows of half the square's sides,
    three by three at steps of a quarter, row by row.
    """

    runtime: Literal["image_regions"] = "image_regions"
    weights: FileName
    side: Annotated[int, Field(gt=0, le=2048)]
    view: Annotated[float, Field(gt=0, le=1)] = 1.0
    mean: float
    scale: Annotated[float, Field(gt=0)]


RUNTIME = Runtime("encoder", ImageRegions, "tieback.models.pictures.regions:ImageRegionsModel")
