"""Precisions of an encoder below float32, and what each costs, as measured."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tieback.catalog.source import Strict

Precision = Literal["float32", "float16", "int8"]
ScoringPrecision = Annotated[Literal["float32", "int8"], Field(exclude_if=lambda one: one == "float32")]
"""Of a model that scores."""


class MeasuredDrift(Strict):
    """One measure of what a precision costs: its `value` as served beside the one in `float32`."""

    measure: str
    value: float
    float32: float


class LowerPrecision(Strict):
    """A precision below float32.

    Of sample texts, `smallest_cosine` to float32 is demanded on every machine that serves it. `drift` is what
    was measured on data: the card of a served model is where people look for it.
    """

    smallest_cosine: Annotated[float, Field(gt=0, le=1)] = 0.99
    drift: tuple[MeasuredDrift, ...] = ()
