"""A network of transformers that reads sounds (wav2vec 2.0, HuBERT, WavLM, AST, Whisper's encoder)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FilePath, Strict


class AudioTransformer(Strict):
    """A network of transformers that reads sounds (wav2vec 2.0, HuBERT, WavLM, AST, Whisper's encoder).

    `weights` is a safetensors file, or the index of several, with its `config`. The `front_end` makes what
    the network reads, by the numbers in `preprocessor`: the `samples` themselves, Kaldi's filter banks
    (`fbank`, of AST), or log-mel frames (`log_mel`, of Whisper). The vector is the mean of the states over
    the sound, or AST's `pooler_output`. A sound that is longer than the network reads, or than `seconds` for
    one that reads `samples`, is cut into as few windows of one length as there can be; its vector is the mean
    of theirs.
    """

    runtime: Literal["audio_transformer"] = "audio_transformer"
    front_end: Literal["samples", "fbank", "log_mel"]
    weights: FilePath = "model.safetensors"
    config: FilePath = "config.json"
    preprocessor: FilePath = "preprocessor_config.json"
    seconds: Annotated[int, Field(gt=0, le=60)] = 30


RUNTIME = Runtime("encoder", AudioTransformer, "tieback.models.sounds.transformer:AudioTransformerModel")
