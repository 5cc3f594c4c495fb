"""From messages of the contract to the events of an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from tieback.v1 import evidence_pb2, generator_pb2
from tieback_contract.answers import GenerationEvent
from tieback_contract.claims import Citation, Claim, Conflict, Verdict

from tieback_client.messages.reading_hits import retrieval
from tieback_client.reports import CallInfo
from tieback_client.transport.codec import CODEC
from tieback_client.values.events import AnswerEvent, RetrievalEvent

claim = CODEC.reader(Claim, evidence_pb2.Claim.DESCRIPTOR)
citation = CODEC.reader(Citation, evidence_pb2.Citation.DESCRIPTOR)
verdict = CODEC.reader(Verdict, evidence_pb2.Verdict.DESCRIPTOR)
_conflict = CODEC.reader(Conflict, evidence_pb2.Conflict.DESCRIPTOR)
generation_event: Callable[..., GenerationEvent | None]
"""An event of the generator; None for a kind that this version does not know."""
generation_event = CODEC.choice_reader(get_args(GenerationEvent), generator_pb2.GenerateResponse.DESCRIPTOR)


def answer_event(message: Any, info: CallInfo) -> AnswerEvent | None:
    """An event of an answer; None for a kind that this version does not know."""
    match message.WhichOneof("event"):
        case "retrieval":
            return RetrievalEvent(retrieval(message.retrieval, info))
        case "generation":
            return generation_event(message.generation)
        case _:
            return None


def conflict(message: Any) -> Conflict | None:
    """Passages that disagree; None of a kind that this version does not know."""
    found = _conflict(message)
    return found if found.kind else None
