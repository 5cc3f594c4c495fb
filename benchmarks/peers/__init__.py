"""Sets up the servers that tieback is compared with, each in an environment of its own, and tries each once.

They go into .peers/NAME, at pinned versions; what is there already is kept, and what an interrupted run has
installed too. A peer is a file of this folder that defines PEER: benchmarks/peers/peer.py says what that is.

Infinity brings PyTorch. As for scripts/setup, TIEBACK_TORCH_INDEX names an index with builds of it for the
processor alone, which spares 4 GB of CUDA.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import pkgutil
import sys
from typing import Any

from benchmarks.peers.environment import InstallError
from benchmarks.peers.peer import Peer
from benchmarks.report import Report
from benchmarks.served import StartError

COSINE = 0.9999


@functools.cache
def peers() -> dict[str, Peer]:
    """Every peer by its name."""
    modules = [
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
        if not info.ispkg
    ]
    return {module.PEER.name: module.PEER for module in modules if hasattr(module, "PEER")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=sorted(peers()), help=f"of {', '.join(sorted(peers()))}"
    )
    parser.add_argument("--list", action="store_true", help="show what is set up; install and start nothing")


def run(options: argparse.Namespace) -> Report:
    chosen = [peer for name, peer in peers().items() if not options.only or name in options.only]
    report = Report()
    if options.list:
        report.table("peers", [_standing(peer) for peer in chosen])
        return report
    rows = []
    for number, peer in enumerate(chosen, 1):
        rows.append(_tried(peer, f"{number}/{len(chosen)} {peer.name} {peer.version}", report))
    report.table("peers: one worker, one thread, the same float32 graph; p50 of one short text", rows)
    return report


def _standing(peer: Peer) -> dict[str, Any]:
    return {
        "peer": peer.name,
        "version": peer.version,
        "set up": "yes" if peer.is_ready else "no",
        "megabytes": round(peer.megabytes) or "–",
    }


def _tried(peer: Peer, shown: str, report: Report) -> dict[str, Any]:
    """Installs and starts a peer; its row of the table. What goes wrong is in the claim's note."""
    from benchmarks.peers.check import check  # needs what serves, which listing does not

    claim = f"{peer.name}: smallest cosine to tieback's vectors"
    row = {"peer": peer.name, "version": peer.version}
    try:
        if not peer.is_ready:
            _say(f"{shown}: installing into {peer.environment.folder}")
            peer.install()
        _say(f"{shown}: starting")
        found = check(peer)
    except (InstallError, StartError) as error:
        what = "cannot be installed" if isinstance(error, InstallError) else "does not start"
        _say(f"{shown}: {what}: {error}")
        report.claim(claim, None, "", f">= {COSINE}", note=f"{what}: {error}")
        return row | {"started": "no", "ready s": "–", "cosine": "–", "p50 ms": "–"}
    report.claim(claim, found.cosine, "", f">= {COSINE}")
    return row | {
        "started": "yes",
        "ready s": found.ready_seconds,
        "cosine": found.cosine,
        "p50 ms": found.p50_milliseconds,
    }


def _say(line: str) -> None:
    print(f"peers: {line}", file=sys.stderr, flush=True)
