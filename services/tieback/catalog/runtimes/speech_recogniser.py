"""A network that writes down speech, with times (Whisper)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FileName, Strict


class SpeechRecogniser(Strict):
    """A network that writes down speech, with times (Whisper).

    The front end is that of `AudioEncoder`; each window has `seconds`. `weights` is a Whisper in
    CTranslate2's format, with its `tokenizer` and its `settings`, which bar tokens. `width` is how many texts
    are followed at once: 1 is greedy.
    """

    runtime: Literal["speech_recogniser"] = "speech_recogniser"
    weights: FileName
    tokenizer: FileName = "tokenizer.json"
    settings: FileName = "config.json"
    sample_rate: Annotated[int, Field(gt=0)] = 16000
    window: Annotated[int, Field(gt=0)] = 400
    hop: Annotated[int, Field(gt=0)] = 160
    bands: Annotated[int, Field(gt=0)] = 80
    seconds: Annotated[int, Field(gt=0, le=60)] = 30
    width: Annotated[int, Field(ge=1, le=16)] = 5


RUNTIME = Runtime(
    "recogniser", SpeechRecogniser, "tieback.models.sounds.speech_recogniser:SpeechRecogniserModel"
)
