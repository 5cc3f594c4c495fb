"""The ways in which a query can be answered: the default, and all that a caller could say instead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tieback_client import Client

from benchmarks.pipeline.turns import Plan

DEFAULT, FULL_TEXT = "default", "full text"
RERANKED = 50
"""Candidates of each reranker."""


def plans_for(client: Client, modalities: int) -> list[Plan]:
    """Those that the server offers, the default first; also balanced where there are several modalities."""
    methods = client.methods()
    fusions = [one.name for one in methods if one.family == "rank_fusion"]
    rerankers = [one.name for one in methods if one.family == "reranking" and one.name != "none"]
    plans = [Plan(DEFAULT), Plan(FULL_TEXT, words=True)]
    plans += [
        Plan(f"feedback {one.name}", {"query_expansion": one.name})
        for one in methods
        if one.family == "query_expansion" and one.name != "none"
    ]
    for balanced in (False, True)[: min(modalities, 2)]:
        plans += _unranked(fusions, balanced)
    for method in rerankers:
        for name, hybrid in (("dense", False), ("hybrid", True)):
            arguments = {"hybrid": hybrid, "reranker": method, "candidates": RERANKED}
            plans.append(Plan(f"{name}, {method}", arguments, is_slow=True))
    return plans


def _unranked(fusions: list[str], balanced: bool) -> Iterator[Plan]:
    suffix = ", balanced" if balanced else ""
    common: dict[str, Any] = {"balance_modalities": balanced, "reranker": "none"}
    yield Plan(f"dense{suffix}", common | {"hybrid": False})
    for method in fusions:
        yield Plan(f"hybrid {method}{suffix}", common | {"hybrid": True, "rank_fusion": method})
