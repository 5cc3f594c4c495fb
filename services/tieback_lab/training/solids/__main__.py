"""Writes solids with their names as pairs for `tieback bind --anchors`.

TIEBACK_SPACES=…,point-nn
python -m tieback_lab.training.solids FOLDER
tieback bind --anchors FOLDER/pairs.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from tieback_lab.training.solids import COPIES, SOLIDS, cloud


def write(folder: Path, seed: int = 0) -> Path:
    """The list of pairs, beside COPIES clouds of each solid."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, solid in enumerate(SOLIDS):
        for copy in range(COPIES):
            file = f"{number:02}-{copy}.npy"
            np.save(folder / file, cloud(number, copy, seed))
            lines.append(json.dumps({"text": solid.name, "points": file}))
    pairs = folder / "pairs.jsonl"
    pairs.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return pairs


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tieback_lab.training.solids FOLDER")
    print(write(Path(sys.argv[1])))
