"""Kills a whole server with SIGKILL at random points of an operation, which must end as if undisturbed.

A collection of texts is encoded again into another space; some are longer than that space reads and are
split. With `--operation upgrade` it is moved there while it is read in both spaces, and the upgrade is
finished: its items and scores must also be those of a reindex. With `--operation translated_upgrade` the old
encoder is gone, and stored vectors are read by a transform that was learned before. With
`--operation plan_upgrade` such a transform is learned. The server is killed at a random moment of the
operation, or of the start that goes on with it, and started again, until the operation has ended. Then its
result, the collection's items and the scores of queries must be those of an operation that nothing disturbed.
After each kill the journal is read as the next start reads it, and while a server runs, a second one on its
journal must be refused.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tieback.core.errors import StartupError
from tieback.operations.journal import Journal
from tieback_client import Client, Item, Operation, OperationStatus, Recall, TiebackError, UpgradePlan

from benchmarks.progress import Progress
from benchmarks.report import Report
from benchmarks.served import StartError, Starting, started

OLD, NEW = "wordllama-256", "all-minilm-l6-v2"
SETTINGS = {
    "TIEBACK_GENERATOR": "none",
    "TIEBACK_BINDING": "none",
    # Whatever is encoded together, a text's vector is the same up to rounding.
    "TIEBACK_PRECISION": "float32",
}
COLLECTION = "texts"
SHORT, LONG = 240, 6
SENTENCES = 36
"""Of a long text: about three times what the new space reads."""
QUERIES = ("the moon and the sea", "bread from flour", "a bridge of stone")
TOLERANCE = 1e-4
"""Of scores: a text's vector depends a little on what it is padded to."""
SUBJECTS = ("moon", "sea", "bread", "stone", "wren", "rain", "tide", "flour", "bridge", "night")
RECALL_TOLERANCE = 0.05
"""Of what an upgrade is worth, for the same reason."""
OPERATIONS: Mapping[str, Callable[[Client], Operation[Any]]] = {
    "reindex": lambda client: client.reindex(COLLECTION, space=NEW),
    "upgrade": lambda client: client.upgrade(COLLECTION, space=NEW),
    "translated_upgrade": lambda client: client.upgrade(COLLECTION, space=NEW, least_trust=0.0),
    "plan_upgrade": lambda client: client.plan_upgrade(COLLECTION, space=NEW, policy=("oca", {"steps": 200})),
}
UPGRADES = ("upgrade", "translated_upgrade")
MOST_KILLS = 4
"""Of one operation; then it is let run to its end."""


def texts(short: int, long: int) -> list[Item]:
    """The items: sentences, and some texts of hundreds of words."""
    chance = random.Random(3)

    def sentence() -> str:
        one, other, third = chance.sample(SUBJECTS, 3)
        return f"The {one} was older than the {other}, and the {third} weighed {chance.random():.6f}."

    items = [Item(f"short-{n:04}", sentence()) for n in range(short)]
    return items + [Item(f"long-{n:04}", " ".join(sentence() for _ in range(SENTENCES))) for n in range(long)]


class Outcome:
    """State that an operation left behind."""

    def __init__(self, client: Client, status: OperationStatus[Any]) -> None:
        self.status = status
        self.items = {one.id: one for one in client.items(COLLECTION, page_size=100)}
        self.space = client.get_collection(COLLECTION).space
        self.scores = [
            {hit.hit.section_id + hit.hit.item_id: hit.search_score for hit in found.hits}
            for found in (client.retrieve(COLLECTION, query, limit=20, hybrid=False) for query in QUERIES)
        ]

    def differences(self, other: Outcome) -> list[str]:
        """In what another outcome is not this one."""
        found = []
        if other.status.state != self.status.state or other.status.error is not None:
            found.append(f"it ended as {other.status.state} ({other.status.error})")
        if not _alike(other.status.result, self.status.result):
            found.append(f"its result is {other.status.result} and not {self.status.result}")
        if other.space != self.space:
            found.append(f"the collection is in {other.space}")
        if other.items != self.items:
            found.append(f"{len(self.items)} items became {len(other.items)}, or their texts others")
        for mine, theirs in zip(self.scores, other.scores, strict=True):
            if mine.keys() != theirs.keys():
                found.append(f"a query finds others: {sorted(mine.keys() ^ theirs.keys())[:4]}")
            elif max(abs(mine[key] - theirs[key]) for key in mine) > TOLERANCE:
                found.append("a query has other scores")
        return found


