"""A world of shades made small: text spaces, a classifier of pictures, and a dual encoder.

The name of a shade lies in every text space where a map of the space's own takes its colour, nearly.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.models.store import Store
from tieback.recipes.binding import BindingOptions, bind
from tieback.recipes.binding.bind import BindingOutcome
from tokenizers import Tokenizer, models, pre_tokenizers

from support.planted import DUAL_WIDTH, LENGTH, save_planted_clip

CLASSES, FEATURES, WIDTH = 60, 12, 24
NAMES = [f"shade{chr(97 + number // 10)}{chr(97 + number % 10)}" for number in range(CLASSES)]
TEMPLATES = ["a", "photo", "of", "picture", "that", "shows"]
RAIN = ["the", "rain", "fell", "on", "empty", "street", "night"]


def sentences(draw: np.random.Generator) -> list[str]:
    return [" ".join(draw.choice(RAIN, 7)).capitalize() + "." for _ in range(60)]


def network(weights: np.ndarray, prototypes: np.ndarray) -> onnx.ModelProto:
    """The mean colour of a picture, in FEATURES features; a linear layer on top."""
    nodes = [
        helper.make_node("Conv", ["image", "mixing"], ["mixed"], kernel_shape=[1, 1]),
        helper.make_node("Relu", ["mixed"], ["kept"]),
        helper.make_node("GlobalAveragePool", ["kept"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "rows"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(prototypes)])],
        [
            numpy_helper.from_array(weights[:, :, None, None], "mixing"),
            numpy_helper.from_array(prototypes, "rows"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def write_card(folder: Path, name: str, **fields: Any) -> EncoderCard:
    shared = {"role": "encoder", "description": "small", "license": "MIT", "upstream": "me"}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(shared | {"name": name, "directory": name} | fields))
    card = read_card(path)
    assert isinstance(card, EncoderCard)
    return card


def write_words(
    folder: Path, name: str, colours: np.ndarray, seed: int, *, optional: bool = False
) -> EncoderCard:
    """A text space in which the name of a shade lies where a linear map takes its colour, nearly."""
    draw = np.random.default_rng(seed)
    (folder / name).mkdir()
    mapped = (colours - colours.mean(0)) @ draw.normal(size=(3, WIDTH)) + 0.05 * draw.normal(
        size=(CLASSES, WIDTH)
    )
    words = ["[UNK]", *NAMES, *TEMPLATES, *RAIN, *(word.capitalize() for word in RAIN), "."]
    table = 0.6 * draw.normal(size=(len(words), WIDTH))
    table[1 : 1 + CLASSES] = mapped
    save_file({"table": table.astype(np.float32)}, folder / name / "table.safetensors")
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / name / "tokenizer.json"))
    return write_card(
        folder, name, runtime="static_text", modality="text", width=WIDTH, kinds=["dense"], joint="component",
        options={"weights": "table.safetensors", "tensor": "table"}, optional=optional,
    )  # fmt: skip


def write_eyes(folder: Path, name: str, colours: np.ndarray, seed: int = 9) -> EncoderCard:
    draw = np.random.default_rng(seed)
    (folder / name).mkdir()
    mixing = draw.normal(size=(FEATURES, 3)).astype(np.float32)
    features = np.maximum(colours @ mixing.T, 0)
    prototypes = (4 * (features - features.mean(0))).astype(np.float32)
    onnx.save(network(mixing, prototypes), folder / name / "network.onnx")
    (folder / name / "names.json").write_text(json.dumps(NAMES[: len(colours)]))
    options = {
        "network": "onnx", "weights": "network.onnx", "class_names": "names.json", "size": 8, "crop": 8,
        "mean": 0, "scale": 255, "features_tensor": "pooled", "logits_tensor": "logits",
    }  # fmt: skip
    return write_card(
        folder, name, runtime="image_classifier", modality="image", width=FEATURES, kinds=["dense", "labels"],
        joint="class_names", options=options,
    )  # fmt: skip


@dataclass(frozen=True)
class World:
    """Two text spaces and a classifier in a store, with data beside them."""

    cards: list[EncoderCard]
    store: Store
    data: Path
    folder: Path

    def bind(self, say: Callable[[str], None] = lambda _: None, **options: Any) -> BindingOutcome:
        given: dict[str, Any] = {"data": (self.data,), "method": "anchor_attention", "steps": 30} | options
        return bind(self.cards, self.store, BindingOptions(**given), say)

    def elsewhere(self, folder: Path) -> World:
        """The same models in a store that has bound nothing."""
        shutil.copytree(
            self.store.root,
            folder,
            ignore=shutil.ignore_patterns(self.store.steps.name, self.store.bound.name),
        )
        return replace(self, store=Store(folder))


def write_dual(folder: Path, name: str, colours: np.ndarray, **changes: Any) -> list[EncoderCard]:
    """The cards of a planted CLIP's two towers, its folder beside them."""
    save_planted_clip(folder / name, NAMES, colours, [*RAIN, *(word.capitalize() for word in RAIN)])
    shared = {
        "runtime": "dual_encoder", "width": DUAL_WIDTH, "kinds": ["dense"], "shares": name,
        "joint": "component", "directory": name,
    }  # fmt: skip
    return [
        write_card(folder, f"{name}-text", modality="text", max_tokens=LENGTH, **(shared | changes)),
        write_card(folder, f"{name}-image", modality="image", **(shared | changes)),
    ]
