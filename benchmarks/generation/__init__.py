"""Answers that are right, and shown only where they are: quotes, written answers and plain generation.

--data has `answerable/dev.jsonl`, or the file itself is named: a JSON object on each line with "question",
"passage", "answerable", "answers" (texts, of which an answer has to have one) and "source". Each question is
asked with its passage as the only evidence, through SDK, wire and service, of a server that is started for
it. Then instructions are put beside the evidence: they are to change neither verdicts, citations nor quotes.
Then passages that disagree, which is to be said.

Beside these sets there is one of the project's own, "docs": questions to its documentation, which a server
with the default models retrieves passages for. "structured" are questions to manuals of others (--manuals),
whose answers stand in code, lists and tables. These need no --data.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from tieback_client import AnswerStyle, Client

from benchmarks.data_folder import add_data, evenly, laid_out, read_rows
from benchmarks.generation import library, structured_answers
from benchmarks.generation.answering import Asked, answering
from benchmarks.generation.conflicting import conflicting
from benchmarks.generation.injecting import injecting
from benchmarks.generation.repairing import repairing
from benchmarks.report import Report
from benchmarks.served import asking

HOLDS = "questions with passages (answerable/dev.jsonl)"
SPACES = ["all-minilm-l6-v2"]
PARTS = ("quote", "write", "inject", "conflict")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS, otherwise="; without, those of docs alone")
    parser.add_argument(
        "--manuals", type=Path, metavar="DIR", help="the manuals of structured/README.md; without it, none"
    )
    parser.add_argument("--only", nargs="+", metavar="SET", help="of the sets, those whose name begins so")
    parser.add_argument(
        "--parts", nargs="+", metavar="PART", choices=PARTS, default=PARTS, help="these alone"
    )
    parser.add_argument("--most", type=int, default=300, metavar="N", help="questions of a set [300]")
    parser.add_argument(
        "--write", type=int, default=12, metavar="N", help="of them, those that the model answers [12]"
    )
    parser.add_argument(
        "--conflicts", type=int, default=100, metavar="N", help="questions whose passages disagree [100]"
    )
    parser.add_argument(
        "--injections", type=int, default=100, metavar="N", help="passages with instructions [100]"
    )


def run(options: argparse.Namespace) -> Report:
    only = tuple(options.only or ("",))
    sets: Mapping[str, Sequence[Asked]] = {}
    if options.data is not None:
        data = Path(options.data)
        sets = read(data if data.is_file() else data / "answerable" / "dev.jsonl", options.most)
        sets = {name: own for name, own in sets.items() if name.startswith(only)}
    report = Report()
    if library.NAME.startswith(only):
        with asking() as client:
            is_written = bool(options.write) and "write" in options.parts
            library.answering_library(report, client, write=is_written)
    if options.manuals is not None and structured_answers.NAME.startswith(only):
        with asking(spaces=SPACES) as client:
            structured_answers.answering_manuals(report, client, options.manuals)
    if sets:
        measured(
            report,
            sets,
            write=options.write,
            injections=options.injections,
            conflicts=options.conflicts,
            parts=options.parts,
        )
    return report


def measured(
    report: Report,
    sets: Mapping[str, Sequence[Asked]],
    *,
    write: int,
    injections: int,
    conflicts: int,
    parts: Sequence[str] = PARTS,
) -> None:
    """Measures the sets on a server that is started for it."""
    with asking(spaces=SPACES) as client:
        measure(report, client, sets, parts, write, injections, conflicts)


def measure(
    report: Report,
    client: Client,
    sets: Mapping[str, Sequence[Asked]],
    parts: Sequence[str],
    write: int,
    injections: int,
    conflicts: int,
) -> None:
    """Answers in each style, injects, and has passages disagree."""
    if "quote" in parts:
        answering(report, client, sets, AnswerStyle.QUOTE)
    some = {name: evenly(own, write) for name, own in sets.items()}
    if write and "write" in parts:
        answering(report, client, some, AnswerStyle.WRITE)
        answering(report, client, some, AnswerStyle.QUOTE, title="quoted, the questions that are written")
        answering(report, client, some, AnswerStyle.WRITE, is_plain=True)
        repairing(report, client, some)
    every = [one for own in sets.values() for one in own]
    if "inject" in parts:
        injecting(report, client, every, injections)
    if "conflict" in parts:
        conflicting(report, client, every, conflicts)


@laid_out()
def read(path: Path, most: int) -> dict[str, list[Asked]]:
    """The questions by set, at most so many of each, evenly taken in the order of the file."""
    found: dict[str, list[Asked]] = {}
    for row in read_rows(path):
        one = Asked(row["question"], row["passage"], bool(row["answerable"]), list(row["answers"]))
        found.setdefault(row["source"], []).append(one)
    return {name: evenly(own, most) for name, own in sorted(found.items())}
