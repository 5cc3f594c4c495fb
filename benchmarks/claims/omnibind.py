"""OmniBind's router against single spaces and uniform weights (method 49, arXiv:2407.11895).

There are three synthetic spaces, each accurate on the items of one domain and inaccurate on the others. In
each space, texts and pictures have separate vectors, and a projector ensemble maps text vectors to picture
vectors. The router reads only texts. Recall at 1 is measured over the pictures of all domains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback.methods.projection import fit, projections, unit_rows
from tieback.methods.routing import routings
from tieback.methods.routing._network import scores
from tieback.recipes.fitting.pair_router import Pairs, train_router
from tieback.recipes.fitting.router_training import Labelled
from tieback_contract.arrays import Array

from benchmarks.claims import claim
from benchmarks.report import Report, Tried

WHAT = "49 OmniBind (arXiv:2407.11895)"
OF = Tried(49, "toy", product=True, data="generated")
SPACES = ("bird", "law", "song")
MEANING, TEXT_WIDTH, PICTURE_WIDTH = 48, 56, 64
EXPERT_NOISE, LAY_NOISE = 0.2, 2.15
"""Beside a meaning of length 1: in the space that knows the item's domain, and in the others."""
TELLTALE = 0.28
"""How far a text's vectors are moved by its domain, in each space: what a router can tell it by."""
TRAINING, HELD_OUT = 1200, 600
PROJECTOR = {"members": 3, "hidden": 128}


@dataclass(frozen=True)
class Items:
    """Texts and the pictures they belong to: per space, `[n, width]`; the domain of each."""

    texts: list[Array]
    pictures: list[Array]
    domains: Array

    @property
    def inputs(self) -> Array:
        """What the router sees."""
        return np.concatenate(self.texts, axis=1)


def catalogue(seed: int, training: int = TRAINING, held_out: int = HELD_OUT) -> tuple[Items, Items]:
    """Items to learn from and items to ask for, in equal parts of each domain."""
    draw = np.random.default_rng(seed)
    count = training + held_out
    domains = np.arange(count) % len(SPACES)
    meaning = unit_rows(draw.normal(size=(count, MEANING)))
    texts, pictures = [], []
    for space in range(len(SPACES)):
        expert = (domains == space)[:, None]
        sides = []
        for width in (TEXT_WIDTH, PICTURE_WIDTH):
            haze = draw.normal(size=meaning.shape) / np.sqrt(MEANING)
            known, guessed = meaning + EXPERT_NOISE * haze, unit_rows(meaning + LAY_NOISE * haze)
            mixing = np.linalg.qr(draw.normal(size=(width, MEANING)))[0].T
            sides.append(np.where(expert, known, guessed) @ mixing)
        moved = unit_rows(draw.normal(size=(len(SPACES), TEXT_WIDTH)))
        texts.append(unit_rows(sides[0] + TELLTALE * moved[domains]))
        pictures.append(unit_rows(sides[1]))
    first = slice(0, training), slice(training, count)
    learnt, asked = (
        Items([side[rows] for side in texts], [side[rows] for side in pictures], domains[rows])
        for rows in first
    )
    return learnt, asked


@dataclass(frozen=True)
class Bound:
    """The three spaces bound: the items with their texts' projections into the pictures' spaces."""

    learnt: Items
    asked: Items
    learnt_queries: list[Array]
    asked_queries: list[Array]

    def router(self, seed: int, **parameters: Any) -> dict[str, Array]:
        """Trained on the items to learn from."""
        return train_router(
            [Pairs(self.learnt.inputs, self.learnt_queries, self.learnt.pictures)],
            Labelled(self.learnt.inputs, np.eye(len(SPACES))[self.learnt.domains]),
            parts=[TEXT_WIDTH] * len(SPACES),
            seed=seed,
            **parameters,
        )

    def weights(self, router: dict[str, Array] | None, lost: int | None = None) -> Array:
        """Of the items to ask for; uniform without a router."""
        present = np.ones((len(self.asked.domains), len(SPACES)), bool)
        inputs = self.asked.inputs.copy()
        if lost is not None:
            present[:, lost] = False
            inputs[:, lost * TEXT_WIDTH : (lost + 1) * TEXT_WIDTH] = 0
        if router is None:
            return routings.configure("uniform")(SPACES, present, np.zeros(present.shape))
        return routings.configure("soft")(SPACES, present, scores(inputs, router))

    def hits(self, weights: Array) -> Array:
        """Whether each text's own picture comes first, in percent: its mean is R@1."""
        similar = np.einsum(
            "nk,knm->nm",
            weights,
            [
                query @ picture.T
                for query, picture in zip(self.asked_queries, self.asked.pictures, strict=True)
            ],
        )
        return np.asarray(100.0 * (similar.argmax(axis=1) == np.arange(len(similar))))


