"""Texts that speak of neither a photo nor a sound, told by kind: questions, passages, queries, premises.

Half of the kinds were looked at while the router was chosen, and the aim is for the others. Sentences that
came from captions of photos (SNLI and what was made from it) count for neither side, and are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tieback.models.joint.artifact import JointSpaceArtifact

from benchmarks.binding.data import Data
from benchmarks.binding.encoders import Encoders
from benchmarks.binding.text_routing import taken_for
from benchmarks.data_folder import read_rows
from benchmarks.report import Report

TARGET = 0.95
MOST = 100
"""Texts of a kind, spread over what there is."""
FROM_CAPTIONS = frozenset({"snli", "breaking", "counterfactual"})
LOOKED_AT = frozenset(
    {
        *("nli: fever", "questions: clapnq", "questions: pubmedqa", "questions: qed", "questions: squad2"),
        *("questions: truthfulqa", "queries: cacm", "queries: med", "queries: adi"),
        *("sts: 2012-OnWN", "sts: 2013-headlines"),
    }
)


def measure(bound: JointSpaceArtifact, data: Data, encoders: Encoders, report: Report) -> None:
    """The share of each kind that is taken for neither; nothing without texts."""
    rows: list[dict[str, object]] = []
    for kind, texts in kinds(data, data.folder).items():
        dense = encoders.texts(texts)
        places = [
            one for one in ("image", "audio", "text") if one in {b.modality.value for b in bound.blocks}
        ]
        right = float((taken_for(bound, dense, places) == places.index("text")).mean())
        looked = "yes" if kind in LOOKED_AT else "no"
        rows.append({"kind": kind, "texts": len(texts), "taken for neither": right, "looked at": looked})
    if not rows:
        return
    report.table("texts that speak of neither", rows)
    for looked, what in (("no", "kinds that were not looked at"), ("yes", "kinds that were looked at")):
        found = [(row["taken for neither"], row["kind"]) for row in rows if row["looked at"] == looked]
        if found:
            least = min(found, key=lambda one: str(one[0]))
            shares = np.array([share for share, _ in found], float)
            report.claim(
                f"texts of neither told apart, mean of {len(found)} {what}",
                float(shares.mean()), "", f">= {TARGET:g}", note=f"least {shares.min():.3f} ({least[1]})",
            )  # fmt: skip


def kinds(data: Data, folder: Path) -> Mapping[str, list[str]]:
    """By kind, `MOST` texts at most, each once."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in _if_there(folder / "nli" / "train.jsonl"):
        if row["source"] not in FROM_CAPTIONS:
            found[f"nli: {row['source']}"].append(row["hypothesis"])
    for row in _if_there(folder / "answerable" / "dev.jsonl"):
        found[f"questions: {row['source']}"].append(row["question"])
        found[f"passages: {row['source']}"].append(row["passage"])
    for row in _if_there(folder / "truthfulqa.jsonl"):
        found["questions: truthfulqa"].append(row["question"])
    for name, one in data.collections.items():
        found[f"queries: {name}"] += [text for text, _ in one.queries]
    for name, pairs in data.pairs.items():
        found[f"sts: {name}"] += [a for a, _, _ in pairs]
    return {kind: _spread(list(dict.fromkeys(texts))) for kind, texts in found.items() if texts}


def _if_there(path: Path) -> list[dict[str, str]]:
    return list(read_rows(path)) if path.is_file() else []


def _spread(texts: list[str]) -> list[str]:
    return texts[:: -(-len(texts) // MOST)]
