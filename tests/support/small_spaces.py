"""Spaces made small, each a folder with its card: a table of words, shapes, and an own encoder of colours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback_contract.arrays import Array
from tokenizers import Tokenizer, models, pre_tokenizers

FEATURES = 12


def write_card(folder: Path, name: str, **fields: Any) -> EncoderCard:
    """A card beside the folder of its name."""
    shared = {"role": "encoder", "description": "small", "license": "MIT", "upstream": "me"}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(shared | {"name": name} | fields))
    card = read_card(path)
    assert isinstance(card, EncoderCard)
    return card


def write_words(folder: Path, name: str, words: Mapping[str, Array], **fields: Any) -> EncoderCard:
    """A text space: a text is the mean of its words' vectors."""
    (folder / name).mkdir()
    width = len(next(iter(words.values())))
    table = np.concatenate([np.zeros((1, width)), np.stack(list(words.values()))])
    save_file({"table": table.astype(np.float32)}, folder / name / "table.safetensors")
    numbers = {word: place for place, word in enumerate(["[UNK]", *words])}
    tokenizer = Tokenizer(models.WordLevel(numbers, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / name / "tokenizer.json"))
    return write_card(
        folder, name, directory=name, runtime="static_text", modality="text", width=width, kinds=["dense"],
        joint="component", options={"weights": "table.safetensors", "tensor": "table"}, **fields,
    )  # fmt: skip


def write_shapes(folder: Path, name: str, **fields: Any) -> EncoderCard:
    """Point-NN with few points and narrow features, which takes a hundredth of its time."""
    return write_card(
        folder, name, runtime="point_cloud", modality="points", width=96, kinds=["dense"], joint="pairs",
        options={"points": 96, "neighbours": 16, "stages": 2, "embedding": 24}, **fields,
    )  # fmt: skip


def write_colours(
    folder: Path, name: str, classes: Sequence[str] = ("rain", "street"), **fields: Any
) -> EncoderCard:
    """An encoder of a picture's mean colour in FEATURES features, whose classes look like nothing at all."""
    (folder / name).mkdir()
    draw = np.random.default_rng(9)
    mixing = draw.normal(size=(FEATURES, 3, 1, 1)).astype(np.float32)
    rows = draw.normal(size=(len(classes), FEATURES)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "mixing"], ["mixed"], kernel_shape=[1, 1]),
            helper.make_node("Relu", ["mixed"], ["kept"]),
            helper.make_node("GlobalAveragePool", ["kept"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "rows"], ["logits"], transB=1),
        ],
        "colours",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(classes)])],
        [numpy_helper.from_array(mixing, "mixing"), numpy_helper.from_array(rows, "rows")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, folder / name / "network.onnx")
    (folder / name / "names.json").write_text(json.dumps(classes))
    options = {
        "network": "onnx", "weights": "network.onnx", "class_names": "names.json", "size": 8, "crop": 8,
        "mean": 0, "scale": 255, "features_tensor": "pooled", "logits_tensor": "logits",
    }  # fmt: skip
    return write_card(
        folder, name, directory=name, runtime="image_classifier", modality="image", width=FEATURES,
        kinds=["dense", "labels"], options=options, **({"joint": "pairs"} | fields),
    )  # fmt: skip