def bound(seed: int, training: int = TRAINING, held_out: int = HELD_OUT) -> Bound:
    """The catalogue of a seed with its projectors."""
    learnt, asked = catalogue(seed, training, held_out)
    project = projections.get("projector_ensemble")
    queries: tuple[list[Array], list[Array]] = [], []
    for text, picture, new in zip(learnt.texts, learnt.pictures, asked.texts, strict=True):
        state = fit("projector_ensemble", text, picture, PROJECTOR, seed=seed)
        for said, rows in zip(queries, (text, new), strict=True):
            said.append(project(rows, state))
    return Bound(learnt, asked, *queries)


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims of recall, of the router's choice, and of a lost space."""
    rows = []
    for seed in seeds:
        rows.append(_one(seed))
        say(f"seed {seed}: " + ", ".join(f"{name} {value:.1f}" for name, value in rows[-1].items()))
    report.table(
        WHAT + ": R@1 in percent",
        [{"seed": seed, **row} for seed, row in zip(seeds, rows, strict=True)],
    )

    def column(name: str) -> list[float]:
        return [row[name] for row in rows]

    def less(name: str, other: str) -> list[float]:
        return [row[name] - row[other] for row in rows]

    def found(name: str, values: list[float], unit: str, target: str, note: str = "") -> None:
        claim(report, OF, f"{WHAT}: {name}", values, unit, target, note=note)

    ran = "the synthetic data give 34 to a single space and 75 to uniform weights, as in the reference run"
    found(
        "R@1 of routed weights minus that of uniform weights", less("routed", "uniform"), "points", "> 5", ran
    )
    found(
        "R@1 of uniform weights minus that of the best single space",
        less("uniform", "best single"),
        "points",
        "> 5",
    )
    found("R@1 of routed weights", column("routed"), "%", ">= 97", "the reference run had 99.2")
    found("accuracy of the text router in choosing the space", column("right space"), "%", ">= 90")
    found(
        "accuracy lost without the decoupling objective",
        less("right space", "right space without decoupling"),
        "points",
        "> 0",
    )
    found(
        "R@1 lost on texts of other domains if a space is missing",
        column("lost by others"),
        "points",
        "<= 2",
        "mean over the three spaces; no other space encodes the domain of the missing one",
    )


def _one(seed: int) -> dict[str, float]:
    spaces = bound(seed)
    domains = spaces.asked.domains
    router, alone = spaces.router(seed), spaces.router(seed, decoupling=0.0)
    weights = spaces.weights(router)
    single = [float(spaces.hits(np.tile(only, (len(domains), 1))).mean()) for only in np.eye(len(SPACES))]
    routed = spaces.hits(weights)
    lost = []
    for space in range(len(SPACES)):
        left = spaces.hits(spaces.weights(router, lost=space))
        lost.append(float((routed - left)[domains != space].mean()))
    return {
        "best single": max(single),
        "mean single": float(np.mean(single)),
        "uniform": float(spaces.hits(spaces.weights(None)).mean()),
        "routed": float(routed.mean()),
        "routed without decoupling": float(spaces.hits(spaces.weights(alone)).mean()),
        "right space": 100.0 * float((weights.argmax(axis=1) == domains).mean()),
        "right space without decoupling": 100.0
        * float((spaces.weights(alone).argmax(axis=1) == domains).mean()),
        "lost by others": float(np.mean(lost)),
    }
