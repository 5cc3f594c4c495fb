"""The fuzzer in short: what callers send, valid and spoilt, ends well."""

from __future__ import annotations

import argparse
import os
import random
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.present import present
from tieback.v1 import answer_pb2, content_pb2, encoder_pb2
from tieback_contract.field_path import ROOT, at

from benchmarks import fuzz
from benchmarks.fuzz.decoders import silence
from benchmarks.fuzz.messages import held, placed, readers
from benchmarks.fuzz.target import targets
from benchmarks.report import Report

pytestmark = pytest.mark.all


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # in a server they are ignored, see image_decoding.py
@pytest.mark.parametrize("name", sorted(targets()))
def test_no_input_gives_anything_but_an_answer_or_an_error_for_the_caller(name: str) -> None:
    slowest = 0.0

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.integers(0, 2**32))
    def once(seed: int) -> None:
        nonlocal slowest
        begin = time.perf_counter()
        targets()[name].run(random.Random(seed))
        slowest = max(slowest, time.perf_counter() - begin)

    once()
    assert slowest < 5  # seconds; `scripts/bench fuzz` measures it on a quiet machine


def test_the_fuzzer_hears_what_a_library_writes() -> None:
    with pytest.raises(AssertionError, match="a line of a decoder"), silence():
        os.write(2, b"a line of a decoder")


def test_the_fuzzer_reads_by_every_conversion_of_requests() -> None:
    names = {name.rpartition(".")[2] for name in readers()}

    assert {
        "Content",
        "Item",
        "Routing",
        "RetrieveRequest",
        "SamplingParameters",
        "Grounding",
        "Method",
        "QueryOptions",
        "SearchRequest",
    } <= names


def test_the_fuzzer_sees_what_holds_too_much() -> None:
    held(encoder_pb2.EncodeRequest(contents=[content_pb2.Content()] * 1024))
    with pytest.raises(AssertionError, match="1025"):
        held(encoder_pb2.EncodeRequest(contents=[content_pb2.Content()] * 1025))


def test_the_fuzzer_sees_what_is_told_of_a_place_that_no_message_has() -> None:
    request: Any = answer_pb2.AnswerRequest.DESCRIPTOR

    for path in (
        ROOT,
        at("retrieval", "query", 3, "content", "text"),
        at("retrieval", "routing", "weights").key("minilm"),
        at("retrieval", "routing", "parameters", "domains", "any"),
        at("retrieval", "query"),
    ):
        placed(request, path)
    for nowhere in (
        None,
        at("query"),
        at("retrieval", "query", "content"),
        at("retrieval", "query", 3, "contents"),
        at("retrieval", "filter", "text"),
        at("retrieval", "routing", "weights", "minilm"),
    ):
        with pytest.raises(AssertionError, match="AnswerRequest has no place"):
            placed(request, nowhere)


def test_a_finding_is_counted_and_shown_with_its_number() -> None:
    class Broken:
        name = "broken"

        def run(self, source: random.Random) -> str:
            if source.random() < 0.5:
                raise KeyError("lost")
            return "read"

    report = Report()
    fuzz.tried(report, Broken(), argparse.Namespace(runs=40, first=0, seed="0"))

    findings = report.tables["broken: findings"]
    assert present(report.claims[0].value) > 10
    assert not report.claims[0].met
    with pytest.raises(KeyError):
        Broken().run(random.Random(f"0 broken {findings[0]['run']}"))
