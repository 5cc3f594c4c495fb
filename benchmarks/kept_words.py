"""Count the words that files show and that are kept when they are read, by format.

Every file below the given folders is read as `tieback index` reads it, and its words are counted a second
time without the parser of its format. Formats whose words are not counted are left out, and so are binary
files. The files that keep the least of 50 words or more are named.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tieback_client import TiebackError
from tieback_client.files import Document, read_document
from tieback_client.files.document import FEW

from benchmarks.report import Report

WORST = 10
LEAST = 0.97


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="with files of any formats")


def run(options: argparse.Namespace) -> Report:
    """One pass over the folders."""
    report = Report()
    files: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    thin: Counter[str] = Counter()
    least: list[tuple[float, str]] = []
    for path, document in read(options.folders):
        visible, kind = document.visible_words or 0, document.kind
        files[kind] += 1
        shown[kind] += visible
        kept[kind] += min(document.kept_words, visible)
        thin[kind] += document.is_thin
        if visible >= FEW and document.kept is not None:
            least = sorted([*least, (document.kept, str(path))])[:WORST]
    report.table(
        "kept, by format",
        [
            {
                "format": kind,
                "files": files[kind],
                "words": shown[kind],
                "kept": kept[kind] / max(shown[kind], 1),
                "thin": thin[kind],
            }
            for kind in sorted(files)
        ],
    )
    report.table("the least", [{"kept": share, "file": path} for share, path in least])
    for kind in sorted(files):
        share = kept[kind] / shown[kind] if shown[kind] else None
        report.claim(f"words of {kind} that are kept", share, "share", f">= {LEAST}")
    return report


def read(folders: Iterable[Path]) -> Iterable[tuple[Path, Document]]:
    """The documents whose words are counted."""
    for folder in folders:
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            try:
                document = read_document(path)
            except TiebackError:
                continue
            if document.visible_words is not None:
                yield path, document
