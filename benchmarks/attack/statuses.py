"""The first failed item of an answer that has a status for each."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from google.rpc import status_pb2
from tieback.v1 import answer_pb2, encoder_pb2, index_pb2

NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


def of_encode(answer: bytes) -> tuple[str, str]:
    """Of an EncodeResponse."""
    return _first(one.error for one in encoder_pb2.EncodeResponse.FromString(answer).results)


def of_split(answer: bytes) -> tuple[str, str]:
    """Of a SplitTextsResponse."""
    return _first(one.error for one in encoder_pb2.SplitTextsResponse.FromString(answer).results)


def of_ingest(answer: bytes) -> tuple[str, str]:
    """Of an IngestItemsResponse."""
    return _first(one.status for one in answer_pb2.IngestItemsResponse.FromString(answer).results)


def of_upsert(answer: bytes) -> tuple[str, str]:
    """Of an UpsertItemsResponse."""
    return _first(index_pb2.UpsertItemsResponse.FromString(answer).results)


def _first(statuses: Iterable[status_pb2.Status]) -> tuple[str, str]:
    for status in statuses:
        if status.code:
            return NAMES[status.code], status.message
    return "OK", ""
