"""Whisper's encoder (Radford et al., 2022, arXiv:2212.04356): log-mel frames to one state every 20 ms.

Two convolutions, of which the second halves the rate, sinusoidal positions, and pre-norm transformer layers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import cast

import numpy as np
import torch
from tieback_contract.arrays import Array
from torch import Tensor, nn
from torch.nn import functional

from tieback.core.errors import StartupError

SPECIFICATION = "WhisperSpec"


class Attention(nn.Module):
    """Self-attention whose queries, keys and values come from one matrix, one after the other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head = heads, width // heads
        self.linear_0 = nn.Linear(width, 3 * width)
        self.linear_1 = nn.Linear(width, width)
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, states: Tensor) -> Tensor:
        """`[batch, frames, width]` to the same, without the residual."""
        batch, frames, width = states.shape
        mixed = self.linear_0(self.layer_norm(states)).view(batch, frames, 3, self.heads, self.head)
        queries, keys, values = mixed.permute(2, 0, 3, 1, 4)
        scores = (queries * self.head**-0.5) @ keys.transpose(-1, -2)
        found = scores.softmax(dim=-1) @ values
        return cast(Tensor, self.linear_1(found.transpose(1, 2).reshape(batch, frames, width)))


class FeedForward(nn.Module):
    """Two linear maps with a GELU between them."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(width)
        self.linear_0 = nn.Linear(width, inner)
        self.linear_1 = nn.Linear(inner, width)

    def forward(self, states: Tensor) -> Tensor:
        """As `Attention.forward`."""
        return cast(Tensor, self.linear_1(functional.gelu(self.linear_0(self.layer_norm(states)))))


class Layer(nn.Module):
    """Attention, then feed-forward."""

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.self_attention = Attention(width, heads)
        self.ffn = FeedForward(width, inner)

    def forward(self, states: Tensor) -> Tensor:
        """`[batch, frames, width]` to the same."""
        states = states + self.self_attention(states)
        return cast(Tensor, states + self.ffn(states))


class WhisperEncoder(nn.Module):
    """The whole encoder; its parameters have the names that CTranslate2 gives them, with dots for slashes."""

    def __init__(
        self, *, bands: int, width: int, inner: int, heads: int, layers: int, positions: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(bands, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(positions, width))
        self.layers = nn.ModuleList(Layer(width, inner, heads) for _ in range(layers))
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, frames: Tensor) -> Tensor:
        """`[batch, bands, 2 · states]` of log-mel values to `[batch, states, width]`."""
        states = functional.gelu(self.conv2(functional.gelu(self.conv1(frames)))).transpose(1, 2)
        states = states + self.positions[: states.shape[1]]
        for layer in self.layers:
            states = layer(states)
        return cast(Tensor, self.layer_norm(states))


def load(variables: Mapping[str, Array]) -> WhisperEncoder:
    """The encoder out of a Whisper's variables. StartupError where one is missing or of another shape."""
    state = state_of(variables, "encoder")
    with readable("encoder"):
        width, bands, _ = state["conv1.weight"].shape
        network = WhisperEncoder(
            bands=bands,
            width=width,
            inner=len(state["layers.0.ffn.linear_0.bias"]),
            heads=heads_of(variables, "encoder", width),
            layers=sum(name.endswith(".ffn.linear_0.bias") for name in state),
            positions=len(state["positions"]),
        )
        network.load_state_dict(state)
    return network.eval()


def state_of(variables: Mapping[str, Array], part: str) -> dict[str, Tensor]:
    """The parameters of a part, `encoder` or `decoder`, in float32. StartupError where they are quantised."""
    state = {}
    for name, value in variables.items():
        before, found, name = name.partition(f"{part}/")
        if before or not found or not value.ndim:
            continue
        if value.dtype not in (np.float32, np.float16):
            raise StartupError(
                f"{part}/{name} is quantised; convert the model with --quantization float16 or float32"
            )
        state[renamed(name)] = torch.from_numpy(value.astype(np.float32))
    return state


def heads_of(variables: Mapping[str, Array], part: str, width: int) -> int:
    """Into how many heads attention divides the width. ValueError where these do not go together."""
    heads = int(variables[f"{part}/num_heads"])
    if heads <= 0 or width % heads:
        raise ValueError(f"{heads} heads do not share a width of {width}")
    return heads


@contextlib.contextmanager
def readable(part: str) -> Iterator[None]:
    """StartupError where a variable of the part is missing or of another shape."""
    try:
        yield
    except (KeyError, RuntimeError, ValueError) as error:
        message = str(error).partition("\n")[0]
        raise StartupError(f"the file holds no Whisper {part} that can be read: {message}") from error


def renamed(name: str) -> str:
    """A variable's name, as the network's parameter has it."""
    name = name.replace("position_encodings/encodings", "positions").replace(
        "layer_norm/beta", "layer_norm/bias"
    )
    name = name.replace("layer_norm/gamma", "layer_norm/weight")
    if name.startswith("layer_") and not name.startswith("layer_norm"):
        name = name.replace("layer_", "layers/", 1)
    return name.replace("/", ".")
