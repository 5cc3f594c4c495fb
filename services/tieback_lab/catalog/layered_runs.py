"""A choice of layers, of exits by the deadline, and of token reductions."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tieback.catalog.run_choices import UNTRAINED, RunChoices
from tieback.core.errors import InvalidInput
from tieback.core.types.encoding import EncodePlan
from tieback_contract.catalog import MeasuredReduction
from tieback_contract.encodings import Reduction
from tieback_contract.field_path import at
from tieback_contract.vectors import VectorKind

from tieback_lab.catalog.reduction import LEAST_SPEED, MOST_LOST, TokenReduction


class LayeredRuns(RunChoices):
    """Runs that end at one of the `layers`, or that merge tokens by one of the `methods`."""

    def __init__(
        self, layers: Sequence[int], deadline_exits: bool, methods: Mapping[str, TokenReduction]
    ) -> None:
        self.layers, self.deadline_exits, self._methods = layers, deadline_exits, methods
        smallest = {name: method.smallest_served for name, method in methods.items()}
        self.served_reductions = {name: ratio for name, ratio in smallest.items() if ratio is not None}
        """The methods that requests may ask for, with the smallest ratio of each."""
        self.reductions = [
            MeasuredReduction(name, one.ratio, one.least_speed, one.most_lost, one.is_served)
            for name, method in methods.items()
            for one in method.measured
        ]
        self.made = [
            *(f"layer {layer}" for layer in layers),
            *(
                f"{name} {json.dumps(methods[name].parameters, sort_keys=True)}"
                for name in sorted(self.served_reductions)
            ),
        ]

    def resolve(self, plan: EncodePlan, space: str) -> EncodePlan:
        """The last layer, asked for by its number, becomes None, and a ratio has a number."""
        if plan.layer is not None and plan.layer not in self.layers:
            raise InvalidInput(self._no_such_layer(plan.layer, space), field=at("output", "layer"))
        if plan.earliest_layer is not None:
            self._check_exit(plan.earliest_layer, plan, space)
        if plan.layer is not None and plan.layer == self.layers[-1]:
            plan = dataclasses.replace(plan, layer=None)
        if plan.reduction is not None:
            plan = dataclasses.replace(plan, reduction=self._resolved(plan.reduction, plan, space))
        return plan

    def part(self, plan: EncodePlan) -> str:
        """Each layer before the last is in a space of its own."""
        return "" if plan.layer is None else f"layer {plan.layer}"

    def share(self, plan: EncodePlan) -> float:
        """Layers are alike, so the share of the layers is about that of the time."""
        return 1.0 if plan.layer is None or not self.layers else plan.layer / self.layers[-1]

    def in_time(self, plan: EncodePlan, tokens: int, able: float) -> EncodePlan:
        """The plan with the layer decided: the latest of the exits that leaves time enough.

        Where even the earliest that the plan allows takes too long, it is that.
        """
        allowed = [layer for layer in self.layers if layer >= (plan.earliest_layer or 0)]
        fitting = [
            layer for layer in allowed if tokens * self.share(dataclasses.replace(plan, layer=layer)) <= able
        ]
        layer = max(fitting, default=allowed[0])
        last = layer == self.layers[-1]
        return dataclasses.replace(plan, earliest_layer=None, layer=None if last else layer)

    def told(self, plan: EncodePlan) -> Mapping[str, Any]:
        """The layer, where there are several."""
        return {"layer": plan.layer or self.layers[-1]} if self.layers else {}

    def _no_such_layer(self, layer: int, space: str) -> str:
        offered = ", ".join(str(one) for one in self.layers)
        if offered:
            return f"the space {space!r} is not offered at layer {layer}; it is at: {offered}"
        return (
            f"the space {space!r} is not offered at layer {layer}; it is at: its last, where none is named. "
            f"{UNTRAINED}"
        )

    def _check_exit(self, earliest: int, plan: EncodePlan, space: str) -> None:
        """InvalidInput where no run may end at a layer that its deadline chooses."""
        field = at("output", "earliest_layer")
        if not self.deadline_exits:
            raise InvalidInput(
                f"the space {space!r} has no exits that a deadline could choose. {UNTRAINED}", field=field
            )
        if earliest not in self.layers:
            raise InvalidInput(self._no_such_layer(earliest, space), field=field)
        if plan.layer is not None or plan.reduction is not None:
            other = "layer" if plan.layer is not None else "reduction"
            raise InvalidInput(
                f"either the deadline chooses the layer, or there is a {other}; leave one out", field=field
            )

    def _resolved(self, reduction: Reduction, plan: EncodePlan, space: str) -> Reduction | None:
        """The reduction with its ratio; None where all tokens are kept. InvalidInput as in `resolve`."""
        smallest = self.served_reductions.get(reduction.method)
        if smallest is None:
            raise InvalidInput(
                self._refusal(reduction.method, space), field=at("output", "reduction", "method")
            )
        ratio = smallest if reduction.ratio is None else reduction.ratio
        if not smallest <= ratio <= 1:
            raise InvalidInput(
                f"the space {space!r} is offered with {reduction.method} at a ratio of {smallest:g} to 1, "
                f"not {ratio:g}",
                field=at("output", "reduction", "ratio"),
            )
        if plan.kinds != {VectorKind.DENSE} or plan.layer is not None:
            raise InvalidInput(
                "where tokens are merged, the space gives DENSE of its last layer and nothing else",
                field=at("output", "reduction"),
            )
        return None if ratio == 1 else Reduction(reduction.method, ratio)

    def _refusal(self, method: str, space: str) -> str:
        """The reason why a method is not served: not known, not measured, or it did not gain enough."""
        offered = ", ".join(self.served_reductions) or "none"
        known = self._methods.get(method)
        if known is None or not known.measured:
            return f"the space {space!r} has no token reduction {method!r}; it has: {offered}"
        best = max(known.measured, key=lambda one: (one.most_lost <= MOST_LOST, one.least_speed))
        return (
            f"{method} is not served for the space {space!r}: at a ratio of {best.ratio:g} it was measured "
            f"{best.least_speed:.2f} times as fast for {100 * best.most_lost:.1f} points, and "
            f"{LEAST_SPEED:g} times for at most {100 * MOST_LOST:g} are asked for; token reductions that "
            f"are: {offered}"
        )
