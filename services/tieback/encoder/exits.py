"""Where a run may end: at which layer, by how much time there is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tieback.core.types.encoding import EncodePlan
from tieback.core.types.load import Load

TIME_SHARE = 0.5
"""The share of the time until the deadline that a run should be done in by what was measured: the rest is for
hops, and for what a loaded machine makes slower."""


def layers_share(plan: EncodePlan, layers: Sequence[int]) -> float:
    """The share of the layers that a run of the plan goes through; `layers` are the exits, the last included.

    Layers are alike, so it is about the share of the time.
    """
    return 1.0 if plan.layer is None or not layers else plan.layer / layers[-1]


def chosen(plan: EncodePlan, layers: Sequence[int], tokens: int, load: Load, remaining: float) -> EncodePlan:
    """The plan with the layer decided: the latest of the exits that leaves time enough.

    Where even the earliest that the plan allows takes too long, it is that. `tokens` are those that are asked
    for, `load` what waits before them, `remaining` the seconds until the deadline. Before anything was
    measured, it is the last layer.
    """
    decided = dataclasses.replace(plan, earliest_layer=None)
    if plan.earliest_layer is None or not load.tokens_per_second:
        return decided
    able = TIME_SHARE * remaining * load.tokens_per_second - load.queued_tokens
    allowed = [layer for layer in layers if layer >= plan.earliest_layer]
    fitting = [layer for layer in allowed if tokens * layers_share(at_layer(plan, layer), layers) <= able]
    layer = max(fitting, default=allowed[0])
    return decided if layer == layers[-1] else at_layer(decided, layer)


def at_layer(plan: EncodePlan, layer: int) -> EncodePlan:
    """The plan of a run that ends at the layer."""
    return dataclasses.replace(plan, layer=layer)
