"""How far an exported graph is from what it was exported from. A graph that differs is not kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.errors import StartupError

LARGEST_DIFFERENCE = 1e-3  # of values whose size is around 1; rounding in another order gives some 1e-6


def compare(expected: Sequence[Array], found: Sequence[Array], names: Sequence[str]) -> dict[str, Any]:
    """The largest absolute difference per output, for the manifest. StartupError where it is too large."""
    differences = {
        name: float(np.abs(wanted - got).max())
        for name, wanted, got in zip(names, expected, found, strict=True)
    }
    for name, difference in differences.items():
        if not difference <= LARGEST_DIFFERENCE:
            raise StartupError(
                f"the exported graph's output {name} differs by {difference:.2g} from the model it was made "
                "from; it was not kept. Please report the versions of torch, onnx and onnxruntime"
            )
    return {"largest_difference": differences}
