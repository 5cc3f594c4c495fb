"""A language model's layers read a photo and a text, and both keep their say (NoteLLM-2).

Zhang et al., 2024 (arXiv:2405.16789). A language model that reads a photo's token before a text goes by the
text alone. Here it compresses twice: a token behind the photo has what was seen, another behind the text the
whole. A gate mixes the photo's own row into each (late fusion), and partners are learned by both:
(L(photo) + 9 · L(whole)) / 10. The vector is that of the whole.

The photo is the first part. Other parts are read behind it, such as the tokens of a text as the model's
earlier layers have them, which stay frozen and read the text alone. Two layers are trained: the next ones of
the model (`layers` of the goal), or random ones. The paper trains all layers, with the photo in front.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods._attention import LARGEST_LOGIT, WIDE
from tieback_lab.methods.fusion import TURNS, Rows, There, fusions
from tieback_lab.methods.fusion import _tokens as shared
from tieback_lab.methods.fusion._learning import (
    Known,
    States,
    contrast,
    drawn_partners,
    in_torch,
    learned,
    served,
)

LAYERS = ("lower", "upper")
SHAPES = {
    **dict.fromkeys(("q", "k", "v"), ("inner", "heads")),
    "o": ("heads", "inner"),
    **dict.fromkeys(("gate", "up"), ("inner", "wide")),
    "down": ("wide", "inner"),
}
"""The matrices of a layer."""
STATE = {
    **shared.SHARED,
    TURNS: ("half_head",),
    **{f"{layer}_{name}": shape for layer in LAYERS for name, shape in SHAPES.items()},
    "compress": ("compressed", "inner"),
    "mix": ("compressed", "both", "inner"),
    "mix_bias": ("compressed", "inner"),
    "out": ("inner", "width"),
}
PHOTO = 0
"""The part that is compressed by itself too."""
WHOLE_WEIGHT = 9.0
"""Of the contrast of the whole, where that of the photo has 1."""
HEADS, ROTARY_BASE = 2, 10_000.0
"""Of random layers."""
FORBIDDEN = -1e4
"""A logit whose exponential is 0."""
SMALLEST = 1e-5


@fusions.method
def notellm2(rows: Rows, there: There, condition: Array | None, state: State) -> Array:
    """The last place after two layers over [photo ; compress ; others ; compress], mixed with the photo."""
    return served(states, rows, there, condition, state)


def start(rows: Rows, there: There, sizes: shared.Sizes, draw: np.random.Generator) -> dict[str, Array]:
    """The arrays that training begins with."""
    inner, half = sizes.inner, sizes.inner // HEADS // 2
    lengths = {"inner": inner, "heads": inner, "wide": WIDE * inner}
    begun = {
        **shared.start(rows, there, sizes, draw),
        TURNS: np.asarray(ROTARY_BASE ** -(np.arange(half) / half), np.float32),
        **{
            f"{layer}_{name}": shared.matrix(draw, lengths[ins], lengths[outs])
            for layer in LAYERS
            for name, (ins, outs) in SHAPES.items()
        },
        "compress": draw.normal(size=(2, inner)).astype(np.float32),
        "mix": np.stack([shared.matrix(draw, 2 * inner, inner) for _ in range(2)]),
        "mix_bias": np.zeros((2, inner), np.float32),
        "out": shared.matrix(draw, inner, sizes.width),
    }
    if sizes.layers is None:
        return begun
    place, into = sizes.layers.part, sizes.layers.into
    end = int(begun["ends"][place])
    own = slice(end - sizes.parts[place], end)
    for name in ("enter", "compress"):  # as large as the states that the layers know
        begun[name] *= np.float32(np.linalg.norm(into) / inner)
    begun["mean"][own], begun["scale"][own], begun["enter"][own] = 0, 1, into
    begun["part"][place] = 0
    return begun | dict(sizes.layers.arrays)


def states_by(*, gated: bool = True) -> States:
    """The states that training and serving see; without gates, by what the layers read alone."""

    def states(xp: Any, rows: Any, there: Any, condition: Any, state: Any) -> list[Known]:  # noqa: ARG001
        """That of the photo, and that of the whole."""
        seen = shared.tokens(xp, rows, there, state)
        always = shared.every(seen.there[:, :1])
        whole_shape = (seen.rows.shape[0], 1, seen.rows.shape[2])
        compress = [
            (None, xp.broadcast_to(one[None, None], whole_shape), always) for one in state["compress"]
        ]
        photo, others = ([one for one in seen.blocks if (one[0] == PHOTO) is own] for own in (True, False))
        blocks = [*photo, compress[0], *others, compress[1]]
        read, mask = (xp.concatenate([one[field] for one in blocks], 1) for field in (1, 2))
        for name in LAYERS:
            read = layer(xp, read, mask, state, name)
        after_photo = sum(one[1].shape[1] for one in photo) + 1
        has = seen.present[:, PHOTO]
        found = []
        for place, one in enumerate((read[:, :after_photo], read)):
            known = _normed(one[:, -1])
            if gated:
                own = _normed(seen.by_part[:, PHOTO])
                logits = xp.concatenate((own, known), -1) @ state["mix"][place] + state["mix_bias"][place]
                share = has[:, None] * _sigmoid(xp, logits)
                known = share * own + (1 - share) * known
            found.append(Known(shared.unit(known @ state["out"]), has if place == 0 else always[:, 0]))
        return found

    return states


def partners(module: Any, data: Any, plan: Any, draw: Any) -> tuple[Any, Any]:
    """The loss of partners, by their photos and by the whole, and a view of them."""
    sides = drawn_partners(data, plan.batch, draw)
    view, other = (data.view(side, plan.dropout, draw) for side in sides)
    photo, whole = (
        contrast(one._replace(counted=one.counted & partner.counted), partner.vectors, plan.temperature)
        for one, partner in zip(module(*view), module(*other), strict=True)
    )
    return (photo + WHOLE_WEIGHT * whole) / (1 + WHOLE_WEIGHT), view


def layer(xp: Any, rows: Any, there: Any, state: Any, name: str) -> Any:
    """Rows `[n, a, inner]` after a layer of Llama's build; each attends to those before it, and to itself.

    The weights of norms are in the matrices behind them. Padding has no position.
    """
    inside = _normed(rows)
    q, k, v = (_heads(inside @ state[f"{name}_{part}"], state) for part in "qkv")
    angles = xp.cumsum(there[..., None] * state[TURNS], 1)[:, None]
    q, k = _turned(xp, q, angles), _turned(xp, k, angles)
    number = xp.cumsum(rows[..., 0] * 0 + 1, 1)
    asking, asked = number[:, :, None], number[:, None]
    mask = (asking > asked) & there[:, None] | (asking == asked)
    logits = xp.where(mask[:, None], q @ k.swapaxes(2, 3) / q.shape[3] ** 0.5, FORBIDDEN)
    weights = xp.exp(logits - xp.amax(logits, -1)[..., None])
    mixed = (weights / weights.sum(-1)[..., None] @ v).swapaxes(1, 2)
    rows = rows + mixed.reshape(*mixed.shape[:2], -1) @ state[f"{name}_o"]
    inside = _normed(rows)
    gate = inside @ state[f"{name}_gate"]
    return rows + (gate * _sigmoid(xp, gate) * (inside @ state[f"{name}_up"])) @ state[f"{name}_down"]


def _normed(rows: Any) -> Any:
    """Rows whose squares have a mean of 1."""
    return rows / ((rows * rows).mean(-1)[..., None] + SMALLEST) ** 0.5


def _sigmoid(xp: Any, logits: Any) -> Any:
    return 1 / (1 + xp.exp(-xp.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)))


def _heads(rows: Any, state: Any) -> Any:
    """`[n, a, heads · width]` to `[n, heads, a, width]`."""
    return rows.reshape(*rows.shape[:2], -1, 2 * state[TURNS].shape[0]).swapaxes(1, 2)


def _turned(xp: Any, rows: Any, angles: Any) -> Any:
    """Rows `[n, heads, a, width]`, turned by the angles `[n, 1, a, width / 2]` of their positions."""
    half = angles.shape[-1]
    first, second = rows[..., :half], rows[..., half:]
    cos, sin = xp.cos(angles), xp.sin(angles)
    return xp.concatenate((first * cos - second * sin, second * cos + first * sin), -1)


states = states_by()
fit = learned(start, states, partners=partners, batch=32, learning_rate=1e-3)
graph = in_torch(states)
