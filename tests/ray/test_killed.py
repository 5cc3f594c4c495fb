"""Replicas that are killed under load: no call that may be repeated fails."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from support.running_platform import Platform, wait_for
from tieback_client import Client, Item, SamplingParameters, TextDelta, TiebackError, Unavailable

RESTART_SECONDS = 60

pytestmark = [pytest.mark.ray, pytest.mark.all]
SPACE = "wordllama-256"
CALLERS = 4


class Load:
    """Callers that encode without a pause; counts what came of it."""

    def __init__(self, address: str) -> None:
        self.outcomes: Counter[str] = Counter()
        self.retries = 0
        self._address = address
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(90)

    @property
    def succeeded(self) -> int:
        return self.outcomes["ok"]

    def _call(self) -> None:
        with Client(self._address, timeout=60) as client:
            while not self._stop.is_set():
                try:
                    client.encode("the sea", space=SPACE)
                except TiebackError as error:
                    self.outcomes[repr(error)] += 1
                else:
                    self.outcomes["ok"] += 1
            self.retries += client.retries


@pytest.mark.parametrize("deployment", [f"encoder:{SPACE}", "gateway"])
def test_no_idempotent_call_fails_when_a_replica_is_killed(platform: Platform, deployment: str) -> None:
    victim = wait_for(lambda: platform.replica(deployment))
    began = time.monotonic()

    with Load(platform.address) as load:
        wait_for(lambda: load.succeeded >= 100)
        victim.kill()
        before = load.succeeded
        wait_for(lambda: load.succeeded >= before + 200, 60)

    replacement = wait_for(lambda: platform.replica(deployment), RESTART_SECONDS)
    hops = wait_for(lambda: page(platform))
    print(
        f"\n{deployment} killed: {sum(load.outcomes.values())} calls, {load.succeeded} good, "
        f"{load.retries} retries by clients, {hops} by the gateway, {time.monotonic() - began:.1f} s"
    )
    assert load.outcomes.keys() == {"ok"}, load.outcomes
    assert replacement.pid != victim.pid
    if deployment != "gateway":
        assert platform.value("tieback_hop_retries_total", target=deployment) >= 1


def test_no_acknowledged_item_is_lost_when_the_index_is_killed(platform: Platform) -> None:
    items = [Item(f"item-{number}", [f"Sentence number {number}."]) for number in range(120)]
    victim = wait_for(lambda: platform.replica("index"))

    with Client(platform.address, timeout=60) as client:
        writes = client.ingest("survivors", items, batch=8)
        acknowledged = [next(writes), next(writes)]
        victim.kill()
        acknowledged += writes
        stored = {item.id for item in client.items("survivors")}

    assert len(acknowledged) == 15
    assert not writes.report.errors
    assert stored == {item.id for item in items}
    assert wait_for(lambda: platform.replica("index"), RESTART_SECONDS).pid != victim.pid


def test_an_answer_whose_replica_is_killed_is_unavailable_and_what_was_sent_is_incomplete(
    platform: Platform,
) -> None:
    story = SamplingParameters(max_tokens=400)

    with Client(platform.address, timeout=60) as client:
        stream = client.generate("Write a long story about the sea.", sampling=story)
        sent = [next(stream) for _ in range(5)]
        victim = wait_for(lambda: platform.replica("generator"))
        victim.kill()
        with pytest.raises(Unavailable):
            sent.extend(stream)

        assert stream.answer.text == "".join(one.text for one in sent if isinstance(one, TextDelta)) != ""
        assert not stream.answer.is_complete
        wait_for(
            lambda: (found := platform.replica("generator")) and found.pid != victim.pid, RESTART_SECONDS
        )
        again = client.generate("Say yes.", sampling=SamplingParameters(max_tokens=3)).collect()
        assert again.is_complete


def page(platform: Platform) -> str:
    """Retries so far; the page itself may be away for a moment after the gateway was killed."""
    try:
        return str(platform.value("tieback_hop_retries_total"))
    except OSError:
        return ""
