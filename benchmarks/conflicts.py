"""Passages that disagree, by domain: how many are named, and how often passages that agree are called so.

--data has `grounding/dev.jsonl` and `grounding/dev_unseen_domains.jsonl`, of which the sources count that
have claims people found contradicted. A claim and its evidence are two passages, and the claim is checked by
both, through SDK, wire and service, of a server that is started for it. The claim stands in the first passage
word for word, so what is measured is whether the second one is said to disagree. It should be where the label
is `contradicted`, and not where it is `supported` or `unsupported`.

A conflict has no score on the wire, so no threshold is chosen here: the numbers are as served.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tieback_client import Check, Checked, Client, VerdictLabel

from benchmarks.checker_left_out import domain_of
from benchmarks.classification import share
from benchmarks.data_folder import add_data, data_of
from benchmarks.grounding import ALL, AT_ONCE, FILES, NO_GENERATOR, Labelled, read
from benchmarks.left_out import claim_mean
from benchmarks.report import Report
from benchmarks.served import StartError, started

HOLDS = "labelled claims (grounding)"
NAMED, FALSE_ALARMS = 0.5, 0.03
Told = Sequence[tuple[VerdictLabel, str]]
"""Label of each claim, and the kind of the conflict that was named; empty where none was."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument(
        "--most", type=int, default=400, metavar="N", help="claims of a source, evenly taken [400]"
    )


def run(options: argparse.Namespace) -> Report:
    folder = data_of(options, HOLDS) / "grounding"
    try:
        files = [read(folder / file, options.most) for file in FILES[ALL]]
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f"conflicts: --data: {error}") from None
    sets = {name: rows for file in files for name, rows in file.items()}
    return measured(
        {
            name: rows
            for name, rows in sets.items()
            if VerdictLabel.CONTRADICTED in {one.label for one in rows}
        }
    )


def measured(sets: Mapping[str, Sequence[Labelled]]) -> Report:
    """Measures the sets on a server that is started for it."""
    report = Report()
    with tempfile.TemporaryDirectory() as store:
        try:
            with (
                started(Path(store), local=True, settings=NO_GENERATOR) as one,
                one.ready(300).client() as client,
            ):
                tell(report, {name: told(client, rows) for name, rows in sets.items()})
        except StartError as error:
            report.claim("the server starts", None, "", ">= 1", note=str(error))
    return report


def told(client: Client, labelled: Sequence[Labelled]) -> Told:
    """The conflict that is named of each claim that the server takes."""
    found = []
    for begin in range(0, len(labelled), AT_ONCE):
        some = labelled[begin : begin + AT_ONCE]
        asked = [Check(one.claim, [one.claim, *one.evidence], [(0, len(one.claim.encode()))]) for one in some]
        for one, outcome in zip(some, client.check_all(asked).outcomes, strict=True):
            if isinstance(outcome, Checked):
                found.append((one.label, outcome.conflicts[0].kind.value if outcome.conflicts else ""))
    return found


def tell(report: Report, found: Mapping[str, Told]) -> None:
    """Rows by source, what was named, and means over sources."""
    rows = [row(name, own) for name, own in found.items()]
    report.table("conflicts by source", rows)
    kinds = Counter((label.value, kind) for own in found.values() for label, kind in own if kind)
    report.table(
        "named, by label and kind",
        [
            {"claims that are": label, "called": kind, "count": kinds[label, kind]}
            for label, kind in sorted(kinds)
        ],
    )
    domains = {one["source"]: one["domain"] for one in rows}
    for name, target in (
        ("contradicted, named", f">= {NAMED}"),
        ("supported, called so", f"<= {FALSE_ALARMS}"),
    ):
        claim_mean(report, name, {one["source"]: one[name] for one in rows}, domains, target)


def row(name: str, own: Told) -> dict[str, Any]:
    """Measures of one source."""
    kinds = {
        label: [kind != "" for one, kind in own if one is label]
        for label in (VerdictLabel.CONTRADICTED, VerdictLabel.SUPPORTED, VerdictLabel.UNSUPPORTED)
    }
    named = [label is VerdictLabel.CONTRADICTED for label, kind in own if kind]
    return {
        "domain": domain_of(name),
        "source": name,
        "claims": len(own),
        "contradicted": len(kinds[VerdictLabel.CONTRADICTED]),
        "contradicted, named": share(kinds[VerdictLabel.CONTRADICTED]),
        "supported, called so": share(kinds[VerdictLabel.SUPPORTED]),
        "unsupported, called so": share(kinds[VerdictLabel.UNSUPPORTED]),
        "named": len(named),
        "rightly": share(named),
    }
