"""Upgrades of collections through the product by a policy that trains: OCA (arXiv:2408.08793).

A server is started, collections are ingested through the SDK, and `PlanUpgrade` is asked for. Two kinds of
pairs are tried:

    digits    handwritten digits of DIR/classes, by their labels. The old encoder learned the digits 0 to 4,
              the new one all ten; both are small networks that are trained here, and served from a card. What
              is ingested neither has seen.
    texts     collections of DIR/retrieval, without labels, from all-minilm-l6-v2 to paraphrase-minilm-l3-v2

Recall@1 is the operation's own, on held-out items, with its interval (Wilson). Seconds are those of the whole
operation.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import yaml
from onnx import TensorProto, helper, numpy_helper
from PIL import Image as Picture
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback_client import Client, Image, Item, UpgradePlan

from benchmarks.data_folder import add_data, data_of
from benchmarks.lab.claims._digits import Digits
from benchmarks.lab.claims.orthogonal_alignment import KNOWN, METHOD, NEW, OF, OLD, OLD_WIDTH, digits, encoder
from benchmarks.pipeline import collections
from benchmarks.progress import PullProgress, log
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, asking
from benchmarks.statistics import Interval

HOLDS = "digits and judged texts"
SIDE, KINDS, NEW_WIDTH = 28, 10, 64
OLD_DIGITS, NEW_DIGITS = "digits-old", "digits-new"
SETTINGS = NO_GENERATOR | {"TIEBACK_BINDING": "none"}
INTERVAL = "95 %, Wilson"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these collections alone")


def run(options: argparse.Namespace) -> Report:
    data = data_of(options, HOLDS)
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        rows = [_of_digits(Path(folder), data)]
    rows += _of_texts(data, options.only)
    report.table("upgrades", [row for row, _ in rows])
    for row, result in rows:
        _claim(report, str(row["collection"]), result)
    return report


def _of_digits(folder: Path, data: Path) -> tuple[dict[str, Any], UpgradePlan]:
    torch.set_num_threads(1)
    learned, tested = digits(data, log)
    cards = [
        write_encoder(folder, OLD_DIGITS, learned, KNOWN, OLD_WIDTH),
        write_encoder(folder, NEW_DIGITS, learned, KINDS, NEW_WIDTH),
    ]
    assert pull(cards, cards, Store(folder / "models"), PullProgress()) == []
    settings = {**SETTINGS, "TIEBACK_CARDS": str(folder), "TIEBACK_MODELS": str(folder / "models")}
    items = (
        Item(f"{place:05}", Image.from_pil(picture_of(pixels)), metadata={"digit": int(digit)})
        for place, (pixels, digit) in enumerate(zip(tested.pictures, tested.shown, strict=True))
    )
    with asking(spaces=(OLD_DIGITS, NEW_DIGITS), settings=settings) as client:
        return _upgraded(client, "digits", items, OLD_DIGITS, NEW_DIGITS, labels="digit")


def _of_texts(data: Path, only: Sequence[str] | None) -> list[tuple[dict[str, Any], UpgradePlan]]:
    found = []
    for one in collections.read(data):
        if not (data / "retrieval" / one.name).is_dir() or (only and one.name not in only):
            continue
        items = (document.item for document in one.documents)
        with asking(spaces=(OLD, NEW), settings=SETTINGS) as client:
            found.append(_upgraded(client, one.name, items, OLD, NEW))
    return found


def _upgraded(
    client: Client, name: str, items: Iterable[Item], old: str, new: str, *, labels: str = ""
) -> tuple[dict[str, Any], UpgradePlan]:
    """Ingests a collection and upgrades its space; a row of the table, and the result."""
    log(f"ingesting {name}")
    written = client.ingest(name, items, space=old, batch=100, timeout=600).collect()
    assert not written.errors, next(iter(written.errors.values()))
    log(f"upgrading {name}")
    status = client.plan_upgrade(name, space=new, policy="oca", labels=labels).wait(timeout=1800)
    if status.error is not None:
        raise status.error
    result = status.result
    assert isinstance(result, UpgradePlan)
    assert status.begun is not None
    assert status.ended is not None
    measured = {"old/old": result.old_old, "new/old": result.new_old, "new/new": result.new_new}
    row = {
        "collection": name,
        "items": written.written,
        "learned from": result.trained,
        "measured on": result.held_out,
        **{way: recall.value for way, recall in (measured | {"native": result.native}).items()},
        "encoding s": result.encoding_seconds,
        "training s": result.training_seconds,
        "whole s": (status.ended - status.begun).total_seconds(),
    }
    log(", ".join(f"{key} {value}" for key, value in row.items()))
    return row, result


def _claim(report: Report, name: str, result: UpgradePlan) -> None:
    """New/old against what old/old is, and new/new against what a reindex would give."""
    for way, recall, bound in (
        ("new/old", result.new_old, result.old_old),
        ("new/new", result.new_new, result.native),
    ):
        against = "old/old" if way == "new/old" else "native less a point"
        least = bound.value if way == "new/old" else bound.value - 0.01
        report.claim(
            f"{METHOD}: recall@1 of an upgrade of {name}, {way}, at least {against}",
            Interval(recall.value, recall.low, recall.high),
            "",
            f">= {least:.4g}",
            interval=INTERVAL,
            of=OF,
        )


def picture_of(pixels: Any) -> Picture.Image:
    """A grey picture of pixels from 0 to 1."""
    return Picture.fromarray((255 * pixels.reshape(SIDE, SIDE)).round().astype(np.uint8))


def write_encoder(folder: Path, name: str, learned: Digits, kinds: int, width: int) -> EncoderCard:
    """Trains an encoder of the digits below `kinds`, and writes it with its card, as a user's own model."""
    log(f"training {name}")
    layers, classes = encoder(learned, kinds, width, seed=kinds)
    (folder / name).mkdir()
    arrays = {
        "grey": np.full((1, 3, 1, 1), 1 / 3, np.float32),
        **{key.replace(".", "_"): one.detach().numpy() for key, one in layers.state_dict().items()},
        "classes": classes.detach().numpy(),
    }
    onnx.save(_model(arrays), folder / name / "network.onnx")
    (folder / name / "names.json").write_text(json.dumps([str(digit) for digit in range(kinds)]))
    card: Mapping[str, Any] = {
        "name": name, "role": "encoder", "runtime": "image_classifier", "directory": name,
        "description": f"digits 0 to {kinds - 1}", "license": "MIT", "upstream": "trained here",
        "modality": "image", "width": width, "kinds": ["dense", "labels"], "joint": "pairs",
        "options": {
            "network": "onnx", "weights": "network.onnx", "class_names": "names.json", "size": SIDE,
            "crop": SIDE, "mean": 0, "scale": 255, "features_tensor": "hidden", "logits_tensor": "logits",
        },
    }  # fmt: skip
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(dict(card)))
    made = read_card(path)
    assert isinstance(made, EncoderCard)
    return made


def _model(arrays: Mapping[str, Any]) -> Any:
    """The layers as a graph: of a picture's mean over colours, as it is trained."""
    nodes = [
        helper.make_node("Conv", ["image", "grey"], ["mixed"], kernel_shape=[1, 1]),
        helper.make_node("Flatten", ["mixed"], ["flat"]),
        helper.make_node("Gemm", ["flat", "0_weight", "0_bias"], ["inner"], transB=1),
        helper.make_node("Relu", ["inner"], ["kept"]),
        helper.make_node("Gemm", ["kept", "2_weight", "2_bias"], ["outer"], transB=1),
        helper.make_node("Relu", ["outer"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "classes"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(arrays["classes"])])],
        [numpy_helper.from_array(np.ascontiguousarray(one), name) for name, one in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model
