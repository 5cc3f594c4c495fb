"""Repairs of written answers: unsupported claims that are left, right answers that are lost, time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from tieback_client import AnswerStyle, Client, Grounding, Repair, SamplingParameters, VerdictLabel
from tieback_client.evaluation import is_right

from benchmarks.generation.answering import TOKENS, Asked
from benchmarks.report import Report

UNSUPPORTED = (VerdictLabel.UNSUPPORTED, VerdictLabel.CONTRADICTED)
MOST_RIGHT_LOST = 0.05
"""The share of withdrawn right answers that issue 13 allows."""


def repairing(report: Report, client: Client, sets: Mapping[str, Sequence[Asked]]) -> None:
    """A row for each repair, over all questions with an answer; none is abstained from."""
    asked = [one for rows in sets.values() for one in rows if one.answerable]
    rows: list[dict[str, Any]] = []
    right_at_first: list[bool] = []
    for repair in Repair:
        begin = time.monotonic()
        found = [
            client.generate(
                one.question,
                [one.passage],
                style=AnswerStyle.WRITE,
                sampling=SamplingParameters(max_tokens=TOKENS),
                grounding=Grounding(abstain_below=0.0, repair=repair),
            ).collect()
            for one in asked
        ]
        seconds = (time.monotonic() - begin) / max(len(asked), 1)
        right = [is_right(answer.text, one.answers) for answer, one in zip(found, asked, strict=True)]
        right_at_first = right_at_first or right
        labels = [verdict.label for answer in found for verdict in answer.verdicts.values()]
        lost = sum(before and not now for before, now in zip(right_at_first, right, strict=True))
        rows.append(
            {
                "repair": repair.value,
                "answers": len(found),
                "claims": len(labels),
                "unsupported": sum(label in UNSUPPORTED for label in labels) / max(len(labels), 1),
                "supported": labels.count(VerdictLabel.SUPPORTED) / max(len(labels), 1),
                "repaired": sum(len(answer.repaired) for answer in found),
                "written again": sum(not one.is_dropped for answer in found for one in answer.repaired),
                "nothing left": sum(not answer.text for answer in found),
                "right": sum(right) / max(len(right), 1),
                "right and lost": lost / max(len(right), 1),
                "s a question": seconds,
            }
        )
        if repair is not Repair.NONE and asked:
            name = f"right answers lost by repair, {repair.value}"
            report.claim(name, rows[-1]["right and lost"], "", f"<= {MOST_RIGHT_LOST}")
    report.table("written answers, repaired", rows)
