"""Questions with the passage that may answer them, and the rule by which a quote of it is right.

A quote is right if it has one of the answers, as `tieback eval` counts it, or if it overlaps the sentence by
which people answered: at least half of the shorter of both is the same place of the passage. A question of
which is only known whether the passage answers (no answers, or a bare yes or no without its sentence) tells
nothing of a quote where the passage answers; where it does not, every quote is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback_client.evaluation import is_right
from tieback_client.evaluation.judging import YES_OR_NO

from benchmarks.data_folder import evenly, laid_out, read_rows

Span = tuple[int, int]
DOMAINS: Mapping[str, Sequence[str]] = {
    "medicine": ("pubmedqa",),
    "Wikipedia": ("squad2", "clapnq", "qed"),
}
"""Domains of sources whose rows name none."""
FILES: Mapping[str, Sequence[str]] = {
    "domains": ("answerable/dev_domains.jsonl",),
    "dev": ("answerable/dev.jsonl",),
    "all": ("answerable/dev_domains.jsonl", "answerable/dev.jsonl"),
    "languages": ("crosslingual/dev.jsonl",),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of one passage. `evidence` are the places of the sentences that answer, in bytes of it."""

    question: str
    passage: str
    answerable: bool
    answers: Sequence[str]
    evidence: Sequence[Span]
    domain: str
    opened: str = ""
    """Reason why the question has no answer, in the words of the data."""

    @property
    def tells_quotes(self) -> bool:
        """True if it can be told whether a quote is right."""
        is_bare = all(one.strip().lower() in YES_OR_NO for one in self.answers)
        return not self.answerable or bool(self.evidence) or not is_bare

    def is_right(self, text: str, places: Iterable[Span]) -> bool:
        """Tell whether a quote is right, by its text and its places in the passage."""
        if not self.answerable:
            return False
        return is_right(text, self.answers) or any(
            _overlap(place, own) for place in places for own in self.evidence
        )


@laid_out()
def read(folder: Path, sets: str, most: int) -> dict[str, list[Asked]]:
    """The questions by source (of several languages by language), at most so many of each, evenly taken."""
    found: dict[str, list[Asked]] = {}
    for file in FILES[sets]:
        for row in read_rows(folder / file):
            source = row.get("language") or row["source"]
            found.setdefault(source, []).append(_asked(row, source))
    return {name: evenly(own, most) for name, own in found.items()}


def _asked(row: Mapping[str, Any], source: str) -> Asked:
    domain = row.get("domain") or next((name for name, own in DOMAINS.items() if source in own), source)
    evidence = row.get("evidence_sentence") or row.get("sentence") or ""
    return Asked(
        row["question"],
        row["passage"],
        bool(row["answerable"]),
        row["answers"],
        _places(row["passage"], evidence.split("\n")) if row["answerable"] else [],
        domain,
        row.get("negative") or "",
    )


def _places(passage: str, lines: Iterable[str]) -> list[Span]:
    found = []
    for line in filter(None, (one.strip() for one in lines)):
        if (begin := passage.find(line)) >= 0:
            at = len(passage[:begin].encode())
            found.append((at, at + len(line.encode())))
    return found


def _overlap(one: Span, other: Span) -> bool:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared > 0 and 2 * shared >= min(one[1] - one[0], other[1] - other[0])
