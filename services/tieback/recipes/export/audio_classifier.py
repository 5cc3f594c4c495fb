"""Audio networks: embeddings and class scores from one graph with any number of patches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.audio_classifier import AudioClassifier
from tieback.models.session import Session
from tieback.models.sounds.classifier import EMBEDDINGS, GRAPH, PATCHES, SCORES
from tieback.models.store.manifest import link_or_copy
from tieback.recipes.graphs.edits import (
    check_tensors,
    compare,
    load_graph,
    rename_input,
    replace_outputs,
    run_to,
)

OUTPUTS = (EMBEDDINGS, SCORES)
BATCH = "patches_at_once"


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and the class names; returns the parity with the graph it was made from."""
    return export_classifier(card.options_for(AudioClassifier), card.width, weights, out, report)


def export_classifier(
    options: AudioClassifier, width: int | None, weights: Path, out: Path, report: Callable[[str], None]
) -> dict[str, Any]:
    """The same of a classifier's options; `width` is that of its embeddings, None where nobody says."""
    link_or_copy(weights / options.class_names, out / options.class_names)
    report("naming the graph's outputs")
    source = weights / options.weights
    model = load_graph(source)
    graph = model.graph
    check_tensors(graph, [options.embedding_tensor, options.logits_tensor])
    first = graph.input[0].name
    rename_input(graph, first, PATCHES)
    graph.input[0].type.tensor_type.shape.dim[0].dim_param = BATCH
    _free_reshapes(graph)
    graph.node.extend(
        [
            helper.make_node("Identity", [options.embedding_tensor], [EMBEDDINGS], name="served/embeddings"),
            helper.make_node("Sigmoid", [options.logits_tensor], [SCORES], name="served/scores"),
        ]
    )
    replace_outputs(graph, {EMBEDDINGS: [BATCH, width], SCORES: [BATCH, None]})
    del graph.value_info[:]  # shapes that were inferred for one patch
    onnx.save(model, out / GRAPH)
    report("checking parity")
    return _check(source, first, options, out / GRAPH)


def _free_reshapes(graph: onnx.GraphProto) -> None:
    """Lets reshapes to `[1, width]` keep the batch they are given (0 copies the axis)."""
    targets = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for tensor in graph.initializer:
        if tensor.name in targets:
            shape = numpy_helper.to_array(tensor).copy()
            shape[0] = 0
            tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))


def _check(source: Path, first: str, options: AudioClassifier, path: Path) -> dict[str, Any]:
    """Three patches at once against the original, which takes one at a time."""
    random = np.random.default_rng(0)
    patches = random.integers(0, 256, (3, 1, options.patch, options.bands), np.uint8)
    tensors = [options.embedding_tensor, options.logits_tensor]
    each = [run_to(source, tensors, {first: patch[None]}) for patch in patches]
    embeddings, logits = (np.concatenate(parts) for parts in zip(*each, strict=True))
    expected = [embeddings, 1 / (1 + np.exp(-logits))]
    return compare(expected, Session(path).run(OUTPUTS, {PATCHES: patches}), OUTPUTS)
