"""Bundles of co-hyponyms of WordNet with 40 % of the parts missing: the item that completes a bundle (CLHE).

An item is a name, a definition and the names of its neighbours, but of what is above it; a bundle is what
has one item of WordNet above it. Each item of each bundle that no network has seen is left out in its turn,
and is looked for among all items of such bundles. Values are one for each bundle: the mean of its items.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from tieback.core.state import State
from tieback.core.types.content import Content
from tieback.methods import imputation
from tieback.methods.projection import affine, unit_rows
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_lab.methods.fusion import fusions
from tieback_lab.methods.fusion.clhe import Weights, fit_by
from tieback_lab.recipes.train.fusing import Things, vectors

from benchmarks.lab.fusion._compared import ALONE, PARALLEL, SMALL, Comparison, learned
from benchmarks.lab.fusion._things import TEXT, dense, things, wordnet
from benchmarks.report import Report

CALLED = "(arXiv:2310.18770) bundles of WordNet, recall@20 of the item that completes one"
PARTS = ("name", "definition", "neighbours")
FEWEST, MOST = 4, 12
MISSING, FIRST = 0.4, 20
ALL, CONTRAST, COMPLETION = "clhe", "clhe, contrast alone", "clhe, completion alone"
MEAN, IMPUTED = "mean of items", "mean of items, missing parts by ridge"
RIDGE = "ridge regression from the mean to the item"
AS_MANY = 4
"""A step of CLHE reads all items of a bundle, and one of the parallel network two: that has more steps."""
LEAST = 2.0

Bundle = Callable[[Array], Array]
"""Of the places `[n, others]` of the items of bundles, with -1 for none: a vector for each."""


def compare(report: Report, data: Path, seeds: int) -> None:
    """Adds tables and claims."""
    whole, held_out = _bundles(data)
    found = Comparison("recall@20 of the item that completes a bundle", PARTS)
    for seed in range(seeds):
        draw = np.random.default_rng(seed)
        training, tested = (_missing(one, draw) for one in (whole, held_out))
        weights = ((ALL, Weights()), (CONTRAST, Weights(completion=0)), (COMPLETION, Weights(1, 0, 0)))
        for way, chosen in weights:
            fit = fit_by(chosen)
            state = fit(training.rows, training.there, None, training.goal, seed=seed, **SMALL)
            items = vectors("clhe", state, tested)
            found.add(way, _recall(items, tested, partial(_fused, state, tested)))
        state = learned("parallel", training, seed, steps=AS_MANY * SMALL["steps"])
        found.add(PARALLEL, _recall_of_means(vectors("parallel", state, tested), tested))
        for place, part in enumerate(PARTS):
            known, others = (one.take(np.flatnonzero(one.has[:, place])) for one in (training, tested))
            state = learned("parallel", known.of([place]), seed, steps=AS_MANY * SMALL["steps"], dropout=0.0)
            items = np.zeros((len(tested), SMALL["width"]), np.float32)
            items[tested.has[:, place]] = vectors("parallel", state, others.of([place]))
            found.add(f"{part} alone", _recall_of_means(items, tested))
        items, learned_from = _means(tested), _means(training)
        found.add(MEAN, _recall_of_means(items, tested))
        found.add(RIDGE, _recall(items, tested, _by_ridge(items, learned_from, training.goal.groups)))
        imputed = imputation.fit("ridge", _blocks(training))
        filled, _ = imputation.imputations.configure("ridge")(_blocks(tested), tested.has, imputed)
        found.add(IMPUTED, _recall_of_means(np.concatenate(filled, 1), tested))
    found.table(report)
    for other in (MEAN, IMPUTED, RIDGE):
        found.claim(report, CALLED, ALL, other, 7, of="paper")
        found.claim(report, CALLED, CONTRAST, other, 7, of="paper")
    found.claim(report, CALLED, ALL, COMPLETION, 7, f">= {LEAST}", of="paper")
    for other in (PARALLEL, ALONE):
        found.claim(report, CALLED, ALL, other, 7)


def _bundles(data: Path) -> tuple[Things, Things]:
    """The items of two thirds of the bundles, and of the others; a group is a bundle."""
    lines, above, near = wordnet(data)
    names = {synset: name for synset, name, _ in lines}
    members = defaultdict[str, list[int]](list)
    for place, (synset, _, _) in enumerate(lines):
        if above[synset]:
            members[min(above[synset])].append(place)
    chosen = [one for _, one in sorted(members.items()) if FEWEST <= len(one) <= MOST]
    kept = [place for one in chosen for place in one]
    groups = np.repeat(np.arange(len(chosen)), [len(one) for one in chosen])
    around = [sorted(near[lines[one][0]] - above[lines[one][0]]) for one in kept]
    texts = [
        [lines[one][1] for one in kept],
        [lines[one][2] for one in kept],
        [", ".join([names[one] for one in some if one in names][:5]) for some in around],
    ]
    has = np.array([[bool(text) for text in some] for some in texts]).T
    parts = [
        dense(
            TEXT,
            f"{part.removesuffix('s')}s of bundles",
            [Content(Modality.TEXT, text or "-") for text in some],
        )
        for part, some in zip(PARTS, texts, strict=True)
    ]
    found = things(parts, has, groups)
    training = np.isin(groups, np.random.default_rng(0).permutation(len(chosen))[: 2 * len(chosen) // 3])
    return found.take(np.flatnonzero(training)), found.take(np.flatnonzero(~training))


def _missing(given: Things, draw: np.random.Generator) -> Things:
    """The items without 40 % of their parts, each with one at least."""
    kept = given.has & (draw.random(given.has.shape) >= MISSING)
    kept = np.where(kept.any(axis=1, keepdims=True), kept, given.has)
    there = [kept[:, place, None] for place in range(len(PARTS))]
    return Things(given.rows, there, None, given.goal)


def _recall(items: Array, tested: Things, bundle: Bundle) -> Array:
    """Recall of each item by its bundle without it, as the mean `[bundles]`; ties count as if by chance.

    The items of the bundle that are given are not looked among.
    """
    groups = tested.goal.groups
    same = groups[:, None] == groups
    np.fill_diagonal(same, False)
    others = np.full((len(groups), MOST - 1), -1)
    for place, row in enumerate(same):
        others[place, : row.sum()] = np.flatnonzero(row)
    scores = bundle(others) @ items.T
    own = np.diagonal(scores)[:, None]
    above = ((scores > own) & ~same).sum(axis=1)
    ties = ((scores == own) & ~same).sum(axis=1)
    values = np.clip((FIRST - above) / ties, 0, 1)
    return np.array([values[groups == one].mean() for one in np.unique(groups)])


def _recall_of_means(items: Array, tested: Things) -> Array:
    return _recall(unit_rows(items), tested, lambda others: _of_others(unit_rows(items), others))


def _of_others(items: Array, others: Array) -> Array:
    """The sum `[n, width]` of the items at those places."""
    return np.asarray((items[others] * (others >= 0)[..., None]).sum(axis=1))


def _fused(state: State, tested: Things, others: Array) -> Array:
    """The bundle of the items at those places, by CLHE."""
    rows = [one[others, 0] for one in tested.rows]
    there = [mask[others, 0] & (others >= 0) for mask in tested.there]
    return fusions.configure("clhe")(rows, there, None, state)


def _means(given: Things) -> Array:
    """Items as means of their parts, which one encoder encoded."""
    total = sum(one[:, 0] * mask for one, mask in zip(given.rows, given.there, strict=True))
    return unit_rows(np.asarray(total, np.float32))


def _blocks(given: Things) -> list[Array]:
    """Parts `[items, width]`, zeros where one is missing."""
    return [one[:, 0] * mask for one, mask in zip(given.rows, given.there, strict=True)]


def _by_ridge(items: Array, known: Array, groups: Array) -> Bundle:
    """A map, learned from the mean of all other items of a bundle to the item."""
    sums = np.stack([known[groups == one].sum(axis=0) for one in groups])
    fitted = affine.fit(unit_rows(sums - known), known, ridge=0.1)
    return lambda others: affine.affine(unit_rows(_of_others(items, others)), fitted)
