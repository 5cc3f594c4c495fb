"""The attacks reach a real server, and what they cost others is told from what was there before."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from benchmarks import attack
from benchmarks.attack.attack import FAULT, Attack, Outcome, Scene
from benchmarks.attack.http2 import RawCaller
from benchmarks.served import served

SPACES = ["wordllama-256", "all-minilm-l6-v2"]
HARMLESS = {"TIEBACK_GENERATOR_ENABLED": "false"}


async def nothing(_: Scene) -> Sequence[Outcome]:
    return []


def ended(code: str, message: str = "") -> Outcome:
    return Outcome(code, message, 0.1)


def test_every_attack_has_a_name_of_its_own_and_says_what_it_does() -> None:
    found = attack.found()

    assert len(found) >= 25
    assert all(name == one.name and one.summary for name, one in found.items())


def test_a_refusal_is_right_where_it_names_its_limit() -> None:
    one = Attack("one", "", nothing)
    right = ended("INVALID_ARGUMENT", "2000 items; the limit is 1024")
    wrong = [
        ended("OK"),
        ended("DEADLINE_EXCEEDED"),
        ended("INVALID_ARGUMENT", "too many items"),
        ended("INTERNAL", "an error 1"),
        ended("INVALID_ARGUMENT", "1" * 2000),
        ended(FAULT, "400 threads more"),
    ]

    assert one.wrong([right, *wrong]) == wrong
    assert dataclasses.replace(one, may_answer=True).wrong([right, *wrong]) == wrong[2:]
    assert dataclasses.replace(one, limit=False).wrong(wrong) == [*wrong[:2], *wrong[3:]]


def test_what_an_attack_costs_others_is_measured() -> None:
    found = attack.found()
    chosen = [
        dataclasses.replace(found[name], settings=HARMLESS)
        for name in ("all bad halves", "NUL", "metrics port")
    ]

    report = attack.attacked(chosen, SPACES, 0.5)

    [first, second, third] = report.tables["attacks"]
    assert [first["attack"], second["attack"], third["attack"]] == ["all bad halves", "NUL", "metrics port"]
    for row in report.tables["attacks"]:
        assert row["server"] == "goes on"
        assert 0 < row["health ms"] < 5000
        assert row["good calls"] > 0
        assert row["good failed"] == 0
        assert row["peak MB"] < 64
    assert {row["code"] for row in report.tables["how calls ended"]} <= {
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "OK",
    }
    assert len(report.claims) == 9


def test_a_server_that_an_attack_ends_is_told() -> None:
    async def kill(scene: Scene) -> Sequence[Outcome]:
        import os
        import signal

        os.kill(scene.pid, signal.SIGKILL)
        return [await scene.call("EncoderService/Encode", b"", seconds=5.0)]

    report = attack.attacked([Attack("kill", "ends it", kill, settings=HARMLESS)], ["wordllama-256"], 0.2)

    assert report.tables["attacks"][0]["server"] != "goes on"
    assert any(claim.met is False for claim in report.claims)


@pytest.mark.timeout(60)
def test_a_caller_by_hand_is_understood_by_the_server() -> None:
    with (
        served(local=True, spaces=["wordllama-256"], settings=HARMLESS) as server,
        RawCaller(server.address) as caller,
    ):
        number = caller.open("CatalogService/GetServerInfo", b"")
        absent = caller.open("CatalogService/NoSuchMethod", b"")
        while not caller.closed.wait(0.02) and not {number, absent} <= caller.ended.keys():
            pass

    assert b"grpc-status" in caller.ended[number]
