"""What the page of an upgrade says, section by section; a section of which nothing is known is empty."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tieback.core.types.collection import StoredCollection
from tieback.core.types.operation import Json, OperationRecord
from tieback.reports import parts, pictures
from tieback.reports.parts import PublishedClaim, line, section, table
from tieback.reports.pictures import bar, figure

REVISION = 8  # letters of a revision that tell two apart
RECALLS = {
    "old_old": ("old space", "old space, as today"),
    "new_old": ("new space, led into the old one", "old space"),
    "new_new": ("new space, transformed", "new space, transformed"),
    "native": ("new space", "new space, re-embedded"),
}


def called(space: Sequence[str]) -> str:
    """A space's name with the start of its revision."""
    return f"{space[0]}@{space[1][:REVISION]}"


def sentence(said: str) -> str:
    """With a capital and a full stop, as HTML."""
    return escape(f"{said[:1].upper()}{said[1:].rstrip('.')}.")


def interval(measured: Mapping[str, float], digits: int = 3) -> str:
    """The bounds of a number."""
    return f"{figure(measured['low'], digits)} to {figure(measured['high'], digits)}"


def worth(result: Json) -> str:
    """The four numbers that the advice is made of."""
    old, new, gain = result["old"], result["reembedded"], result["gain"]
    best = result["policies"][0]
    found = [
        PublishedClaim("Today, nDCG@10", figure(old["ndcg"]["value"], 3), "", None, interval(old["ndcg"])),
        PublishedClaim(
            "Re-embedded, nDCG@10", figure(new["ndcg"]["value"], 3), "", None, interval(new["ndcg"])
        ),
        PublishedClaim("Gain", _signed(gain["value"]), "> 0", gain["value"] > 0, interval(gain)),
        PublishedClaim(
            f"Kept without the old model, by {best['policy']}",
            figure(best["retention"]["value"], 3),
            f">= {result['floor']:g}",
            not best["refused"],
            interval(best["retention"]),
        ),
    ]
    asked = f"{result['judged']} judged queries" if result["judged"] else "the collection's own contents"
    said = (
        f"Asked by {asked}, as an upgrade reads them. Below each number is its interval "
        "of 95 %, by the bootstrap of queries: other queries may find something else within it. Gain and "
        "share are of the same queries on both sides."
    )
    return parts.cards("What it is worth", said, found)


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{figure(value, 3)}"


def state(collection: StoredCollection) -> str:
    """How far the collection is on its way; empty where it is in one space."""
    moving = collection.moving
    if moving is None:
        return ""
    share = line(
        "sections with new vectors",
        bar(moving.share, top=1, kind="best"),
        f"{moving.done} of {moving.total} ({moving.share:.0%})",
    )
    trust = line("trust in old vectors", bar(moving.trust, top=1), figure(moving.trust, 2))
    told = "It is paused." if moving.paused else "Sections get new vectors in the order of their use."
    read = (
        f"Old vectors are read by the transform {moving.translation}, since the old model is gone."
        if moving.translation
        else "Queries are encoded by both models."
    )
    said = (
        f"Between {called(_listed(collection.space))} and {called(_listed(moving.space))}. {told} {read} "
        "Until it is finished, one call returns to the old space."
    )
    return section("How far it is", said, share + trust)


def _listed(space: Any) -> list[str]:
    return [space.name, space.revision]


def curve(result: Json) -> str:
    """NDCG by the share re-embedded, as a picture and as numbers."""
    points = result["curve"]
    shares = [float(share) for share, _, _ in points]
    best = result["policies"][0]
    way = "stored translated" if best["translates_stored"] else "queries led"
    names = ("both models read", f"old model gone: {way} by {best['policy']}")
    picture = pictures.lines(
        "nDCG@10 by the share re-embedded",
        shares,
        {name: [float(point[place]) for point in points] for place, name in enumerate(names, 1)},
        axis="share re-embedded",
        marks={"today and re-embedded": result["old"]["ndcg"]["value"]}
        | {"": result["reembedded"]["ndcg"]["value"]},
    )
    rows = [[f"{share:.0%}", figure(both, 3), figure(alone, 3)] for share, both, alone in points]
    said = (
        "nDCG@10 while sections get new vectors, the mean of three random orders; an upgrade goes in the "
        "order of use."
    )
    numbers = table(("share", "both models", "old one gone"), rows, range(1, 3))
    return section("On the way", said, f"<div class=side>{picture}{numbers}</div>")


