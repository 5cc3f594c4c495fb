"""Calls through the SDK while replicas are replaced, nodes are lost and numbers change, on Ray nodes here.

A head that only controls and two workers, as in the Kubernetes overlay `replicated`: two replicas of every
service that stores nothing, at most one of each on a node, and a gateway on each. With --milvus, collections
are in Milvus Lite in a process of its own, and the index has two replicas too; one replica on the node with
the store has the operations and heads. Without, it has the index too. Callers of every kind of call go on at
a steady pace while, one after another,

    steady          nothing happens
    new setting     another value of a setting is deployed, so that every replica is replaced
    lost node       a worker is killed with all its processes; ten seconds later another one comes
    more replicas   a third worker comes, and every service gets a third replica
    fewer replicas  they are taken away again
    silent node     all processes of a worker are stopped without being ended, as behind a cut cable
    lost store      the worker with the store is killed; ten seconds later another one gets the store

Counted are calls that failed though they may be repeated, the longest time without a good answer of each
kind, and the time until every service has its replicas again.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tieback_client import Client, Item

from benchmarks.ports import free_port
from benchmarks.progress import Progress, log
from benchmarks.report import Report, Row
from benchmarks.rolling.load import COLLECTION, Load, kinds, summary
from benchmarks.rolling.nodes import ClusterError, Node, Nodes, milvus_lite

SPACES = ("wordllama-256", "paraphrase-minilm-l3-v2")
DOOR, STORE = "door", "store"
REPLACED_AFTER = 10.0
"""Seconds after which a lost node is replaced; what Kubernetes takes for a pod depends on the cluster."""
PATIENCE = 400.0  # seconds that a phase waits for its replicas
TAIL = 8.0  # seconds of a phase after it has what it waits for
PLANNED = {
    "starting": 60.0, "steady": 20.0, "new setting": 90.0, "lost node": 60.0, "more replicas": 60.0,
    "fewer replicas": 30.0, "silent node": 90.0, "lost store": 90.0,
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's options."""
    parser.add_argument("--rate", type=float, default=4.0, help="calls a second of each caller (4)")
    parser.add_argument("--callers", type=int, default=2, help="callers of each kind of call (2)")
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="begin no phase after so many minutes (60)"
    )
    parser.add_argument("--milvus", action="store_true", help="keep collections in Milvus Lite")
    parser.add_argument(
        "--phases", default=",".join(PLANNED), help="which of the phases, separated by commas (all)"
    )


@dataclass
class Phase:
    """A phase that ran: when, and the seconds until all replicas were there again, by deployment."""

    name: str
    begun: float
    ended: float
    recovered: dict[str, float]


class Trial:
    """A running cluster under load, and what happens to it. `single` is the deployment of one replica."""

    def __init__(self, nodes: Nodes, progress: Progress, single: str) -> None:
        self.nodes, self.progress, self.single = nodes, progress, single
        self.phases: list[Phase] = []
        self.arguments: dict[str, object] = {}
        self.gone: set[str] = set()  # Ray's ids of lost nodes
        self.by_name: dict[str, Node] = {}
        self.deployments: set[str] = set()

    def start(self) -> None:
        """Starts the workers and deploys."""
        self.by_name["a"] = self.nodes.add("a", DOOR, STORE)
        self.by_name["b"] = self.nodes.add("b", DOOR)
        self.nodes.deploy({}, {})
        self.nodes.wait_until_running()
        self.deployments = set(self.nodes.replicas())

    def steady(self) -> Mapping[str, float]:
        """Nothing."""
        time.sleep(2 * TAIL)
        return {}

    def new_setting(self) -> Mapping[str, float]:
        """Every replica is replaced."""
        old = {one.id for several in self.nodes.replicas().values() for one in several}
        begun = time.monotonic()
        self.arguments["cache_bytes"] = 32 << 20
        self.nodes.deploy(self.arguments, {})
        return self._recovered(begun, 2, without=old)

    def lost_node(self) -> Mapping[str, float]:
        """A worker is killed and replaced."""
        begun = time.monotonic()
        self._lose("b")
        time.sleep(REPLACED_AFTER)
        self.by_name["c"] = self.nodes.add("c", DOOR)
        return self._recovered(begun, 2)

    def more_replicas(self) -> Mapping[str, float]:
        """A third worker with a third replica of each."""
        begun = time.monotonic()
        self.by_name["d"] = self.nodes.add("d", DOOR)
        names = self.deployments - {self.single}
        self.nodes.deploy(self.arguments, dict.fromkeys(names, 3))
        return self._recovered(begun, 3)

    def fewer_replicas(self) -> Mapping[str, float]:
        """Two of each again."""
        begun = time.monotonic()
        self.nodes.deploy(self.arguments, {})
        return self._recovered(begun, 2, exactly=True)

    def silent_node(self) -> Mapping[str, float]:
        """A worker that is not heard of any more, while its connections stay."""
        begun = time.monotonic()
        on = {one.node for several in self.nodes.replicas().values() for one in several}
        name = next(name for name in ("c", "d", "b") if name in self.by_name and self.by_name[name].id in on)
        self.gone.add(self.by_name[name].id)
        self.by_name[name].signal(signal.SIGSTOP)
        if len(self.by_name) - len(self.gone) < 2:
            self.by_name["e"] = self.nodes.add("e", DOOR)
        found = self._recovered(begun, 2)
        self.by_name[name].kill()
        return found

    def lost_store(self) -> Mapping[str, float]:
        """The worker with the store is killed and replaced."""
        begun = time.monotonic()
        self._lose("a")
        time.sleep(REPLACED_AFTER)
        self.by_name["f"] = self.nodes.add("f", DOOR, STORE)
        return self._recovered(begun, 2)

    def _lose(self, name: str) -> None:
        self.gone.add(self.by_name[name].id)
        self.by_name[name].kill()

    def _recovered(
        self, begun: float, number: int, *, without: set[str] | None = None, exactly: bool = False
    ) -> dict[str, float]:
        """The seconds until each deployment had so many replicas on nodes that are there."""
        found: dict[str, float] = {}
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            replicas = self.nodes.replicas()
            for name, several in replicas.items():
                wanted = 1 if name == self.single else number
                there = [one for one in several if one.state == "RUNNING" and one.node not in self.gone]
                left = without is not None and any(one.id in without for one in several)
                there = [one for one in there if without is None or one.id not in without]
                enough = len(there) == len(several) == wanted if exactly else len(there) >= wanted
                if not enough or left:
                    found.pop(name, None)
                elif name not in found:
                    found[name] = time.monotonic() - begun
                    self.progress.say(f"{name} has its replicas after {found[name]:.1f} s")
            if found.keys() == self.deployments:
                return found
            time.sleep(0.25)
        raise ClusterError(
            f"only {sorted(found)} had their replicas after {PATIENCE:.0f} s: {self.nodes.replicas()}"
        )


