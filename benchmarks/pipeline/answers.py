"""Times of answers: to the first text, to the end, and by stage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from tieback_client import Client, Finish, SamplingParameters, TextDelta, TiebackError

from benchmarks.report import Report

TOKENS = 48


def answers(report: Report, client: Client, collection: str, questions: Sequence[str]) -> None:
    """Adds a row for each question; each is answered with at most TOKENS tokens."""
    rows: list[dict[str, Any]] = []
    for words in questions:
        begun = time.perf_counter()
        first = None
        stages: dict[str, float] = {}
        try:
            for event in client.answer(collection, words, sampling=SamplingParameters(max_tokens=TOKENS)):
                if isinstance(event, TextDelta) and first is None:
                    first = time.perf_counter() - begun
                if isinstance(event, Finish):
                    for stage in event.timing.stages:
                        name = stage.name.partition(":")[0]
                        stages[name] = max(stages.get(name, 0.0), 1e3 * stage.seconds)
        except TiebackError as error:
            rows.append({"question": words, "failed": error.message})
            continue
        rows.append(
            {
                "question": words,
                "first text ms": None if first is None else 1e3 * first,
                "total ms": 1e3 * (time.perf_counter() - begun),
                **{
                    f"{name} ms": stages.get(name)
                    for name in ("encode", "fuse", "search", "rerank", "generate")
                },
            }
        )
    report.table("answers", rows)
    firsts = [row["first text ms"] for row in rows if row.get("first text ms") is not None]
    if firsts:
        report.table(
            "answers, medians",
            [
                {
                    "questions": len(rows),
                    "answered with text": len(firsts),
                    "first text ms": float(np.median(firsts)),
                    "total ms": float(np.median([row["total ms"] for row in rows if "total ms" in row])),
                }
            ],
        )
