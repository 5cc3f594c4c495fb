"""Heads, small classifiers that are fitted on few examples; and classifiers of texts, which are models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from tieback.v1 import classifier_pb2
from tieback_contract.field_path import at
from tieback_contract.heads import Head

from tieback_client.errors import InvalidArgument
from tieback_client.messages import reading, writing
from tieback_client.transport.rpc import RPCS, Procedure, UnaryCall
from tieback_client.transport.surface import operated, unary
from tieback_client.values.content import ContentLike
from tieback_client.values.events import MethodLike
from tieback_client.values.heads import Classifications, Predictions
from tieback_client.values.operations import OperationStatus, read_status

Examples: TypeAlias = Mapping[str, Sequence[ContentLike]] | Iterable[tuple[ContentLike, str]]
"""Contents by the name of their class, or contents with it."""


def fit_head(
    name: str,
    examples: Examples,
    *,
    space: str = "",
    method: MethodLike | None = None,
    memory: Examples = (),
    timeout: float | None = None,
) -> Procedure[OperationStatus[Head]]:
    """Starts to fit a head on labelled examples, and keeps it as the next version of its name.

    `examples` are contents by the name of their class, ``{"cat": [...], "dog": [...]}``, or pairs of a
    content and that name: two classes at least, with two examples each. The call encodes them in `space`, by
    default that of vectors among them, else the server's default; the operation learns, and measures by
    cross-validation. `method` is of the family "heads", "logistic" by default; ``"memory"`` looks at labelled
    vectors for each prediction, those of `memory` where it is given, in place of the examples. Fitting the
    same again gives the version that is there.
    """
    request = classifier_pb2.FitHeadRequest(
        name=writing.text(name, "name"),
        space=writing.text(space, "space"),
        method=writing.method(method, at("method")),
        examples=_examples(examples, "examples"),
        memory=_examples(memory, "memory"),
    )
    reply = yield UnaryCall(RPCS["FitHead"], request, timeout)
    return read_status(reply.message)


def predict(
    head: str,
    contents: ContentLike | Sequence[ContentLike],
    *,
    top: int = 0,
    version: int = 0,
    timeout: float | None = None,
) -> Procedure[Predictions]:
    """Says which classes contents are of, by a head: the `top` likeliest of each, by default 5.

    `version` is the last one by default. A content that fails does not fail the others: see
    `Predictions.outcomes`. `NotFound` for the head; `SpaceMismatch` where its space is served with other
    weights than those it was fitted with.
    """
    listed = contents if isinstance(contents, list | tuple) else [contents]
    if not listed:
        raise InvalidArgument.at("contents", "there is nothing to classify")
    request = classifier_pb2.PredictRequest(
        head=writing.text(head, "head"),
        version=_number(version, "version"),
        contents=[writing.content(one, at("contents", place)) for place, one in enumerate(listed)],
        top=_number(top, "top"),
    )
    reply = yield UnaryCall(RPCS["Predict"], request, timeout)
    return reading.predictions(reply.message, reply.info)


def classify(
    texts: ContentLike | Sequence[ContentLike | tuple[ContentLike, str]],
    *,
    model: str = "",
    top: int = 0,
    truncate: bool = False,
    raw_scores: bool = False,
    timeout: float | None = None,
) -> Procedure[Classifications]:
    """Gives the labels of texts by a classifier of the server's: the `top` best of each, by default all.

    A tuple within the list is a pair, of which the model reads both texts, such as evidence and a claim:
    ``[(evidence, claim)]``. A classifier of tokens labels parts of texts: see `Classification.spans`.

    `model` is one of `classifiers()`; empty where one alone is served. What is longer than the model reads
    fails, unless `truncate` cuts it. `raw_scores` gives logits in place of probabilities. A text that fails
    does not fail the others: see `Classifications.outcomes`. `NotFound` for the model.
    """
    listed = texts if isinstance(texts, list | tuple) else [texts]
    if not listed:
        raise InvalidArgument.at("contents", "there is nothing to classify")
    pairs = [_pair(one, place) for place, one in enumerate(listed)]
    seconds = [second for _, second in pairs]
    request = classifier_pb2.ClassifyRequest(
        model=writing.text(model, "model"),
        contents=[writing.content(first, at("contents", place)) for place, (first, _) in enumerate(pairs)],
        truncate=truncate,
        top=_number(top, "top"),
        second_texts=seconds if any(seconds) else (),
        raw_scores=raw_scores,
    )
    reply = yield UnaryCall(RPCS["Classify"], request, timeout)
    return reading.classifications(reply.message, reply.info)


def heads(*, timeout: float | None = None) -> Procedure[list[Head]]:
    """The heads of this tenant by name, the last version of each, without the names of their classes."""
    reply = yield UnaryCall(RPCS["ListHeads"], classifier_pb2.ListHeadsRequest(), timeout)
    return [reading.head(one) for one in reply.message.heads]


def head(name: str, *, version: int = 0, timeout: float | None = None) -> Procedure[Head]:
    """A version of a head, by default the last one. `NotFound`, with the choices, where there is none."""
    request = classifier_pb2.GetHeadRequest(
        name=writing.text(name, "name"), version=_number(version, "version")
    )
    reply = yield UnaryCall(RPCS["GetHead"], request, timeout)
    return reading.head(reply.message.head)


def delete_head(name: str, *, timeout: float | None = None) -> Procedure[None]:
    """Removes a head with all its versions."""
    request = classifier_pb2.DeleteHeadRequest(name=writing.text(name, "name"))
    yield UnaryCall(RPCS["DeleteHead"], request, timeout)


def _number(value: int, field: str) -> int:
    if not 0 <= value < 2**32:
        raise InvalidArgument.at(field, f"it is 0 or more, and below 2^32, not {value}")
    return value


def _pair(value: Any, place: int) -> tuple[Any, str]:
    """A content and the second text of its pair, empty where it stands alone."""
    if not isinstance(value, tuple):
        return value, ""
    field = at("second_texts", place)
    if len(value) != 2 or not isinstance(value[1], str) or not value[1]:
        raise InvalidArgument.at(field, "a pair is a tuple of two texts")
    return value[0], writing.text(value[1], field)


def _examples(examples: Examples, field: str) -> list[classifier_pb2.HeadExample]:
    if isinstance(examples, str | bytes | Path):
        raise InvalidArgument.at(field, "pass contents by class, or pairs of a content and its class")
    if isinstance(examples, Mapping):
        pairs = [(content, label) for label, contents in examples.items() for content in contents]
    else:
        pairs = list(examples)
    found = []
    for place, pair in enumerate(pairs):
        path = at(field, place)
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[1], str)):
            raise InvalidArgument.at(path, "an example is a pair of a content and the name of its class")
        content, label = pair
        found.append(
            classifier_pb2.HeadExample(
                content=writing.content(content, path["content"]), label=writing.text(label, path["label"])
            )
        )
    return found


class HeadsMethods:
    """The methods of both clients."""

    fit_head = operated(fit_head)
    predict = unary(predict)
    classify = unary(classify)
    heads = unary(heads)
    head = unary(head)
    delete_head = unary(delete_head)
