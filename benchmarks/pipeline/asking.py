"""Asks a served collection its questions by every plan, one in flight; keeps what was found and when."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieback_client import Audio, Client, Image, TiebackError
from tieback_contract.hits import Hit

from benchmarks.pipeline.judged import Judged, Question
from benchmarks.pipeline.measures import BEST, items_of
from benchmarks.pipeline.plans import DEFAULT
from benchmarks.pipeline.turns import Plan, ask_in_turns

UNRANKED = 4
"""Plans that do not rerank have so many times the seconds: they are fast, and should be asked all."""

STAGES = "encode", "fuse", "search", "rerank"
SOUNDS = {".wav", ".flac", ".ogg"}


@dataclass(frozen=True, slots=True)
class Answered:
    """Result of one plan for one question: items best first, and the milliseconds by stage.

    `relevances` are those of the items' first sections, best first, where the server says some.
    """

    items: Sequence[str]
    milliseconds: float
    stages: Mapping[str, float]
    holds_answer: bool
    relevances: Mapping[str, float]


@dataclass
class Asked:
    """All that was asked of a collection: by plan, by question."""

    judged: Judged
    answered: dict[str, dict[str, Answered]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def ask(
    client: Client, name: str, judged: Judged, plans: Sequence[Plan], seconds: float, fewest: int
) -> Asked:
    """Asks all by the default, and by each other plan as many as take `seconds` (UNRANKED times
    that where it does not rerank), `fewest` at least."""
    failures: dict[str, str] = {}

    def one(question: Question, plan: Plan) -> Answered | None:
        if plan.name in failures or (plan.words and not question.words):
            return None
        try:
            return _one(client, name, question, plan)
        except TiebackError as error:
            failures[plan.name] = f"{question.id}: {error.message}"
            return None

    def limit(plan: Plan) -> float:
        return math.inf if plan.name == DEFAULT else seconds if plan.is_slow else UNRANKED * seconds

    questions = list(judged.questions)
    random.Random(len(questions)).shuffle(questions)
    return Asked(judged, ask_in_turns(questions, plans, one, limit, fewest), failures)


def contents(query: Sequence[str | Path]) -> list[Any]:
    """A query as the SDK takes it."""
    return [part if isinstance(part, str) else _file(part) for part in query]


def _one(client: Client, name: str, question: Question, plan: Plan) -> Answered:
    query = contents(question.query)
    limit = BEST + len(question.own)  # what a user gets, beside what is part of the query
    begun = time.perf_counter()
    hits: list[Hit]
    relevances: dict[str, float] = {}
    if plan.words:
        found = client.search(name, text=question.words, limit=limit, collapse_pieces=True)
        hits, timing = list(found.hits), found.timing
    else:
        retrieved = client.retrieve(name, query, limit=limit, **plan.arguments)
        hits, timing = [one.hit for one in retrieved.hits], retrieved.timing
        for one in retrieved.hits:
            if one.relevance is not None and one.hit.item_id not in question.own:
                relevances.setdefault(one.hit.item_id, one.relevance)
    seconds = time.perf_counter() - begun
    best = [one for one in hits if one.item_id not in question.own][:BEST]
    return Answered(
        items_of((one.item_id for one in hits), question.own),
        1e3 * seconds,
        _stages(timing, seconds, plan),
        any(
            answer in text
            for one in best
            for text in (one.text, *(piece.text for piece in one.pieces))
            for answer in question.answer
        ),
        relevances,
    )


def _stages(timing: Any, seconds: float, plan: Plan) -> dict[str, float]:
    """Milliseconds of each stage. Spaces encode side by side: their stage is from the first to the last."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for stage in timing.stages:
        spans.setdefault(stage.name.partition(":")[0], []).append((stage.begin, stage.begin + stage.seconds))
    taken = {
        name: 1e3 * (max(end for _, end in span) - min(begin for begin, _ in span))
        for name, span in spans.items()
    }
    if plan.words:
        taken = {"search": 1e3 * timing.total}
    known = {name: taken.pop(name, 0.0) for name in STAGES}
    return known | {
        "other in the server": 1e3 * timing.total - sum(known.values()),
        "client and wire": 1e3 * (seconds - timing.total),
    }


def _file(path: Path) -> Any:
    return Audio.from_file(path) if path.suffix.lower() in SOUNDS else Image.from_file(path)
