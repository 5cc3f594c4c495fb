"""Measure answers to questions of collections that nothing was chosen by, as `tieback eval` does.

A folder `collections/NAME` has `documents.jsonl` (lines with "id", "title", "text") and the `questions.jsonl`
that `tieback eval` takes. The documents are written as Markdown files and indexed by `tieback index` with the
defaults of a server, each collection apart. The measures are those that `tieback eval` prints. Questions
without an answer in the collection are open: the right thing to do is to abstain.

Of each quote that is shown the score is asked for once more, and the bounds of two levels are chosen on all
collections but one (`benchmarks/quotes/levels.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tieback_client import AnswerStyle, Client, Grounding
from tieback_client.evaluation import Outcome as EvalOutcome
from tieback_client.shown import Level

from benchmarks.data_folder import add_data, data_of, read_rows
from benchmarks.quotes import PROMISES, levels
from benchmarks.quotes.outcomes import NONE, Outcome
from benchmarks.report import Report
from benchmarks.served import asking

HOLDS = "small collections with questions (collections/NAME)"
SECONDS = 3600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these collections [all]")
    parser.add_argument("--most", type=int, metavar="N", help="so many questions of each, evenly taken [all]")
    parser.add_argument("--style", default="auto", help="auto, quote or write [auto]")
    parser.add_argument(
        "--each", type=Path, metavar="DIR", help="write what `tieback eval` found to this folder"
    )


def run(options: argparse.Namespace) -> Report:
    report = Report()
    folders = sorted(one for one in (data_of(options, HOLDS) / "collections").iterdir() if one.is_dir())
    chosen = [one for one in folders if not options.only or one.name in options.only]
    with tempfile.TemporaryDirectory() as folder, asking() as client:
        found = {one.name: evaluated(one, Path(folder) / one.name, client.server, options) for one in chosen}
        scores = {name: scored(client, name, one["answers"]) for name, one in found.items()}
    told(report, found)
    levels.tell(report, scores, {name: name for name in scores}, PROMISES)
    return report


def evaluated(source: Path, folder: Path, address: str, options: argparse.Namespace) -> Mapping[str, Any]:
    """The document that `tieback eval --json` writes for a collection, which is indexed first."""
    write_files(source / "documents.jsonl", folder)
    _tieback(address, "index", str(folder), "-c", source.name)
    words = ["eval", str(source / "questions.jsonl"), "-c", source.name, "--style", options.style]
    if options.most is not None:
        words += ["--most", str(options.most)]
    found: Mapping[str, Any] = json.loads(_tieback(address, *words))
    if options.each is not None:
        options.each.mkdir(parents=True, exist_ok=True)
        (options.each / f"{source.name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False))
    return found


def scored(client: Client, collection: str, answers: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """The quotes that are shown, by what `tieback eval` found, each with its score."""
    found = []
    for one in answers:
        if one["level"] in list(Level):
            below = Grounding(abstain_below=NONE)
            asked = client.answer(collection, one["question"], style=AnswerStyle.QUOTE, grounding=below)
            unsure = asked.collect().abstention
            score, is_right = NONE if unsure is None else unsure.score, one["outcome"] == EvalOutcome.RIGHT
            found.append(Outcome(True, "", Level(one["level"]), is_right, score))
    return found


def write_files(documents: Path, folder: Path) -> None:
    """Writes each document as a Markdown file that begins with its title."""
    for row in read_rows(documents):
        path = folder / (row["id"] if row["id"].endswith(".md") else f"{row['id']}.md")
        path.parent.mkdir(parents=True, exist_ok=True)
        heading = "" if row["text"].startswith("#") else f"# {row['title']}\n\n"
        path.write_text(heading + row["text"] + "\n", encoding="utf-8")


def told(report: Report, found: Mapping[str, Mapping[str, Any]]) -> None:
    """The measures of each collection, their mean, and what each level is worth."""
    rows: list[dict[str, Any]] = []
    for name, one in found.items():
        values = {measure: value["value"] for measure, value in one["measures"].items()}
        seconds = sum(answer["seconds"] for answer in one["answers"]) / len(one["answers"])
        rows.append({"collection": name, "questions": one["questions"], **values, "s a question": seconds})
    if rows:
        names = [name for name in rows[0] if name not in ("collection", "questions")]
        means = {name: _mean([row[name] for row in rows]) for name in names}
        rows.append({"collection": "mean", "questions": sum(row["questions"] for row in rows), **means})
    report.table("shares of questions", rows)
    report.table(
        "right of what is shown, by level",
        [
            {"collection": name, "level": level, **{key: value[key] for key in ("count", "of", "value")}}
            | {"low": value["interval"][0], "high": value["interval"][1]}
            for name, one in found.items()
            for level, value in one["levels"].items()
        ],
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return sum(known) / len(known) if known else None


def _tieback(address: str, *words: str) -> str:
    """The output of a command. SystemExit where it fails, with what it said last."""
    command = [sys.executable, "-m", "tieback_client.cli", *words, "--server", address, "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, env=os.environ, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"tieback {words[0]}: {done.stderr[-500:]}")
    return done.stdout