def run(options: argparse.Namespace) -> Report:
    """Runs the phases and counts."""
    chosen, begun = options.phases.split(","), time.monotonic()
    progress = Progress(
        {name: seconds for name, seconds in PLANNED.items() if name in chosen or name == "starting"}
    )
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="rollout") as folder, ExitStack() as stack:
        settings = {
            "TIEBACK_HOST": "127.0.0.1",
            "TIEBACK_PORT": str(port),
            "TIEBACK_METRICS_PORT": str(free_port()),
            "TIEBACK_STORE": str(Path(folder) / "store"),
            "TIEBACK_SPACES": ",".join(SPACES),
            "TIEBACK_RERANKERS": "none",
            "TIEBACK_GENERATOR": "none",
            "TIEBACK_REPLICAS": "2",
            "TIEBACK_GATEWAYS": "2",
            "TIEBACK_REPLICAS_PER_NODE": "1",
            "TIEBACK_PIN_RESOURCE": DOOR,
            "TIEBACK_STORE_RESOURCE": STORE,
            "TIEBACK_REPLICA_CPUS": "0.01",
            "TIEBACK_LOG_LEVEL": "warning",
        } | {key: value for key, value in os.environ.items() if key == "TIEBACK_MODELS"}
        progress.begin("starting")
        if options.milvus:
            settings["TIEBACK_MILVUS"] = stack.enter_context(milvus_lite(Path(folder) / "milvus"))
        nodes = stack.enter_context(Nodes(Path(folder), settings))
        trial = Trial(nodes, progress, "operations" if options.milvus else "index")
        trial.start()
        address = f"127.0.0.1:{port}"
        with Client(address, timeout=60) as client:
            client.ingest(COLLECTION, [Item("first", ["The moon pulls the sea."])]).collect()
        load = Load(address, kinds(*SPACES), options.callers, options.rate)
        with load.running():
            for name in chosen:
                if name == "starting":
                    continue
                if time.monotonic() - begun > 60 * options.minutes:
                    log(f"{name} is left out: {options.minutes:g} minutes are over")
                    continue
                try:
                    _phase(trial, name, getattr(trial, name.replace(" ", "_")))
                except (ClusterError, OSError) as error:
                    log(f"{name}: {error}")
                    break
    return _report(trial, load)


def _phase(trial: Trial, name: str, act: Callable[[], Mapping[str, float]]) -> None:
    trial.progress.begin(name)
    begun = time.monotonic()
    recovered = dict(act())
    time.sleep(TAIL)
    trial.phases.append(Phase(name, begun, time.monotonic(), recovered))
    log(f"{name}: {time.monotonic() - begun:.0f} s")


def _report(trial: Trial, load: Load) -> Report:
    report = Report()
    rows: list[Row] = []
    for phase in trial.phases:
        for kind in load.asks:
            of_kind = [one for one in load.outcomes if one.kind == kind]
            rows.append({"phase": phase.name, "call": kind, **summary(of_kind, phase.begun, phase.ended)})
    report.table("calls", rows)
    report.table(
        "seconds until all replicas are there",
        [
            {"phase": one.name, "deployment": name, "seconds": seconds}
            for one in trial.phases
            for name, seconds in sorted(one.recovered.items())
        ],
    )
    report.table(
        "retries by the SDK",
        [{"call": kind, "retries": number} for kind, number in sorted(load.retries.items())],
    )
    errors = sorted({(one.kind, one.error) for one in load.outcomes if one.error})
    report.table("errors", [{"call": kind, "error": error} for kind, error in errors])
    for name in PLANNED.keys() - {"starting"} - {phase.name for phase in trial.phases}:
        report.claim(f"{name}: calls that failed", None, "", "<= 0", note="this phase was not run to its end")
    for phase in trial.phases:
        those = [row for row in rows if row["phase"] == phase.name]
        failed = sum(int(row["failed"]) for row in those)
        calls = sum(int(row["calls"]) for row in those)
        report.claim(f"{phase.name}: calls that failed", failed, f"of {calls}", "<= 0")
    return report
