"""``POST /predict``, in the shape that the clients of text-embeddings-inference read."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tieback_client import AsyncClient, InvalidArgument, Unimplemented
from tieback_contract.field_path import FieldPath, at

from tieback.doors.caller import time_of
from tieback.doors.http.errors import Refused
from tieback.doors.http.operation import DoorOperation
from tieback.doors.http.reading import Missing, Payload, read

SECONDS = 60.0
FIELDS = {"contents": "inputs", "second_texts": "inputs"}
MISSING = {"truncation_direction": Missing("texts are cut at their end", ("Right", "right"))}
_SHAPES = "a text, a pair of two texts, or a list of lists of one text or two"


class Predict(Payload):
    """The body; `model` is for servers of several classifiers."""

    inputs: Any
    truncate: bool = False
    raw_scores: bool = False
    model: str = ""


def predict(client: AsyncClient) -> DoorOperation:
    """The operation."""

    async def handle(request: Request) -> Response:
        asked = await read(request, Predict, MISSING)
        inputs = [asked.inputs] if isinstance(asked.inputs, str) else asked.inputs
        is_batch = isinstance(inputs, list) and any(isinstance(one, list) for one in inputs)
        fields = [at("inputs", place) for place in range(len(inputs))] if is_batch else [at("inputs")]
        rows = inputs if is_batch else [inputs]
        texts = [_texts(row, field) for row, field in zip(rows, fields, strict=True)]
        try:
            found = await client.classify(
                texts,
                model=asked.model,
                truncate=asked.truncate,
                raw_scores=asked.raw_scores,
                timeout=time_of(SECONDS),
            )
        except Unimplemented as error:
            raise Refused(
                501, "UNSUPPORTED", "this server serves no classifier: tieback models add FOLDER makes a card"
            ) from error
        if found.problem == "tokens":
            raise Refused(
                501,
                "UNSUPPORTED",
                "the classifier labels parts of texts, which this API has no place for: ask the contract's "
                "TextClassifierService, as client.classify does",
            )
        # All or nothing: a list in this shape has no place for what failed.
        told = [[{"score": label.score, "label": label.name} for label in one.labels] for one in found]
        return JSONResponse(told if is_batch else told[0])

    return DoorOperation("predict", handle, FIELDS)


def _texts(given: Any, field: FieldPath) -> Any:
    """A text, or a pair, of a list that has one or two."""
    is_list = isinstance(given, list) and len(given) in (1, 2) and all(isinstance(one, str) for one in given)
    if not is_list:
        raise InvalidArgument.at(field, f"inputs are {_SHAPES}")
    if len(given) == 2 and not given[1]:
        raise InvalidArgument.at(field, "the second text is empty")
    return given[0] if len(given) == 1 else tuple(given)
