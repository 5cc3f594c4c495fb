"""Cases that a program which makes checked texts can be tried by.

A case is a file of `cases`: `input` is what is checked, as the body of ``POST /v1/check``; `expected` is a
part of the document that has to come. Of an object the named fields are compared and others passed over;
lists are compared one by one; ``{"any": [...]}`` stands for one of several values. Beside that, each document
has to have the form of schema.json, and its spans, quotes, ids and share have to fit together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from tieback_contract.generation import Evidence

from tieback_client.checked_text import schema
from tieback_client.values.events import Check

ANY = "any"
_DECIDED = ("supported", "contradicted", "unsupported")


@dataclass(frozen=True, slots=True)
class Case:
    """A text to check, and what has to be found."""

    name: str
    says: str
    """Describes it in a sentence."""
    input: Mapping[str, Any]
    expected: Mapping[str, Any]

    @property
    def check(self) -> Check:
        """The case as a check of the SDK."""
        asked = self.input
        passages = [one if isinstance(one, str) else Evidence(**one) for one in asked["sources"]]
        claims = [(begin, end) for begin, end in asked.get("claims", ())]
        return Check(asked["text"], passages, claims, asked.get("question", ""))

    def faults(self, document: Any) -> list[str]:
        """Differences of a document from what has to come, by places; empty without any.

        Needs `jsonschema`.
        """
        return list(malformed(document)) or [*unfitting(document), *different(document, self.expected)]


@cache
def cases() -> tuple[Case, ...]:
    """All cases, by name."""
    folder = files("tieback_client.checked_text") / "cases"
    found = [json.loads(one.read_text(encoding="utf-8")) for one in folder.iterdir()]
    return tuple(Case(**one) for one in sorted(found, key=lambda one: str(one["name"])))


def malformed(document: Any) -> Iterator[str]:
    """Places in which a document does not have the form of schema.json."""
    from jsonschema import Draft202012Validator  # of the extra conformance

    for one in Draft202012Validator(schema()).iter_errors(document):
        yield f"{one.json_path}: {one.message[:200]}"


def different(found: Any, expected: Any, place: str = "$") -> Iterator[str]:
    """Places in which a document is not what has to come."""
    if isinstance(expected, Mapping) and expected.keys() == {ANY}:
        if found not in expected[ANY]:
            yield f"{place}: {found!r} is none of {expected[ANY]!r}"
    elif isinstance(expected, Mapping) and isinstance(found, Mapping):
        for name, one in expected.items():
            if name in found:
                yield from different(found[name], one, f"{place}.{name}")
            else:
                yield f"{place}.{name} is missing"
    elif isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            yield from different(one, other, f"{place}[{number}]")
    elif found != expected:
        yield f"{place}: {found!r} is not {expected!r}"


def unfitting(document: Mapping[str, Any]) -> Iterator[str]:
    """Places in which parts of a document that has its form do not fit together."""
    text, sources = document["text"], {one["id"]: one["text"] for one in document["sources"]}
    if len(sources) != len(document["sources"]):
        yield "$.sources: two have one id"
    labels = []
    for number, claim in enumerate(document["claims"]):
        place = f"$.claims[{number}]"
        if claim["id"] != number + 1:
            yield f"{place}.id: claims count from 1"
        yield from _misplaced(claim["span"], claim["text"], text, f"{place}.span")
        for name, citation in _citations(claim, place):
            yield from _missing(citation, sources, name)
            if citation["span"] is not None and citation["source_id"] in sources:
                source = sources[citation["source_id"]]
                yield from _misplaced(citation["span"], citation["quote"], source, f"{name}.span")
        if claim["nearest"] is not None and claim["citations"]:
            yield f"{place}.nearest: of a claim that has citations"
        verdict = claim["verdict"]
        if verdict is None:
            continue
        labels.append(verdict["label"])
        if (verdict["reason"] is not None) is not (verdict["label"] == "not_checked"):
            yield f"{place}.verdict.reason: of not_checked, and of no other label"
        if (verdict["score"] is None) is not (verdict["label"] in ("not_checked", "quoted")):
            yield f"{place}.verdict.score: null of not_checked and quoted, and of no other label"
        for index, one in enumerate(verdict["marked"]):
            yield from _misplaced(one["span"], one["text"], text, f"{place}.verdict.marked[{index}].span")
        if verdict["compared"] is not None:
            yield from _misplaced_sentence(verdict["compared"], sources, f"{place}.verdict.compared")
    for number, conflict in enumerate(document["conflicts"]):
        place = f"$.conflicts[{number}]"
        if not 0 < conflict["claim_id"] <= len(document["claims"]):
            yield f"{place}.claim_id: there is no such claim"
        for name in ("cited", "other"):
            yield from _misplaced_sentence(conflict[name], sources, f"{place}.{name}")
    yield from _wrong_share(document["supported_share"], labels)


def _citations(claim: Mapping[str, Any], place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, one in enumerate(claim["citations"]):
        yield f"{place}.citations[{number}]", one
    if claim["nearest"] is not None:
        yield f"{place}.nearest", claim["nearest"]


def _missing(one: Mapping[str, Any], sources: Mapping[str, str], place: str) -> Iterator[str]:
    if one["source_id"] not in sources:
        yield f"{place}.source_id: there is no such source"


def _misplaced(span: Mapping[str, Any], words: str, text: str, place: str) -> Iterator[str]:
    begin, end = span["bytes"]
    if text.encode()[begin:end] != words.encode():
        yield f"{place}.bytes: they are not {words[:60]!r}"
    begin, end = span["characters"] or (0, 0)
    if text[begin:end] != words:
        yield f"{place}.characters: they are not {words[:60]!r}"


def _misplaced_sentence(one: Mapping[str, Any], sources: Mapping[str, str], place: str) -> Iterator[str]:
    yield from _missing(one, sources, place)
    source = sources.get(one["source_id"])
    if source is None:
        return
    yield from _misplaced(one["span"], one["quote"], source, f"{place}.span")
    if one["differs"] is not None:
        yield from _misplaced(one["differs"]["span"], one["differs"]["text"], source, f"{place}.differs.span")


def _wrong_share(share: float | None, labels: list[str]) -> Iterator[str]:
    decided = [one for one in labels if one in _DECIDED]
    expected = decided.count("supported") / len(decided) if decided else None
    if (share is None) is not (expected is None) or abs((share or 0) - (expected or 0)) > 1e-6:
        yield f"$.supported_share: {share!r} is not {expected!r}, the supported part of the decided claims"
