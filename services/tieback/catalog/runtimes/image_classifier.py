"""An image network: its penultimate features are the vector, its softmax the labels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FileName, Strict


class ImageClassifier(Strict):
    """An image network: its penultimate features are the vector, its softmax the labels.

    A picture is cut to its central square, `crop / size` of the shorter side (as a resize to `size` and a cut
    of `crop` would), resized to `crop`, and enters as `(x - mean) / scale`, RGB, NCHW. An ONNX network takes
    that as its first input; `features_tensor` and `logits_tensor` name what is read from it.
    """

    runtime: Literal["image_classifier"] = "image_classifier"
    network: Literal["efficientnet_lite0", "onnx"]
    weights: FileName
    class_names: FileName
    size: Annotated[int, Field(gt=0, le=2048)]
    crop: Annotated[int, Field(gt=0, le=2048)]
    mean: float
    scale: Annotated[float, Field(gt=0)]
    features_tensor: str = ""
    logits_tensor: str = ""
    top: Annotated[int, Field(gt=0)] = 10

    @model_validator(mode="after")
    def _names_its_tensors(self) -> ImageClassifier:
        if self.network == "onnx" and not (self.features_tensor and self.logits_tensor):
            raise ValueError("network: onnx needs features_tensor and logits_tensor")
        if self.crop > self.size:
            raise ValueError("crop is at most size")
        return self


RUNTIME = Runtime("encoder", ImageClassifier, "tieback.models.pictures.classifier:ImageClassifierModel")
