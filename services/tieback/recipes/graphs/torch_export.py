"""A torch module to an ONNX file, and the parity of the two.

The tracing exporter is used: it takes a second or two where the other takes ten to twenty, and the names and
the order of the nodes are the same each time.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from tieback.models.session import Session
from tieback.recipes.graphs import external_data
from tieback.recipes.graphs.edits import compare

OPSET = 17


def export_module(
    module: torch.nn.Module,
    examples: Sequence[torch.Tensor],
    path: Path,
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    dynamic: dict[str, dict[int, str]],
    opset: int = OPSET,
) -> None:
    """Traces the module on the examples; `dynamic` names the axes of inputs and outputs that may vary.

    Weights that one ONNX file has no room for are written into one file beside it.
    """
    if sum(value.nbytes for value in module.state_dict().values()) > external_data.LARGEST_FILE:
        with tempfile.TemporaryDirectory(prefix=".graph-", dir=path.parent) as folder:
            # The exporter writes a file for each tensor.
            apart = Path(folder) / path.name
            _trace(module, examples, apart, inputs, outputs, dynamic, opset)
            external_data.save_graph(external_data.load_with_weights(apart), path)
        return
    _trace(module, examples, path, inputs, outputs, dynamic, opset)


def _trace(
    module: torch.nn.Module,
    examples: Sequence[torch.Tensor],
    path: Path,
    inputs: Sequence[str],
    outputs: Sequence[str],
    dynamic: dict[str, dict[int, str]],
    opset: int,
) -> None:
    module.eval()
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        # The tracer warns of branches that depend on values; parity on other shapes shows that none do.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(examples),
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=dynamic,
            opset_version=opset,
            dynamo=False,
        )


def check(
    module: torch.nn.Module, path: Path, inputs: dict[str, torch.Tensor], outputs: Sequence[str]
) -> dict[str, Any]:
    """Runs both on the inputs, which are to be of other shapes than those it was traced on."""
    with torch.no_grad():
        expected = [output.numpy() for output in module(*inputs.values())]
    found = Session(path).run(outputs, {name: value.numpy() for name, value in inputs.items()})
    return compare(expected, found, outputs)
