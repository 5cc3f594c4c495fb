"""Texts of several languages as they are read: ends of sentences, encodings and languages.

`crosslingual/dev.jsonl` of --data has questions and passages in Arabic, Chinese, English, French, German,
Russian, Spanish and Turkish. Sentences: of the passages, ends whose next sentence begins with a letter in
lower case, which in edited text is nearly always a wrong end. Encodings: questions and passages in the
usual encodings of their language, decoded as files are; a text is right if it comes back as it was.
Languages: English claims of `grounding/*.jsonl` that are taken for another language, by source, and texts
in other languages that are taken for English.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tieback.core.text.sentences import sentences
from tieback.grounding.languages import is_foreign
from tieback_client.files import read_document

from benchmarks.data_folder import add_data, data_of, read_rows
from benchmarks.report import Report

HOLDS = "crosslingual/dev.jsonl and grounding/*.jsonl"
WESTERN = ("iso-8859-1", "windows-1252")
ENCODINGS = {
    "de": WESTERN,
    "es": WESTERN,
    "fr": WESTERN,
    "ru": ("windows-1251", "koi8-r"),
    "tr": ("windows-1254",),
    "zh": ("gb18030",),
    "ar": ("windows-1256",),
}
CLAIMS = ("train", "train_more", "dev", "dev_unseen_domains")
FEWEST = 1000
"""Claims of a source that is named."""
MOST_ENGLISH = 0.002


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--most", type=int, default=3000, metavar="N", help="claims of each source [3000]")


def run(options: argparse.Namespace) -> Report:
    folder = data_of(options, HOLDS)
    rows = list(read_rows(folder / "crosslingual" / "dev.jsonl"))
    report = Report()
    report.table("sentences", list(ends_by_language(rows)))
    report.table("encodings", list(encodings_by_language(rows)))
    languages(report, rows, folder / "grounding", options.most)
    return report


def ends_by_language(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """For each language, ends of sentences of its passages, and those before a letter in lower case."""
    for language, passages in _by_language(rows, "passage").items():
        begun, ends, lower = time.process_time(), 0, 0
        for text in passages:
            spans = sentences(text)
            ends += len(spans) - 1
            lower += sum(text[begin].islower() for begin, _ in spans[1:])
        seconds = time.process_time() - begun
        yield {
            "language": language,
            "passages": len(passages),
            "ends": ends,
            "before lower case": lower,
            "s": seconds,
        }


def encodings_by_language(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """For each language, the share of texts that are decoded as they were."""
    for language, encodings in ENCODINGS.items():
        row: dict[str, Any] = {"language": language}
        for kind, name in (("question", "short"), ("passage", "long")):
            encoded = [
                (text, data)
                for text in _by_language(rows, kind)[language]
                for encoding in encodings
                if (data := _encoded(text, encoding)) is not None
            ]
            right = sum(read_document(data, "a.txt").text.strip() == text for text, data in encoded)
            row |= {f"{name} texts": len(encoded), f"{name}, right": right / max(len(encoded), 1)}
        yield row


def languages(report: Report, rows: list[dict[str, Any]], folder: Path, most: int) -> None:
    """English claims taken for another language, by source, and other languages taken for English."""
    claims: dict[str, list[str]] = defaultdict(list)
    for name in CLAIMS:
        for row in read_rows(folder / f"{name}.jsonl"):
            if len(claims[row["source"]]) < most:
                claims[row["source"]].append(row["claim"])
    wrong = {source: sum(map(is_foreign, texts)) for source, texts in claims.items()}
    report.table(
        "English claims taken for another language",
        [
            {"source": source, "claims": len(texts), "share": wrong[source] / len(texts)}
            for source, texts in claims.items()
            if len(texts) >= FEWEST
        ],
    )
    others = [
        {"language": language, "texts": len(texts), "taken for English": _share_of_english(texts)}
        for language in ENCODINGS
        for texts in [_by_language(rows, "question")[language] + _by_language(rows, "passage")[language]]
    ]
    report.table("texts in other languages", others)
    share = sum(wrong.values()) / sum(map(len, claims.values()))
    report.claim("English claims taken for another language", share, "", f"<= {MOST_ENGLISH}")


def _share_of_english(texts: list[str]) -> float:
    return sum(not is_foreign(text) for text in texts) / len(texts)


def _by_language(rows: list[dict[str, Any]], field: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row["language"]].append(row[field].strip())
    return {language: list(dict.fromkeys(texts)) for language, texts in sorted(found.items())}


def _encoded(text: str, encoding: str) -> bytes | None:
    """The text in an encoding; None where that cannot hold it, or where all encodings hold it alike."""
    try:
        data = text.encode(encoding)
    except UnicodeEncodeError:
        return None
    return None if data.isascii() else data
