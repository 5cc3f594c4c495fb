"""Worth of an upgrade of a collection by each way, and what its plan says of it beforehand.

By `--parts ways`: with the judged collections of DIR (retrieval/*, cranfield) and pairs of text encoders, in
arrays: both spaces read, by the share re-embedded; translation, by policy and by what it was learned from;
and the plan against what is then measured. Any folder of the same layout does.

By `--parts photos`: the same for photos, where the new encoder is the old one's network under another
training (`benchmarks/upgrade_photos.py`).
"""

from __future__ import annotations

import argparse

from benchmarks import upgrade_photos, upgrade_ways
from benchmarks.data_folder import add_data, data_of
from benchmarks.progress import log
from benchmarks.report import Report

PARTS = {"ways": upgrade_ways.study, "photos": upgrade_photos.study}
HOLDS = "judged texts and photos"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these collections alone")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS], help="by default both")


def run(options: argparse.Namespace) -> Report:
    report, data = Report(), data_of(options, HOLDS)
    for part in options.parts:
        PARTS[part](report, data, options.only, log)
    return report
