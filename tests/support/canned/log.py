"""What the canned server saw."""

from __future__ import annotations

import threading
from typing import Any

from tieback.v1 import (
    answer_pb2,
    classifier_pb2,
    encoder_pb2,
    generator_pb2,
    index_pb2,
    reranker_pb2,
    router_pb2,
)
from tieback_lab.v1 import demonstration_pb2


class Log:
    """What the server saw."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.metadata: list[dict[str, Any]] = []
        self.cancelled = threading.Event()
        self.batches: list[list[str]] = []
        self.requests: list[encoder_pb2.EncodeRequest] = []
        self.fused: list[router_pb2.FuseRequest] = []
        self.retrievals: list[answer_pb2.RetrieveRequest] = []
        self.samplings: list[generator_pb2.SamplingParameters] = []
        self.conversations: list[tuple[str, list[str]]] = []
        """Of each answer, the system message and the history."""
        self.searches: list[index_pb2.SearchRequest] = []
        self.upserted: list[index_pb2.IndexedItem] = []
        self.demonstrations: list[demonstration_pb2.Demonstration] = []
        self.fitted: list[classifier_pb2.FitHeadRequest] = []
        self.predicted: list[classifier_pb2.PredictRequest] = []
        self.endpoints: list[str] = []
        self.filters: list[str] = []
        self.break_reason = ""
        """What the status of a stream that breaks gives as its reason; nothing where the connection does."""
        self.reranks: list[reranker_pb2.RerankRequest] = []
        self._seen: set[str] = set()

    def first_time(self, what: str) -> bool:
        """Whether it was never asked of this before."""
        seen = what in self._seen
        self._seen.add(what)
        return not seen

    def note(self, name: str, context: Any) -> None:
        self.calls.append(name)
        self.metadata.append(dict(context.invocation_metadata()))
