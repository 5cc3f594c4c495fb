"""Verdicts that are right: the served checker on claims that people labelled, set by set.

--data has `grounding/dev.jsonl`: a JSON object on each line with "evidence", "claim", "source" and a "label",
`supported`, `contradicted` or `unsupported`. With `--sets unseen` it is `grounding/dev_unseen_domains.jsonl`,
of sources that nothing was learned from or chosen by; a line there has a "domain". Each claim is one check
with its evidence as the only passage (with `--lines`: as a passage for each of its lines), through SDK, wire
and service, of a server that is started for it.

Balanced accuracy is the mean of the shares of right decisions among supported claims and among the others;
0.5 is chance. It is that of all claims, each taken for supported from a score of `--from` on, and that of the
claims with a verdict, neither LOW_CONFIDENCE nor NOT_CHECKED. AUC is how often a supported claim has a higher
score than another one, for the checker, for the share of the claim's words that the evidence has, and for the
shortness of the claim. The calibration error is that of arXiv:1706.04599 in ten bins.

Then thresholds are chosen with one domain left out: what each source has where nothing was chosen by it or by
another source of its domain. `--sets all` has both files, which is what the checker is held to.

The curve is over confidence, the distance of the log odds of a score from those of `--from`: at a coverage of
0.5 each set's more confident half is decided.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tieback.operations.upgrades.measures import MeasuredRecall
from tieback_client import Check, Checked, Client, VerdictLabel
from tieback_contract.method_choice import MethodLike

from benchmarks import checker_left_out
from benchmarks.classification import auc, balanced, balanced_accuracy, mean, share
from benchmarks.data_folder import add_data, data_of, evenly, laid_out, read_rows
from benchmarks.left_out import Source
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, asking

HOLDS = "labelled claims (grounding)"
AT_ONCE = 16
ALL = "all"
FILES = {"dev": ["dev.jsonl"], "unseen": ["dev_unseen_domains.jsonl"]}
FILES[ALL] = [*FILES["unseen"], *FILES["dev"]]
MOST_RIGHT_CONTRADICTED = 0.03
"""The aims are those of issue 13, for sets that nothing was chosen on."""
ACCURACY, HALF_ACCURACY = 0.62, 0.70
TICKS_RIGHT, ENOUGH_SUPPORTED = 0.85, 0.3
CALIBRATION_ERROR = 0.06
NEUTRAL = 1 / 3
"""The score of a claim of which a checker knows nothing, where a third of the claims are supported."""
COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
WITHHELD = {VerdictLabel.NOT_CHECKED, VerdictLabel.LOW_CONFIDENCE}
BINS, SMALLEST = 10, 1e-4
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A claim that people held against its evidence."""

    evidence: Sequence[str]
    claim: str
    label: VerdictLabel
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Verdict of the checker on a labelled claim.

    `overlap` is the share of its words in the evidence, `words` is how many it has.
    """

    label: VerdictLabel
    found: VerdictLabel
    score: float
    overlap: float
    words: int = 0
    domain: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--sets", choices=list(FILES), default="dev", help="which file of claims [dev]")
    parser.add_argument("--only", nargs="+", metavar="SET", help="of the sets, those whose name begins so")
    parser.add_argument(
        "--most", type=int, default=400, metavar="N", help="claims of a set, evenly taken [400]"
    )
    parser.add_argument("--checker", metavar="METHOD", help="a method of the family grounding [as served]")
    parser.add_argument(
        "--lines", action="store_true", help="each line of the evidence is a passage of its own"
    )
    parser.add_argument(
        "--each", type=Path, metavar="FILE", help="write the score of each claim to this file"
    )
    parser.add_argument(
        "--from",
        dest="least",
        type=float,
        default=NEUTRAL,
        metavar="SCORE",
        help="the score from which on a claim is taken for supported where all are decided [1/3]",
    )


def run(options: argparse.Namespace) -> Report:
    sets = {
        name: own
        for file in FILES[options.sets]
        for name, own in read(data_of(options, HOLDS) / "grounding" / file, options.most).items()
    }
    if options.only:
        sets = {name: rows for name, rows in sets.items() if name.startswith(tuple(options.only))}
    if options.lines:
        sets = {
            name: [replace(one, evidence=tuple(_lines(one))) for one in rows] for name, rows in sets.items()
        }
    return measured(sets, options.checker, least=options.least, each=options.each)


def measured(
    sets: Mapping[str, Sequence[Labelled]],
    checker: MethodLike | None,
    spaces: Sequence[str] = (),
    *,
    least: float = NEUTRAL,
    each: Path | None = None,
) -> Report:
    """Measures the sets on a server of `spaces`, by default all."""
    report = Report()
    with asking(spaces=spaces, settings=NO_GENERATOR) as client:
        measure(report, client, sets, checker, least, each)
    return report


@laid_out()
def read(path: Path, most: int) -> dict[str, list[Labelled]]:
    """The labelled claims by set, at most so many of each, evenly taken in the order of the file."""
    found: dict[str, list[Labelled]] = {}
    for row in read_rows(path):
        label, domain = VerdictLabel(row["label"]), row.get("domain", "")
        one = Labelled((row["evidence"],), row["claim"], label, domain)
        found.setdefault(row["source"], []).append(one)
    return {name: evenly(own, most) for name, own in sorted(found.items())}


def measure(
    report: Report,
    client: Client,
    sets: Mapping[str, Sequence[Labelled]],
    checker: MethodLike | None,
    least: float,
    each: Path | None = None,
) -> None:
    """A row for each set, the curve, and the claims over all."""
    table, found = [], {}
    for name, labelled in sets.items():
        begin = time.monotonic()
        outcomes = list(checked(client, labelled, checker))
        seconds = time.monotonic() - begin
        row = described(name, outcomes, least)
        row["refused"] = len(labelled) - len(outcomes)
        row["ms a claim"] = 1000 * seconds / max(len(labelled), 1)
        table.append(row)
        found[name] = outcomes
    report.table("verdicts by set", table)
    if not table:
        return
    if each is not None:
        write_each(each, found)
    sources = {
        name: Source(checker_left_out.domain_of(name), _scores(own), _supported(own))
        for name, own in found.items()
    }
    ticked = {name: _ticked(own) for name, own in found.items()}
    checker_left_out.tell(report, sources, ticked)
    curve = [coverage_row(list(found.values()), coverage, least) for coverage in COVERAGES]
    report.table("accuracy by coverage", curve)
    accuracy = float(np.mean([row["balanced accuracy"] for row in table]))
    report.claim("mean balanced accuracy over the sets", accuracy, "", f">= {ACCURACY}")
    half = next(row["balanced accuracy"] for row in curve if row["coverage"] == 0.5)
    report.claim("mean balanced accuracy at half of the coverage", half, "", f">= {HALF_ACCURACY}")
    everything = [one for outcomes in found.values() for one in outcomes]
    right = [one for one in everything if one.label is VerdictLabel.SUPPORTED]
    report.claim(
        "share of supported claims that are called contradicted",
        sum(one.found is VerdictLabel.CONTRADICTED for one in right) / max(len(right), 1),
        "",
        f"<= {MOST_RIGHT_CONTRADICTED}",
        note=f"{len(right)} supported claims",
    )
    by_label = [
        {"claims that are": label.value, "claims": len(own), "called contradicted": share(np.array(own))}
        for label in (VerdictLabel.CONTRADICTED, VerdictLabel.SUPPORTED, VerdictLabel.UNSUPPORTED)
        if (own := [one.found is VerdictLabel.CONTRADICTED for one in everything if one.label is label])
    ]
    report.table("called contradicted, over all sets", by_label)
    report.table("ticks by domain", ticks_by_domain(everything))
    ticks = [
        (row["ticks that are right"], row["ticked"])
        for row in table
        if row["supported"] >= ENOUGH_SUPPORTED * row["claims"] and row["ticked"]
    ]
    report.claim(
        "share of ticks that are right, in the worst set of which 30 % are supported",
        min((right for right, _ in ticks), default=None),
        "",
        f">= {TICKS_RIGHT}",
        note="ticked of its claims: " + ", ".join(f"{ticked:.2f}" for _, ticked in ticks),
    )
    report.claim(
        "expected calibration error over all sets",
        calibration_error(everything),
        "",
        f"<= {CALIBRATION_ERROR}",
        note=f"{len(everything)} claims",
    )


def checked(client: Client, labelled: Sequence[Labelled], checker: MethodLike | None) -> Iterable[Outcome]:
    """The outcomes of claims that the server takes: evidence can be longer than one check reads."""
    for begin in range(0, len(labelled), AT_ONCE):
        some = labelled[begin : begin + AT_ONCE]
        asked = [Check(one.claim, one.evidence, [(0, len(one.claim.encode()))]) for one in some]
        for one, outcome in zip(some, client.check_all(asked, checker=checker).outcomes, strict=True):
            if isinstance(outcome, Checked):
                [verdict] = outcome.verdicts.values()
                words = len(_WORD.findall(one.claim))
                yield Outcome(one.label, verdict.label, verdict.score, _overlap(one), words, one.domain)


def write_each(path: Path, found: Mapping[str, Sequence[Outcome]]) -> None:
    """Writes what was found of each claim, a JSON object a line, in the order of the files."""
    with path.open("w", encoding="utf-8") as file:
        for name, outcomes in found.items():
            for one in outcomes:
                file.write(json.dumps({"source": name, **asdict(one)}) + "\n")


def described(name: str, outcomes: Sequence[Outcome], least: float = NEUTRAL) -> dict[str, Any]:
    """The measures of one set; NaN where it has claims of one kind alone."""
    is_supported = _supported(outcomes)
    ticked = _ticked(outcomes)
    decided = np.array([one.found not in WITHHELD for one in outcomes])
    accuracy, low, high = balanced(is_supported, _scores(outcomes) >= least)
    false = np.array([one.label is VerdictLabel.CONTRADICTED for one in outcomes])
    called = np.array([one.found is VerdictLabel.CONTRADICTED for one in outcomes])
    return {
        "set": name,
        "claims": len(outcomes),
        "supported": int(is_supported.sum()),
        "balanced accuracy": accuracy,
        "low": low,
        "high": high,
        "AUC": auc(_scores(outcomes), is_supported),
        "AUC of shared words": auc(np.array([one.overlap for one in outcomes]), is_supported),
        "AUC of shortness": auc(-np.array([one.words for one in outcomes]), is_supported),
        "calibration error": calibration_error(outcomes),
        "with a verdict": share(decided),
        "balanced accuracy of verdicts": balanced_accuracy(is_supported[decided], ticked[decided]),
        "ticked": share(ticked),
        "ticks that are right": share(is_supported[ticked]),
        "right called contradicted": share(called[is_supported]),
        "contradicted found": share(called[false]),
        "called contradicted": int(called.sum()),
        "of them contradicted": share(false[called]),
    }


def ticks_by_domain(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Share of ticks that are right, of each domain and of all, with a 95 % interval (Wilson).

    `supported` is the share that would be right if all were ticked.
    """
    table: list[dict[str, Any]] = []
    for domain in [*sorted({one.domain for one in outcomes} - {""}), ALL]:
        own = [one for one in outcomes if domain in (one.domain, ALL)]
        right = _supported([one for one in own if one.found is VerdictLabel.SUPPORTED])
        row = {"domain": domain, "claims": len(own), "supported": share(_supported(own)), "ticks": len(right)}
        if len(right):
            found = MeasuredRecall.of(right)
            row |= {"right": found.value, "low": found.low, "high": found.high}
        table.append(row)
    return table


