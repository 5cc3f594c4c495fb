"""Two models whose neurons are aligned by optimal transport before they are averaged (OT-Fusion).

"Transformer Fusion with Optimal Transport" (Imfeld et al., 2023, arXiv:2310.05719). Models that were trained
from different starts compute the same by neurons in another order, so their mean is worth nothing. Layer by
layer, the first model's neurons are matched with those of the second: by the weights of what they read, or by
what they gave on the same inputs (`with_activations`). What reads them is turned by that match.

Models are chains of linear layers, or transformers of BERT's build. There a head is matched with a head as a
whole, and within it the queries' and keys' values by one match, those of the values by another; so attention
stays what it was, where the paper matches over all heads at once. Where a block's output is added to its
input, two matches meet (`residual`). The first model may have other widths and another number of heads than
the second, whose shapes and order of neurons stay. The base has to have these shapes, and takes no other
part. Outputs of a last layer behind the blocks keep their order, as classes do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from tieback.core.errors import InvalidInput
from tieback.methods.merging import Activations, Weights, check_base, check_expert, check_two, mergings
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.methods.merging._transport import (
    BIAS,
    KEY,
    MIXED,
    MIXED_NORM,
    NARROWED,
    NORM,
    QUERY,
    TABLES_NORM,
    VALUE,
    WEIGHT,
    WIDENED,
    Parts,
    Transport,
    among_heads,
    check_chain,
    parts_of,
    squared_distances,
    transport,
)

Residual = Literal["one", "mean", "weighted_scalar", "weighted_matrix"]


@mergings.method
def optimal_transport(
    base: Weights,
    experts: Sequence[Weights],
    *,
    share: Annotated[float, Field(ge=0, le=1)] = 0.5,
    smoothing: Annotated[float, Field(ge=0, le=10)] = 0.0,
    residual: Residual = "one",
    head_size: Annotated[int, Field(ge=0)] = 0,
) -> Weights:
    """`1 - share` of the aligned first model and `share` of the second.

    With a `smoothing` of 0 the transport is exact: one to one between equal widths. `residual` is how the
    match of a block's input and that of its output become that of their sum. `one` matches once for all
    blocks, by the embeddings or by the activations of all norms; the paper takes the `mean`, or weighs by how
    large both are, as one number or one for each neuron, which needs activations. `head_size` is the width of
    an attention head, which a transformer has to be given.
    """
    return _averaged(experts, share, aligned(base, experts[0], experts[1], smoothing, residual, head_size))


def with_activations(
    base: Weights,
    experts: Sequence[Weights],
    activations: Sequence[Activations],
    *,
    share: float,
    smoothing: float,
    residual: Residual,
    head_size: int,
) -> Weights:
    """The same, matched by what the neurons gave: `NAME` of each layer or norm `NAME.weight`."""
    return _averaged(
        experts, share, aligned(base, experts[0], experts[1], smoothing, residual, head_size, activations)
    )


def check(base: Weights, experts: Sequence[Weights]) -> None:
    """The second model has the base's shapes; the first has the same tensors, which may have other widths."""
    check_two("optimal_transport", experts)
    check_base(base)
    check_expert(base, experts[1], at("experts")[1])
    check_expert(base, experts[0], at("experts")[0], widths=False)


def aligned(
    base: Weights,
    first: Weights,
    second: Weights,
    smoothing: float = 0.0,
    residual: Residual = "one",
    head_size: int = 0,
    activations: Sequence[Activations] = (),
) -> dict[str, Array]:
    """The first model by the neurons of the second."""
    parts = parts_of(base)
    if activations and len(activations) != 2:
        raise InvalidInput(f"activations of two models are needed, not of {len(activations)}")
    if residual.startswith("weighted") and not activations:
        raise InvalidInput(f"{residual} weighs by activations, and there are none; take mean", field=RESIDUAL)
    pair = _Pair(first, second, smoothing, residual, head_size, activations)
    stream = None
    if parts.embeddings is not None:
        stream = pair.embed(parts)
        for block in parts.blocks:
            stream = pair.block(f"{block}.", stream)
    check_chain(second, parts.chain, None if stream is None else stream.plan.shape[1])
    pair.chain(parts.chain, stream)
    return pair.turned


RESIDUAL, HEAD_SIZE = at("parameters", "residual"), at("parameters", "head_size")


