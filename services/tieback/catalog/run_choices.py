"""Choices that requests have of how a model is run: a layer, an exit by the deadline, fewer tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tieback_contract.catalog import MeasuredReduction
from tieback_contract.field_path import at

from tieback.core.errors import InvalidInput
from tieback.core.types.encoding import EncodePlan

UNTRAINED = (
    "Its earlier layers were not trained to be used: their vectors lose more than the time is worth. "
    "tieback train matryoshka2d trains an encoder whose layers are exits"
)
"""Why stock encoders offer no layers, and the way out."""


class RunChoices:
    """Nothing, of most models. Options of a runtime that offers more have a subclass as their `choices`.

    `made` names what an export makes for it, which the export of a card is named by.
    """

    made: Sequence[str] = ()
    layers: Sequence[int] = ()
    deadline_exits: bool = False
    reductions: Sequence[MeasuredReduction] = ()

    def resolve(self, plan: EncodePlan, space: str) -> EncodePlan:
        """The plan as it is computed. InvalidInput, with the choices, for what the `space` does not offer."""
        if plan.layer is not None:
            raise InvalidInput(
                f"the space {space!r} is not offered at layer {plan.layer}; it is at: its last, where none "
                f"is named. {UNTRAINED}",
                field=at("output", "layer"),
            )
        if plan.earliest_layer is not None:
            raise InvalidInput(
                f"the space {space!r} has no exits that a deadline could choose. {UNTRAINED}",
                field=at("output", "earliest_layer"),
            )
        if plan.reduction is not None:
            raise InvalidInput(
                f"the space {space!r} has no token reduction {plan.reduction.method!r}; it has: none",
                field=at("output", "reduction", "method"),
            )
        return plan

    def part(self, plan: EncodePlan) -> str:  # noqa: ARG002 - of all plans alike
        """The part of the model whose vectors are in a space of their own; empty for those of the card's."""
        return ""

    def share(self, plan: EncodePlan) -> float:  # noqa: ARG002 - of all plans alike
        """The share of the model's time that a run of the plan takes, about."""
        return 1.0

    def in_time(self, plan: EncodePlan, tokens: int, able: float) -> EncodePlan:  # noqa: ARG002 - nothing to decide
        """The plan with what its deadline decides: of so many tokens, where there is time for `able`."""
        return plan

    def told(self, plan: EncodePlan) -> Mapping[str, Any]:  # noqa: ARG002 - of all plans alike
        """Fields of the encodings of the plan that say how they were made."""
        return {}


WHOLE = RunChoices()
