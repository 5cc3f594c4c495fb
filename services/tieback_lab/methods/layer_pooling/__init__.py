"""Layer pooling: the states of a backbone's layers become one vector, by a pooling that is learned.

The backbone stays as it is. A method's file holds the method itself, in torch; `reads`, what it needs of the
states, so that a recipe keeps no more than that of each text; `fit`, which makes a state that works before
any training; and `STATE`, its arrays. Poolings without a state, which a card names, are the family `pooling`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from tieback.core.errors import InvalidInput
from tieback.core.family import Family, Form
from tieback.core.state import State, check_state
from tieback_contract.arrays import Array

if TYPE_CHECKING:  # naming the methods imports no torch
    from torch import Tensor

Tensors = Mapping[str, "Tensor"]
"""A state in torch."""


class LayerPooling(Protocol):
    """A learned pooling, as an exported graph holds it, and as it is trained.

    `states` are those of the embeddings and of each layer `[batch, tokens, width]`; `sizes` `[batch, tokens]`
    say how many tokens of the text each stands for, 0 for padding.
    """

    def __call__(self, states: Sequence[Tensor], sizes: Tensor, state: Tensors) -> Tensor:
        """Vectors of length 1 `[batch, width of the vectors]`."""
        ...


class Reads(Protocol):
    """What a method needs of the states."""

    def __call__(self, states: Sequence[Tensor], sizes: Tensor) -> tuple[list[Tensor], Tensor]:
        """States and sizes of the same form, of which the method makes the same vectors.

        Layers, or tokens, that it does not look at are left out.
        """
        ...


class Fit(Protocol):
    """Makes a state of states, without labels: what training starts from."""

    def __call__(self, states: Sequence[Array], *, seed: int) -> State:
        """The state for what `reads` gives of some texts, `[texts, tokens, width]` of each layer."""
        ...


READS: Form[Reads] = Form("reads", Reads)
FIT: Form[Fit] = Form("fit", Fit, own_parameters=True)

layer_poolings: Family[LayerPooling] = Family(
    __name__, LayerPooling, READS, FIT, in_graph=True, called="layer pooling"
)


def fit(
    name: str, states: Sequence[Array], parameters: Mapping[str, Any] | None = None, *, seed: int = 0
) -> State:
    """The state of the method of that name, for what its `reads` gives of some texts.

    NotFound for an unknown method. InvalidInput, with the field "states", where layers differ in shape, hold
    NaN or infinity, or are too few; and with a parameter that is unknown or out of range.
    """
    fitted = layer_poolings.form(FIT, name, parameters)
    shapes = {one.shape for one in states}
    if len(shapes) != 1 or len(states[0].shape) != 3:
        raise InvalidInput(
            "states of layers are [texts, tokens, width] each, of one shape; there are "
            f"{len(states)} of {sorted(map(list, shapes))}",
            field="states",
        )
    if not all(np.isfinite(one).all() for one in states):
        raise InvalidInput("the states hold NaN or infinity", field="states")
    state = fitted(states, seed=seed)
    check_state(state, layer_poolings.state(name), width=states[0].shape[2])
    return state
