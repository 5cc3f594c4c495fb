"""Two networks that read a picture: one finds lines of writing, the other reads each (PP-OCR)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FileName, Strict


class TextRecogniser(Strict):
    """Two networks that read a picture: one finds lines of writing, the other reads each (PP-OCR).

    `detector` is an ONNX graph from pixels `[1, 3, height, width]` to the probability that each is written
    on, `recogniser` one from lines `[batch, 3, 48, width]` to scores of characters; its metadata has the
    characters. A picture's longer side is made `longest` pixels at most and its shorter `shortest` at least,
    for the detector alone. Lines of a mean score below `least_score` are left out.
    """

    runtime: Literal["text_recogniser"] = "text_recogniser"
    detector: FileName
    recogniser: FileName
    longest: Annotated[int, Field(ge=64, le=4096)] = 2000
    shortest: Annotated[int, Field(ge=32, le=2048)] = 736
    least_score: Annotated[float, Field(ge=0, le=1)] = 0.5


RUNTIME = Runtime("recogniser", TextRecogniser, "tieback.models.pictures.text_recogniser:TextRecogniserModel")
