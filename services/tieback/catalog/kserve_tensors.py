"""Requests of KServe's protocol v2 over HTTP (Triton, KServe, MLServer, OpenVINO), in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tieback_contract.arrays import Array


def infer(columns: Mapping[str, Sequence[str]], output: str, *, flat: bool) -> dict[str, Any]:
    """The body that asks for one output of texts; each input has the shape `[n, 1]`, or `[n]`."""
    return {
        "inputs": [
            {
                "name": name,
                "datatype": "BYTES",
                "shape": [len(texts)] if flat else [len(texts), 1],
                "data": list(texts),
            }
            for name, texts in columns.items()
        ],
        "outputs": [{"name": output}],
    }


def output_of(answer: Any, name: str) -> Array:
    """An output of an answer, in its shape. LookupError or ValueError where it is not there."""
    found = next(one for one in answer["outputs"] if one["name"] == name)
    return np.asarray(found["data"], np.float32).reshape(found["shape"])
