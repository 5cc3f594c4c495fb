"""A torch module to an ONNX file, and the parity of the two.

`export_network` goes through `torch.export`: masks and branches are seen as they are, and norms and GELU come
out as one node. A weight has its name in the state dict, and so has the matrix of a linear layer, which is
turned in the graph, `[in, out]`. `export_module` is torch's older tracer, for small modules of our own: those
that are put behind somebody else's graph are to have its opset, and `torch.export` writes none below 18. In
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
from tieback.recipes.graphs.attention import add_functions, in_blocks
from tieback.recipes.graphs.edits import compare

OPSET = 17
NETWORK_OPSET = 20
"""The first one with a node for GELU."""
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
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad(), in_blocks(module):
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
    shapes = {name: tuple(one.shape) for name, one in module.named_parameters(remove_duplicate=False)}
    for node in program.model.graph:
        _name_by_module(node, taken, shapes)
    add_functions(program.model)
    program.save(path, external_data=sum(map(_bytes, module.parameters())) > external_data.LARGEST_FILE)
    return check(module, path, examples, outputs)


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


def _name_by_module(node: Any, taken: set[str], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Names a node and its matrix by their module, and drops what tells of this machine's files.

    `taken` are the names so far, and `shapes` those of the module's weights.
    """
    scopes = ast.literal_eval(node.metadata_props.get("pkg.torch.onnx.name_scopes", "[]"))
    node.metadata_props.clear()
    if len(scopes) < 2:
        return
    name = f"/{scopes[-2].replace('.', '/')}/{node.op_type}"
    node.name = node.name if name in taken else name
    taken.add(name)
    weight = f"{scopes[-2]}.weight"
    if node.op_type != "MatMul" or not (matrix := node.inputs[1]).is_initializer():
        return
    if matrix.name == weight or tuple(matrix.shape) != shapes.get(weight, ())[::-1]:
        return
    there = node.graph.initializers
    if weight not in there:
        matrix.name = weight
        taken.add(weight)
    elif weight in taken:  # a layer that is used again was turned again
        node.replace_input_with(1, there[weight])
        del there[matrix.name]


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
    module: torch.nn.Module, path: Path, examples: Sequence[Mapping[str, Tensor]], outputs: Sequence[str]
) -> dict[str, Any]:
    """The largest difference between a module and its graph on any of the examples."""
    session = Session(path)
    each = []
    for example in examples:
        with torch.no_grad():
            made = module(*example.values())
        expected = [one.numpy() for one in ([made] if isinstance(made, Tensor) else made)]
        found = session.run(outputs, {name: value.numpy() for name, value in example.items()})
        each.append(compare(expected, found, outputs)["largest_difference"])
    return {"largest_difference": {name: max(one[name] for one in each) for name in outputs}}
