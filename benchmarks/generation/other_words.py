"""Whether passages that disagree in other words are said to, and passages that agree in other words are not.

`conflicts/README.md` says how the pairs were made. Each pair is asked its question as two passages.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tieback_client import AnswerStyle, Client, Grounding

from benchmarks.report import Report

PAIRS = Path(__file__).parent / "conflicts" / "pairs.jsonl"
NAME = "pairs"
PRECISION = 0.9


def pairs(path: Path = PAIRS) -> list[dict[str, Any]]:
    """The pairs of a file. OSError or ValueError where it cannot be read."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def disagreeing(report: Report, client: Client) -> None:
    """Precision and recall of the conflicts that are named, by split."""
    told, wrong = Counter[tuple[str, bool, str]](), []
    for one in pairs():
        answer = client.generate(
            one["question"],
            [one["one"], one["other"]],
            style=AnswerStyle.QUOTE,
            grounding=Grounding(abstain_below=0.0),
        ).collect()
        kind = answer.conflicts[0].kind.value if answer.conflicts else ""
        told[one["split"], one["conflict"], kind] += 1
        if kind and not one["conflict"]:
            wrong.append({"id": one["id"], "split": one["split"], "called": kind})
    rows = []
    for split in dict.fromkeys(split for split, _, _ in told):
        own = {key: count for key, count in told.items() if key[0] == split}
        named = sum(count for (_, _, kind), count in own.items() if kind)
        right = sum(count for (_, is_one, kind), count in own.items() if kind and is_one)
        conflicts = sum(count for (_, is_one, _), count in own.items() if is_one)
        row = {
            "split": split,
            "pairs": sum(own.values()),
            "conflicts": conflicts,
            "named": named,
            "rightly": right,
        }
        rows.append({**row, "precision": right / max(named, 1), "recall": right / max(conflicts, 1)})
        report.claim(f"conflicts rightly named, {split}", right / max(named, 1), "", f">= {PRECISION}")
    report.table("conflicts in other words", rows)
    kinds = [
        {"split": split, "called": kind, "rightly": count}
        for (split, is_one, kind), count in sorted(told.items())
        if kind and is_one
    ]
    report.table("conflicts in other words, rightly named, by kind", kinds)
    report.table("called a conflict wrongly", wrong)
