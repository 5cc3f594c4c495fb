"""Things made small: their class shows in each of three parts of other widths, and any may be missing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.core.state import State
from tieback.recipes.train import TrainingOutcome, train
from tieback_contract.arrays import Array
from tieback_lab.methods.fusion import FIT, Goal, fusions, takes_condition, takes_names
from tieback_lab.recipes.train.fusing import Things

from support.coloured_triplets import Shades
from support.lab import lab_in_use

WIDTHS, CLASSES = (12, 20, 8), 4
QUICK: Mapping[str, Any] = {"steps": 60, "width": 16, "inner": 16, "pool": 32, "batch": 48}


def things_of(count: int = 160, *, seed: int = 0, rows: int = 1, condition: bool = False) -> Things:
    """Things of which each part is there with probability 0.7, and one always is."""
    draw = np.random.default_rng(seed)
    centres = [np.random.default_rng(9).normal(size=(CLASSES, width)) for width in WIDTHS]
    labels = draw.integers(0, CLASSES, count)
    has = draw.random((count, len(WIDTHS))) < 0.7
    has[~has.any(axis=1), 0] = True
    values = [
        (centre[labels][:, None] + 0.7 * draw.normal(size=(count, rows, width))).astype(np.float32)
        for centre, width in zip(centres, WIDTHS, strict=True)
    ]
    there = [np.repeat(has[:, place, None], rows, axis=1) for place in range(len(WIDTHS))]
    asked = draw.normal(size=(count, 5)).astype(np.float32) if condition else None
    return Things(values, there, asked, Goal(labels.astype(np.int64), CLASSES))


def things_for(method: str, **how: Any) -> Things:
    """The same, with a condition where the method takes one."""
    return things_of(condition=takes_condition(method), **how)


def learn(method: str, things: Things, *, seed: int = 0, **parameters: Any) -> State:
    """Runs `fit`."""
    fit = fusions.form(FIT, method, {**QUICK, **parameters})
    return fit(things.rows, things.there, things.condition, things.goal, seed=seed)


def trained(names: Sequence[str]) -> list[str]:
    """Those of the methods that learn in steps."""
    with lab_in_use():
        return [name for name in names if not takes_names(name)]


def fused(method: str, things: Things, state: State) -> Array:
    """The vectors."""
    return fusions.configure(method)(things.rows, things.there, things.condition, state)


def things_file(world: Shades, **changes: Any) -> Path:
    """Photos of the world as things: a title that says a part of what is seen, a note, a class."""
    lines = []
    for path in sorted(world.folder.glob("?-?.png")):
        red, green = map(int, path.stem.split("-"))
        parts: dict[str, Any] = {"photo": {"file": path.name}}
        if (red + green) % 3:
            parts["title"] = "more red" if red > green else "more green"
        if red % 2:
            parts["note"] = "less green" if red > green else "less red"
        lines.append(json.dumps({"parts": parts, "label": "warm" if red > green else "cold", **changes}))
    file = world.folder / "things.jsonl"
    file.write_text("\n".join(lines))
    return file


def rounds_file(world: Shades) -> Path:
    """The same things, whose titles come in two rounds."""
    lines = [json.loads(line) for line in things_file(world).read_text().splitlines()]
    for number, line in enumerate(lines):
        if "title" in line["parts"]:
            line["parts"]["title"] = [line["parts"]["title"], f"round {number % 3}"]
    file = world.folder / "rounds.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    return file


def pairs_file(world: Shades) -> Path:
    """Photos of the world, each with a text that says what is seen; every fourth one says the contrary."""
    lines = []
    for number, path in enumerate(sorted(world.folder.glob("?-?.png"))):
        red, green = map(int, path.stem.split("-"))
        more = "more red" if (red > green) == bool(number % 4) else "more green"
        lines.append(json.dumps({"parts": {"photo": {"file": path.name}, "title": more}}))
    file = world.folder / "pairs.jsonl"
    file.write_text("\n".join(lines))
    return file


def train_fusion(world: Shades, data: Path, output: str = "out", **parameters: Any) -> TrainingOutcome:
    """Runs the recipe, with few steps where the method is trained."""
    how = {} if takes_names(parameters.get("method", "parallel")) else {"steps": 60, "width": 8}
    return train(
        "fusion", {"spaces": ["words", "eyes"], "name": "shades", **how, **parameters},
        cards=world.cards, store=world.store, data=[data], output=world.folder / output, say=lambda _: None,
    )  # fmt: skip
