"""Contents with labels made small: the photos of `coloured_triplets`, alike in red or in green."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tieback.recipes.train import TrainingOutcome, train

from support.coloured_triplets import COLOURS, SHADES, Shades

QUICK: dict[str, Any] = {
    "space": "eyes", "width": 4, "inner": 4, "steps": 300, "batch": 48, "learning_rate": 0.02,
}  # fmt: skip


def labels_in(world: Shades, names: Sequence[str] = COLOURS) -> Path:
    """The file that says of each photo its shade of red and of green, by these names."""
    lines = []
    for path in sorted(world.folder.glob("?-?.png")):
        levels = path.stem.split("-")
        lines.append(json.dumps({"file": path.name, "labels": dict(zip(names, levels, strict=True))}))
    assert len(lines) == len(SHADES) ** 2
    file = world.folder / "labels.jsonl"
    file.write_text("\n".join(lines))
    return file


def learn(world: Shades, data: Path, output: str, **parameters: Any) -> TrainingOutcome:
    """Runs the recipe."""
    return train(
        "conditional_space", QUICK | parameters, cards=world.cards, store=world.store, data=[data],
        output=world.folder / output, say=lambda _: None,
    )  # fmt: skip
