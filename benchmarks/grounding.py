"""Whether verdicts are right: the served checker on claims that people labelled, set by set.

--data has `grounding/dev.jsonl`: a JSON object on each line with "evidence", "claim", "source" and a "label",
`supported`, `contradicted` or `unsupported`. Each claim is one check with its evidence as the only passage,
through SDK, wire and service, of a server that is started for it. Balanced accuracy is the mean of the shares
of right verdicts among supported claims and among the others; 0.5 is chance. AUC is how often a supported
claim has a higher score than another one, for the checker and for the share of the claim's words that the
evidence has.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tieback_client import Check, Checked, Client, VerdictLabel

from benchmarks.report import Report
from benchmarks.served import StartError, started

NO_GENERATOR = {"TIEBACK_GENERATOR_ENABLED": "false"}
AT_ONCE = 16
DRAWS = 2000
MOST_RIGHT_CONTRADICTED = 0.03
"""The aims are those of issue 13, for sets that nothing was chosen on."""
ACCURACY = 0.62
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A claim that people held against its evidence."""

    evidence: str
    claim: str
    label: VerdictLabel


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the checker found of a labelled claim; `overlap` is the share of its words in the evidence."""

    label: VerdictLabel
    found: VerdictLabel
    score: float
    overlap: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="the labelled claims")
    parser.add_argument("--only", nargs="+", metavar="SET", help="of the sets, those whose name begins so")
    parser.add_argument(
        "--most", type=int, default=400, metavar="N", help="claims of a set, evenly taken [400]"
    )
    parser.add_argument("--checker", metavar="METHOD", help="a method of the family grounding [as served]")


def run(options: argparse.Namespace) -> Report:
    try:
        sets = read(options.data / "grounding" / "dev.jsonl", options.most)
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f"grounding: --data: {error}") from None
    if options.only:
        sets = {name: rows for name, rows in sets.items() if name.startswith(tuple(options.only))}
    return measured(sets, options.checker)


def measured(
    sets: Mapping[str, Sequence[Labelled]], checker: str | None, spaces: Sequence[str] = ()
) -> Report:
    """Measures the sets on a server of `spaces`, by default all."""
    report = Report()
    with tempfile.TemporaryDirectory() as store:
        try:
            with (
                started(Path(store), local=True, spaces=spaces, settings=NO_GENERATOR) as one,
                one.ready().client() as client,
            ):
                measure(report, client, sets, checker)
        except StartError as error:
            report.claim("the server starts", None, "", ">= 1", note=str(error))
    return report


def read(path: Path, most: int) -> dict[str, list[Labelled]]:
    """The labelled claims by set, at most so many of each, evenly taken in the order of the file."""
    found: dict[str, list[Labelled]] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            one = Labelled(row["evidence"], row["claim"], VerdictLabel(row["label"]))
            found.setdefault(row["source"], []).append(one)
    return {
        name: [rows[len(rows) * place // most] for place in range(most)] if len(rows) > most else rows
        for name, rows in sorted(found.items())
    }


def measure(
    report: Report, client: Client, sets: Mapping[str, Sequence[Labelled]], checker: str | None
) -> None:
    """A row for each set, and the claims over all."""
    rows, accuracies, contradicted, supported = [], [], 0, 0
    for name, labelled in sets.items():
        begin = time.monotonic()
        outcomes = list(checked(client, labelled, checker))
        seconds = time.monotonic() - begin
        row = described(name, outcomes)
        row["refused"] = len(labelled) - len(outcomes)
        row["ms a claim"] = 1000 * seconds / max(len(labelled), 1)
        rows.append(row)
        accuracies.append(row["balanced accuracy"])
        right = [one for one in outcomes if one.label is VerdictLabel.SUPPORTED]
        supported += len(right)
        contradicted += sum(one.found is VerdictLabel.CONTRADICTED for one in right)
    report.table("verdicts by set", rows)
    if rows:
        report.claim("mean balanced accuracy over the sets", float(np.mean(accuracies)), "", f">= {ACCURACY}")
        report.claim(
            "share of supported claims that are called contradicted",
            contradicted / max(supported, 1),
            "",
            f"<= {MOST_RIGHT_CONTRADICTED}",
            note=f"{supported} supported claims",
        )


def checked(client: Client, labelled: Sequence[Labelled], checker: str | None) -> Iterable[Outcome]:
    """The outcomes of claims that the server takes: evidence can be longer than one check reads."""
    for begin in range(0, len(labelled), AT_ONCE):
        some = labelled[begin : begin + AT_ONCE]
        asked = [Check(one.claim, [one.evidence], [(0, len(one.claim.encode()))]) for one in some]
        for one, outcome in zip(some, client.check_all(asked, checker=checker).outcomes, strict=True):
            if isinstance(outcome, Checked):
                [verdict] = outcome.verdicts.values()
                yield Outcome(one.label, verdict.label, verdict.score, _overlap(one))


def described(name: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The measures of one set; NaN where it has claims of one kind alone."""
    is_supported = np.array([one.label is VerdictLabel.SUPPORTED for one in outcomes])
    ticked = np.array([one.found is VerdictLabel.SUPPORTED for one in outcomes])
    accuracy, low, high = balanced(is_supported, ticked)
    false = np.array([one.label is VerdictLabel.CONTRADICTED for one in outcomes])
    called = np.array([one.found is VerdictLabel.CONTRADICTED for one in outcomes])
    return {
        "set": name,
        "claims": len(outcomes),
        "supported": int(is_supported.sum()),
        "balanced accuracy": accuracy,
        "low": low,
        "high": high,
        "AUC": auc(np.array([one.score for one in outcomes]), is_supported),
        "AUC of shared words": auc(np.array([one.overlap for one in outcomes]), is_supported),
        "ticks that are right": _share(is_supported[ticked]),
        "right called contradicted": _share(called[is_supported]),
        "contradicted found": _share(called[false]),
    }


def balanced(is_supported: np.ndarray, ticked: np.ndarray) -> tuple[float, float, float]:
    """Balanced accuracy with the ends of its 95 % bootstrap interval over claims."""

    def of(places: np.ndarray) -> float:
        own, found = is_supported[places], ticked[places]
        return (_share(found[own]) + _share(~found[~own])) / 2

    drawn = np.random.default_rng(0).integers(0, len(ticked), (DRAWS, len(ticked)))
    low, high = np.nanpercentile([of(places) for places in drawn], [2.5, 97.5])
    return of(np.arange(len(ticked))), float(low), float(high)


def auc(scores: np.ndarray, is_supported: np.ndarray) -> float:
    """How often a supported claim has the higher score; equal scores count a half."""
    own, other = scores[is_supported], scores[~is_supported]
    if not len(own) or not len(other):
        return float("nan")
    higher = (own[:, None] > other).mean() + 0.5 * (own[:, None] == other).mean()
    return float(higher)


def _share(chosen: np.ndarray) -> float:
    return float(chosen.mean()) if len(chosen) else float("nan")


def _overlap(one: Labelled) -> float:
    words = set(_WORD.findall(one.claim.lower()))
    return len(words & set(_WORD.findall(one.evidence.lower()))) / max(len(words), 1)
