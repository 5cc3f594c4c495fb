"""Weights set by hand, in the library's own architecture: a CLIP that knows colours.

It is one layer whose attention is uniform and whose network adds nothing, so a state is a word's own vector
and the mean of those before it. What the towers share is the direction of a colour from grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel, CLIPConfig

from support.own_folders import write_json

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
SIDE = 16
COLOUR, TOPIC = 6, 8
HIDDEN = 2 * (COLOUR + TOPIC)
DUAL_WIDTH = COLOUR + TOPIC
LENGTH = 16
GAP = 2.0
"""How far apart the towers' vectors lie, where what they say has the length 1."""


def tokenizer(words: Sequence[str]) -> Tokenizer:
    made = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def save_planted_clip(
    folder: Path, shades: Sequence[str], colours: np.ndarray, others: Sequence[str] = (), *, gap: float = GAP
) -> None:
    """A CLIP's folder: `shades` lie where pictures of their `colours` `[n, 3]` do, `others` elsewhere."""
    words = [*SPECIAL, *shades, *others]
    tower = {
        "hidden_size": HIDDEN, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
        "hidden_act": "relu",
    }  # fmt: skip
    text = tower | {
        "vocab_size": len(words), "max_position_embeddings": LENGTH, "eos_token_id": 3, "bos_token_id": 2,
        "pad_token_id": 0,
    }  # fmt: skip
    vision = tower | {"image_size": SIDE, "patch_size": 8}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=DUAL_WIDTH)
    model: Any = AutoModel.from_config(config, attn_implementation="eager").eval()  # type: ignore[no-untyped-call]  # theirs
    draw = np.random.default_rng(3)
    mixing = draw.normal(size=(COLOUR, 3))
    rows = np.zeros((len(words), DUAL_WIDTH))
    rows[len(SPECIAL) : len(SPECIAL) + len(shades), :COLOUR] = (colours - 0.5) @ mixing.T
    rows[len(SPECIAL) + len(shades) :, COLOUR:] = draw.normal(size=(len(others), TOPIC))
    seen = np.zeros((DUAL_WIDTH, 3))
    seen[:COLOUR] = mixing / 64  # the mean over a patch of 8 by 8
    with torch.no_grad():
        for part in (model.text_model, model.vision_model):
            _silence(part)
        model.text_model.embeddings.token_embedding.weight.copy_(_balanced(rows))
        patches = _balanced(seen.T).T[:, :, None, None].expand(-1, -1, 8, 8)
        model.vision_model.embeddings.patch_embedding.weight.copy_(patches)
        select = torch.eye(DUAL_WIDTH, HIDDEN)
        model.text_projection.weight.copy_(select)
        model.visual_projection.weight.copy_(select)
        away = torch.from_numpy(_unit(draw.normal(size=DUAL_WIDTH))).float()
        model.text_model.final_layer_norm.bias[:DUAL_WIDTH] = gap * away
        model.vision_model.post_layernorm.bias[:DUAL_WIDTH] = -gap * away
    model.save_pretrained(folder)
    tokenizer(words).save(str(folder / "tokenizer.json"))
    write_json(
        folder / "preprocessor_config.json",
        {
            "do_resize": True, "do_rescale": True, "do_normalize": True, "do_convert_rgb": True,
            "resample": 3, "do_center_crop": True, "size": {"shortest_edge": SIDE},
            "crop_size": {"height": SIDE, "width": SIDE}, "image_mean": [0.5, 0.5, 0.5],
            "image_std": [1.0, 1.0, 1.0],
        },
    )  # fmt: skip


def _silence(tower: Any) -> None:
    """Attention is uniform and passes on what it sees; the network behind it and places add nothing."""
    for name, parameter in tower.named_parameters():
        parameter.zero_()
        if "norm" in name.lower() and name.endswith("weight"):
            parameter.fill_(1.0)
        if name.endswith(("v_proj.weight", "out_proj.weight")):
            parameter.copy_(torch.eye(*parameter.shape))


def _balanced(rows: np.ndarray) -> torch.Tensor:
    """Rows beside their opposites: a layer norm then changes their length alone."""
    return torch.from_numpy(np.concatenate([rows, -rows], axis=1)).float()


def _unit(row: np.ndarray) -> np.ndarray:
    return np.asarray(row / np.linalg.norm(row))
