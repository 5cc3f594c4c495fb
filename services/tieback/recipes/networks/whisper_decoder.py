"""Whisper's decoder (Radford et al., 2022, arXiv:2212.04356), with key-value caches.

Pre-norm transformer layers with learned positions, which attend to the tokens so far and to the encoder's
states. Keys and values of the states are computed once for a window, by `CrossStates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import torch
from tieback_contract.arrays import Array
from torch import Tensor, nn

from tieback.recipes.networks.whisper_encoder import (
    Attention,
    FeedForward,
    WhisperEncoder,
    heads_of,
    readable,
    state_of,
)


class CrossAttention(nn.Module):
    """Attention to the encoder's states; `linear_1` makes their keys and values, one after the other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head = heads, width // heads
        self.linear_0 = nn.Linear(width, width)
        self.linear_1 = nn.Linear(width, 2 * width)
        self.linear_2 = nn.Linear(width, width)
        self.layer_norm = nn.LayerNorm(width)

    def keys_and_values(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """`[1, states, width]` to keys `[heads, head, states]` and values `[heads, states, head]`."""
        mixed = self.linear_1(states[0]).view(states.shape[1], 2, self.heads, self.head)
        return mixed[:, 0].permute(1, 2, 0), mixed[:, 1].permute(1, 0, 2)

    def forward(self, tokens: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """`[rows, n, width]` to the same, without the residual. All rows hear the same sound."""
        rows, count, width = tokens.shape
        queries = self.linear_0(self.layer_norm(tokens)) * self.head**-0.5
        queries = queries.reshape(rows * count, self.heads, self.head).permute(1, 0, 2)
        found = (queries @ keys).softmax(dim=-1) @ values
        return cast(Tensor, self.linear_2(found.permute(1, 0, 2).reshape(rows, count, width)))


class SelfAttention(Attention):
    """The encoder's attention, to the tokens so far alone."""

    def step(self, tokens: Tensor, past: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """`[rows, n, width]` to the same, and the cache after it.

        `past` is the cache before, keys and values `[2, rows, heads, before, head]`.
        """
        rows, count, width = tokens.shape
        mixed = self.linear_0(self.layer_norm(tokens)).view(rows, count, 3, self.heads, self.head)
        queries, keys, values = mixed.permute(2, 0, 3, 1, 4)
        present = torch.cat((past, torch.stack((keys, values))), dim=3)
        scores = (queries * self.head**-0.5) @ present[0].transpose(-1, -2) + mask
        found = scores.softmax(dim=-1) @ present[1]
        return self.linear_1(found.transpose(1, 2).reshape(rows, count, width)), present


class Layer(nn.Module):
    """Attention to the tokens, then to the sound, then feed-forward."""

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.self_attention = SelfAttention(width, heads)
        self.attention = CrossAttention(width, heads)
        self.ffn = FeedForward(width, inner)


class WhisperDecoder(nn.Module):
    """The whole decoder; its parameters have the names that CTranslate2 gives them, with dots for slashes."""

    def __init__(
        self, *, vocabulary: int, width: int, inner: int, heads: int, layers: int, positions: int
    ) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(vocabulary, width)
        self.projection = nn.Linear(width, vocabulary, bias=False)
        self.positions = nn.Parameter(torch.zeros(positions, width))
        self.layers = nn.ModuleList(Layer(width, inner, heads) for _ in range(layers))
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, past: Tensor, *cross: Tensor) -> tuple[Tensor, Tensor]:
        """`tokens` `[rows, n]` and `past` `[layers, 2, rows, heads, before, head]` to logits and the cache.

        Logits `[rows, vocabulary]` are of the token after the last. `cross` are keys and values of the
        layers in turn.
        """
        count, before = tokens.shape[1], past.shape[4]
        states = self.embeddings(tokens).to(past.dtype) + self.positions[before : before + count]
        places = torch.arange(before + count)
        later = places[None, :] > places[before:, None]
        mask = later.to(states.dtype) * torch.finfo(torch.float32).min
        present = []
        for index, layer in enumerate(cast(Iterable[Layer], self.layers)):
            found, cache = layer.self_attention.step(states, past[index], mask)
            present.append(cache)
            states = states + found
            states = states + layer.attention(states, cross[2 * index], cross[2 * index + 1])
            states = states + layer.ffn(states)
        return self.projection(self.layer_norm(states[:, -1])), torch.stack(present)


class CrossStates(nn.Module):
    """A window's frames to what every layer of the decoder reads of it."""

    def __init__(self, encoder: WhisperEncoder, decoder: WhisperDecoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.attentions = nn.ModuleList(cast(Layer, layer).attention for layer in decoder.layers)

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        """`[1, bands, frames]` to keys and values of the layers in turn."""
        states = self.encoder(frames)
        return tuple(
            one
            for attention in self.attentions
            for one in cast(CrossAttention, attention).keys_and_values(states)
        )


def load(variables: Mapping[str, Array]) -> WhisperDecoder:
    """The decoder out of a Whisper's variables. StartupError where one is missing or of another shape."""
    state = state_of(variables, "decoder")
    with readable("decoder"):
        state.setdefault("projection.weight", state["embeddings.weight"])
        vocabulary, width = state["embeddings.weight"].shape
        network = WhisperDecoder(
            vocabulary=vocabulary,
            width=width,
            inner=len(state["layers.0.ffn.linear_0.bias"]),
            heads=heads_of(variables, "decoder", width),
            layers=sum(name.endswith(".ffn.linear_0.bias") for name in state),
            positions=len(state["positions"]),
        )
        network.load_state_dict(state)
    if torch.equal(state["embeddings.weight"], state["embeddings.weight"].half().float()):
        network.embeddings.half()  # half the memory for the same numbers
    return network.eval()