class Trial:
    """One store, one operation, and a server that is killed while it runs."""

    def __init__(self, base: Path, folder: Path, chance: random.Random, operation: str) -> None:
        self.folder, self._chance, self._operation = folder, chance, operation
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(base, folder)
        self.points: Counter[tuple[str, str]] = Counter()
        self.faults: list[str] = []
        self.outcome: Outcome | None = None

    def run(self, kills: int, seconds: float) -> None:
        """Starts the operation, kills the server up to so many times within so many seconds, and looks."""
        name = ""
        for left in range(kills, -1, -1):
            with _served(self.folder, self._operation) as starting:
                if left and name and self._chance.random() < 0.3:
                    time.sleep(self._chance.uniform(0.0, 3.0))  # somewhere in the start
                    self._kill(starting, "starting")
                    continue
                try:
                    served = starting.ready()
                except StartError as error:
                    self.faults.append(f"it did not start: {error}")
                    return
                with Client(served.address, retry=None, timeout=60) as client:
                    name = name or OPERATIONS[self._operation](client).id
                    if left:
                        self._refuses_another()
                        time.sleep(self._chance.uniform(0.0, seconds))
                        self._kill(starting, "running")
                    else:
                        status = client.operation(name).wait(timeout=120)
                        if self._operation in UPGRADES:
                            client.finish_upgrade(COLLECTION)
                        self.outcome = Outcome(client, status)

    def _kill(self, starting: Starting, when: str) -> None:
        starting.kill()
        self.points[when, self._found()] += 1

    def _found(self) -> str:
        """At what point a kill left the operation, by its journal, which is read as a start reads it."""
        folder = self.folder / "operations"
        whole = (folder / "journal").read_bytes()
        journal = Journal(folder)
        journal.close()
        if journal.damage:
            self.faults.append(journal.damage)
        state: dict[str, Any] = dict(next(reversed(journal.states.values()), {}))
        if not whole.endswith(b"\n"):
            return "a line half written"
        if state.get("ended"):
            return "ended"
        if state.get("checkpoint"):
            return "about to end"
        return "encoding" if state.get("done") else "begun"

    def _refuses_another(self) -> None:
        try:
            Journal(self.folder / "operations").close()
        except StartupError:
            return
        self.faults.append("a second process opened the journal")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kills", type=int, default=50, help="how many (50)")
    parser.add_argument("--operation", choices=[*OPERATIONS], default="reindex", help="which (reindex)")
    parser.add_argument("--seed", type=int, default=0, help="which random points (0)")


def run(options: argparse.Namespace) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        progress = Progress({"kills": options.kills * 8.0})
        return killed(Path(folder), options.kills, options.seed, progress, operation=options.operation)


