"""Folders of picture models as users bring them, made small: random weights, saved as transformers saves."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.recipes.own.folder import FolderOptions
from tieback.recipes.own.model import inspect
from tieback_contract.arrays import Array
from tokenizers import Tokenizer
from transformers import CONFIG_MAPPING, AutoImageProcessor, AutoModel, PreTrainedModel

from support.own_encoder import TEXTS, WORDS, write_tokenizer
from support.own_folders import END, write_json

SIDE, WIDTH, TOKENS = 32, 32, 12
LAYER: dict[str, Any] = {
    "hidden_size": WIDTH, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
    "initializer_range": 0.3,
}  # fmt: skip
PATCHES = LAYER | {"image_size": SIDE, "patch_size": 8}
DINO = {key: value for key, value in PATCHES.items() if key != "intermediate_size"} | {"image_size": 48}
STAGES = {"hidden_sizes": [8, 16, 24, WIDTH], "depths": [1] * 4, "layer_scale_init_value": 1.0}
RESIDUAL = {"embedding_size": 8, "hidden_sizes": [16, WIDTH], "depths": [1, 1]}
WINDOWS = {
    "image_size": SIDE, "patch_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2],
    "window_size": 4,
}  # fmt: skip
EXACT = {"size": {"height": SIDE, "width": SIDE}}
CUT = {"size": {"shortest_edge": 40}, "crop_size": EXACT["size"], "do_center_crop": True}
SHARE = {"size": {"shortest_edge": SIDE}, "crop_pct": 0.875}
NETWORKS: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "vit": (PATCHES, "ViT", EXACT),
    "dinov2": (DINO, "Bit", CUT),
    "dinov2_with_registers": (DINO, "Bit", CUT),
    "dinov3_vit": (PATCHES, "DINOv3ViT", EXACT),
    "dinov3_convnext": (STAGES, "DINOv3ViT", EXACT),
    "convnext": (STAGES, "ConvNext", SHARE),
    "convnextv2": (STAGES, "ConvNext", SHARE),
    "resnet": (RESIDUAL | {"layer_type": "basic"}, "ConvNext", SHARE),
    "regnet": (RESIDUAL | {"groups_width": 8}, "ConvNext", SHARE),
    "swin": (WINDOWS, "ViT", EXACT),
    "swinv2": (WINDOWS, "ViT", EXACT),
    "deit": (PATCHES, "DeiT", CUT | {"size": {"height": 40, "width": 36}}),
    "beit": (PATCHES, "Beit", EXACT),
    "vit_msn": (PATCHES, "ViT", EXACT),
    "vit_mae": (PATCHES | {"mask_ratio": 0.0}, "ViT", EXACT),
    "clip_vision_model": (PATCHES, "CLIP", CUT),
    "siglip_vision_model": (PATCHES, "Siglip", EXACT),
}
"""By architecture: sizes, the processor that its makers save, and the processor's fields."""

TEXT = LAYER | {"vocab_size": len(WORDS), "max_position_embeddings": TOKENS, "pad_token_id": 0}
TEXT |= {"eos_token_id": END, "bos_token_id": 2}
PAIRS: dict[str, tuple[dict[str, Any], str]] = {
    "clip": (TEXT, "CLIP"),
    "altclip": (TEXT | {"max_position_embeddings": TOKENS + 1, "project_dim": WIDTH}, "CLIP"),
    "metaclip_2": (TEXT, "CLIP"),
    "chinese_clip": (TEXT, "ChineseCLIP"),
    "siglip": (TEXT | {"pad_token_id": 1}, "Siglip"),
}
"""By architecture: sizes of the text tower, and the processor."""