def coverage_row(sets: Sequence[Sequence[Outcome]], coverage: float, least: float) -> dict[str, float]:
    """Means over sets, where of each so large a part is decided, and where so large a part is ticked."""
    accuracies, right = [], []
    for outcomes in sets:
        own, scores = _supported(outcomes), _scores(outcomes)
        count = max(1, round(coverage * len(outcomes)))
        confident = np.argsort(-np.abs(_log_odds(scores) - _log_odds(np.array([least]))), kind="stable")[
            :count
        ]
        accuracies.append(balanced_accuracy(own[confident], scores[confident] >= least))
        if own.mean() >= ENOUGH_SUPPORTED:
            right.append(share(own[np.argsort(-scores, kind="stable")[:count]]))
    return {
        "coverage": coverage,
        "balanced accuracy": mean(accuracies),
        "supported among the highest scores, where 30 % are": mean(right),
    }


def calibration_error(outcomes: Sequence[Outcome]) -> float:
    """The expected calibration error of the scores as likelihoods of support."""
    own, scores = _supported(outcomes), _scores(outcomes)
    places = np.minimum((scores * BINS).astype(int), BINS - 1)
    apart = [abs((scores[places == place] - own[places == place]).sum()) for place in range(BINS)]
    return float(sum(apart) / max(len(outcomes), 1))


def _supported(outcomes: Sequence[Outcome]) -> np.ndarray:
    return np.array([one.label is VerdictLabel.SUPPORTED for one in outcomes], bool)


def _ticked(outcomes: Sequence[Outcome]) -> np.ndarray:
    return np.array([one.found is VerdictLabel.SUPPORTED for one in outcomes], bool)


def _scores(outcomes: Sequence[Outcome]) -> np.ndarray:
    return np.array([one.score for one in outcomes], np.float64)


def _log_odds(scores: np.ndarray) -> np.ndarray:
    kept = np.clip(scores, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(kept / (1 - kept)))


def _lines(one: Labelled) -> list[str]:
    return [line for text in one.evidence for line in text.splitlines() if line.strip()]


def _overlap(one: Labelled) -> float:
    words = set(_WORD.findall(one.claim.lower()))
    return len(words & set(_WORD.findall(" ".join(one.evidence).lower()))) / max(len(words), 1)
