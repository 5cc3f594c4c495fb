"""Categorical features by one table that all share (feature multiplexing, arXiv:2305.12102)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FileName, Strict


class FeatureTable(Strict):
    """Categorical features by one table that all share (feature multiplexing, arXiv:2305.12102).

    `features` are their names, each with its lookups: the rows of the table that a value of it is, one after
    another. `seed` is that of the hashes. `weights` is a safetensors file with the `table` `[rows, width of a
    row]` and perhaps a `projection` `[the card's width, lookups of all features · width of a row]`; without
    one, the rows are the vector.
    """

    runtime: Literal["feature_table"] = "feature_table"
    weights: FileName = "table.safetensors"
    features: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=256)], Annotated[int, Field(ge=1, le=64)]],
        Field(min_length=1, max_length=256),
    ]
    seed: int = 0


RUNTIME = Runtime("encoder", FeatureTable, "tieback_lab.models.feature_table:FeatureTableModel")
