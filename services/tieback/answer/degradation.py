"""Missing spaces of a query: the reasons, and the expected loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from tieback_contract.field_path import at
from tieback_contract.fusion import RoutingExplanation
from tieback_contract.modality import Modality

from tieback.answer.encoding import SpaceEncodings
from tieback.core.errors import DeadlineExceeded, Overloaded, TiebackError, Unavailable
from tieback.core.types.retrieval import QueryPart

DOWN, LATE, SHED, REFUSED = "down", "late", "shed", "refused"
WORST = 100.0

Losses = Mapping[str, Mapping[str, float]]
"""Modality → space → points of recall at 10 that queries lost without it, as measured at binding."""


def reason_of(error: TiebackError) -> str:
    """Why a space is missing, in a word."""
    reasons = {Unavailable: DOWN, DeadlineExceeded: LATE, Overloaded: SHED}
    return next((word for kind, word in reasons.items() if isinstance(error, kind)), REFUSED)


def without(routing: RoutingExplanation, lost: Mapping[str, str]) -> RoutingExplanation:
    """The explanation, with the spaces that were missing before the router, and the reasons."""
    if not lost:
        return routing
    missing = [*routing.missing, *(name for name in lost if name not in routing.missing)]
    return dataclasses.replace(routing, missing=missing, reasons={**routing.reasons, **lost}, degraded=True)


def with_unencoded_contents(
    routing: RoutingExplanation, query: Sequence[QueryPart], encoded: SpaceEncodings, losses: Losses
) -> RoutingExplanation:
    """The explanation with the loss of contents that no space encoded; the router does not see them.

    Contents count by their share of the query's weights.
    """
    total = sum(abs(part.weight) for part in query)
    unencoded = [place for place, said in enumerate(encoded.encodings) if not said and query[place].weight]
    if not unencoded or not total:
        return routing
    shares = [abs(query[place].weight) / total for place in unencoded]
    loss = routing.expected_recall_loss * (1 - sum(shares))
    for share, place in zip(shares, unencoded, strict=True):
        of_modality = losses.get(query[place].content.modality or Modality.TEXT, {})
        gone = {*encoded.failed, *encoded.refused[place]}
        lost = sum(max(of_modality.get(space, 0.0), 0.0) for space in gone)
        loss += share * min(lost, WORST)
    return dataclasses.replace(routing, expected_recall_loss=loss)


def losses_of(encoded: SpaceEncodings) -> dict[str, str]:
    """The spaces that did not speak of everything, and why.

    Raises where a content is refused by all that read it.
    """
    lost = {space: reason_of(error) for space, error in encoded.failed.items()}
    for place, refused in enumerate(encoded.refused):
        if refused and not encoded.encodings[place] and not encoded.failed:
            error = next(iter(refused.values()))
            raise error.within(at("query", place, "content"))
        for space, error in refused.items():
            lost.setdefault(space, reason_of(error))
    return lost
