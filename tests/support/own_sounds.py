"""Folders of sound models as users bring them, made small: random weights, saved as transformers saves."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from tieback_contract.arrays import Array
from tokenizers import Tokenizer
from transformers import (
    CONFIG_MAPPING,
    ASTFeatureExtractor,
    AutoModel,
    ClapFeatureExtractor,
    PreTrainedModel,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)

from support.own_encoder import TEXTS, WORDS, write_tokenizer
from support.own_folders import END

RATE, WIDTH = 16_000, 32
LAYER: dict[str, Any] = {"hidden_size": WIDTH, "num_attention_heads": 4, "initializer_range": 0.3}
LAYER |= {"intermediate_size": 64, "num_hidden_layers": 2}
STATES = LAYER | {
    "conv_dim": [16] * 4, "conv_kernel": [10, 8, 4, 2], "conv_stride": [5, 4, 4, 2],
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
BY_LAYER = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
SPECTROGRAM = LAYER | {"max_length": 96, "num_mel_bins": 24, "patch_size": 8}
ENCODED: dict[str, Any] = {
    "d_model": WIDTH, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "num_mel_bins": 16,
    "max_source_positions": 100, "vocab_size": 9, "init_std": 0.3,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 3,
}  # fmt: skip


def extractor(of: Any, **fields: Any) -> Any:
    """A feature extractor of transformers, whose classes have no types."""
    return of(**fields)


READ_WHOLE = extractor(Wav2Vec2FeatureExtractor)
MASKED = extractor(Wav2Vec2FeatureExtractor, return_attention_mask=True)
UNSCALED = extractor(Wav2Vec2FeatureExtractor, do_normalize=False, return_attention_mask=True)
BANKS = extractor(ASTFeatureExtractor, max_length=96, num_mel_bins=24)
FRAMES = extractor(WhisperFeatureExtractor, feature_size=16, chunk_length=2)
NETWORKS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "wav2vec2": ("wav2vec2", STATES, READ_WHOLE),
    "wav2vec2, masked": ("wav2vec2", STATES | BY_LAYER, MASKED),
    "hubert": ("hubert", STATES, READ_WHOLE),
    "hubert, masked": ("hubert", STATES | BY_LAYER, MASKED),
    "wavlm": ("wavlm", STATES, UNSCALED),
    "wavlm, masked": ("wavlm", STATES | BY_LAYER, MASKED),
    "unispeech-sat": ("unispeech-sat", STATES | BY_LAYER, MASKED),
    "data2vec-audio": ("data2vec-audio", STATES | {"num_conv_pos_embeddings": 2}, MASKED),
    "sew": ("sew", STATES, READ_WHOLE),
    "audio-spectrogram-transformer": ("audio-spectrogram-transformer", SPECTROGRAM, BANKS),
    "whisper": ("whisper", ENCODED, FRAMES),
}
"""By name: the architecture, sizes, and the feature extractor that lies beside the weights."""

PAIR_RATE = 48_000
PAIRED = extractor(
    ClapFeatureExtractor, feature_size=16, max_length_s=1, truncation="rand_trunc", frequency_min=50
)
SPREAD = {"initializer_factor": 15.0}  # so that every layer has its say
TEXT = (
    LAYER
    | SPREAD
    | {"vocab_size": len(WORDS), "max_position_embeddings": 14, "pad_token_id": 0, "eos_token_id": END}
)
HEARD: dict[str, Any] = SPREAD | {
    "window_size": 4, "num_mel_bins": 16, "spec_size": 48, "patch_size": 4, "patch_stride": [4, 4],
    "hidden_size": WIDTH, "depths": [2, 1], "num_attention_heads": [2, 4], "patch_embeds_hidden_size": 16,
    "num_hidden_layers": 2,
}  # fmt: skip


def save_sounds(folder: Path, name: str, **changes: Any) -> PreTrainedModel:
    """An audio encoder's folder; the model as it was saved."""
    architecture, sizes, reads = NETWORKS[name]
    model = _random(architecture, sizes | changes)
    model.save_pretrained(folder)
    reads.save_pretrained(folder)
    return model


def save_pair(folder: Path, **changes: Any) -> PreTrainedModel:
    """A CLAP's folder; the model as it was saved."""
    sizes = {"text_config": TEXT, "audio_config": HEARD | changes, "projection_dim": 24}
    model = _random("clap", sizes)
    model.save_pretrained(folder)
    PAIRED.save_pretrained(folder)
    write_tokenizer(folder)
    return model


def _random(architecture: str, sizes: dict[str, Any]) -> PreTrainedModel:
    torch.manual_seed(0)
    config = CONFIG_MAPPING[architecture](**sizes)
    model: PreTrainedModel = AutoModel.from_config(config, attn_implementation="eager").eval()  # type: ignore[no-untyped-call]  # theirs
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.endswith("bias") and parameter.ndim == 1:  # zeros would hide one that is left out
            torch.nn.init.normal_(parameter, std=0.2)
    return model


def tone(seconds: float, hertz: float, rate: int = RATE) -> Array:
    """A tone with an overtone and noise, which swells."""
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(int(hertz)).normal(0, 0.02, len(time))
    swell = np.minimum(1, time * 3)
    return (swell * (np.sin(time * hertz * 6.283) + 0.3 * np.sin(time * hertz * 17)) * 0.3 + noise).astype(
        np.float32
    )


def wav(samples: Array, rate: int = RATE) -> bytes:
    """A sound as a file, without rounding."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="FLOAT")
    return file.getvalue()


SHORT = [tone(0.5, 300), tone(0.9, 700), tone(0.03, 900), np.zeros(12_000, np.float32), tone(0.5, 200)]
"""Tones of several lengths, silence among them, each within one window of every network."""


def unit(vectors: torch.Tensor) -> Array:
    return torch.nn.functional.normalize(vectors, dim=-1).numpy()


def vector_of(model: Any, reads: Any, samples: Array) -> Array:
    """The vector that transformers computes of one sound."""
    read = reads(samples, sampling_rate=reads.sampling_rate, return_tensors="pt")
    with torch.no_grad():
        if "input_features" in read:
            states = model.get_encoder()(read["input_features"]).last_hidden_state[0]
            return unit(states[: -(-len(samples) // 320)].mean(dim=0))
        found = model(read["input_values"])
    pooled = getattr(found, "pooler_output", None)
    return unit(found.last_hidden_state[0].mean(dim=0) if pooled is None else pooled[0])


def vectors_of_pair(folder: Path, model: Any, sounds: list[Array]) -> tuple[Array, Array]:
    """The vectors of CLAP: of the texts and of the sounds, each by itself."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    with torch.no_grad():
        frames = [PAIRED(one, sampling_rate=PAIR_RATE, return_tensors="pt") for one in sounds]
        heard = [model.get_audio_features(one["input_features"].float()).pooler_output for one in frames]
        ids = [torch.tensor([tokenizer.encode(text).ids]) for text in TEXTS]
        read = [model.get_text_features(input_ids=one).pooler_output for one in ids]
    return unit(torch.cat(read)), unit(torch.cat(heard))
