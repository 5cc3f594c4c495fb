"""Folders as users bring them, made small: random weights, ten words, saved as the libraries save them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.torch import save_file
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tokenizers import Tokenizer, processors
from transformers import CONFIG_MAPPING, AutoModel, PreTrainedModel

from support.own_encoder import TEXTS, WORDS, encodings, served, write_tokenizer

WIDTH = 16
SIZES: dict[str, Any] = {
    "vocab_size": len(WORDS),
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 24,
    "initializer_range": 0.3,  # so that every layer has its say
}
DIFFERENT: dict[str, dict[str, Any]] = {
    "distilbert": {
        "dim": WIDTH, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "vocab_size": len(WORDS),
        "max_position_embeddings": 24, "initializer_range": 0.3,
    },
    "electra": SIZES | {"embedding_size": 8},
    "albert": SIZES | {"embedding_size": 8},
}  # fmt: skip
IMAGE_SIDE = 16
TOWER: dict[str, Any] = {
    "hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "initializer_range": 0.3,
}  # fmt: skip
END = 3  # [SEP]
Pool = Callable[[torch.Tensor], torch.Tensor]
POOLS: dict[str, Pool] = {
    "mean": lambda states: states.mean(0),
    "cls": lambda states: states[0],
    "max": lambda states: states.amax(0),
}


def save_text_model(folder: Path, architecture: str = "bert") -> PreTrainedModel:
    """A transformers folder; the model as it was saved."""
    torch.manual_seed(0)
    config = CONFIG_MAPPING[architecture](**DIFFERENT.get(architecture, SIZES))
    model: PreTrainedModel = AutoModel.from_config(config, attn_implementation="eager").eval()  # type: ignore[no-untyped-call]  # theirs
    model.save_pretrained(folder)
    write_tokenizer(folder)
    return model


def save_sentence_model(
    folder: Path,
    *,
    pooling: str = "mean_tokens",
    dense: int = 0,
    normalize: bool = True,
    **pooling_config: Any,
) -> PreTrainedModel:
    """A sentence-transformers folder, as version 3 writes it."""
    model = save_text_model(folder)
    kinds = ["Transformer", "Pooling", *(["Dense"] if dense else []), *(["Normalize"] if normalize else [])]
    modules = []
    for place, kind in enumerate(kinds):
        path = "" if kind == "Transformer" else f"{place}_{kind}"
        modules.append(
            {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        )
        (folder / path).mkdir(exist_ok=True)
    write_json(folder / "modules.json", modules)
    modes = {f"pooling_mode_{one}": one == pooling for one in ("cls_token", "mean_tokens", "max_tokens")}
    write_json(folder / "1_Pooling/config.json", {"word_embedding_dimension": WIDTH} | modes | pooling_config)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 20, "do_lower_case": False})
    if dense:
        activation = "torch.nn.modules.activation.Tanh"
        write_json(
            folder / "2_Dense/config.json",
            {"in_features": WIDTH, "out_features": dense, "bias": True, "activation_function": activation},
        )
        layer = {"linear.weight": torch.randn(dense, WIDTH), "linear.bias": torch.randn(dense)}
        save_file(layer, folder / "2_Dense/model.safetensors")
    return model


def save_dual_encoder(folder: Path, architecture: str = "clip") -> PreTrainedModel:
    """A CLIPModel's or SiglipModel's folder with its tokenizer and its preprocessor's configuration."""
    torch.manual_seed(0)
    text = TOWER | {"vocab_size": len(WORDS), "max_position_embeddings": 12, "eos_token_id": END}
    vision = TOWER | {"image_size": IMAGE_SIDE, "patch_size": 8}
    if architecture == "clip":
        sizes = {"text_config": text | {"pad_token_id": 0}, "vision_config": vision, "projection_dim": 8}
    else:
        sizes = {"text_config": text | {"pad_token_id": 1}, "vision_config": vision}
    config = CONFIG_MAPPING[architecture](**sizes)  # type: ignore[arg-type]  # each has its own
    model: PreTrainedModel = AutoModel.from_config(config, attn_implementation="eager").eval()  # type: ignore[no-untyped-call]  # theirs
    for name, parameter in model.named_parameters():
        if name.endswith("bias") and parameter.ndim == 1:  # zeros would hide a bias that is left out
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    write_tokenizer(folder)
    if architecture == "siglip":  # ends a text and begins none
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A [SEP]", special_tokens=[("[SEP]", END)]
        )
        tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "preprocessor_config.json", preprocessor(architecture))
    return model


def preprocessor(architecture: str) -> dict[str, Any]:
    side = {"height": IMAGE_SIDE, "width": IMAGE_SIDE}
    shared = {
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "do_convert_rgb": True,
        "resample": 3,
    }
    if architecture == "siglip":
        return shared | {"size": side, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    return shared | {
        "do_center_crop": True, "size": {"shortest_edge": IMAGE_SIDE}, "crop_size": side,
        "image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28],
    }  # fmt: skip


def tower_card(folder: Path, modality: str, **changes: Any) -> EncoderCard:
    """The card of one tower, beside the folder."""
    fields: dict[str, Any] = {
        "name": f"own-{modality}",
        "role": "encoder",
        "runtime": "dual_encoder",
        "description": "mine",
        "license": "MIT",
        "upstream": "me",
        "directory": folder.name,
        "modality": modality,
        "width": 8,
        "kinds": ["dense"],
        "shares": "own",
    }
    if modality == "text":
        fields["max_tokens"] = 12
    path = folder.parent / f"own-{modality}.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in (fields | changes).items() if v is not None}))
    card = read_card(path)
    assert isinstance(card, EncoderCard)
    return card


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def own_vectors(
    folder: Path, model: torch.nn.Module, pool: Pool, texts: tuple[str, ...] = TEXTS
) -> list[np.ndarray[Any, Any]]:
    """What transformers computes for each text by itself, pooled and of length 1."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    vectors = []
    for text in texts:
        with torch.no_grad():
            states = model(torch.tensor([tokenizer.encode(text).ids])).last_hidden_state[0]
        vectors.append(torch.nn.functional.normalize(pool(states), dim=-1).numpy())
    return vectors


def assert_serves(card: Any, tmp_path: Path, expected: list[np.ndarray[Any, Any]]) -> None:
    for encoding, vector in zip(encodings(served(card, tmp_path), TEXTS), expected, strict=True):
        assert encoding.dense is not None
        np.testing.assert_allclose(encoding.dense, vector, atol=1e-4)
