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

from tieback_lab.methods._attention import SMALLEST, WIDE, everywhere, layer, layer_schema
from tieback_lab.methods.query_composition import query_compositions

STATE = {
    "image": ("image", "inner"),
    "text": ("text", "inner"),
    "prompts": ("prompts", "inner"),
    "start": ("one", "inner"),
    **layer_schema("fuse"),
    **layer_schema("read"),
    "out": ("inner", "image"),
    "whole": ("one",),
}


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
    there = xp.concatenate((everywhere(xp, seen[:, : -words.shape[1]]), mask), axis=1)
    made = layer(xp, prompts, seen, there, state, "fuse")
    return read(xp, made, words, mask, image[:, 0], state), made


def read(xp: Any, prompts: Any, words: Any, mask: Any, whole: Any, state: Any) -> Any:
    """Unit rows of prompts `[n, prompts, inner]` and words `[n, tokens, inner]` as they enter the layer."""
    first = xp.broadcast_to(state["start"], (len(words), *state["start"].shape))
    seen = xp.concatenate((first, prompts, words), axis=1)
    there = xp.concatenate((everywhere(xp, seen[:, : -words.shape[1]]), mask), axis=1)
    said = layer(xp, first, seen, there, state, "read")[:, 0] @ state["out"] + state["whole"] * whole
    return said / ((said * said).sum(-1)[:, None] + SMALLEST) ** 0.5