def policies(result: Json) -> str:
    """What each policy keeps, by either way."""
    ways = (("stored vectors translated", "translated"), ("queries led", "led"))
    top = max(1.0, *(one[way]["kept"]["high"] for one in result["policies"] for _, way in ways if one[way]))
    drawn = []
    for place, one in enumerate(result["policies"]):
        verdict = ": refused, below the floor" if one["refused"] else ""
        drawn.append(f"<h3>{escape(one['policy'])}{verdict}</h3>")
        for name, way in ways:
            if one[way] is None:
                drawn.append(f"<p class=soft>{name}: this policy cannot</p>")
                continue
            kept = one[way]["kept"]
            is_served = (way == "translated") == one["translates_stored"]
            kind = "best" if place == 0 and is_served else ""
            whisker = bar(
                kept["value"], top=top, low=kept["low"], high=kept["high"], mark=result["floor"], kind=kind
            )
            numbers = f"{figure(kept['value'], 3)} ({interval(kept)})"
            drawn.append(line(name, whisker, numbers, strong=bool(kind)))
    said = (
        "The share of re-embedded nDCG@10 that is kept where the old model is gone, with its interval; the "
        f"broken line is the floor of {result['floor']:g}; an upgrade goes the way that is strong. Each "
        "policy was learned five times, and tried on the fifth that it had not learned from; one that trains "
        "was learned once. As large a share as the sample is of the collection was read as learned from all."
    )
    return section("Without the old model", said, "".join(drawn))


def matrix(found: Json) -> str:
    """Query revisions against gallery revisions, with AC and AA."""
    names = [called(space) for space in found["spaces"]]
    values: list[list[float | None]] = [[None] * len(names) for _ in names]
    for one in found["cells"]:
        values[one["query"]][one["gallery"]] = one["ndcg"]["value"]
    drawn = parts.maps(
        {"": "nDCG@10 by the revision of queries and that of stored vectors"},
        [f"queries of {name}" for name in names],
        names,
        [values],
        scale=True,
        texts=[[figure(value, 3) for value in row] for row in values],
        meaning="{row}, vectors of {column}: {text}",
    )
    rows = [
        [
            escape(names[one["query"]]),
            escape(names[one["gallery"]]),
            escape(one["policy"]) or "its own vectors",
            figure(one["ndcg"]["value"], 3),
            interval(one["ndcg"]),
        ]
        for one in found["cells"]
    ]
    series = " → ".join(names)
    averages = (
        f"<p>AC {figure(found['average_compatibility'], 2)} · AA {figure(found['average_accuracy'], 3)}</p>"
    )
    said = (
        f"The series {series}. A row is a revision that encodes queries, a column the revision of the "
        "vectors that they are compared with, as where the older model is gone. AC is the share of pairs in "
        "which the later revision finds more among the earlier one's vectors than that one does itself; AA "
        "is the mean of all cells."
    )
    header = ("queries", "vectors", "compared by", "nDCG@10", "interval")
    return section("Compatibility", said, drawn + averages + table(header, rows, {3, 4}, stack=True))


def recall(result: Json) -> str:
    """Recall@1 between both sides, as the literature has it."""
    rows = [
        [queries, documents, figure(found["value"], 3), interval(found)]
        for name, (queries, documents) in RECALLS.items()
        if (found := result["recall"].get(name))
    ]
    said = f"Recall@1 by {result['policy']}: whether the first hit is of the same label, or the other half."
    return section(
        "First hits", said, table(("queries", "vectors", "recall@1", "interval"), rows, {2, 3}, stack=True)
    )


def cost(result: Json) -> str:
    """What it takes."""
    found = result["cost"]
    return parts.facts(
        "What it costs",
        "As fast as the sample was encoded; a busy server is slower. Vectors are stored twice until the end.",
        {
            "sections": found["sections"],
            **_encoded(found),
            "translating all of them": spoken(found["translation"]),
            "encoding the sample took": spoken(result["seconds"]["encoding"]),
            "learning took": spoken(result["seconds"]["training"]),
        },
    )


def _encoded(found: Json) -> dict[str, str]:
    took = spoken(found["encoding"])
    if not found["staying_items"]:
        return {"encoding all of them": took}
    return {
        "items whose vectors stay": f"{found['staying_items']} of {found['items']}",
        "sections of these": str(found["staying_sections"]),
        "encoding the others": took,
    }


def spoken(seconds: float) -> str:
    """A time in words."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def history(plans: Sequence[OperationRecord]) -> str:
    """Earlier plans; empty where there is one alone."""
    rows = [
        [
            time.strftime("%Y-%m-%d", time.gmtime(one.ended or one.created)),
            escape(called(one.result["old_space"])),
            escape(called(one.result["new_space"])),
            escape(str(one.result["advice"])),
            figure(one.result["old"]["ndcg"]["value"], 3),
            figure(one.result["reembedded"]["ndcg"]["value"], 3),
        ]
        for one in plans[1:]
        if one.result is not None
    ]
    header = ("made", "from", "to", "advice", "today", "re-embedded")
    said = "Other samples, and perhaps other queries: their numbers do not compare with those above."
    return section("Plans before", said, table(header, rows, {4, 5}, stack=True) if rows else "")


def made_of(plan: OperationRecord, result: Json) -> str:
    """What the numbers were made of."""
    return parts.facts(
        "How it was measured",
        "What was learned is kept beside the collection as an artifact.",
        {
            "operation": plan.id,
            "transform": result["artifact"],
            "policy": result["policy"],
            "parameters": result["parameters"],
            "dimensions of transformed vectors": result["width"],
            "items of the sample": result["items"],
            "contents learned from": result["trained"],
            "contents measured on": result["held_out"],
            "sections left out": result["left_out"],
        },
    )
