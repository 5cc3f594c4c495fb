"""Measure what each rule about sentences gives and costs, alone or left out, domain by domain.

--data is laid out as shared/data. Nothing was learned from these sets or chosen by them, but for the pairs of
`benchmarks/generation/conflicts`, by whose first split the rules were made.

Conflicts: a claim of `grounding/dev_unseen_domains.jsonl` or `grounding/dev.jsonl` stands against those
sentences of its evidence that share most words with it, as a cited sentence does against those of other
passages. A rule is right where it names a claim that people found contradicted (of `bump`, whose false
claims are minimal edits, unsupported), and gives a false alarm where it names one that the evidence supports.

Quotes: a question of `answerable/dev_domains.jsonl` is asked of its own passage among others of its source.
A quote is right where it has an expected answer. Each filter of the choice is left out in turn. The same
questions, and those that their passage does not answer, are left open by rules, rightly or not.
"""

from __future__ import annotations

import argparse

from benchmarks.data_folder import add_data, data_of
from benchmarks.report import Report
from benchmarks.rules import abstaining, conflicts, quotes
from benchmarks.rules.networks import Networks

HOLDS = "grounding/*.jsonl and answerable/dev_domains.jsonl"
PARTS = {"conflicts": conflicts.measured, "quotes": quotes.measured, "abstaining": abstaining.measured}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument(
        "--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="these rules alone"
    )
    parser.add_argument("--most", type=int, default=100, metavar="N", help="of each label of a set [100]")


def run(options: argparse.Namespace) -> Report:
    folder, report, networks = data_of(options, HOLDS), Report(), Networks()
    for name, measured in PARTS.items():
        if name in options.only:
            measured(report, folder, networks, options.most)
    return report
