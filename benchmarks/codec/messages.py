"""Prints as JSON how many microseconds of processor time writing and reading one message of each kind takes.

It asks for what both trees have that `scripts/bench codec` compares, and takes the names that values
had before they were the contract's.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from tieback.core.types.encoding import EncodeReply
from tieback.core.types.search import SearchReply
from tieback.serving.conversions.codec import read_timing, write_timing
from tieback.serving.conversions.contents import read_encode_reply, write_encode_reply
from tieback.serving.conversions.generations import read_event, write_event
from tieback.serving.conversions.searches import read_search_reply, write_search_reply
from tieback_client import reading_events
from tieback_client.messages import reading, reading_hits
from tieback_client.reports import CallInfo
from tieback_contract.answers import Finish, FinishReason, GenerationEvent, TextDelta
from tieback_contract.claims import Citation, NotCheckedReason, Verdict, VerdictLabel
from tieback_contract.encodings import Encoding
from tieback_contract.hits import FoundPiece, Highlight, Hit
from tieback_contract.modality import Modality
from tieback_contract.reports import Cost, Stage, Timing
from tieback_contract.vectors import SpaceRef, Vector

VECTORS, WIDTH, HITS = 32, 384, 100
TURNS, CALLS = 15, 40

TIMING = Timing(0.1, 0.2, 0.3, 0.6, [Stage("encode", 0, 0.1), Stage("search", 0.1, 0.2)])


def measured() -> dict[str, float]:
    """The least of several turns, by the name of what was measured."""
    vectors = _through_the_wire(write_encode_reply(_encoded()))
    hits = _through_the_wire(write_search_reply(_found()))
    timing = _through_the_wire(write_timing(TIMING))
    encoded, found = _encoded(), _found()
    events: dict[str, GenerationEvent] = {
        "text": TextDelta("The moon "),
        "citation": Citation(1, "2", "tides", "3", (0, 77), 0.75),
        "verdict": Verdict(1, VerdictLabel.NOT_CHECKED, 0.0, "lexical", NotCheckedReason.LANGUAGE),
        "end": Finish(FinishReason.END, "own", 700, 60, None, TIMING, 0.25),
    }
    messages = {name: _through_the_wire(write_event(event)) for name, event in events.items()}
    told = CallInfo()
    calls: dict[str, Callable[[], object]] = {
        **{f"write an event: {name}": partial(write_event, event) for name, event in events.items()},
        **{
            f"read an event in the server: {name}": partial(read_event, message)
            for name, message in messages.items()
        },
        **{
            f"read an event in the SDK: {name}": partial(reading_events.generation_event, message, told)
            for name, message in messages.items()
        },
        f"write an Encode response of {VECTORS} vectors": lambda: write_encode_reply(encoded),
        f"read it in the server ({VECTORS} vectors)": lambda: read_encode_reply(vectors),
        f"read it in the SDK ({VECTORS} vectors)": lambda: [
            reading.encoding(one.encoding) for one in vectors.results
        ],
        f"write a reply of {HITS} hits": lambda: write_search_reply(found),
        f"read it in the server ({HITS} hits)": lambda: read_search_reply(hits),
        f"read it in the SDK ({HITS} hits)": lambda: [reading_hits.hit(one) for one in hits.hits],
        "write a timing": lambda: write_timing(TIMING),
        "read a timing in the server": lambda: read_timing(timing),
        "read a timing in the SDK": lambda: reading.timing(timing),
    }
    return {name: _microseconds(call) for name, call in calls.items()}


def _encoded() -> EncodeReply:
    space = SpaceRef("all-minilm-l6-v2", "3b1d0c7f2a94", "c27a5e90d1b8")
    rows = np.random.default_rng(0).standard_normal((VECTORS, WIDTH)).astype(np.float32)
    field = next(one.name for one in dataclasses.fields(Encoding) if one.name in ("vector", "dense"))
    given: list[dict[str, Any]] = [{field: Vector(space=space, values=row)} for row in rows]
    results = [Encoding(space, Modality.TEXT, token_count=12, **one) for one in given]
    return EncodeReply(results, TIMING, Cost(VECTORS, 400, 20))


def _found() -> SearchReply:
    text = "The moon pulls the sea, and the sea follows it around the world twice a day. " * 6
    hits = [
        Hit(
            *(
                f"item-{place}",
                "Tides",
                str(place),
                "Why there are two",
                Modality.TEXT,
                text,
                "file:tides.md",
            ),
            {"year": 2024.0, "kind": "note", "draft": False},
            1 / (place + 1),
            vector_score=0.5,
            text_score=0.25,
            words_matched=0.75,
            span=(0, 460),
            pieces=[FoundPiece("2", text, 0.25, (460, 920))] if place % 5 == 0 else [],
            highlights=[Highlight((0, 77), 0.5)],
        )
        for place in range(HITS)
    ]
    return SearchReply(hits, TIMING)


def _through_the_wire(message: Any) -> Any:
    return type(message).FromString(message.SerializeToString())


def _microseconds(call: Callable[[], object]) -> float:
    turns = []
    for _ in range(TURNS):
        begin = time.process_time_ns()
        for _ in range(CALLS):
            call()
        turns.append((time.process_time_ns() - begin) / CALLS / 1000)
    return min(turns)


if __name__ == "__main__":
    print(json.dumps(measured()))
