"""Runs the platform in containers on this machine, loses parts of it under load, and cleans up.

The steps, in this order:

    base        an image in place of Python's official one, of this machine's packages and its Python
    build       the Dockerfile as it is
    compose     docker-compose.yml with Prometheus: killed, stopped and started under load
    pool        the pool of encoders by `podman kube play`
    ray         a head and two workers of the rendered manifests, with the defaults of KubeRay's operator
    secure      the same with tokens and TLS, to the clients and between the pods
    policies    three nodes under the network policies, as rules of nftables in each pod's network
    replicated  three platform pods, a store pod, a head, Milvus Lite, Redis
    nodes       the same while a node comes and goes, and, with --before, from one image to the other
    upgrade     the image of the commit that --before names, then this one on the same data

Everything is in one folder, and in namespaces that end with the command: traffic stays on networks that
are made here. base and build need the network of the machine, for packages; the steps after them make what
the folder does not have yet.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from benchmarks.progress import Progress
from benchmarks.report import Report, Row
from containers import clusters, compose, images, isolation, machine, pool
from containers.engine import Engine, remove
from containers.events import Findings

PROGRAM = "scripts/test containers"
PLANNED = {
    "base": 120.0, "build": 240.0, "compose": 180.0, "pool": 20.0, "ray": 480.0, "secure": 240.0,
    "policies": 240.0, "replicated": 780.0, "nodes": 480.0, "upgrade": 120.0,
}  # fmt: skip
"""Steps, and the seconds that each takes on two busy cores."""
NEEDED_GB = {
    "compose": 5.0, "pool": 2.5, "ray": 5.0, "secure": 5.0, "policies": 5.0, "replicated": 9.0, "nodes": 10.0,
    "upgrade": 4.0,
}  # fmt: skip
Step = Callable[[Engine, Path | None, float, Findings], None]
STEPS: dict[str, Step] = {
    "compose": compose.run,
    "pool": pool.run,
    "ray": clusters.three_nodes,
    "secure": clusters.secure,
    "policies": clusters.policies,
    "replicated": clusters.replicated,
    "nodes": clusters.nodes,
    "upgrade": compose.upgrade,
}
RESULTS = images.ROOT / "benchmarks/results"


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--only", metavar="STEPS", help="steps, separated by commas (all; upgrade where --before is given)"
    )
    made.add_argument(
        "--events",
        default="",
        metavar="WORDS",
        help="only events whose names have one of these, separated by commas",
    )
    made.add_argument("--before", default="", metavar="COMMIT", help="the commit to upgrade from")
    made.add_argument("--folder", type=Path, help="keep images here for the next time (a temporary folder)")
    made.add_argument("--baked", action="store_true", help="build the image with weights, and mount none")
    made.add_argument(
        "--models", type=Path, help="the model store that is mounted (TIEBACK_MODELS, ~/.cache/tieback)"
    )
    made.add_argument(
        "--python", type=Path, metavar="PREFIX", help="an installation of Python for the base image"
    )
    made.add_argument(
        "--certificates", type=Path, metavar="FILE", help="the bundle of certificates for builds"
    )
    made.add_argument("--mirror", default="", help="the address of Debian's packages")
    made.add_argument("--suite", default="", help="the release of Debian")
    made.add_argument("--rate", type=float, default=3.0, help="calls a second of each kind (3)")
    made.add_argument(
        "--json", type=Path, metavar="FILE", help="the report (benchmarks/results/containers….json)"
    )
    made.add_argument("--note", default="", help="what else ran on the machine, for the report")
    return made


def main(arguments: Sequence[str]) -> int:
    """Runs the steps in namespaces of their own."""
    options = parser().parse_args(arguments)
    every = [name for name in PLANNED if name != "upgrade" or options.before]
    chosen = options.only.split(",") if options.only else every
    if unknown := set(chosen) - PLANNED.keys():
        raise SystemExit(
            f"--only: no step is named {', '.join(sorted(unknown))}; there are {', '.join(PLANNED)}"
        )
    if inside := os.environ.get(isolation.MARK):
        try:
            return _inside(options, chosen, Path(inside))
        except KeyboardInterrupt:
            print("stopped; nothing that was started is left", file=sys.stderr)
            return 128 + signal.SIGINT
    if lacks := machine.lacks():
        raise SystemExit("\n".join(["this machine lacks:", *(f"  {one}" for one in lacks)]))
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
        return isolation.run_inside(arguments, options.folder.resolve())
    folder = Path(tempfile.mkdtemp(prefix="tieback-containers"))
    try:
        return isolation.run_inside(arguments, folder)
    finally:
        remove(folder)


def _inside(options: argparse.Namespace, chosen: Sequence[str], folder: Path) -> int:
    isolation.prepare()
    report, seconds = Report(), list[Row]()
    findings = Findings(only=[one for one in options.events.split(",") if one])
    models = (
        None
        if options.baked
        else (options.models or Path(os.environ.get("TIEBACK_MODELS", "~/.cache/tieback")))
    )
    with Engine(folder) as engine:
        engine.clear()
        left = _images(engine, options, chosen, findings, seconds)
        isolation.leave_network()
        progress = Progress({name: PLANNED[name] for name in left})
        for name in left:
            progress.begin(name)
            begun, note = time.monotonic(), "stopped"
            try:
                note = _step(engine, name, models.expanduser() if models else None, options.rate, findings)
            except KeyboardInterrupt:
                break  # what was found is reported all the same
            finally:
                seconds.append({"step": name, "seconds": round(time.monotonic() - begun), "note": note})
    _fill(report, findings, seconds)
    given = {"--only": options.only, "--events": options.events, "--rate": f"{options.rate:g}"}
    report.command = " ".join([PROGRAM, *(f"{name} {value}" for name, value in given.items() if value)])
    report.machine["beside"] = options.note
    print(report.text())
    partial = f"-{'-'.join(chosen)}" if options.only else ""
    path = options.json or RESULTS / f"containers{partial}.json"
    path.write_text(report.json())
    print(f"written to {path}")
    return int(any(row.get("note") for row in seconds) or any(claim.met is False for claim in report.claims))


def _images(
    engine: Engine, options: argparse.Namespace, chosen: Sequence[str], findings: Findings, seconds: list[Row]
) -> list[str]:
    """Makes the images that are chosen or missing. Returns the steps that are left."""
    mirror, suite = machine.mirror()
    python = machine.python(options.python)
    sources = images.Sources(
        python,
        options.certificates or machine.certificates(),
        options.mirror or mirror,
        options.suite or suite,
    )
    there = {"base": images.base_name(python), "build": images.PLATFORM}
    last = max(list(PLANNED).index(name) for name in chosen)
    needed = [
        name
        for name in list(PLANNED)[: last + 1]
        if name in chosen or (name in there and not engine.has_image(there[name]))
    ]
    progress = Progress({name: PLANNED[name] for name in needed})
    for name in [one for one in needed if one in there]:
        progress.begin(name)
        begun = time.monotonic()
        if name == "base":
            images.make_base(engine, sources)
            images.make_state(engine, python)
        else:
            images.build_platform(engine, sources, baked=options.baked)
            for what, found in images.described(engine).items():
                findings.fact(name, what, found)
        seconds.append({"step": name, "seconds": round(time.monotonic() - begun), "note": ""})
    if options.before:
        images.build_before(engine, sources, options.before, baked=options.baked)
        findings.fact("upgrade", "from", options.before)
    return [name for name in needed if name not in there]


def _step(engine: Engine, name: str, models: Path | None, rate: float, findings: Findings) -> str:
    """Runs a step. Returns why it was not run to its end; empty where it was."""
    free = psutil.virtual_memory().available / 1e9
    if free < NEEDED_GB[name]:
        return f"left out: it needs {NEEDED_GB[name]:g} GB of memory, and {free:.1f} are free"
    try:
        STEPS[name](engine, models, rate, findings)
    except Exception as error:  # noqa: BLE001 - the steps that follow do not need it
        engine.clear()
        print(f"{name}: {error}", file=sys.stderr)
        return f"{type(error).__name__}: {error}"[:1500]
    return ""


def _fill(report: Report, findings: Findings, seconds: Sequence[Row]) -> None:
    report.table("events", findings.events)
    report.table("found", findings.facts)
    report.table("steps", seconds)
    report.table("calls", findings.calls)
    report.table("calls that failed", findings.errors)
    for row in findings.events:
        name = f"{row['step']}: {row['event']}"
        lost = row["acknowledged_so_far"] - row["kept"]
        report.claim(
            f"{name}: calls that failed", row["failed"], f"of {row['calls']}", "<= 0", note=row["note"]
        )
        if not row["single"]:
            report.claim(f"{name}: longest gap", row["longest_gap_s"], "s", "<= 10", note=row["of"])
            report.claim(f"{name}: longest gap of retrieval", row["retrieval_gap_s"], "s", "<= 5")
        report.claim(f"{name}: acknowledged and not there", lost, f"of {row['acknowledged_so_far']}", "<= 0")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
