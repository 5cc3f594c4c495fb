"""A compression of demonstrations that nobody trained: what the model reads are the states as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tieback.artifacts import Artifact
from tieback.catalog.catalog import Catalog
from tieback_lab.models.learned.soft_context import SOFT_CONTEXT

WIDTH, LAYER = 576, 10
"""Of SmolLM2-135M."""


def kept_projection(root: Path) -> Path:
    """Writes it; returns its folder."""
    card = Catalog.load().generators()[0]
    facts = {
        "name": "as-they-are", "method": "aim", "space": "", "model": card.name,
        "model_revision": card.revision, "layer": LAYER,
    }  # fmt: skip
    state = {"weights": np.eye(WIDTH, dtype=np.float32), "bias": np.zeros(WIDTH, np.float32)}
    return Artifact(SOFT_CONTEXT, state, facts).save(root)
