"""Answers by evidence that a language model reads as soft tokens (xRAG), asked as users ask.

Each question (`benchmarks/lab/written_answers.py`) is asked of a server that serves what `tieback train xrag`
made: with the passage as text, by default and within a budget of tokens, as soft tokens, as soft tokens of
another question's passage (shuffled), and without any. A model that learned the form of answers alone writes
the same by soft tokens of any passage, so the shuffled ones are the control.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tieback_lab.client import Client

from benchmarks.generation.answering import Asked
from benchmarks.lab import written_answers
from benchmarks.lab.written_answers import INTERVAL, PLAIN, Row, answered, measures, written
from benchmarks.report import Report, Tried
from benchmarks.statistics import interval, paired

TEXT, PACKED, NOTHING = "text of two sentences", "text of 200 tokens", "nothing"
SOFT, SHUFFLED = "soft tokens", "shuffled soft tokens"
BUDGET = 200
METHOD = "56 (arXiv:2405.13792)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    written_answers.add_arguments(parser, "xrag")


def run(options: argparse.Namespace) -> Report:
    return reported(*answered(options, asked))


def asked(client: Client, name: str, rows: Sequence[Asked], place: int) -> Row:
    """One question's answers."""
    one, other = rows[place], rows[(place + 1) % len(rows)]
    soft = replace(PLAIN, soft_prompt=name)
    ways = {
        TEXT: ([one.passage], PLAIN),
        PACKED: ([one.passage], replace(PLAIN, evidence_tokens=BUDGET)),
        SOFT: ([one.passage], soft),
        SHUFFLED: ([other.passage], soft),
        NOTHING: ([], PLAIN),
    }
    return {way: written(client, one, *how)[1] for way, how in ways.items()}


def reported(rows: Sequence[Row], costs: Sequence[dict[str, Any]]) -> Report:
    """Tables of what was answered, and what soft tokens gain over their controls."""
    report, table = Report(), []
    for way in (TEXT, PACKED, SOFT, SHUFFLED, NOTHING):
        right, words = (interval(measures(rows, way, one)) for one in ("right", "F1"))
        row = {"evidence": way, "right": right.value, "low": right.low, "high": right.high, "F1": words.value}
        table.append(row | {"tokens read": float(measures(rows, way, "tokens").mean() / 100)})
    report.table(f"Answers, percent, {len(rows)} questions", table)
    for way in (SHUFFLED, NOTHING):
        of = Tried(56, "paper" if way == NOTHING else "ours", product=True, data="real")
        for measure, unit in (("right", "right answers"), ("F1", "F1")):
            gain = paired(measures(rows, SOFT, measure), measures(rows, way, measure))
            name = f"{METHOD}: {unit} by soft tokens, over {way}"
            report.claim(name, gain, "points", "> 0", interval=INTERVAL, of=of)
    report.table("What a token of held-out readings of the training costs, in nats", costs)
    return report