@dataclass
class _Pair:
    """Two models, and what of the first has been turned."""

    first: Weights
    second: Weights
    smoothing: float
    residual: Residual
    head_size: int
    activations: Sequence[Activations]
    turned: dict[str, Array] = field(default_factory=dict)

    def embed(self, parts: Parts) -> Transport:
        """The tables, and the match of what the stream of the blocks starts with."""
        norm = f"{parts.embeddings}.{TABLES_NORM}"
        norms = [norm]
        if self.residual == "one":
            norms += [f"{block}.{name}" for block in parts.blocks for name in (MIXED_NORM, NORM)]
        first, second = (
            np.concatenate(
                [self._given(name, side) for name in norms]
                if self.activations
                else [weights[table + WEIGHT] for table in parts.tables]
            )
            for side, weights in enumerate((self.first, self.second))
        )
        stream = self._matched(norm, first.T, second.T)
        for table in parts.tables:
            self.turned[table + WEIGHT] = stream.produced(self.first[table + WEIGHT].T).T
        self._put_norm(norm, stream)
        return stream

    def block(self, block: str, stream: Transport) -> Transport:
        """A block behind a stream of that match; returns the match of what goes on."""
        heads, values = self._attention(block, stream)
        for name, match in ((QUERY, heads), (KEY, heads), (VALUE, values)):
            self._put(block + name, stream, match)
        stream = self._added(block + MIXED, block + MIXED_NORM, values, stream)
        widened = self._layer(block + WIDENED, stream)
        return self._added(block + NARROWED, block + NORM, widened, stream)

    def chain(self, layers: Sequence[str], stream: Transport | None) -> None:
        """Layers behind each other; the outputs of the last one keep their order."""
        for layer in layers:
            if stream is None:
                stream = Transport.identity(self.first[layer + WEIGHT].shape[1])
            if layer == layers[-1]:
                self._put(layer, stream, Transport.identity(len(self.first[layer + WEIGHT])))
            else:
                stream = self._layer(layer, stream)

    def _attention(self, block: str, stream: Transport) -> tuple[Transport, Transport]:
        """The match of queries and keys, and that of values, by heads."""
        size = self._size(block + VALUE)
        parts = []
        for names in ((QUERY, KEY), (VALUE,)):
            rows = [self._rows(block + name, stream) for name in names]
            parts.append(
                tuple(
                    np.concatenate([one[side].reshape(-1, size, one[side].shape[1]) for one in rows], axis=2)
                    for side in (0, 1)
                )
            )
        both, values = among_heads([(one, other) for one, other in parts], self.smoothing)
        return both, values

    def _size(self, layer: str) -> int:
        """The width of a head, of which there is a whole number in both models."""
        widths = [len(weights[layer + WEIGHT]) for weights in (self.first, self.second)]
        if not self.head_size or any(width % self.head_size for width in widths):
            raise InvalidInput(
                f"attention of {' and '.join(map(str, sorted(set(widths))))} values is matched head by head; "
                "give head_size, the width of one head, which divides it",
                field=HEAD_SIZE,
            )
        return self.head_size

    def _layer(self, layer: str, stream: Transport) -> Transport:
        """A layer behind neurons of that match; returns the match of its own."""
        own = self._matched(layer, *self._rows(layer, stream))
        self._put(layer, stream, own)
        return own

    def _added(self, layer: str, norm: str, inside: Transport, stream: Transport) -> Transport:
        """A layer whose output is added to the stream and normalised; returns the match of the sum."""
        own = stream
        if self.residual != "one":
            own = self._matched(layer, *self._rows(layer, inside))
            stream = stream.mixed(own, self._weight(layer, norm))
        self._put(layer, inside, own)
        self._put_norm(norm, stream)
        return stream

    def _weight(self, layer: str, norm: str) -> Array | float:
        """How much the match of a block's output counts beside that of its input."""
        if self.residual == "mean":
            return 0.5
        block, total = (np.abs(self._given(name, 1)).mean(0) for name in (layer, norm))
        if self.residual == "weighted_scalar":
            block, total = block.mean(), total.mean()
        return np.asarray(block / np.maximum(block + total, np.finfo(np.float32).tiny))

    def _rows(self, layer: str, stream: Transport) -> tuple[Array, Array]:
        """What tells the neurons of a layer: their activations, or their weights and bias."""
        if self.activations:
            return self._given(layer, 0).T, self._given(layer, 1).T
        first = stream.read(self.first[layer + WEIGHT])
        return _with_bias(first, self.first, layer), _with_bias(
            self.second[layer + WEIGHT], self.second, layer
        )

    def _matched(self, name: str, first: Array, second: Array) -> Transport:
        if first.shape[1] != second.shape[1]:
            raise InvalidInput(
                f"{name} of the experts has {first.shape[1]} and {second.shape[1]} values to be matched by",
                field=at("experts")[0],
            )
        return transport(squared_distances(first, second), self.smoothing)

    def _given(self, name: str, side: int) -> Array:
        """Activations `[samples, neurons]`."""
        if name not in self.activations[side]:
            raise InvalidInput(f"there are no activations of {name}", field=at("activations")[side])
        return self.activations[side][name]

    def _put(self, layer: str, before: Transport, own: Transport) -> None:
        self.turned[layer + WEIGHT] = own.produced(before.read(self.first[layer + WEIGHT]))
        if layer + BIAS in self.first:
            self.turned[layer + BIAS] = own.produced(self.first[layer + BIAS])

    def _put_norm(self, norm: str, stream: Transport) -> None:
        for name in (norm + WEIGHT, norm + BIAS):
            if name in self.first:
                self.turned[name] = stream.produced(self.first[name])


def _with_bias(rows: Array, weights: Weights, layer: str) -> Array:
    if layer + BIAS not in weights:
        return rows
    return np.concatenate([rows, weights[layer + BIAS][:, None]], axis=1)


def _averaged(experts: Sequence[Weights], share: float, first: Mapping[str, Array]) -> Weights:
    return {
        name: np.asarray(np.float32(1 - share) * first[name] + np.float32(share) * array, np.float32)
        for name, array in experts[1].items()
    }
