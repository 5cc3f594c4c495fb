"""Small trainings of networks that read two texts: claims on bridges, and an encoder that separates texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, processors

from support.own_encoder import write_folder
from support.small_training import SmallTraining


def claims(count: int, source: str = "bridges") -> list[dict[str, Any]]:
    """Claims with a year that every other evidence has."""
    return [
        {
            "evidence": f"The bridge of town {number} was built in {1700 + number % 300}. Boats pass it.",
            "claim": f"The bridge of town {number} was built in {1700 + (number + number % 2) % 300}.",
            "label": ("supported", "contradicted")[number % 2],
            "source": source,
        }
        for number in range(count)
    ]


def written(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Writes rows as JSON lines."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    return path


def small_reading(folder: Path, recipe: str, quick: Mapping[str, Any]) -> SmallTraining:
    """The recipe on what is in the folder `data`."""
    write_folder(folder / "own")
    tokenizer = Tokenizer.from_file(str(folder / "own" / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(folder / "own" / "tokenizer.json"))
    return SmallTraining.of(folder, recipe, quick, "data")
