"""How queries of a collection are answered where they do not say."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import Granularity


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """What a collection chooses for its queries, by the fields of `Retrieval`; None and 0 are not chosen."""

    hybrid: bool | None = None
    balance_modalities: bool | None = None
    rank_fusion: MethodChoice | None = None
    reranker: MethodChoice | None = None
    candidates: int = 0
    collapse_pieces: bool | None = None
    query_expansion: MethodChoice | None = None
    diversity: float = 0.0
    hits_per_item: int = 0
    granularity: Granularity | None = None
    ranker: MethodChoice | None = None
    vector_search: MethodChoice | None = None

    def chosen(self) -> dict[str, Any]:
        """What is chosen, by field."""
        every = {one.name: (getattr(self, one.name), one.default) for one in dataclasses.fields(self)}
        return {name: value for name, (value, default) in every.items() if value != default}

    def to_json(self) -> dict[str, Any]:
        """What is chosen, as JSON has it."""
        return {
            name: [value.name, dict(value.parameters)] if isinstance(value, MethodChoice) else value
            for name, value in self.chosen().items()
        }

    @classmethod
    def from_json(cls, known: Mapping[str, Any]) -> QueryPlan:
        """As `to_json` wrote it."""
        values: dict[str, Any] = {
            name: MethodChoice(*value) if isinstance(value, list) else value for name, value in known.items()
        }
        if "granularity" in values:
            values["granularity"] = Granularity(values["granularity"])
        return cls(**values)


NO_PLAN = QueryPlan()
"""Nothing but the server's defaults."""
