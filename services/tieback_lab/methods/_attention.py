"""Attention among rows, written once for NumPy, which serves, and torch, which trains and exports."""

from __future__ import annotations

from typing import Any

import numpy as np

HEADS, WIDE = 4, 2
"""Heads of an attention, and how many times as wide its second half is inside."""

SMALLEST = 1e-6
LARGEST_LOGIT = 60.0
"""Of an attention: its exponential is within float32."""


def layer_schema(name: str) -> dict[str, tuple[str, ...]]:
    """The arrays of a layer of that name: `inner` is the width of rows, `wide` of its second half."""
    return {
        **{f"{name}_{part}": ("inner", "inner") for part in ("q", "k", "v", "o")},
        f"{name}_up": ("inner", "wide"),
        f"{name}_down": ("wide", "inner"),
    }


def layer(xp: Any, rows: Any, seen: Any, there: Any, state: Any, name: str) -> Any:
    """Rows `[n, a, inner]` after they have attended to `seen` `[n, b, inner]` where `there` `[n, b]`."""
    mixed, _ = attended(xp, normed(rows), normed(seen), there, state, name)
    rows = rows + mixed @ state[f"{name}_o"]
    inside = xp.clip(normed(rows) @ state[f"{name}_up"], 0.0, None)
    return rows + inside @ state[f"{name}_down"]


def attended(xp: Any, asking: Any, known: Any, there: Any, state: Any, name: str) -> tuple[Any, Any]:
    """Means `[n, a, inner]` of the known rows' values, and their weights `[n, heads, a, b]`."""
    q, k, v = (
        _heads(one @ state[f"{name}_{part}"]) for one, part in ((asking, "q"), (known, "k"), (known, "v"))
    )
    logits = q @ k.swapaxes(2, 3) / q.shape[3] ** 0.5
    weights = xp.exp(xp.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)) * there[:, None, None, :]
    weights = weights / weights.sum(-1)[..., None]
    mixed = (weights @ v).swapaxes(1, 2)
    return mixed.reshape(*mixed.shape[:2], -1), weights


def normed(rows: Any) -> Any:
    """Each row with mean 0 and variance 1."""
    centred = rows - rows.mean(-1)[..., None]
    return centred / ((centred * centred).mean(-1)[..., None] + SMALLEST) ** 0.5


def everywhere(xp: Any, rows: Any) -> Any:
    """A mask `[n, a]` without padding, of rows `[n, a, inner]`."""
    return xp.ones(rows.shape[:2], dtype=xp.bool_ if xp is np else xp.bool)


def _heads(rows: Any) -> Any:
    """`[n, a, inner]` to `[n, heads, a, inner / heads]`."""
    return rows.reshape(*rows.shape[:2], HEADS, -1).swapaxes(1, 2)