def processor_fields(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """As `preprocessor_config.json` has them."""
    return {
        "image_processor_type": f"{kind}ImageProcessor",
        "do_resize": True, "do_rescale": True, "do_normalize": True, "do_convert_rgb": True,
        "resample": 2 if kind in ("ViT", "DINOv3ViT") else 3, "rescale_factor": 1 / 255,
        "image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28],
    } | fields  # fmt: skip


def save_network(folder: Path, architecture: str, **changes: Any) -> PreTrainedModel:
    """An image encoder's folder; the model as it was saved."""
    sizes, kind, fields = NETWORKS[architecture]
    model = _random(architecture, sizes | changes)
    model.save_pretrained(folder)
    write_json(folder / "preprocessor_config.json", processor_fields(kind, fields))
    return model


def save_pair(folder: Path, architecture: str) -> PreTrainedModel:
    """A dual encoder's folder; the model as it was saved."""
    text, kind = PAIRS[architecture]
    projected = {} if architecture == "siglip" else {"projection_dim": 24}
    model = _random(architecture, {"text_config": text, "vision_config": PATCHES, **projected})
    model.save_pretrained(folder)
    fields = EXACT if kind == "Siglip" else CUT
    write_json(folder / "preprocessor_config.json", processor_fields(kind, fields))
    write_tokenizer(folder)
    return model


def _random(architecture: str, sizes: dict[str, Any]) -> PreTrainedModel:
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModel.from_config(CONFIG_MAPPING[architecture](**sizes)).eval()  # type: ignore[no-untyped-call]  # theirs
    for name, parameter in model.named_parameters():
        if name.endswith("bias") and parameter.ndim == 1:  # zeros would hide a bias that is left out
            torch.nn.init.normal_(parameter, std=0.2)
    return model


def own_card(folder: Path, place: int = 0) -> EncoderCard:
    """The card that `models add` writes, beside the folder."""
    fields = inspect(folder, folder.name, FolderOptions(licence="MIT")).cards[place]
    path = folder.parent / f"{fields['name']}.yaml"
    path.write_text(yaml.safe_dump(fields))
    card = read_card(path)
    assert isinstance(card, EncoderCard)
    return card


def png(width: int, height: int, mode: str = "RGB") -> bytes:
    """A picture of soft colours that has edges."""
    rng = np.random.default_rng(width)
    coarse = rng.integers(0, 256, (6, 5, len(mode)), dtype=np.uint8)
    image = Image.fromarray(coarse[..., 0] if mode == "L" else coarse, mode).resize((width, height))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


PICTURES = (
    png(64, 48),
    png(31, 90),
    png(33, 33),
    png(20, 12),
    png(300, 41),
    png(50, 60, "L"),
    png(70, 44, "RGBA"),
)


def processor_of(folder: Path) -> Any:
    """The one of transformers that works with Pillow."""
    processors: Any = AutoImageProcessor
    return processors.from_pretrained(folder, backend="pil")


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def fitted(folder: Path) -> torch.Tensor:
    """The pictures as the processor of transformers makes them fit."""
    fields = json.loads((folder / "preprocessor_config.json").read_text())
    if fields["image_processor_type"].startswith("DINOv3"):  # its processor needs torchvision, and does this
        return torch.cat([resized_in_floats(data, fields) for data in PICTURES])
    processor = processor_of(folder)
    return torch.cat([processor(opened(data), return_tensors="pt")["pixel_values"] for data in PICTURES])


def resized_in_floats(data: bytes, fields: dict[str, Any]) -> torch.Tensor:
    image = opened(data)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    values = torch.tensor(np.asarray(image.convert("RGB"))).permute(2, 0, 1)[None] * (1 / 255)
    size = (fields["size"]["height"], fields["size"]["width"])
    resized = torch.nn.functional.interpolate(values, size, mode="bilinear", antialias=True)
    mean, deviation = (torch.tensor(fields[key])[:, None, None] for key in ("image_mean", "image_std"))
    return (resized - mean) / deviation


def vectors_of_network(folder: Path, model: Any) -> tuple[bool, Array]:
    """The vectors of transformers, and true if they are of the class's own pooled state."""
    with torch.no_grad():
        state = model(pixel_values=fitted(folder))
    pooled = getattr(state, "pooler_output", None)
    return pooled is not None, unit(state.last_hidden_state[:, 0] if pooled is None else pooled.flatten(1))


def vectors_of_pair(folder: Path, model: Any) -> tuple[Array, Array]:
    """The vectors of transformers: of the texts, each by itself, and of the pictures."""
    tokenizer, texts = Tokenizer.from_file(str(folder / "tokenizer.json")), []
    with torch.no_grad():
        for text in TEXTS:
            ids = tokenizer.encode(text).ids
            ids += [1] * (TOKENS - len(ids)) if model.config.model_type == "siglip" else []
            texts.append(unit(model.get_text_features(input_ids=torch.tensor([ids])).pooler_output)[0])
        pictures = unit(model.get_image_features(pixel_values=fitted(folder)).pooler_output)
    return np.stack(texts), pictures


def unit(vectors: torch.Tensor) -> Array:
    return torch.nn.functional.normalize(vectors, dim=-1).numpy()
