"""Time of a quoted answer, and what of it is saved where its sentences are encoded in order.

Questions to the documentation (generation/docs) are asked of servers in turn, each with the same collection
of all pages of docs/ and one thread for its models. One encodes all sentences of the passages, and one those
with most words of the question first; both without a cache, so that each answer is a first one. Then one with
its caches is asked each question twice. Processor time is that of the server's processes, which other work on
the machine hardly changes.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tieback_client import Answer, AnswerStyle, Client

from benchmarks.data_folder import evenly
from benchmarks.generation.answering import OUTCOMES, ask, outcome_of
from benchmarks.generation.library import Question, index_pages, questions
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, UNCACHED, Served, asking, started

SPACES = ["all-minilm-l6-v2"]
ALL, IN_ORDER, AGAIN = "all sentences", "in order", "in order, asked again"
SERVERS = {
    ALL: UNCACHED | {"TIEBACK_QUOTE_SENTENCES": "0"},
    IN_ORDER: UNCACHED,
    AGAIN: {},
}
FIRST_SHARE, AGAIN_SHARE = 0.5, 0.2


@dataclass(frozen=True, slots=True)
class Asked:
    """The answers of a server, with their seconds of a processor and on the clock."""

    answers: list[Answer] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    clock: list[float] = field(default_factory=list)

    def ask(self, server: Served, client: Client, question: Question) -> None:
        """Asks one question."""
        used, begun = server.processor_seconds(), time.monotonic()
        self.answers.append(ask(client, question.asked, AnswerStyle.QUOTE))
        self.clock.append(time.monotonic() - begun)
        self.processor.append(server.processor_seconds() - used)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--most", type=int, default=60, metavar="N", help="so many questions [60]")


def run(options: argparse.Namespace) -> Report:
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        measure(report, Path(folder), evenly(questions(), options.most))
    return report


def measure(report: Report, folder: Path, asked: Sequence[Question]) -> None:
    """Asks each question of every server before the next one."""
    with asking(spaces=SPACES, settings=NO_GENERATOR, store=folder / "pages") as client:
        index_pages(client)
    found = {name: Asked() for name in SERVERS}
    outcomes: dict[str, list[str]] = {}
    with ExitStack() as open_until:
        servers = {}
        for name, settings in SERVERS.items():
            store = shutil.copytree(folder / "pages", folder / name.replace(" ", "-"))
            starting = started(Path(store), local=True, spaces=SPACES, settings=NO_GENERATOR | settings)
            server = open_until.enter_context(starting).ready()
            servers[name] = server, open_until.enter_context(server.client())
            ask(servers[name][1], asked[0].asked, AnswerStyle.QUOTE)  # what is computed once
        for question in asked:
            for name, (server, client) in servers.items():
                if name == AGAIN:
                    ask(client, question.asked, AnswerStyle.QUOTE)
                found[name].ask(server, client, question)
        for name in (ALL, IN_ORDER):
            outcomes[name] = [
                outcome_of(servers[name][1], one.asked, answer, AnswerStyle.QUOTE)
                for one, answer in zip(asked, found[name].answers, strict=True)
            ]
    told(report, found, outcomes)


def told(report: Report, found: dict[str, Asked], outcomes: dict[str, list[str]]) -> None:
    """Times, what the answers are worth, and how many are the same."""
    whole = found[ALL]
    report.table(
        "milliseconds of an answer",
        [
            {
                "answers": name,
                "questions": len(one.answers),
                "processor, mean": 1000 * float(np.mean(one.processor)),
                "clock, median": 1000 * float(np.median(one.clock)),
                "clock, 95 of 100": 1000 * float(np.percentile(one.clock, 95)),
                "share of the processor time": float(np.sum(one.processor) / np.sum(whole.processor)),
                "same text": sum(
                    text(own) == text(other) for own, other in zip(one.answers, whole.answers, strict=True)
                ),
            }
            for name, one in found.items()
        ],
    )
    report.table(
        "what the answers are worth",
        [{"answers": name, **{kind: own.count(kind) for kind in OUTCOMES}} for name, own in outcomes.items()],
    )
    for name, most in ((IN_ORDER, FIRST_SHARE), (AGAIN, AGAIN_SHARE)):
        share = float(np.sum(found[name].processor) / np.sum(whole.processor))
        report.claim(f"processor time, {name}, over that of all sentences", share, "", f"<= {most}")


def text(answer: Answer) -> str:
    """The text that is shown."""
    return "" if answer.abstention is not None else answer.text
