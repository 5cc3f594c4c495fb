"""The page of a binding. Everything that comes from the artifact is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from tieback.core.errors import InvalidInput
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.recipes.binding_report import sections
from tieback.recipes.binding_report.neighbours import Found, Question, recorded
from tieback.reports import parts
from tieback.reports import parts as frame
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
    accuracy, without = found.get("accuracy"), found.get("without")
    if accuracy is None:
        return
    yield PublishedClaim(
        "Texts whose modality the router tells",
        figure(accuracy, 3),
        f">= {DECOUPLING:g}",
        accuracy >= DECOUPLING,
        "" if without is None else f"{figure(without, 3)} without the decoupling objective",
    )
    if without is not None and math.isfinite(without):
        yield gain("What the decoupling objective adds", accuracy - without)


def page(
    bound: JointSpaceArtifact,
    *,
    questions: Sequence[Question] | None = None,
    benchmark: Sequence[PublishedClaim] = (),
) -> str:
    """The page as HTML.

    `questions` are neighbours that were found live, else those that the artifact recorded; `benchmark` what
    `scripts/bench binding` found. InvalidInput where the artifact's metrics are laid out otherwise.
    """
    try:
        content = _sections(bound, recorded(bound.metrics) if questions is None else questions, benchmark)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InvalidInput(
            f"the metrics of the binding {bound.revision} are not laid out as a report needs them "
            f"({error!r}); bind again: tieback bind",
            field="metrics",
        ) from error
    modalities = ", ".join(dict.fromkeys(block.modality for block in bound.blocks))
    count = len(bound.routers)
    routers = "one router" if count == 1 else f"{count or 'no'} routers"
    return frame.page(
        f"tieback: the binding {bound.revision}",
        f"{len(bound.spaces)} spaces, bound as one",
        f"The binding <code>{escape(bound.revision)}</code>: {len(bound.blocks)} blocks "
        f"({escape(modalities)}), {len(bound.projections)} projections, {routers}, "
        f"joint vectors of width {bound.width}.",
        content,
    )


def _sections(
    bound: JointSpaceArtifact, questions: Sequence[Question], benchmark: Sequence[PublishedClaim]
) -> list[str]:
    metrics = bound.metrics
    names = [block.space.name for block in bound.blocks]
    measured = "Measured at binding, on anchors that were held out."
    return [
        parts.cards("What it claims", measured, claims_of(metrics)),
        parts.listed("What the benchmark found", "By scripts/bench binding, on data of its own.", benchmark),
        sections.spaces(bound),
        sections.retrieval(metrics.get("retrieval", ())),
        sections.alignment(metrics.get("alignment") or {}),
        _neighbours(questions),
        sections.weights(metrics.get("weights") or {}, names),
        sections.decoupling(metrics.get("decoupling") or {}),
        sections.losses(bound.losses, [*names, *(name for name in bound.spaces if name not in names)]),
        sections.imputation(metrics.get("imputation") or {}),
        sections.ranges(bound),
        sections.training(metrics.get("training", ())),
        parts.facts("Provenance", "As recorded in the artifact when it was made.", bound.provenance),
    ]


def _neighbours(questions: Sequence[Question]) -> str:
    """Each question with what was near it, before and after, side by side."""
    if not questions:
        return ""
    pictures = list(
        dict.fromkeys(
            found.picture
            for question in questions
            for found in (Found("", picture=question.picture), *question.before, *question.after)
            if found.picture
        )
    )
    places = {picture: f"photo-{place}" for place, picture in enumerate(pictures)}
    shared = "".join(
        f'<symbol id="{place}" viewBox="0 0 1 1"><image href="{escape(picture)}" width="1" height="1"/>'
        "</symbol>"
        for picture, place in places.items()
    )
    asked = "".join(_question(question, places) for question in questions)
    explanation = (
        "The nearest of another modality, best first. Before: class names alone, all spaces alike. After: "
        "this binding with its routers. Scores before and after are not on one scale."
    )
    hidden = f'<svg width="0" height="0" aria-hidden="true" style="position:absolute">{shared}</svg>'
    return parts.section("Nearest neighbours", explanation, (hidden if shared else "") + asked)


def _question(question: Question, places: dict[str, str]) -> str:
    picture = _thumbnail(question.picture, question.name, places)
    lists = "".join(
        f"<div class=found><h4>{when}</h4>{_list(found, places)}</div>"
        for when, found in (("Before", question.before), ("After", question.after))
    )
    name = f"the photo {question.name}" if question.picture else f"“{question.name}”"
    return (
        f"<div class=query><h3>{picture}<span>{escape(name)}</span></h3><div class=side>{lists}</div></div>"
    )


def _list(found: Sequence[Found], places: dict[str, str]) -> str:
    if not found:
        return "<p class=soft>nothing was recorded</p>"
    items = "".join(
        f"<li class={'photo' if one.picture else 'words'}>{_thumbnail(one.picture, one.name, places)}"
        f"{escape(one.name)}{_score(one)}</li>"
        for one in found
    )
    return f"<ol>{items}</ol>"


def _score(found: Found) -> str:
    return "" if found.score is None else f" <span class=score>{figure(found.score, 3)}</span>"


def _thumbnail(picture: str, name: str, places: dict[str, str]) -> str:
    if not picture:
        return ""
    return (
        f'<svg class="thumb" role="img" aria-label="{escape(name)}" viewBox="0 0 1 1">'
        f'<title>{escape(name)}</title><use href="#{places[picture]}"/></svg>'
    )
