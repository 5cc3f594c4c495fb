"""What other libraries make of the same weights. Run as a file, it writes them.

    pip install mergekit fusion-bench
    PYTHONPATH=tests python -m support.merging_oracles

Made with fusion-bench 0.2.33 (TIES, TALL masks) and mergekit 0.1.5 (SLERP). The task arithmetic of
fusion-bench does not run with the release of PyTorch that is used here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).resolve().parents[1] / "methods" / "merging_oracles.json"
DENSITY, THRESHOLD, T = 0.2, 0.4, 0.25
Tensors = dict[str, np.ndarray[Any, Any]]


def parents() -> tuple[Tensors, list[Tensors]]:
    """A base and three experts of 90 parameters."""
    draw = np.random.default_rng(11)
    shapes = {"bias": (10,), "weight": (10, 8)}
    base = {name: draw.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    experts = [
        {
            name: base[name] + 0.1 * draw.standard_normal(shape).astype(np.float32)
            for name, shape in shapes.items()
        }
        for _ in range(3)
    ]
    return base, experts


def flat(weights: Tensors) -> np.ndarray[Any, Any]:
    """All parameters in the order of the names."""
    return np.concatenate([np.ravel(weights[name]) for name in sorted(weights)])


def found() -> dict[str, list[Any]]:
    """What the libraries say, as numbers; ImportError where they are not installed."""
    import torch
    from fusion_bench.method.tall_mask.utils import generate_task_masks  # type: ignore[import-not-found]
    from fusion_bench.method.ties_merging.ties_merging_utils import ties_merging  # type: ignore[import-not-found]
    from mergekit.merge_methods.slerp import slerp  # type: ignore[import-not-found]

    base, experts = parents()
    start = torch.from_numpy(flat(base))
    others = torch.stack([torch.from_numpy(flat(one)) for one in experts])
    changes = others - start
    ties = start + ties_merging(changes, reset_thresh=100 * DENSITY, merge_func="dis-mean")
    masks = [
        generate_task_masks(changes, one, start, tv=changes.sum(0), tall_mask_lambda=THRESHOLD)
        for one in others
    ]
    between = {
        name: slerp(torch.tensor([T]), *(torch.from_numpy(one[name])[None] for one in experts[:2]))[0]
        for name in base
    }
    return {
        "ties": ties.tolist(),
        "tall_masks": [mask.int().tolist() for mask in masks],
        "slerp": flat({name: one.numpy() for name, one in between.items()}).tolist(),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(found()) + "\n")
