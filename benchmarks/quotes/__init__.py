"""Quotes on domains by which nothing was chosen: what is right, shown, ticked and abstained from.

--data has `answerable/dev_domains.jsonl` (`--sets domains`), `answerable/dev.jsonl` (`--sets dev`) and
`crosslingual/dev.jsonl` (`--sets languages`): a JSON object on each line with "question", "passage",
"answerable", "answers" and "source" or "language", and where they are known "domain", "evidence_sentence" and
"negative". Each question is asked in the style quote with its passage as the only evidence, through SDK, wire
and service, of a server that is started for it. `benchmarks/quotes/asked.py` has the rule by which a quote is
right.

The first tables are of the levels as they are served. Then the bounds of two levels are chosen on the scores
of all domains but one, by what each level promises, and applied to that one; and so is a bound of abstention.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from tieback_client.shown import Level

from benchmarks.data_folder import add_data, data_of, laid_out, read_rows
from benchmarks.quotes import abstention, levels, served
from benchmarks.quotes.asked import FILES, Asked, read
from benchmarks.quotes.outcomes import Outcome, outcome
from benchmarks.report import Report
from benchmarks.served import asking

HOLDS = "questions with passages (answerable, crosslingual)"
SPACES = ["all-minilm-l6-v2"]
PROMISES = (0.8, 0.6)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--sets", choices=list(FILES), default="domains", help="the questions [domains]")
    parser.add_argument("--only", nargs="+", metavar="SOURCE", help="of the sources, those alone")
    parser.add_argument(
        "--most", type=int, default=100, metavar="N", help="questions of a source, evenly taken [100]"
    )
    parser.add_argument(
        "--promises",
        type=float,
        nargs=2,
        default=PROMISES,
        metavar="SHARE",
        help="shares of quotes that are right at the first and the second level [0.8 0.6]",
    )
    parser.add_argument("--each", type=Path, metavar="FILE", help="write what was found of each question")
    parser.add_argument(
        "--found", type=Path, metavar="FILE", help="choose by what --each wrote before; nothing is asked"
    )


def run(options: argparse.Namespace) -> Report:
    promises = (options.promises[0], options.promises[1])
    if options.found is not None:
        report = Report()
        tell(report, *_found(options.found), promises)
        return report
    sets = read(data_of(options, HOLDS), options.sets, options.most)
    if options.only:
        sets = {name: rows for name, rows in sets.items() if name in options.only}
    return measured(sets, promises, each=options.each)


def measured(
    sets: Mapping[str, Sequence[Asked]], promises: tuple[float, float] = PROMISES, *, each: Path | None = None
) -> Report:
    """Measures the sets on a server that is started for it."""
    report = Report()
    found: dict[str, list[Outcome]] = {}
    with asking(spaces=SPACES) as client:
        begin = time.monotonic()
        for name, asked in sets.items():
            found[name] = [outcome(client, question) for question in asked]
        seconds = time.monotonic() - begin
    if each is not None:
        _write_each(each, sets, found)
    tell(report, found, {name: asked[0].domain for name, asked in sets.items()}, promises)
    questions = sum(map(len, found.values()))
    report.table("time", [{"questions": questions, "s a question, two or three calls": seconds / questions}])
    return report


def tell(
    report: Report,
    found: Mapping[str, Sequence[Outcome]],
    domains: Mapping[str, str],
    promises: tuple[float, float],
) -> None:
    """Quotes as served, then levels and abstention with one domain left out."""
    served.tell(report, found, domains)
    levels.tell(report, found, domains, promises)
    abstention.tell(report, found, domains)


@laid_out()
def _found(path: Path) -> tuple[dict[str, list[Outcome]], dict[str, str]]:
    """Read what `--each` wrote: the outcomes by source, and the domains of the sources."""
    found: dict[str, list[Outcome]] = {}
    domains = {}
    for row in read_rows(path):
        name, domain, _ = (row.pop(key) for key in ("source", "domain", "question"))
        row["level"] = None if row["level"] is None else Level(row["level"])
        found.setdefault(name, []).append(Outcome(**row))
        domains[name] = domain
    return found, domains


def _write_each(
    path: Path, sets: Mapping[str, Sequence[Asked]], found: Mapping[str, Sequence[Outcome]]
) -> None:
    """Writes what was found of each question, a JSON object a line."""
    with path.open("w", encoding="utf-8") as file:
        for name, outcomes in found.items():
            for asked, one in zip(sets[name], outcomes, strict=True):
                row = {"source": name, "domain": asked.domain, "question": asked.question, **asdict(one)}
                file.write(json.dumps(row) + "\n")
