"""A hypothesis that attends to the tokens of its premise, against pooled vectors (BERT with cross-attention).

Trained on pairs of nli/train, tested on pairs of nli/dev, equally many of each label, so accuracy is balanced
accuracy and a guess is right in a third. The rivals have the sentence vectors of both in a network of equally
many parameters: side by side, multiplied, and both at once. Premises have 24 words at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tieback.catalog.catalog import Catalog
from tieback.core.types.content import Content
from tieback.models.content_rows import padded, row_kinds
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.train.encoded_rows import AT_ONCE, encoded_rows, rows_of
from tieback.training.step_cache import StepCache
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_lab.methods.fusion import Goal
from tieback_lab.recipes.train.fusing import Things

from benchmarks.lab.fusion._compared import Comparison, classified, learned
from benchmarks.lab.fusion._things import NLI_LABELS, TEXT, dense, nli_pairs, things
from benchmarks.progress import log
from benchmarks.report import Report

LEARNED, TESTED = 1500, 400
"""Pairs of each label."""
STEPS = 600
OURS, CONCATENATED, MULTIPLIED, BOTH = (
    "cross-attention", "concatenation", "product", "concatenation and product",
)  # fmt: skip
SIZES: dict[str, int] = {CONCATENATED: 72, MULTIPLIED: 116, BOTH: 52}
"""Widths inside the rivals, by which they have as many parameters as cross-attention, within a twentieth."""


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds tables and claims."""
    training, tested = (_ways(data / "nli", *one) for one in (("train", LEARNED), ("dev", TESTED)))
    comparison = Comparison("balanced accuracy, nli/dev", ("premise", "hypothesis"))
    counts: dict[str, int] = {}
    for seed in range(seeds):
        log(f"seed {seed}")
        for way in training:
            method, inner = ("cross_attention", 64) if way == OURS else ("parallel", SIZES[way])
            state = learned(method, training[way], seed, steps=STEPS, dropout=0.0, inner=inner)
            comparison.add(way, classified(method, state, tested[way]))
            counts[way] = sum(one.size for one in state.values())
        comparison.add_rivals(
            training[CONCATENATED], tested[CONCATENATED], seed, steps=STEPS, inner=SIZES[CONCATENATED]
        )
    comparison.table(report)
    report.table("numbers of each state", [{"way": way, "numbers": count} for way, count in counts.items()])
    name = "hypothesis and premise, nli/dev"
    for other in (CONCATENATED, MULTIPLIED, BOTH):
        comparison.claim(report, name, OURS, other, 33, of="paper" if other == CONCATENATED else "ours")
    comparison.claim_rivals(report, name, OURS, 33)


def _ways(folder: Path, name: str, most: int) -> dict[str, Things]:
    """The pairs as each way has them."""
    pairs = nli_pairs(folder, name, most)
    premises, hypotheses = (
        [Content(Modality.TEXT, str(one[key])) for one in pairs] for key in ("premise", "hypothesis")
    )
    rows, there, one = _tokens(f"premises of nli/{name}", premises)
    other = dense(TEXT, f"hypotheses of nli/{name}", hypotheses)
    groups = np.array([NLI_LABELS.index(one["label"]) for one in pairs], np.int64)
    parts: dict[str, Sequence[Array]] = {
        CONCATENATED: [one, other], MULTIPLIED: [one * other], BOTH: [one, other, one * other],
    }  # fmt: skip
    return {
        OURS: Things([rows], [there], other, Goal(groups, len(NLI_LABELS))),
        **{
            way: things(given, np.ones((len(pairs), len(given)), bool), groups, len(NLI_LABELS))
            for way, given in parts.items()
        },
    }


def _tokens(what: str, contents: Sequence[Content]) -> tuple[Array, Array, Array]:
    """The rows of tokens `[contents, most tokens, width]`, their mask, and the vectors of the whole texts."""
    card = next(one for one in Catalog.load().encoders() if one.name == TEXT)

    def make() -> dict[str, Array]:
        log(f"encoding tokens of {len(contents)} {what}")
        read = [(one, what) for one in contents]
        found = encoded_rows(load_encoder(card, Store()), read, row_kinds(True), at_once=AT_ONCE)
        rows, mask = padded([rows_of(one) for one in found])
        whole = np.stack([one.dense for one in found if one.dense is not None])
        return {"rows": rows.astype(np.float16), "mask": mask.astype(np.uint8), "whole": whole}

    inputs = {"space": f"{card.space} {card.space.fingerprint}", "contents": [one.data for one in contents]}
    step = StepCache(Store().steps).arrays(f"tokens of {what}", _tokens, inputs, make)
    return np.asarray(step["rows"], np.float32), np.asarray(step["mask"], bool), np.asarray(step["whole"])
