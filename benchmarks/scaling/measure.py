"""Measures one system in a process of its own: python -m benchmarks.scaling.measure SYSTEM FOLDER.

The folder has `vectors.npy`, `queries.npy` and `nearest.npy`. The result is one line of JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scaling.systems import SYSTEMS

LEAST_RECALL, ROUNDS = 0.97, 3
FEW, MOST_SECONDS = 20, 2.0  # with so many queries a system is measured that needs longer for them


def resident() -> dict[str, int]:
    """Bytes of this process: its own, and of files that it has mapped."""
    lines = Path("/proc/self/status").read_text().splitlines()
    known = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return {name: 1024 * int(known[name]) for name in ("RssAnon", "RssFile")}


def measured(name: str, folder: Path) -> dict[str, Any]:
    """Costs and recall of a system, with the smallest effort that finds enough, or the largest."""
    vectors, queries, exact = (
        np.load(folder / f"{one}.npy", mmap_mode="r") for one in ("vectors", "queries", "nearest")
    )
    queries = np.array(queries)
    limit = exact.shape[1]
    before, wall, cpu = resident(), time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(dir=folder) as disk:
        system = SYSTEMS[name](vectors, Path(disk))
        build = {"build s": time.perf_counter() - wall, "build CPU s": time.process_time() - cpu}
        taken = resident()["RssAnon"] - before["RssAnon"]
        began = time.perf_counter()
        for query in queries[:FEW]:
            system.search(query, limit, system.efforts[0])
        if time.perf_counter() - began > MOST_SECONDS:  # the others would take minutes
            queries, exact = queries[:FEW], exact[:FEW]
        for effort in system.efforts:
            found = [system.search(query, limit, effort) for query in queries]
            shares = [len(np.intersect1d(best, one)) / limit for best, one in zip(exact, found, strict=True)]
            if round(float(np.mean(shares)), 6) >= LEAST_RECALL:
                break
        walls, cpus = [], []
        for _ in range(ROUNDS):
            for query in queries:
                wall, cpu = time.perf_counter(), time.process_time()
                system.search(query, limit, effort)
                walls.append(time.perf_counter() - wall)
                cpus.append(time.process_time() - cpu)
        return {
            "system": name,
            "effort": effort or None,
            "queries": len(queries),
            "recall@10": float(np.mean(shares)),
            "p50 CPU ms": 1000 * float(np.median(cpus)),
            "p99 CPU ms": 1000 * float(np.quantile(cpus, 0.99)),
            "p50 ms": 1000 * float(np.median(walls)),
            **build,
            "bytes a vector": taken / len(vectors),
        }


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], Path(sys.argv[2]))))
