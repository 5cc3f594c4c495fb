"""Text encoders of which requests may ask for an earlier layer, or for fewer tokens inside."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from tieback.catalog.runtimes import Runtime
from tieback.catalog.runtimes.transformer_text import TransformerText

from tieback_lab.catalog.layered_runs import LayeredRuns
from tieback_lab.catalog.reduction import TokenReduction
from tieback_lab.methods.token_reduction import token_reductions


class LayeredText(TransformerText):
    """A transformer text encoder, with what requests may choose inside of it; weights are safetensors.

    `layers` are those whose vectors may be asked for, the last one of the model among them; empty means that
    only the last is offered. Each layer's vectors are in a space of their own. `deadline_exits` says that
    they were trained as exits, so that a request may allow to end at one when its deadline is near.
    `reductions` are methods that merge tokens inside of the model, by name, as they were measured: a request
    may ask for those that gain enough, and the vectors stay in the card's space. None of the three is part of
    the fingerprint: what is offered beside the last layer does not move its vectors.
    """

    runtime: Literal["layered_text"] = "layered_text"  # type: ignore[assignment]  # options bear their runtime
    layers: tuple[Annotated[int, Field(gt=0)], ...] = Field((), exclude=True)
    deadline_exits: bool = Field(False, exclude=True)
    reductions: dict[str, TokenReduction] = Field(default_factory=dict, exclude=True)

    @model_validator(mode="after")
    def _can_be_offered(self) -> LayeredText:
        if self.weights.endswith(".onnx") and (self.layers or self.reductions):
            raise ValueError(
                f"{self.weights} does not say where its layers are; take the safetensors file as the card's "
                "weights, or leave layers and reductions out"
            )
        if list(self.layers) != sorted(set(self.layers)):
            raise ValueError("layers ascend, each once")
        if self.deadline_exits and len(self.layers) < 2:
            raise ValueError("deadline_exits needs layers before the last one (layers)")
        if unknown := sorted(set(self.reductions) - set(token_reductions.names())):
            raise ValueError(
                f"no token reduction is named {unknown[0]!r}; they are: {', '.join(token_reductions.names())}"
            )
        return self

    @property
    def choices(self) -> LayeredRuns:
        """The choices that requests have."""
        return LayeredRuns(self.layers, self.deadline_exits, self.reductions)


RUNTIME = Runtime("encoder", LayeredText, "tieback_lab.models.layered_text:LayeredTextModel")
