"""The attacks reach a real server, and what they cost others is told from what was there before."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from collections.abc import Sequence

import pytest
from tieback.v1 import content_pb2, encoder_pb2

from benchmarks import attack
from benchmarks.attack.attack import FAULT, Attack, Outcome, Scene
from benchmarks.attack.http2 import RawCaller

pytestmark = pytest.mark.all

HARMLESS = {"TIEBACK_GENERATOR": "none"}


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


async def too_many(scene: Scene) -> Sequence[Outcome]:
    """2,000 contents, of a caller who reads the status, and of one who only sees the call end."""
    request = encoder_pb2.EncodeRequest(
        space="wordllama-256", contents=[content_pb2.Content(text="a")] * 2000
    ).SerializeToString()
    with RawCaller(scene.address) as caller:
        number = caller.open("EncoderService/Encode", request)
        refused = await scene.call("EncoderService/Encode", request)
        assert await asyncio.to_thread(caller.wait, number, 5.0)
    assert b"grpc-status" in caller.ended[number]
    return [refused]


async def kill(scene: Scene) -> Sequence[Outcome]:
    os.kill(scene.pid, signal.SIGKILL)
    return [await scene.call("EncoderService/Encode", b"", seconds=5.0)]


def test_what_an_attack_costs_others_is_measured_on_a_real_server() -> None:
    nul = attack.found()["NUL"]
    chosen = [
        dataclasses.replace(nul, settings=HARMLESS),
        Attack("too many", "2,000 contents", too_many, settings=HARMLESS),
        Attack("kill", "ends the server", kill, settings=HARMLESS),
    ]

    report = attack.attacked(chosen, ["wordllama-256", "all-minilm-l6-v2"], 0.5)

    *lived, killed = report.tables["attacks"]
    assert [row["attack"] for row in report.tables["attacks"]] == ["NUL", "too many", "kill"]
    for row in lived:
        assert row["server"] == "goes on"
        assert 0 < row["health ms"] < 5000
        assert row["good calls"] > 0
        assert row["good failed"] == 0
        assert row["peak MB"] < 64
    assert lived[1]["wrong"] == 0, report.tables["how calls ended"]
    assert killed["server"] != "goes on"
    assert any("1024" in row["message"] for row in report.tables["how calls ended"])
    assert len(report.claims) == 9
