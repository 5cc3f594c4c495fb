"""Image networks: features and class probabilities from one graph with dynamic batch."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import helper

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.core.errors import StartupError
from tieback.models.pictures.classifier import FEATURES, GRAPH, PIXELS, PROBABILITIES
from tieback.models.session import Session
from tieback.models.store.manifest import link_or_copy
from tieback.recipes.graphs.edits import (
    check_tensors,
    compare,
    load_graph,
    rename_input,
    replace_outputs,
    run_to,
)
from tieback.recipes.graphs.torch_export import check, export_module
from tieback.recipes.networks import efficientnet_lite

OUTPUTS = (FEATURES, PROBABILITIES)


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and the class names; returns the parity with what it was made from."""
    return export_classifier(card.options_for(ImageClassifier), card.width, weights, out, report)


def export_classifier(
    options: ImageClassifier, width: int | None, weights: Path, out: Path, report: Callable[[str], None]
) -> dict[str, Any]:
    """The same of a classifier's options; `width` is that of its features, None where nobody says."""
    torch.set_num_threads(1)  # two threads on two shared cores were 28 times slower
    link_or_copy(weights / options.class_names, out / options.class_names)
    if options.network == "onnx":
        report("naming the graph's outputs")
        return _rewire(weights / options.weights, options, width, out / GRAPH)
    report("exporting from torch")
    network = load_network(weights / options.weights)
    batch = {name: {0: "batch"} for name in (PIXELS, *OUTPUTS)}
    pixels = efficientnet_lite.random_pixels(3)
    export_module(network, [pixels[:1]], out / GRAPH, inputs=[PIXELS], outputs=OUTPUTS, dynamic=batch)
    report("checking parity")
    return check(network, out / GRAPH, [{PIXELS: pixels}], OUTPUTS)


def load_network(path: Path) -> efficientnet_lite.EfficientNetLite0:
    """The network with its weights; a checkpoint is a pickle, of which nothing but tensors is taken.

    StartupError where the file is no such checkpoint.
    """
    try:
        return efficientnet_lite.load(torch.load(path, map_location="cpu", weights_only=True))
    except (pickle.UnpicklingError, RuntimeError, AttributeError, EOFError) as error:
        raise StartupError(
            f"{path.name} is not a checkpoint of the network that the card names: "
            f"{str(error).partition(chr(10))[0]}"
        ) from error


def _rewire(source: Path, options: ImageClassifier, width: int | None, path: Path) -> dict[str, Any]:
    """Reads features and logits of the user's own graph, and puts a softmax behind the latter."""
    model = load_graph(source)
    tensors = [options.features_tensor, options.logits_tensor]
    check_tensors(model.graph, tensors)
    first = model.graph.input[0].name
    rename_input(model.graph, first, PIXELS)
    model.graph.node.extend(
        [
            helper.make_node("Flatten", tensors[:1], [FEATURES], name="served/features"),
            helper.make_node("Softmax", tensors[1:], [PROBABILITIES], name="served/softmax", axis=-1),
        ]
    )
    replace_outputs(model.graph, {FEATURES: ["batch", width], PROBABILITIES: ["batch", None]})
    onnx.save(model, path)
    pixels = efficientnet_lite.random_pixels(1, options.crop).numpy()
    features, logits = run_to(source, tensors, {first: pixels})
    expected = [features.reshape(1, -1), torch.from_numpy(logits).softmax(dim=-1).numpy()]
    return compare(expected, Session(path).run(OUTPUTS, {PIXELS: pixels}), OUTPUTS)
