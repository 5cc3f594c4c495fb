"""A network over log-mel patches: the mean of its embeddings is the vector, of its scores the labels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FileName, Strict


class AudioClassifier(Strict):
    """A network over log-mel patches: the mean of its embeddings is the vector, of its scores the labels.

    Sound is mixed to one channel and resampled to `sample_rate`. Frames are Hann windows of `window` samples
    every `hop`, in a `transform`-point FFT's magnitude, in `bands` HTK mel bands from `low` to `high` Hz, as
    `log(mel + offset)`; a patch is `patch` frames, and patches begin every `patch_hop` frames. The network's
    input is uint8, `round(x / quantum) + zero`; `embedding_tensor` and `logits_tensor` name what is read.
    """

    runtime: Literal["audio_classifier"] = "audio_classifier"
    weights: FileName
    class_names: FileName
    embedding_tensor: str
    logits_tensor: str
    sample_rate: Annotated[int, Field(gt=0)] = 16000
    window: Annotated[int, Field(gt=0)] = 400
    hop: Annotated[int, Field(gt=0)] = 160
    transform: Annotated[int, Field(gt=0)] = 512
    bands: Annotated[int, Field(gt=0)] = 64
    low: Annotated[float, Field(ge=0)] = 125.0
    high: Annotated[float, Field(gt=0)] = 7500.0
    offset: Annotated[float, Field(gt=0)] = 1e-3
    patch: Annotated[int, Field(gt=0)] = 96
    patch_hop: Annotated[int, Field(gt=0)] = 48
    quantum: Annotated[float, Field(gt=0)]
    zero: Annotated[int, Field(ge=0, le=255)]
    top: Annotated[int, Field(gt=0)] = 10


RUNTIME = Runtime("encoder", AudioClassifier, "tieback.models.sounds.classifier:AudioClassifierModel")
