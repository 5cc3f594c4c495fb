"""Time until a written claim has its verdict: from its last text to the verdict, as a client reads them.

--data has `answerable/dev.jsonl`. A server is started, with one thread for its models. Its model writes on
each question with four passages as evidence, one answer at a time and several at once. A claim that ends with
a stop is over only when the text after it is known ("3." may go on with "5"), so the time holds the writing
of one token more; that of a token is beside it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from tieback_client import AnswerStyle, Claim, Client, Grounding, SamplingParameters, TextDelta, Verdict

from benchmarks.data_folder import add_data, data_of, evenly
from benchmarks.generation import HOLDS, read
from benchmarks.generation.answering import Asked
from benchmarks.report import Report
from benchmarks.served import asking

TOKENS, TOGETHER, PASSAGES = 64, 4, 4
MOST_MILLISECONDS = 50


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: of each claim from its last text to its verdict, and between texts."""

    verdicts: list[float] = field(default_factory=list)
    texts: list[float] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--questions", type=int, default=20, metavar="N", help="so many questions [20]")


def run(options: argparse.Namespace) -> Report:
    sets = read(data_of(options, HOLDS) / "answerable" / "dev.jsonl", options.questions)
    return measured(evenly([one for rows in sets.values() for one in rows], options.questions))


def measured(asked: Sequence[Asked]) -> Report:
    """Asks a server that is started for it."""
    report = Report()
    with asking(spaces=["all-minilm-l6-v2"]) as client:
        measure(report, client, asked)
    return report


def measure(report: Report, client: Client, asked: Sequence[Asked]) -> None:
    """Writes one answer at a time, then several at once."""
    watched(client, asked, 0)  # what is computed once, as the costs of batches
    rows = []
    for together in (1, TOGETHER):
        with ThreadPoolExecutor(together) as pool:
            found = list(pool.map(lambda number: watched(client, asked, number), range(len(asked))))
        verdicts = 1000 * np.array([one for times in found for one in times.verdicts])
        texts = 1000 * np.array([one for times in found for one in times.texts])
        if not len(verdicts):
            report.claim("verdicts", None, "ms", f"<= {MOST_MILLISECONDS}", note="no claim was checked")
            continue
        rows.append(
            {
                "answers at once": together,
                "claims": len(verdicts),
                "verdict, median ms": float(np.median(verdicts)),
                "verdict, 95 of 100, ms": float(np.percentile(verdicts, 95)),
                "text to text, median ms": float(np.median(texts)),
            }
        )
        report.claim(
            f"claim's last text to its verdict, {together} at once, 95 of 100",
            float(np.percentile(verdicts, 95)),
            "ms",
            f"<= {MOST_MILLISECONDS}",
        )
    report.table("Time from a claim's last text to its verdict", rows)


def watched(client: Client, asked: Sequence[Asked], number: int) -> Times:
    """Reads the answer to one of the questions, whose passage stands among others."""
    times, arrived, size = Times(), list[tuple[int, float]](), 0
    passages = [asked[(number + step) % len(asked)].passage for step in range(PASSAGES)]
    waiting: dict[int, float] = {}
    for event in client.generate(
        asked[number].question,
        passages,
        style=AnswerStyle.WRITE,
        sampling=SamplingParameters(max_tokens=TOKENS),
        grounding=Grounding(abstain_below=0.0),
    ):
        now = time.monotonic()
        if isinstance(event, TextDelta):
            size += len(event.text.encode())
            times.texts.extend([now - arrived[-1][1]] if arrived else [])
            arrived.append((size, now))
        elif isinstance(event, Claim):
            waiting[event.id] = next(at for until, at in arrived if until >= event.span[1])
        elif isinstance(event, Verdict):
            times.verdicts.append(now - waiting[event.claim_id])
    return times
