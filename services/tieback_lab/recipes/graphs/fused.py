"""The ONNX graph of a learned fusion: rows and masks of all parts to one vector."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tieback.core.errors import StartupError
from tieback.core.state import State
from tieback.recipes.graphs.torch_export import check, export_module
from torch import Tensor

from tieback_lab.methods.fusion import GRAPH, Rows, There, fusions

GRAPH_FILE = "fusion.onnx"
PARITY = 1e-4
"""The largest difference of a number between the graph and the method."""
TRACED = 3


class Fusing(torch.nn.Module):
    """A method with its state: rows of each part, masks of each part, and perhaps the condition."""

    def __init__(self, method: str, state: State, parts: int) -> None:
        super().__init__()
        self._graph, self._parts, self._names = fusions.form(GRAPH, method), parts, sorted(state)
        for name in self._names:
            self.register_buffer(f"state_{name}", torch.from_numpy(state[name].copy()))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Unit vectors `[things, width]`."""
        state = {name: self.get_buffer(f"state_{name}") for name in self._names}
        rows, there, more = (
            list(inputs[: self._parts]),
            list(inputs[self._parts : 2 * self._parts]),
            inputs[2 * self._parts :],
        )
        found: Tensor = self._graph(rows, there, more[0] if more else None, state)
        return found


def graph_of(method: str, state: State, rows: Rows, there: There, condition: Any) -> tuple[bytes, float]:
    """The graph, traced on some of these things, and its largest difference from the method on the others.

    StartupError where that is above `PARITY`.
    """
    inputs = [f"rows_{place}" for place in range(len(rows))]
    inputs += [f"there_{place}" for place in range(len(rows))] + ["condition"] * (condition is not None)
    given: list[Any] = [*rows, *there, *([condition] if condition is not None else [])]
    few = [torch.from_numpy(np.ascontiguousarray(one[:TRACED])) for one in given]
    others = [torch.from_numpy(np.ascontiguousarray(one[TRACED : 4 * TRACED])) for one in given]
    axes = {name: {0: "things"} | ({1: f"of_{name}"} if name != "condition" else {}) for name in inputs}
    module = Fusing(method, state, len(rows))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / GRAPH_FILE
        export_module(module, few, path, inputs=inputs, outputs=["vector"], dynamic=axes)
        found = check(module, path, [dict(zip(inputs, others, strict=True))], ["vector"])
        written = path.read_bytes()
    difference = float(found["largest_difference"]["vector"])
    if difference > PARITY:
        raise StartupError(f"the graph of {method} differs from the method by {difference:.2g}")
    return written, difference
