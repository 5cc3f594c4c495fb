"""Filters of the choice of quotes: each left out in turn, on questions of domains that none was made by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from tieback.core.text.passage_units import in_bytes
from tieback.core.text.visible import as_displayed
from tieback.generator.evidence import quotes
from tieback.generator.evidence.passages import ReadEvidence
from tieback.methods.answerability import Judgement
from tieback.methods.answerability.question_alignment import alignment
from tieback.methods.grounding import Passage
from tieback_client.evaluation import is_right
from tieback_contract.arrays import Array

from benchmarks.data_folder import read_rows
from benchmarks.report import Report
from benchmarks.rules.networks import Networks

BESIDE = 3
"""Passages of other questions of the source, beside the own one."""
ENDS = 2000
"""Bytes of a passage that are read."""


FILTERS: Mapping[str, Callable[..., Any]] = {
    "_states": lambda _: True,
    "_told_once": lambda _, places: list(places)[: quotes.MOST_QUOTES],
}
"""Replacements of the filters that are left out."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with an answer, its passage, and those beside it."""

    source: str
    question: str
    answers: Sequence[str]
    passages: Sequence[tuple[str, str]]


def measured(report: Report, folder: Path, networks: Networks, most: int) -> None:
    """Rows by what is left out and source: how many first quotes, and how many of all, are right."""
    every = list(asked_of(folder / "answerable" / "dev_domains.jsonl", most))
    read = [_read(one, networks) for one in every]
    chosen = {"nothing": [quotes.best(one) for one in read]}
    for name in (*FILTERS, "all"):
        with ExitStack() as left_out:
            for one in FILTERS if name == "all" else (name,):
                left_out.enter_context(patch.object(quotes, one, FILTERS[one]))
            chosen[name] = [quotes.best(one) for one in read]
    report.table("quotes, one filter left out", list(_rows(every, read, chosen)))


def asked_of(path: Path, most: int) -> Iterator[Asked]:
    """At most so many questions with an answer of each source, evenly taken."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in read_rows(path):
        if row["answerable"] and row["answers"]:
            found.setdefault(row["source"], []).append(row)
    for source, own in sorted(found.items()):
        count = min(most, len(own))
        chosen = [own[len(own) * place // count] for place in range(count)]
        for place, row in enumerate(chosen):
            beside = [chosen[(place + step) % count] for step in range(BESIDE + 1)]
            texts = [
                (one["passage"].encode()[:ENDS].decode(errors="ignore"), one.get("title", ""))
                for one in beside
            ]
            yield Asked(source, as_displayed(row["question"]), row["answers"], texts)


def _read(one: Asked, networks: Networks) -> ReadEvidence:
    cut = [list(in_bytes(text, title)) for text, title in one.passages]
    read = networks.statements(
        [one.question, *(as_displayed(unit.read) for units in cut for unit, _ in units)]
    )
    question, passages, values = read[one.question], [], []
    for (text, title), units in zip(one.passages, cut, strict=True):
        own = [read[as_displayed(unit.read)] for unit, _ in units]
        vectors = np.array([each.vector for each in own]).reshape(len(own), len(question.vector))
        rows = [each.rows for each in own]
        passages.append(Passage(text, [span for _, span in units], vectors, rows, (), title))
        values.append(_means(question.rows, rows))
    return ReadEvidence(question, passages, values, Judgement(np.zeros(len(passages)), 0.0), values)


def _means(question: Array, rows: Sequence[Array]) -> Array:
    found = alignment(question, rows)
    return found.mean(axis=1) if found.size else np.zeros(len(rows))


def _rows(
    every: Sequence[Asked], read: Sequence[ReadEvidence], chosen: Mapping[str, Sequence[Sequence[Any]]]
) -> Iterator[dict[str, Any]]:
    """A row for each thing left out and source, where that changes anything: `changed` are the questions with
    other quotes than now.
    """
    for name, places in chosen.items():
        for source in (*dict.fromkeys(one.source for one in every), "all"):
            own = [number for number, one in enumerate(every) if source in (one.source, "all")]
            right = {
                which: [
                    is_right(" ".join(read[n].text(*place) for place in some[n]), every[n].answers)
                    for n in own
                ]
                for which, some in (("with", chosen["nothing"]), ("without", places))
            }
            changed = sum(places[n] != chosen["nothing"][n] for n in own)
            if source != "all" and name != "nothing" and not changed:
                continue
            pairs = list(zip(right["with"], right["without"], strict=True))
            yield {
                "left out": name, "source": source, "questions": len(own),
                "right": float(np.mean(right["without"])),
                "changed": changed,
                "better with it": sum(a and not b for a, b in pairs),
                "worse with it": sum(b and not a for a, b in pairs),
            }  # fmt: skip
