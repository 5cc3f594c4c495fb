"""What is learned is the same however many threads a machine has."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import hashlib
import numpy as np
from tieback.recipes.train import one_thread

draw = np.random.default_rng(0)
rows, targets = (draw.normal(size=(1500, width)).astype(np.float32) for width in (384, 256))
with one_thread():
    solved = np.linalg.solve(rows.T @ rows, rows.T @ targets)
    directions = np.linalg.svd(rows[:400], full_matrices=False)[2]
print(hashlib.sha256(solved.tobytes() + directions.tobytes()).hexdigest())
"""


def learned(threads: int) -> str:
    count = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, "-c", PROGRAM]
    environment = {**os.environ, **count, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout


def test_linear_algebra_gives_the_same_bits_on_one_thread_and_on_two() -> None:
    assert learned(1) == learned(2)
