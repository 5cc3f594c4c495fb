"""A photo and words become a prompt of a sentence's form, which is read with the words again (SPRC).

Bai et al., 2024 (arXiv:2310.05473).

Learned queries attend to the rows of the photo and of the words: what they become is the prompt, vectors in
the place of words. A second attention, which sees no photo, reads the prompt and the words as it would read
any text, and its first place becomes the query vector. So what is needed of the photo has to fit into words.

The paper's two readers are a Q-Former of twelve layers that was trained on 129 million pairs; here each is
one layer, and starts from nothing. To that vector the photo's own is added, times a learned number, since few
triplets do not teach to write every photo again. The encoders stay as they are, so what it writes is looked
for among vectors that are stored already; where a photo is stored by several, the best of them counts, as the
best of the paper's 32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods.query_composition import query_compositions

STATE = {
    "image": ("image", "inner"),
    "text": ("text", "inner"),
    "prompts": ("prompts", "inner"),
    "start": ("one", "inner"),
    **{f"{layer}_{part}": ("inner", "inner") for layer in ("fuse", "read") for part in ("q", "k", "v", "o")},
    **{f"{layer}_up": ("inner", "wide") for layer in ("fuse", "read")},
    **{f"{layer}_down": ("wide", "inner") for layer in ("fuse", "read")},
    "out": ("inner", "image"),
    "whole": ("one",),
}

HEADS, WIDE = 4, 2
"""Heads of an attention, and how many times as wide its second half is inside."""

SMALLEST = 1e-6
LARGEST_LOGIT = 60.0
"""Of an attention: its exponential is within float32."""


@query_compositions.method
def sentence_prompt(image: Array, text: Array, mask: Array, state: State) -> Array:
    """normalise(read(prompt, words) + whole · photo)."""
    found, _ = composed(np, image.astype(np.float32), text.astype(np.float32), mask, state)
    return np.asarray(found, np.float32)


def start(image_width: int, text_width: int, *, prompts: int, inner: int, seed: int) -> dict[str, Array]:
    """The state that training begins with: small random matrices, and the photo's own vector."""
    draw = np.random.default_rng(seed)
    sizes = {
        "image": image_width, "text": text_width, "inner": inner, "prompts": prompts, "one": 1,
        "wide": WIDE * inner,
    }  # fmt: skip
    state = {}
    for name, shape in STATE.items():
        dimensions = [sizes[size] for size in shape]
        state[name] = (draw.normal(size=dimensions) / np.sqrt(dimensions[0])).astype(np.float32)
    for name in ("prompts", "start"):
        state[name] *= np.float32(np.sqrt(len(state[name])))
    state["out"] *= np.float32(0.1)
    state["whole"][:] = 1.0
    return state


def composed(xp: Any, image: Any, text: Any, mask: Any, state: Any) -> tuple[Any, Any]:
    """The method in NumPy, or in torch as `xp`: unit rows, and the prompts `[n, prompts, inner]`."""
    words = text @ state["text"]
    prompts = xp.broadcast_to(state["prompts"], (len(image), *state["prompts"].shape))
    seen = xp.concatenate((prompts, image @ state["image"], words), axis=1)
    there = xp.concatenate((_all(xp, seen[:, : -words.shape[1]]), mask), axis=1)
    made = _layer(xp, prompts, seen, there, state, "fuse")
    return read(xp, made, words, mask, image[:, 0], state), made


def read(xp: Any, prompts: Any, words: Any, mask: Any, whole: Any, state: Any) -> Any:
    """Unit rows of prompts `[n, prompts, inner]` and words `[n, tokens, inner]` as they enter the layer."""
    first = xp.broadcast_to(state["start"], (len(words), *state["start"].shape))
    seen = xp.concatenate((first, prompts, words), axis=1)
    there = xp.concatenate((_all(xp, seen[:, : -words.shape[1]]), mask), axis=1)
    said = _layer(xp, first, seen, there, state, "read")[:, 0] @ state["out"] + state["whole"] * whole
    return said / ((said * said).sum(-1)[:, None] + SMALLEST) ** 0.5


def _layer(xp: Any, rows: Any, seen: Any, there: Any, state: Any, name: str) -> Any:
    """What `rows` `[n, a, inner]` become by attending to `seen` `[n, b, inner]` where `there` `[n, b]`."""
    asking, known = _normed(rows), _normed(seen)
    q, k, v = (
        _heads(one @ state[f"{name}_{part}"]) for one, part in ((asking, "q"), (known, "k"), (known, "v"))
    )
    logits = q @ k.swapaxes(2, 3) / q.shape[3] ** 0.5
    weights = xp.exp(xp.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)) * there[:, None, None, :]
    weights = weights / weights.sum(-1)[..., None]
    mixed = (weights @ v).swapaxes(1, 2)
    rows = rows + mixed.reshape(*mixed.shape[:2], -1) @ state[f"{name}_o"]
    inside = xp.clip(_normed(rows) @ state[f"{name}_up"], 0.0, None)
    return rows + inside @ state[f"{name}_down"]


def _heads(rows: Any) -> Any:
    """`[n, a, inner]` to `[n, heads, a, inner / heads]`."""
    return rows.reshape(*rows.shape[:2], HEADS, -1).swapaxes(1, 2)


def _normed(rows: Any) -> Any:
    """Each row with mean 0 and variance 1."""
    centred = rows - rows.mean(-1)[..., None]
    return centred / ((centred * centred).mean(-1)[..., None] + SMALLEST) ** 0.5


def _all(xp: Any, rows: Any) -> Any:
    return xp.ones(rows.shape[:2], dtype=xp.bool_ if xp is np else xp.bool)
