"""What each runtime needs to know beyond what all cards say. `runtime` tells the options apart."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tieback.catalog.source import FileName, Strict


class TransformerText(Strict):
    """A transformer encoder with a `tokenizers` vocabulary, served as a graph that pools and normalises.

    `weights` is a safetensors file with its `config`, or an ONNX file that takes `input_ids` and
    `attention_mask`; of that, `tokens_tensor` holds `[batch, tokens, width]` (the first output if not given).
    """

    runtime: Literal["transformer_text"] = "transformer_text"
    weights: FileName = "model.safetensors"
    tokenizer: FileName = "tokenizer.json"
    config: FileName = "config.json"
    tokens_tensor: str = ""


class StaticText(Strict):
    """A table with one vector per token, averaged without context; `tensor` is `[vocabulary, width]`."""

    runtime: Literal["static_text"] = "static_text"
    weights: FileName
    tensor: str
    tokenizer: FileName = "tokenizer.json"


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


class CausalLanguageModel(Strict):
    """A decoder-only language model with key-value cache, served as an ONNX graph."""

    runtime: Literal["causal_language_model"] = "causal_language_model"
    weights: FileName
    system_prompt: str = ""
    end_tokens: tuple[str, ...] = ()


EncoderOptions = Annotated[
    TransformerText | StaticText | ImageClassifier | AudioClassifier, Field(discriminator="runtime")
]
GeneratorOptions = CausalLanguageModel
