"""The page of a binding. Everything that comes from the artifact is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from tieback.core.errors import InvalidInput
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.reports import parts
from tieback.reports.binding import photos, sections
from tieback.reports.parts import PublishedClaim, gain
from tieback.reports.pictures import figure

DECOUPLING = 0.9
"""The least share of held-out texts whose modality the text router is to tell."""

MAIN = ("MRR", "R@10", "R@1")
"""The measure that stands for a task: the first of these that was taken, else the task's first."""


def claims_of(metrics: Mapping[str, Any]) -> list[PublishedClaim]:
    """The claims from the measurements at binding."""
    tasks: dict[str, list[Mapping[str, Any]]] = {}
    for one in metrics.get("retrieval", ()):
        tasks.setdefault(one["task"], []).append(one)
    found = [claim for taken in tasks.values() for claim in _of_retrieval(min(taken, key=_rank))]
    return [*found, *_of_decoupling(metrics.get("decoupling") or {})]


def _of_retrieval(one: Mapping[str, Any]) -> Iterator[PublishedClaim]:
    rows = {row["name"]: row for row in one["rows"]}
    singles = [row for name, row in rows.items() if name.startswith("best single")]
    best = max(singles, key=lambda row: float(row["value"]), default=None)
    pairs = [("routed", "uniform", rows.get("uniform")), ("uniform", "best single", best)]
    for better, worse, other in pairs:
        if better in rows and other is not None:
            name = f"{one['task']}, {one['measure']}: {better} above {worse}"
            yield gain(name, rows[better]["value"] - other["value"], _beside(rows[better], other))


def _rank(one: Mapping[str, Any]) -> int:
    return MAIN.index(one["measure"]) if one["measure"] in MAIN else len(MAIN)


def _beside(better: Mapping[str, Any], worse: Mapping[str, Any]) -> str:
    note = f"{figure(better['value'], 3)} and {figure(worse['value'], 3)}"
    if better.get("low") is not None and worse.get("high") is not None and better["low"] <= worse["high"]:
        note += "; their intervals overlap"
    return note


def _of_decoupling(found: Mapping[str, Any]) -> Iterator[PublishedClaim]:
    accuracy = found.get("accuracy")
    if accuracy is not None:
        yield PublishedClaim(
            "Texts whose modality the router tells",
            figure(accuracy, 3),
            f">= {DECOUPLING:g}",
            accuracy >= DECOUPLING,
        )


def page(bound: JointSpaceArtifact, questions: Sequence[photos.Question] = ()) -> str:
    """The page as HTML; `questions` were asked of photos through the binding.

    InvalidInput where the artifact's metrics are laid out otherwise.
    """
    try:
        content = _sections(bound, questions)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InvalidInput(
            f"the metrics of the binding {bound.revision} are not laid out as a report needs them "
            f"({error!r}); bind again: tieback bind",
            field="metrics",
        ) from error
    modalities = ", ".join(dict.fromkeys(block.modality for block in bound.blocks))
    count = len(bound.routers)
    routers = "one router" if count == 1 else f"{count or 'no'} routers"
    return parts.page(
        f"tieback: the binding {bound.revision}",
        f"{len(bound.spaces)} spaces, bound as one",
        f"The binding <code>{escape(bound.revision)}</code>: {len(bound.blocks)} blocks "
        f"({escape(modalities)}), {len(bound.projections)} projections, {routers}, "
        f"joint vectors of width {bound.width}.",
        content,
    )


def _sections(bound: JointSpaceArtifact, questions: Sequence[photos.Question]) -> list[str]:
    metrics = bound.metrics
    names = [block.space.name for block in bound.blocks]
    measured = "Measured at binding, on anchors that were held out."
    return [
        parts.cards("What it claims", measured, claims_of(metrics)),
        sections.spaces(bound),
        sections.retrieval(metrics.get("retrieval", ())),
        photos.section(questions),
        sections.weights(metrics.get("weights") or {}, names),
        sections.decoupling(metrics.get("decoupling") or {}),
        sections.losses(bound.losses, [*names, *(name for name in bound.spaces if name not in names)]),
        sections.imputation(metrics.get("imputation") or {}),
        sections.ranges(bound),
        parts.facts("Provenance", "As recorded in the artifact when it was made.", bound.provenance),
    ]
