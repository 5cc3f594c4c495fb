"""Labelled pairs of evidence and claim, and vectors of tokens of many texts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.methods.grounding._features import LABELS
from tieback.models.encoder_model import EncoderModel, Prepared
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

NAMES = {str(label): place for place, label in enumerate(LABELS)}
NAMES |= dict(zip(("entailment", "contradiction", "neutral"), NAMES.values(), strict=True))
"""The network's outputs by the names of labels in files."""

EVIDENCE, CLAIM = ("evidence", "premise"), ("claim", "hypothesis")
LONGEST = 600
"""Characters of a claim or a sentence that are read."""
TOKENS_AT_ONCE = 1536
ROW = np.float16
"""Rows are kept in half precision: all pairs are in memory."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A claim with its evidence; the label's number; the set that it is of.

    `wrong` are the characters of the claim that the evidence does not have; None where nobody marked them.
    `domain` is the kind of texts: the first word of what the set says of it, or of the set's own name.
    """

    evidence: str
    claim: str
    label: int
    source: str
    wrong: tuple[tuple[int, int], ...] | None = None
    domain: str = ""


def read_pairs(files: Iterable[Path], *, most: int, seed: int) -> list[Pair]:
    """The pairs of JSONL files, at most so many of each set, drawn by the seed.

    A line with "spans" and no evidence marks the claim of a set that it names. Lines with a question are left
    out. StartupError where a line is another.
    """
    found: dict[str, list[Pair]] = {}
    marked: dict[tuple[str, str], tuple[tuple[int, int], ...]] = {}
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip():
                continue
            one = _line(line, path, number)
            if isinstance(one, Pair):
                found.setdefault(one.source, []).append(one)
            elif one is not None:
                marked[one[:2]] = one[2]
    for source, pairs in found.items():
        found[source] = [replace(one, wrong=marked.get((source, one.claim))) for one in pairs]
    draw = np.random.default_rng(seed)
    chosen: list[Pair] = []
    for source in sorted(found):
        pairs = found[source]
        places = np.sort(draw.choice(len(pairs), min(len(pairs), most), replace=False))
        chosen += [pairs[place] for place in places.tolist()]
    return chosen


def _line(line: str, path: Path, number: int) -> Pair | tuple[str, str, tuple[tuple[int, int], ...]] | None:
    """A pair; or the set, the claim and the characters that are wrong in it; or nothing."""
    try:
        said: Any = json.loads(line)
        if "question" in said and not any(name in said for name in CLAIM):
            return None
        if "spans" in said and not any(name in said for name in EVIDENCE):
            spans = tuple((int(one["start"]), int(one["end"])) for one in said["spans"])
            return str(said["source"]), str(said["claim"]), spans
        evidence = next(said[name] for name in EVIDENCE if name in said)
        claim = next(said[name] for name in CLAIM if name in said)
        source = str(said.get("source", path.stem))
        domain = str(said.get("domain") or source.partition("-")[0]).partition(" ")[0].rstrip(",")
        return Pair(str(evidence), str(claim), NAMES[said["label"]], source, None, domain)
    except (ValueError, TypeError, KeyError, StopIteration):
        raise StartupError(
            f"{path.name}, line {number}: a pair is a JSON object with evidence, claim, and a label out of "
            f"{', '.join(NAMES)}"
        ) from None


def encoded(model: EncoderModel, texts: Sequence[str]) -> tuple[Array, list[Array]]:
    """Vectors `[texts, width]` and the rows of each text's tokens; a text without a word has none."""
    plan = EncodePlan(kinds=frozenset({VectorKind.DENSE, VectorKind.MULTI_VECTOR}))
    dense = np.zeros((len(texts), model.card.width), np.float32)
    rows = [np.zeros((1, model.card.width), ROW) for _ in texts]
    prepared: list[tuple[int, Prepared]] = []
    for place, text in enumerate(texts):
        try:
            read = EncodePlan(truncation=Truncation.END)
            prepared.append((place, model.prepare(Content(Modality.TEXT, text), read, Limits())))
        except InvalidInput:  # nothing in it that the encoder reads as a word
            continue
    prepared.sort(key=lambda one: one[1].tokens)
    begin = 0
    while begin < len(prepared):
        count = max(1, TOKENS_AT_ONCE // prepared[min(begin + 32, len(prepared) - 1)][1].tokens)
        batch = prepared[begin : begin + count]
        for (place, _), encoding in zip(batch, model.run([one for _, one in batch], plan), strict=True):
            if encoding.dense is not None and encoding.rows is not None and len(encoding.rows):
                dense[place], rows[place] = encoding.dense, encoding.rows.astype(ROW)
        begin += count
    return dense, rows
