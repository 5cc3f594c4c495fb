"""A torch module to an ONNX file, and the parity of the two.

`export_network` goes through `torch.export`, for models of transformers: masks and branches are seen as they
are, and norms come out as one node. `export_module` is torch's older tracer, for small modules of our own and
for what was exported by it before: a layer takes it a tenth of a second, and `torch.export` two or three. In
both the names and the order of the nodes are the same each time.
"""

from __future__ import annotations

import ast
import logging
import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tieback.core.errors import StartupError
from tieback.models.session import Session
from tieback.recipes.graphs import external_data
from tieback.recipes.graphs.edits import compare

OPSET = 17
NETWORK_OPSET = 18
OPERATOR = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'")
Axes = Mapping[int, str]


def export_network(
    module: torch.nn.Module,
    examples: Sequence[Mapping[str, Tensor]],
    path: Path,
    *,
    outputs: Sequence[str],
    dynamic: Mapping[str, Axes],
) -> dict[str, Any]:
    """Writes the graph of a module, and returns its parity with it, over all the examples.

    An example is a tensor for each input, by the names that `forward` gives them. The first one is traced:
    its sizes are above 1, and different where the axes are. `dynamic` names the axes of inputs that vary.
    StartupError where the graph differs from the module on any of them, or an operator has none in ONNX.
    """
    module.eval()
    first = examples[0]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of packages for pictures
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                module,
                tuple(first.values()),
                dynamo=True,
                input_names=list(first),
                output_names=list(outputs),
                dynamic_shapes=tuple(dict(dynamic.get(name, {})) for name in first),
                opset_version=NETWORK_OPSET,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise StartupError(_not_exported(module, error)) from error
    if program is None:
        raise TypeError("torch.onnx.export gave no graph")
    taken: set[str] = set()
    for node in program.model.graph:
        _name_by_module(node, taken)
    program.save(path, external_data=sum(map(_bytes, module.parameters())) > external_data.LARGEST_FILE)
    return checked(module, path, examples, outputs)


def _not_exported(module: torch.nn.Module, error: BaseException) -> str:
    """The class of transformers, the operators where they are why, and the way on."""
    of = next((type(one).__name__ for one in module.modules() if hasattr(one, "config")), "the model")
    said, reason = str(error), error.__cause__
    while reason is not None:
        said, reason = f"{reason}\n{said}", reason.__cause__
    operators = sorted(set(OPERATOR.findall(said)))
    why = f"no ONNX for {', '.join(operators)}" if operators else said.strip().partition("\n")[0][:300]
    return (
        f"{of} cannot be exported: {why}. Export it to ONNX by another way, and add that folder, or have a "
        "server that runs it serve it: tieback models add-endpoint URL"
    )


def checked(
    module: torch.nn.Module, path: Path, examples: Sequence[Mapping[str, Tensor]], outputs: Sequence[str]
) -> dict[str, Any]:
    """The largest difference between a module and its graph on any of the examples."""
    each = [check(module, path, dict(example), outputs)["largest_difference"] for example in examples]
    return {"largest_difference": {name: max(one[name] for one in each) for name in outputs}}


def _name_by_module(node: Any, taken: set[str]) -> None:
    """Names a node by its module, as the older tracer does, and drops what tells of this machine's files."""
    scopes = ast.literal_eval(node.metadata_props.get("pkg.torch.onnx.name_scopes", "[]"))
    name = f"/{scopes[-2].replace('.', '/')}/{node.op_type}" if len(scopes) > 1 else node.name
    node.name = node.name if name in taken else name
    taken.add(name)
    node.metadata_props.clear()


def _bytes(tensor: Tensor) -> int:
    return tensor.nbytes


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
