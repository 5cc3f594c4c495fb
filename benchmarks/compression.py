"""Answers by evidence that a language model reads as soft tokens (xRAG), asked as users ask.

Each question of `answerable/dev.jsonl` that its passage answers is asked of a server that serves what
`tieback train xrag` made: with the passage as text, by default and within a budget of tokens, as soft tokens,
as soft tokens of another question's passage (shuffled), and without any. A model that learned
the form of answers alone writes the same by soft tokens of any passage, so the shuffled ones are the control.
Answers are greedy, neither judged nor checked, and right if they have one of the texts that the file names;
F1 is that of their words and of the best of these.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tieback.artifacts import Artifact
from tieback.core.errors import ArtifactError
from tieback.models.learned.soft_context import SOFT_CONTEXT
from tieback_client import AnswerStyle, Client, Grounding, SamplingParameters
from tieback_client.evaluation import is_right

from benchmarks.binding.measures import interval, paired
from benchmarks.generation.answering import Asked
from benchmarks.kept_rows import KeptRows, add_kept
from benchmarks.report import Report, Tried
from benchmarks.served import served
from benchmarks.strategies import f1, questions

TEXT, PACKED, NOTHING = "text of two sentences", "text of 200 tokens", "nothing"
SOFT, SHUFFLED = "soft tokens", "shuffled soft tokens"
BUDGET = 200
TOKENS = 24
INTERVAL = "95 %, bootstrap of questions"
METHOD = "56 (arXiv:2405.13792)"
Row = dict[str, dict[str, float]]
"""By what was read: an answer's "right", "F1", and the prompt's "tokens"."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="has answerable/dev.jsonl")
    parser.add_argument(
        "--trained", type=Path, metavar="DIR", required=True, help="the folder that tieback train xrag wrote"
    )
    parser.add_argument("--questions", type=int, default=100, metavar="N", help="of all sets together [100]")
    add_kept(parser)


def run(options: argparse.Namespace) -> Report:
    try:
        rows = questions(options.data, options.questions)
        artifact = Artifact.load(options.trained, SOFT_CONTEXT)
    except (OSError, ValueError, KeyError, ArtifactError) as error:
        raise SystemExit(f"compression: {error}") from None
    kept = KeptRows(options.kept)
    settings = {"TIEBACK_ARTIFACTS": str(options.trained.absolute())}
    with served(local=True, settings=settings) as server, server.client() as client:
        for one, other in zip(rows, [*rows[1:], rows[0]], strict=True):
            if one.question not in kept.rows:
                kept.keep(one.question, asked(client, one, other, str(artifact.facts["name"])))
    return reported([kept.rows[one.question] for one in rows], artifact.facts["metrics"]["costs"])


def asked(client: Client, one: Asked, other: Asked, name: str) -> Row:
    """One question's answers."""
    plain = Grounding(abstain_below=0.0, disabled=True)
    soft = replace(plain, context=name)
    ways: dict[str, tuple[list[str], Grounding]] = {
        TEXT: ([one.passage], plain),
        PACKED: ([one.passage], replace(plain, evidence_tokens=BUDGET)),
        SOFT: ([one.passage], soft),
        SHUFFLED: ([other.passage], soft),
        NOTHING: ([], plain),
    }
    found: Row = {}
    for way, (evidence, grounding) in ways.items():
        answer = client.generate(
            one.question,
            evidence,
            sampling=SamplingParameters(max_tokens=TOKENS),
            grounding=grounding,
            style=AnswerStyle.WRITE,
        ).collect()
        assert answer.finish is not None
        found[way] = {
            "right": float(is_right(answer.text, one.answers)),
            "F1": max(f1(answer.text, true) for true in one.answers),
            "tokens": float(answer.finish.prompt_tokens),
        }
    return found


def reported(rows: Sequence[Row], costs: Sequence[dict[str, Any]]) -> Report:
    """Tables of what was answered, and what soft tokens gain over their controls."""
    report = Report()

    def of(way: str, measure: str) -> np.ndarray:
        return np.array([row[way][measure] for row in rows])

    table = []
    for way in (TEXT, PACKED, SOFT, SHUFFLED, NOTHING):
        right, words = (interval(100 * of(way, one)) for one in ("right", "F1"))
        table.append(
            {
                "evidence": way, "right": right.value, "low": right.low, "high": right.high,
                "F1": words.value, "tokens read": float(of(way, "tokens").mean()),
            }
        )  # fmt: skip
    report.table(f"Answers, percent, {len(rows)} questions", table)
    for way in (SHUFFLED, NOTHING):
        for measure, unit in (("right", "right answers"), ("F1", "F1")):
            gain = paired(100 * of(SOFT, measure), 100 * of(way, measure))
            report.claim(
                *(f"{METHOD}: {unit} by soft tokens, over {way}", gain.value, "points", "> 0"),
                low=gain.low,
                high=gain.high,
                interval=INTERVAL,
                of=Tried(56, "paper" if way == NOTHING else "ours", product=True, data="real"),
            )
    report.table("What a token of held-out readings of the training costs, in nats", costs)
    return report