def killed(
    folder: Path,
    kills: int,
    seed: int,
    progress: Progress | None = None,
    *,
    items: tuple[int, int] = (SHORT, LONG),
    operation: str = "reindex",
) -> Report:
    """Kills servers so many times in operations on so many short and long texts."""
    chance = random.Random(seed)
    base = folder / "base"
    _fill(base, texts(*items), plans=operation == "translated_upgrade")
    undisturbed = Trial(base, folder / "undisturbed", chance, operation)
    begun = time.monotonic()
    undisturbed.run(0, 0.0)
    if undisturbed.outcome is None:
        raise RuntimeError(f"the operation did not run: {undisturbed.faults}")
    seconds = _took(undisturbed.outcome.status)
    points: Counter[tuple[str, str]] = Counter()
    faults: list[str] = []
    if operation in UPGRADES:
        again = Trial(base, folder / "reindexed", chance, "reindex")
        again.run(0, 0.0)
        if again.outcome is None:
            raise RuntimeError(f"the reindex did not run: {again.faults}")
        alike = replace_status(again.outcome, undisturbed.outcome.status)
        faults += [f"beside a reindex: {one}" for one in undisturbed.outcome.differences(alike)]
    ended = done = 0
    if progress is not None:
        progress.begin("kills")
    while done < kills:
        trial = Trial(base, folder / "store", chance, operation)
        try:
            trial.run(min(chance.randint(1, MOST_KILLS), kills - done), 1.1 * seconds)
        except TiebackError as error:
            trial.faults.append(f"a call failed: {error}")
        points += trial.points
        done += max(1, trial.points.total())
        if trial.outcome is not None:
            ended += 1
            trial.faults += undisturbed.outcome.differences(trial.outcome)
        faults += trial.faults
        if progress is not None:
            progress.say(f"{done} of {kills}")
    return _report(points, faults, ended, undisturbed.outcome, time.monotonic() - begun)


def replace_status(outcome: Outcome, status: OperationStatus[Any]) -> Outcome:
    """The outcome of another kind of operation, to be compared but for its result."""
    outcome.status = status
    return outcome


def _served(folder: Path, operation: str) -> AbstractContextManager[Starting]:
    """A server with both encoders, or with the new one alone where the old one is to be gone."""
    if operation != "translated_upgrade":
        return started(folder, local=True, spaces=(OLD, NEW), settings=SETTINGS)
    return started(folder, local=True, spaces=(NEW,), settings={**SETTINGS, "TIEBACK_RETIRED_SPACES": "0"})


def _fill(base: Path, items: list[Item], *, plans: bool) -> None:
    """Makes the collection, and learns a transform where the operation needs one."""
    with (
        _served(base, "reindex") as starting,
        Client(starting.ready().address, timeout=60) as client,
    ):
        client.ingest(COLLECTION, items, space=OLD, batch=100).collect()
        if plans:
            client.plan_upgrade(COLLECTION, space=NEW, policy="subspace").result(timeout=300)


def _alike(one: object, other: object) -> bool:
    """Tell whether two results are the same, but for times and what rounding does to a training."""
    if not (isinstance(one, UpgradePlan) and isinstance(other, UpgradePlan)):
        return one == other
    measured = ("old_old", "new_old", "new_new", "native")
    near = all(
        abs(getattr(one, name).value - getattr(other, name).value) <= RECALL_TOLERANCE for name in measured
    )
    nothing = Recall(0.0, 0.0, 0.0)
    bare = [
        replace(
            result, artifact="", encoding_seconds=0.0, training_seconds=0.0, old_old=nothing, new_old=nothing,
            new_new=nothing, native=nothing,
        )
        for result in (one, other)
    ]  # fmt: skip
    return near and bare[0] == bare[1]


def _took(status: OperationStatus[Any]) -> float:
    if status.begun is None or status.ended is None:
        raise RuntimeError("the operation has not ended")
    return (status.ended - status.begun).total_seconds()


def _report(
    points: Counter[tuple[str, str]], faults: list[str], ended: int, undisturbed: Outcome, seconds: float
) -> Report:
    report = Report()
    report.table("kills", [{"while": w, "found": f, "kills": n} for (w, f), n in sorted(points.items())])
    result = undisturbed.status.result
    report.table(
        "operation",
        [
            {
                "items": len(undisturbed.items),
                "operation": undisturbed.status.kind,
                "split": getattr(result, "split_sections", 0),
                "undisturbed s": _took(undisturbed.status),
                "all s": seconds,
            }
        ],
    )
    note = "; ".join(faults[:3])
    report.claim("kills", float(points.total()), "", "> 0")
    report.claim("operations that ended", float(ended), "", "> 0")
    report.claim(
        "ends that are not as if undisturbed, and other faults", float(len(faults)), "", "<= 0", note=note
    )
    return report
