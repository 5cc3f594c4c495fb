"""Whether answers are right, and shown only where they are: quotes, written answers and plain generation.

--data has `answerable/dev.jsonl`, or the file itself is named: a JSON object on each line with "question",
"passage", "answerable", "answers" (texts, of which an answer has to have one) and "source". Each question is
asked with its passage as the only evidence, through SDK, wire and service, of a server that is started for
it. Then instructions are put beside the evidence: they are to change neither verdicts, citations nor quotes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tieback_client import AnswerStyle, Client

from benchmarks.generation.answering import Asked, answering
from benchmarks.generation.injecting import injecting
from benchmarks.generation.judging import judging
from benchmarks.generation.repairing import repairing
from benchmarks.report import Report
from benchmarks.served import StartError, started


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="the questions")
    parser.add_argument("--only", nargs="+", metavar="SET", help="of the sets, those whose name begins so")
    parser.add_argument("--most", type=int, default=300, metavar="N", help="questions of a set [300]")
    parser.add_argument(
        "--write", type=int, default=12, metavar="N", help="of them, those that the model answers [12]"
    )
    parser.add_argument(
        "--injections", type=int, default=100, metavar="N", help="passages with instructions [100]"
    )


def run(options: argparse.Namespace) -> Report:
    path = options.data if options.data.is_file() else options.data / "answerable" / "dev.jsonl"
    try:
        sets = read(path, options.most)
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f"generation: --data: {error}") from None
    if options.only:
        sets = {name: rows for name, rows in sets.items() if name.startswith(tuple(options.only))}
    return measured(sets, write=options.write, injections=options.injections)


def measured(sets: Mapping[str, Sequence[Asked]], *, write: int, injections: int) -> Report:
    """Measures the sets on a server that is started for it."""
    report = Report()
    with tempfile.TemporaryDirectory() as store:
        try:
            with (
                started(Path(store), local=True, spaces=["all-minilm-l6-v2"]) as one,
                one.ready(300).client() as client,
            ):
                measure(report, client, sets, write=write, injections=injections)
        except StartError as error:
            report.claim("the server starts", None, "", ">= 1", note=str(error))
    return report


def measure(
    report: Report, client: Client, sets: Mapping[str, Sequence[Asked]], *, write: int, injections: int
) -> None:
    """Judges, answers in each style, and injects."""
    judging(report, client, sets)
    answering(report, client, sets, AnswerStyle.QUOTE)
    some = {name: evenly(rows, write) for name, rows in sets.items()}
    if write:
        answering(report, client, some, AnswerStyle.WRITE)
        answering(report, client, some, AnswerStyle.QUOTE, title="quoted, the questions that are written")
        answering(report, client, some, AnswerStyle.WRITE, is_plain=True)
        repairing(report, client, some)
    injecting(report, client, [one for rows in sets.values() for one in rows], injections)


def read(path: Path, most: int) -> dict[str, list[Asked]]:
    """The questions by set, at most so many of each, evenly taken in the order of the file."""
    found: dict[str, list[Asked]] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            one = Asked(row["question"], row["passage"], bool(row["answerable"]), list(row["answers"]))
            found.setdefault(row["source"], []).append(one)
    return {name: evenly(rows, most) for name, rows in sorted(found.items())}


def evenly(rows: Sequence[Asked], most: int) -> list[Asked]:
    """At most so many rows, evenly taken."""
    return [rows[len(rows) * place // most] for place in range(most)] if len(rows) > most else list(rows)
