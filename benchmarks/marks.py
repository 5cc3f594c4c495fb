"""Wrong words of claims: the characters that verdicts mark, and those that people marked.

--data has `spans/SOURCE.jsonl`, a JSON object on each line with "claim", its "label" and "spans" of the
characters that people marked in it, and its "evidence", or an "id" by which `grounding/dev.jsonl` or
`grounding/dev_unseen_domains.jsonl` has that. Each claim is a check of its sentences with its evidence as the
only passage, through SDK, wire and service, of a server that is started for it.

Precision is the share of the marked characters that people marked too, recall the share of theirs that are
marked, and F1 their harmonic mean, of the claims that are not supported; white space does not count. Beside
it is what marks every content word that the evidence does not have, and the share of the characters of
supported claims that are marked.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback.grounding.differences import spanned_words
from tieback_client import Check, Checked, Client
from tieback_contract.arrays import Span

from benchmarks.checker_left_out import domain_of
from benchmarks.classification import mean
from benchmarks.data_folder import add_data, data_of, evenly, laid_out, read_rows
from benchmarks.grounding import AT_ONCE
from benchmarks.left_out import claim_mean
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, asking

HOLDS = "claims with marked characters, and their evidence"
SOURCES = ("bump", "diasumfact", "goyal21", "ragtruth-qa", "wice-tokens", "xsumfaith")
EVIDENCE = ("dev.jsonl", "dev_unseen_domains.jsonl")


@dataclass(frozen=True, slots=True)
class Marked:
    """A claim, its evidence, and what people marked in it, as characters; nothing where it is supported."""

    claim: str
    evidence: str
    spans: Sequence[Span]
    is_supported: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """Characters: those marked that are wrong, all that are marked, all that are wrong, and all."""

    both: int
    marked: int
    wrong: int
    all: int


Found = tuple[Marked, Checked]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--only", nargs="+", metavar="SOURCE", default=SOURCES, help="of the sources [all]")
    parser.add_argument(
        "--most", type=int, default=20, metavar="N", help="claims of a source and a label, evenly taken [20]"
    )
    parser.add_argument("--checker", metavar="METHOD", help="a method of the family grounding [as served]")


def run(options: argparse.Namespace) -> Report:
    data = data_of(options, HOLDS)
    return measured({name: read(data, name, options.most) for name in options.only}, options.checker)


@laid_out()
def read(data: Path, source: str, most: int) -> list[Marked]:
    """The claims of a source, at most so many of those that are supported, and of those that are not."""
    evidence: dict[str, str] = {}
    for file in EVIDENCE:
        evidence |= {
            row["id"]: row["evidence"] for row in read_rows(data / "grounding" / file) if "id" in row
        }
    found: dict[bool, list[Marked]] = {True: [], False: []}
    for row in read_rows(data / "spans" / f"{source}.jsonl"):
        spans = [(one["start"], one["end"]) for one in row["spans"]]
        own = row["evidence"] if "evidence" in row else evidence[row["id"]]
        is_supported = row["label"] == "supported"
        found[is_supported].append(Marked(row["claim"], own, spans, is_supported))
    return [one for own in found.values() for one in evenly(own, most)]


def measured(sources: Mapping[str, Sequence[Marked]], checker: str | None = None) -> Report:
    """Measures the sources on a server that is started for it."""
    report = Report()
    with asking(settings=NO_GENERATOR) as client:
        tell(report, {name: list(asked(client, rows, checker)) for name, rows in sources.items()})
    return report


def asked(client: Client, rows: Sequence[Marked], checker: str | None = None) -> Iterator[Found]:
    """Outcomes of the claims that the server takes."""
    for begin in range(0, len(rows), AT_ONCE):
        some = rows[begin : begin + AT_ONCE]
        checks = [Check(one.claim, [one.evidence]) for one in some]
        for one, outcome in zip(some, client.check_all(checks, checker=checker).outcomes, strict=True):
            if isinstance(outcome, Checked):
                yield one, outcome


def tell(report: Report, found: Mapping[str, Sequence[Found]]) -> None:
    """Rows by source and by kind, and the means over sources."""
    rows = [row(name, own) for name, own in found.items()]
    report.table("marked characters by source", rows)
    every = [one for own in found.values() for one in own]
    report.table("marked characters by kind of disagreement", by_kind(every))
    domains = {name: domain_of(name) for name in found}
    marked, absent = ({one["source"]: one[name] for one in rows} for name in ("F1", "F1 of absent words"))
    claim_mean(report, "F1 of marked characters", marked, domains, f"> {mean(list(absent.values())):.3f}")


def row(source: str, found: Sequence[Found]) -> dict[str, Any]:
    """The measures of a source."""
    wrong = [(one, checked) for one, checked in found if not one.is_supported]
    right = [counts(one, marks_of(one, checked)) for one, checked in found if one.is_supported]
    own = [counts(one, marks_of(one, checked)) for one, checked in wrong]
    absent = [counts(one, absent_words(one)) for one, _ in wrong]
    return {
        "source": source,
        "domain": domain_of(source),
        "claims": len(wrong),
        "wrong characters": share(sum(one.wrong for one in own), sum(one.all for one in own)),
        **scores(own),
        "claims with a wrong word marked": share(sum(one.both > 0 for one in own), len(own)),
        **{f"{name} of absent words": value for name, value in scores(absent).items()},
        "supported claims": len(right),
        "marked of supported ones": share(sum(one.marked for one in right), sum(one.all for one in right)),
    }


def scores(own: Sequence[Counts]) -> dict[str, float]:
    """Precision, recall and F1 of characters, those of all claims together."""
    both, marked, wrong = (sum(getattr(one, name) for one in own) for name in ("both", "marked", "wrong"))
    return {
        "precision": share(both, marked),
        "recall": share(both, wrong),
        "F1": share(2 * both, marked + wrong),
    }


def by_kind(found: Iterable[Found]) -> list[dict[str, Any]]:
    """Of each kind of disagreement its sentences, and the share of the marked characters that are wrong."""
    rows: dict[str, list[Counts]] = {}
    for one, checked in found:
        if one.is_supported:
            continue
        for claim in checked.claims:
            verdict = checked.verdicts[claim.id]
            kind = verdict.disagreement.value if verdict.disagreement is not None else "none"
            rows.setdefault(kind, []).append(counts(one, characters(one.claim, verdict.marked)))
    return [
        {"disagreement": kind, "sentences": len(own), "precision": scores(own)["precision"]}
        for kind, own in sorted(rows.items())
    ]


def marks_of(one: Marked, checked: Checked) -> list[Span]:
    """Characters of the claim that the verdicts mark."""
    return [span for verdict in checked.verdicts.values() for span in characters(one.claim, verdict.marked)]


def absent_words(one: Marked) -> list[Span]:
    """Every content word that the evidence does not have."""
    terms = {word.term for word in spanned_words(one.evidence)}
    return [word.span for word in spanned_words(one.claim) if word.is_content and word.term not in terms]


def characters(text: str, spans: Sequence[Span]) -> list[Span]:
    """Bytes of a text as characters."""
    data = text.encode()
    return [(len(data[:begin].decode()), len(data[:end].decode())) for begin, end in spans]


def counts(one: Marked, spans: Sequence[Span]) -> Counts:
    """The characters of a claim that are marked, and that are wrong."""
    marked, wrong = (
        {place for begin, end in each for place in range(begin, end)} for each in (spans, one.spans)
    )
    shown = {place for place, character in enumerate(one.claim) if not character.isspace()}
    return Counts(len(marked & wrong & shown), len(marked & shown), len(wrong & shown), len(shown))


def share(part: float, whole: float) -> float:
    """A share; NaN of nothing."""
    return part / whole if whole else float("nan")
