"""Method 46: two frozen spaces agree better in a small subspace than as a whole (arXiv:2503.05283).

Real: sentences, each encoded by two text encoders that were trained apart. Anchors are sentences in both
spaces; of the others, each one's partner is sought in the other space among all of them. In the subspace,
both sides are compared in the k canonical variates. The whole space is tried in two ways. One is least
squares as they come. The other is the best that affine can do: the best, on what is sought, of several ridges
and of comparing the target's vectors as they are or less their mean, since in the subspace means are taken
off as well. Projecting through the subspace back into the target is in the table too: it is what a block of
the joint space can take in, and loses what the subspace lacks. The default ridge of `cca_affine` was chosen
on sentences of these sets.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tieback.catalog.catalog import Catalog
from tieback.core.types import Content, Limits, Modality, Truncation, VectorKind
from tieback.methods.projection import affine, cca_affine, unit_rows
from tieback.models.loading import load_encoder
from tieback.models.store import Store

from benchmarks import corpus
from benchmarks.claims import claim
from benchmarks.report import Report

Floats = NDArray[np.floating[Any]]

METHOD = "46 (arXiv:2503.05283)"
SOURCE = "all-minilm-l6-v2"
TARGETS = ("wordllama-256", "paraphrase-minilm-l3-v2")
ANCHORS, MORE = 200, 400
DIMENSIONS = (20, 50)
SOUGHT = 1000  # among so many, or as many as there are
FEWEST = 100
PLAIN = "affine without a ridge"
RIDGES = (0.1, 1.0)
BATCH = 32
GAIN, SAME = 10.0, 1e-3


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    folder = os.environ.get(corpus.VARIABLE)
    texts = corpus.read(Path(folder) if folder else None)
    sentences = texts.short[: MORE + SOUGHT]
    if len(sentences) < MORE + FEWEST:
        raise corpus.CorpusError(f"{len(sentences)} short sentences; it takes {MORE + FEWEST}")
    vectors = {}
    for space in (SOURCE, *TARGETS):
        say(f"{len(sentences)} sentences in {space}")
        vectors[space] = encoded(space, sentences)
    rows = []
    for target in TARGETS:
        say(f"{SOURCE} -> {target}")
        rows += _pair(report, vectors[SOURCE], vectors[target], target, seeds)
    kind = texts.source.partition(",")[0]
    report.table(f"{METHOD}: partners found first in per cent, {SOURCE} -> another space, {kind}", rows)


def _pair(
    report: Report, source: Floats, target: Floats, name: str, seeds: Sequence[int]
) -> list[dict[str, Any]]:
    found: dict[int, list[dict[str, float]]] = {
        count: [found_first(source, target, count, seed) for seed in seeds] for count in (ANCHORS, MORE)
    }
    pair = f"{SOURCE} -> {name}"
    worst = f"least squares is at its worst where anchors are about as many as the width, {source.shape[1]}"
    for kind in ("plain", "best"):
        of = {count: PLAIN if kind == "plain" else _best(of_seeds) for count, of_seeds in found.items()}
        gaps = {
            count: {k: [one[inside(k)] - one[of[count]] for one in of_seeds] for k in DIMENSIONS}
            for count, of_seeds in found.items()
        }
        for k in DIMENSIONS:
            ours, theirs = (_mean(found[ANCHORS], way) for way in (inside(k), of[ANCHORS]))
            claim(
                report,
                f"{METHOD}: R@1, {pair}, {ANCHORS} anchors, CCA-{k} less the {kind} full-space affine",
                gaps[ANCHORS][k],
                "points",
                f">= {GAIN:g}",
                note=f"{ours:.1f} % against {theirs:.1f} % ({of[ANCHORS]}); {len(source) - MORE} sought",
            )
        most = max(DIMENSIONS)
        claim(
            report,
            f"{METHOD}: {pair}, gap of CCA-{most} to the {kind} affine, {MORE} anchors less {ANCHORS}",
            [a - b for a, b in zip(gaps[MORE][most], gaps[ANCHORS][most], strict=True)],
            "points",
            "< 0",
            note=worst if kind == "plain" else "",
        )
    claim(
        report,
        f"{METHOD}: {pair}, k as large as can be, largest difference to affine",
        [difference_at_full_rank(source, target, seed) for seed in seeds],
        "",
        f"<= {SAME:g}",
    )
    return [
        {
            "to": name,
            "way": way,
            **{f"{count} anchors": _mean(of_seeds, way) for count, of_seeds in found.items()},
        }
        for way in found[ANCHORS][0]
    ]


def found_first(source: Floats, target: Floats, anchors: int, seed: int) -> dict[str, float]:
    """R@1 in per cent by way. The first MORE of a random order are for anchors, the rest is sought."""
    order = np.random.default_rng(seed).permutation(len(source))
    known, sought = order[:anchors], order[MORE:]
    left, right = source[sought], target[sought]
    mean = target[known].mean(axis=0)
    # All but no ridge: with none at all, `affine` refuses fewer anchors than the width.
    fitted = affine.fit(source[known], target[known], ridge=1e-9)
    found = {PLAIN: _first(affine.affine(left, fitted), right)}
    for ridge in RIDGES:
        fitted = affine.fit(source[known], target[known], ridge=ridge)
        found[f"affine, ridge {ridge:g}"] = _first(affine.affine(left, fitted), right)
        moved = left @ fitted["map"] + fitted["offset"] - mean
        found[f"affine, ridge {ridge:g}, less the mean"] = _first(unit_rows(moved), unit_rows(right - mean))
    for k in DIMENSIONS:
        state = cca_affine.fit(source[known], target[known], dimensions=k)
        found[inside(k)] = _first(
            cca_affine.in_subspace(left, state, "source"), cca_affine.in_subspace(right, state, "target")
        )
        found[f"CCA-{k}, back in the target"] = _first(cca_affine.cca_affine(left, state), right)
    return found


def difference_at_full_rank(source: Floats, target: Floats, seed: int) -> float:
    """Between unit rows through as many dimensions as there can be, and those of `affine`, of one ridge."""
    known = np.random.default_rng(seed).permutation(len(source))[:ANCHORS]
    every = min(source.shape[1], target.shape[1])
    whole = cca_affine.fit(source[known], target[known], dimensions=every, ridge=0.1)
    plain = affine.fit(source[known], target[known], ridge=0.1)
    return float(np.abs(cca_affine.cca_affine(source, whole) - affine.affine(source, plain)).max())


def inside(k: int) -> str:
    """The way that compares in the subspace."""
    return f"CCA-{k}, in the subspace"


def _mean(of_seeds: Sequence[dict[str, float]], way: str) -> float:
    return float(np.mean([one[way] for one in of_seeds]))


def _best(of_seeds: Sequence[dict[str, float]]) -> str:
    """The affine way that finds most in the mean."""
    return max((way for way in of_seeds[0] if way.startswith("affine")), key=lambda way: _mean(of_seeds, way))


def _first(queries: Floats, candidates: Floats) -> float:
    return 100 * float(np.mean((queries @ candidates.T).argmax(axis=1) == np.arange(len(queries))))


def encoded(space: str, sentences: Sequence[str]) -> Floats:
    """Unit rows `[n, width]` of the space's encoder, in order; shortest first in batches."""
    card = next(card for card in Catalog.load().encoders() if card.name == space)
    model = load_encoder(card, Store())
    prepared = [
        model.prepare(Content(Modality.TEXT, text), truncation=Truncation.END, limits=Limits())
        for text in sentences
    ]
    order = sorted(range(len(prepared)), key=lambda place: prepared[place].tokens)
    rows: dict[int, Floats] = {}
    for start in range(0, len(order), BATCH):
        places = order[start : start + BATCH]
        encodings = model.run([prepared[place] for place in places], frozenset({VectorKind.DENSE}))
        for place, encoding in zip(places, encodings, strict=True):
            assert encoding.dense is not None
            rows[place] = encoding.dense
    return np.stack([rows[place] for place in range(len(order))])
