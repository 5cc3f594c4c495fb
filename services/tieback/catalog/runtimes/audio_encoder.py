"""A transformer over the log-mel frames of a sound: the mean of its states is the vector."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FileName, Strict


class AudioEncoder(Strict):
    """A transformer over the log-mel frames of a sound: the mean of its states is the vector.

    Sound is mixed to one channel and resampled to `sample_rate`, and cut into windows of `seconds`, of which
    the last is as long as its sound and `silence` seconds more. Frames are centred Hann windows of `window`
    samples every `hop`, in `bands` Slaney mel bands. `weights` is a Whisper in CTranslate2's format, of which
    the encoder is taken.
    """

    runtime: Literal["audio_encoder"] = "audio_encoder"
    network: Literal["whisper"]
    weights: FileName
    sample_rate: Annotated[int, Field(gt=0)] = 16000
    window: Annotated[int, Field(gt=0)] = 400
    hop: Annotated[int, Field(gt=0)] = 160
    bands: Annotated[int, Field(gt=0)] = 80
    seconds: Annotated[int, Field(gt=0, le=60)] = 30
    silence: Annotated[int, Field(ge=0, le=60)] = 3


RUNTIME = Runtime("encoder", AudioEncoder, "tieback.models.sounds.encoder:AudioEncoderModel")
