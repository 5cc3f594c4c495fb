"""Whether answers are right, and shown only where they are: quotes, written answers and plain generation.

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
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from tieback_client import AnswerStyle, Client

from benchmarks.generation import library, structured_answers
from benchmarks.generation.answering import Asked, answering
from benchmarks.generation.conflicting import conflicting
from benchmarks.generation.injecting import injecting
from benchmarks.generation.judging import judging
from benchmarks.generation.repairing import repairing
from benchmarks.report import Report
from benchmarks.served import StartError, started

T = TypeVar("T")

SPACES = ["all-minilm-l6-v2"]
PARTS = ("judge", "quote", "write", "inject", "conflict")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="the questions; without it, those of docs alone"
    )
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
        path = options.data if options.data.is_file() else options.data / "answerable" / "dev.jsonl"
        try:
            sets = read(path, options.most)
        except (OSError, ValueError, KeyError) as error:
            raise SystemExit(f"generation: --data: {error}") from None
        sets = {name: rows for name, rows in sets.items() if name.startswith(only)}
    report = Report()
    if library.NAME.startswith(only):
        is_written = bool(options.write) and "write" in options.parts
        _served(report, library.NAME, lambda one: library.answering_library(report, one, write=is_written))
    if options.manuals is not None and structured_answers.NAME.startswith(only):
        answering_manuals = structured_answers.answering_manuals
        _served(
            *(report, structured_answers.NAME),
            lambda one: answering_manuals(report, one, options.manuals),
            SPACES,
        )
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


def _served(report: Report, name: str, measure: Callable[[Client], None], spaces: Sequence[str] = ()) -> None:
    """Measures on a server that is started for it, in the default spaces or in some alone."""
    with tempfile.TemporaryDirectory() as store:
        try:
            with started(Path(store), local=True, spaces=spaces) as one, one.ready(300).client() as client:
                measure(client)
        except StartError as error:
            report.claim(f"the server of {name} starts", None, "", ">= 1", note=str(error))


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
    with tempfile.TemporaryDirectory() as store:
        try:
            with (
                started(Path(store), local=True, spaces=["all-minilm-l6-v2"]) as one,
                one.ready(300).client() as client,
            ):
                measure(report, client, sets, parts, write, injections, conflicts)
        except StartError as error:
            report.claim("the server starts", None, "", ">= 1", note=str(error))


def measure(
    report: Report,
    client: Client,
    sets: Mapping[str, Sequence[Asked]],
    parts: Sequence[str],
    write: int,
    injections: int,
    conflicts: int,
) -> None:
    """Judges, answers in each style, injects, and has passages disagree."""
    if "judge" in parts:
        judging(report, client, sets)
    if "quote" in parts:
        answering(report, client, sets, AnswerStyle.QUOTE)
    some = {name: evenly(rows, write) for name, rows in sets.items()}
    if write and "write" in parts:
        answering(report, client, some, AnswerStyle.WRITE)
        answering(report, client, some, AnswerStyle.QUOTE, title="quoted, the questions that are written")
        answering(report, client, some, AnswerStyle.WRITE, is_plain=True)
        repairing(report, client, some)
    every = [one for rows in sets.values() for one in rows]
    if "inject" in parts:
        injecting(report, client, every, injections)
    if "conflict" in parts:
        conflicting(report, client, every, conflicts)


def read(path: Path, most: int) -> dict[str, list[Asked]]:
    """The questions by set, at most so many of each, evenly taken in the order of the file."""
    found: dict[str, list[Asked]] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            one = Asked(row["question"], row["passage"], bool(row["answerable"]), list(row["answers"]))
            found.setdefault(row["source"], []).append(one)
    return {name: evenly(rows, most) for name, rows in sorted(found.items())}


def evenly(rows: Sequence[T], most: int) -> list[T]:
    """At most so many rows, evenly taken."""
    return [rows[len(rows) * place // most] for place in range(most)] if len(rows) > most else list(rows)
