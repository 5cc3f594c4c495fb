"""What each runtime needs to know beyond what all cards have. `runtime` distinguishes the options."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from tieback.catalog.base_card import HttpEndpoint, Weightless
from tieback.catalog.source import FileName, FilePath, Strict


def _unset(value: Any) -> bool:
    """Left out of a fingerprint: a card without the option is what it was before there was one."""
    return not value


class TransformerText(Strict):
    """A transformer encoder with a `tokenizers` vocabulary, served as a graph that pools and normalises.

    `weights` is a safetensors file, or the index of several (`model.safetensors.index.json`), with its
    `config`; or an ONNX file that takes `input_ids` and `attention_mask`. Of that, `tokens_tensor` holds
    `[batch, tokens, width]`, to be pooled, or `vector_tensor` the pooled `[batch, width]`; without either
    they are looked for by name and shape.

    `prompts` are what the model was trained to see before texts, by name (`{query: "query: ", passage:
    "passage: "}`), and `prompt` names the one that this card puts there. Texts that come tokenised get none.
    """

    runtime: Literal["transformer_text"] = "transformer_text"
    weights: FilePath = "model.safetensors"
    tokenizer: FilePath = "tokenizer.json"
    config: FilePath = "config.json"
    tokens_tensor: str = ""
    vector_tensor: Annotated[str, Field(exclude_if=_unset)] = ""
    prompts: Annotated[dict[str, Annotated[str, Field(max_length=1000)]], Field(exclude_if=_unset)] = Field(
        default_factory=dict
    )
    prompt: Annotated[str, Field(exclude_if=_unset)] = ""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> TransformerText:
        if self.prompt and self.prompt not in self.prompts:
            known = ", ".join(self.prompts) or "none"
            raise ValueError(f"prompt names one of prompts, which are: {known}")
        if self.tokens_tensor and self.vector_tensor:
            raise ValueError("tokens_tensor is pooled and vector_tensor is not: give one of them")
        return self

    @property
    def prefix(self) -> str:
        """What is put before every text."""
        return self.prompts[self.prompt] if self.prompt else ""


class DualEncoder(Strict):
    """Two towers that were trained to meet in one space: texts and pictures (CLIP, SigLIP).

    The card's modality is that of its tower; both cards point at one folder, with the same options.
    `weights` is a safetensors file, or the index of several, with its `config`; `preprocessor` is how
    pictures are made to fit.
    """

    runtime: Literal["dual_encoder"] = "dual_encoder"
    weights: FilePath = "model.safetensors"
    tokenizer: FilePath = "tokenizer.json"
    config: FilePath = "config.json"
    preprocessor: FilePath = "preprocessor_config.json"


class SparseText(Strict):
    """A transformer with a masked-language-model head, which weighs the terms of its vocabulary (SPLADE).

    `weights` is a safetensors file with its `config`. The card's width is the size of the vocabulary.
    """

    runtime: Literal["sparse_text"] = "sparse_text"
    weights: FileName = "model.safetensors"
    tokenizer: FileName = "tokenizer.json"
    config: FileName = "config.json"


class DenseSparseText(Strict):
    """A transformer that gives a vector and the weights of the terms of its vocabulary in one run.

    `weights` is an ONNX file that takes `input_ids` and `attention_mask` `[batch, tokens]`, and gives
    `dense` `[batch, the card's width]` and `term_weights` `[batch, vocabulary]`, 0 or more.
    """

    runtime: Literal["dense_sparse_text"] = "dense_sparse_text"
    weights: FilePath = "model.onnx"
    tokenizer: FilePath = "tokenizer.json"


class CrossEncoder(Strict):
    """A transformer that reads a query and a passage as one input and gives one number, their score.

    `weights` is a safetensors file, or the index of several, of a sequence-classification model of
    transformers, with its `config`.
    """

    runtime: Literal["cross_encoder"] = "cross_encoder"
    weights: FileName = "model.safetensors"
    tokenizer: FileName = "tokenizer.json"
    config: FileName = "config.json"


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


class FeatureTable(Strict):
    """Categorical features by one table that all share (feature multiplexing, arXiv:2305.12102).

    `features` are their names, each with its lookups: the rows of the table that a value of it is, one after
    another. `seed` is that of the hashes. `weights` is a safetensors file with the `table` `[rows, width of a
    row]` and perhaps a `projection` `[the card's width, lookups of all features · width of a row]`; without
    one, the rows are the vector.
    """

    runtime: Literal["feature_table"] = "feature_table"
    weights: FileName = "table.safetensors"
    features: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=256)], Annotated[int, Field(ge=1, le=64)]],
        Field(min_length=1, max_length=256),
    ]
    seed: int = 0


class PointCloud(Weightless):
    """An encoder of point clouds without weights (Point-NN, Zhang et al., CVPR 2023, arXiv:2303.08134).

    A cloud is sampled down to `points`. Each of `stages` halves the points and doubles the width, beginning
    with `embedding`, and pools each point's `neighbours` nearest; so a card's width is
    `embedding · 2^stages`. Sines and cosines have wavelengths from 2π / `beta` to nearly `alpha` times that.
    """

    computation = "point-nn 1"

    runtime: Literal["point_cloud"] = "point_cloud"
    points: Annotated[int, Field(ge=16, le=8192)] = 1024
    neighbours: Annotated[int, Field(gt=0, le=512)] = 90
    stages: Annotated[int, Field(gt=0, le=6)] = 4
    embedding: Annotated[int, Field(gt=0, le=384, multiple_of=6)] = 72
    alpha: Annotated[float, Field(gt=1)] = 1000.0
    beta: Annotated[float, Field(gt=0)] = 100.0


class CausalLanguageModel(Strict):
    """A decoder-only language model with key-value cache, served as an ONNX graph.

    `bits` are those of a weight in the layers. 4 take half the memory of 8, and cost a small model more; 16
    and 32 are floats, and so is the arithmetic. The fingerprint is without the default: what was exported
    before the option came is what 8 bits make.
    """

    graph: ClassVar[str] = "early exits, drafts"
    """Names what the graph offers; to be changed where the recipe makes another of the same weights."""

    runtime: Literal["causal_language_model"] = "causal_language_model"
    weights: FileName
    bits: Literal[4, 8, 16, 32] = Field(default=8, exclude_if=lambda bits: bits == 8)
    system_prompt: str = ""
    end_tokens: tuple[str, ...] = ()


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


class LabelRecogniser(Strict):
    """A classifier that names what is in regions of a picture, or in windows of a sound.

    `labels` names a table of labels and of the classes that each is true of; empty: the classes' own names.
    Labels of a score below `least_score` are left out, and of the others those beyond the `most` likeliest.
    """

    runtime: Literal["label_recogniser"] = "label_recogniser"
    classifier: Annotated[ImageClassifier | AudioClassifier, Field(discriminator="runtime")]
    labels: Literal["", "imagenet-1k"] = ""
    least_score: Annotated[float, Field(ge=0, le=1)] = 0.3
    most: Annotated[int, Field(gt=0, le=1000)] = 24


class ChatEndpoint(HttpEndpoint):
    """A language model that another server runs, asked by the chat completions of OpenAI's API (vLLM).

    `model` is its name there, `base_url` ends before `/chat/completions`. `dialect` openai leaves out what
    only vLLM knows.
    """

    computation = "chat completions 1"
    graph: ClassVar[str] = ""

    runtime: Literal["chat_endpoint"] = "chat_endpoint"
    model: Annotated[str, Field(min_length=1, max_length=200)]
    dialect: Literal["vllm", "openai"] = "vllm"
    system_prompt: str = ""
    log_probabilities: Annotated[int, Field(ge=0, le=20)] = 20
    """Alternatives of a token that it gives at most."""


EncoderOptions = Annotated[
    TransformerText
    | DualEncoder
    | SparseText
    | DenseSparseText
    | StaticText
    | ImageClassifier
    | ImageRegions
    | AudioClassifier
    | AudioEncoder
    | FeatureTable
    | PointCloud,
    Field(discriminator="runtime"),
]
GeneratorOptions = Annotated[CausalLanguageModel | ChatEndpoint, Field(discriminator="runtime")]
RerankerOptions = CrossEncoder
RecogniserOptions = Annotated[
    TextRecogniser | SpeechRecogniser | LabelRecogniser, Field(discriminator="runtime")
]
