"""What a message may not say is refused, by the path of its field."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from support.collection_samples import SPACE, VECTOR
from support.contract_samples import FUNCTIONS
from support.contract_values import ITEM, REGIONS
from support.each import each
from tieback.core import errors
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.encoding import (
    CachePolicy,
)
from tieback.v1 import answer_pb2, content_pb2, reranker_pb2, vector_pb2
from tieback_contract.field_path import at
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.modality import Modality
from tieback_contract.vectors import MultiVector, SpaceRef, Vector


@each(
    "field, message",
    [
        ("v.space.name", vector_pb2.Vector()),
        ("v.values.shape", vector_pb2.Vector(space=vector_pb2.SpaceRef(name="a"))),
        (
            "v.values.data",
            vector_pb2.Vector(
                space=vector_pb2.SpaceRef(name="a"), values=vector_pb2.Tensor(shape=[4_000_000_000], data=b"")
            ),
        ),
        (
            "v.values.shape",
            vector_pb2.Vector(
                space=vector_pb2.SpaceRef(name="a"),
                values=vector_pb2.Tensor(dtype=vector_pb2.DATA_TYPE_BINARY, shape=[7], data=b"a"),
            ),
        ),
        (
            "v.values.dtype",
            vector_pb2.Vector(
                space=vector_pb2.SpaceRef(name="a"),
                values=vector_pb2.Tensor(dtype=99, shape=[1], data=b"a"),  # type: ignore[arg-type]  # on purpose
            ),
        ),
        (
            "v.scale",
            vector_pb2.Vector(
                space=vector_pb2.SpaceRef(name="a"),
                values=vector_pb2.Tensor(dtype=vector_pb2.DATA_TYPE_INT8, shape=[1], data=b"a"),
            ),
        ),
    ],
)
def test_a_malformed_vector_is_refused_by_its_field(field: str, message: vector_pb2.Vector) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        FUNCTIONS["read_vector"](message, at("v"))

    assert str(caught.value.field) == field


def floats(*values: float, shape: list[int] | None = None) -> vector_pb2.Tensor:
    data = np.array(values, "<f4").tobytes()
    return vector_pb2.Tensor(dtype=vector_pb2.DATA_TYPE_FLOAT32, shape=shape or [len(values)], data=data)


@each(
    "field, changes",
    [
        ("s.space.name", {"space": None}),
        ("s.weights", {"weights": floats(1)}),
        ("s.weights", {"weights": floats(1, float("nan"))}),
        ("s.weights", {"weights": floats(1, float("inf"))}),
        ("s.weights", {"weights": floats(1, 0)}),
        ("s.weights", {"weights": floats(1, -1)}),
        ("s.weights.shape", {"weights": floats(1, 1, shape=[1, 2])}),
        ("s.weights.dtype", {"weights": vector_pb2.Tensor(dtype=3, shape=[2], data=b"ab")}),  # type: ignore[arg-type]  # its number
        ("s.weights.data", {"weights": vector_pb2.Tensor(shape=[2_000_000_000], data=b"")}),
        ("s.indices", {"indices": [7, 3]}),
        ("s.indices", {"indices": [3, 3]}),
        ("s.indices", {"indices": [3, 2**32 - 1]}),
        ("s.terms", {"terms": ["a"]}),
    ],
)
def test_a_malformed_sparse_vector_is_refused_by_its_field(field: str, changes: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "space": vector_pb2.SpaceRef(name="a"),
        "indices": [3, 7],
        "weights": floats(1, 2),
    }
    assert FUNCTIONS["read_sparse"](vector_pb2.SparseVector(**good), at("s")).weights.tolist() == [1, 2]

    with pytest.raises(errors.InvalidInput) as caught:
        FUNCTIONS["read_sparse"](vector_pb2.SparseVector(**(good | changes)), at("s"))

    assert str(caught.value.field) == field


SPANS: dict[str, Any] = {"byte_spans": vector_pb2.ByteSpans(begin_bytes=[4], end_bytes=[4])}
BOXES: dict[str, Any] = {"boxes": vector_pb2.Boxes(xs=[0], ys=[0], widths=[1], heights=[1])}
TIMES: dict[str, Any] = {"time_ranges": vector_pb2.TimeRanges(begin_seconds=[0], end_seconds=[0.5])}


def box(x: float = 0, y: float = 0, width: float = 1, height: float = 1) -> dict[str, Any]:
    return {"boxes": vector_pb2.Boxes(xs=[x], ys=[y], widths=[width], heights=[height])}


def span(begin: int, end: int) -> dict[str, Any]:
    return {"byte_spans": vector_pb2.ByteSpans(begin_bytes=[begin], end_bytes=[end])}


def time(begin: float, end: float) -> dict[str, Any]:
    return {"time_ranges": vector_pb2.TimeRanges(begin_seconds=[begin], end_seconds=[end])}


@each(
    "field, changes",
    [
        ("m.space.name", SPANS | {"space": None}),
        ("m.values.shape", SPANS | {"values": floats(1, 0)}),
        ("m.values.dtype", SPANS | {"values": vector_pb2.Tensor(dtype=3, shape=[1, 2], data=b"ab")}),  # type: ignore[arg-type]  # its number
        ("m.values", SPANS | {"values": floats(1, float("nan"), shape=[1, 2])}),
        ("m.values", BOXES | {"values": floats(1, float("inf"), shape=[1, 2])}),
        ("m.locators", {}),
        ("m.byte_spans", SPANS | {"values": floats(1, 0, shape=[2, 1])}),
        ("m.byte_spans", {"byte_spans": vector_pb2.ByteSpans()}),
        ("m.byte_spans", {"byte_spans": vector_pb2.ByteSpans(begin_bytes=[4], end_bytes=[4, 5])}),
        ("m.byte_spans[0]", span(5, 4)),
        ("m.boxes", BOXES | {"values": floats(1, 0, shape=[2, 1])}),
        ("m.boxes", {"boxes": vector_pb2.Boxes(xs=[0], ys=[0], widths=[1])}),
        ("m.boxes[0]", box(width=0, height=0)),
        ("m.boxes[0]", box(x=-0.1, width=0.5)),
        ("m.boxes[0]", box(y=0.5, height=0.6)),
        ("m.boxes[0]", box(width=-1)),
        ("m.boxes[0]", box(x=float("nan"))),
        ("m.boxes[0]", box(width=float("inf"))),
        ("m.time_ranges", {"time_ranges": vector_pb2.TimeRanges(end_seconds=[1])}),
        ("m.time_ranges[0]", time(-0.5, 1)),
        ("m.time_ranges[0]", time(1, 1)),
        ("m.time_ranges[0]", time(float("nan"), 1)),
        ("m.time_ranges[0]", time(0, float("inf"))),
    ],
)
def test_a_malformed_multi_vector_is_refused_by_its_field(field: str, changes: dict[str, Any]) -> None:
    good: dict[str, Any] = {"space": vector_pb2.SpaceRef(name="a"), "values": floats(0, 1, shape=[1, 2])}
    for locators in (SPANS, BOXES, TIMES):
        assert len(FUNCTIONS["read_multi_vector"](vector_pb2.MultiVector(**(good | locators)), at("m"))) == 1

    with pytest.raises(errors.InvalidInput) as caught:
        FUNCTIONS["read_multi_vector"](vector_pb2.MultiVector(**(good | changes)), at("m"))

    assert str(caught.value.field) == field


def test_a_box_that_rounding_pushed_over_the_edge_passes() -> None:
    third = float(np.float32(1 / 3))
    message = vector_pb2.MultiVector(
        space=vector_pb2.SpaceRef(name="a"),
        values=floats(0, 1, shape=[1, 2]),
        **box(x=third * 2, width=third + 1e-7),
    )

    assert len(FUNCTIONS["read_multi_vector"](message, at("m"))) == 1


def test_locators_take_a_few_bytes_a_row_and_no_message_of_their_own() -> None:
    begins = np.arange(128) * 5
    tokens = MultiVector(
        np.zeros((128, 1), np.float32),
        SPACE,
        Locators.of(LocatorKind.BYTE_SPAN, np.stack((begins, begins + 4), axis=1)),
    )

    message = FUNCTIONS["write_multi_vector"](tokens)

    assert message.byte_spans.ByteSize() < 4 * 128  # a message for each row took 6 to 8 bytes


def test_a_source_to_rerank_that_is_neither_a_content_nor_vectors_is_refused() -> None:
    with pytest.raises(errors.InvalidInput, match="set content or multi_vector") as caught:
        FUNCTIONS["read_rerank_source"](reranker_pb2.RerankSource(), at("query"))

    assert str(caught.value.field) == "query"


def test_an_empty_content_is_refused_with_what_it_may_be() -> None:
    with pytest.raises(
        errors.InvalidInput, match="text, image, audio, points, features, vector or token_ids"
    ):
        FUNCTIONS["read_content"](content_pb2.Content(), at("contents", 0))


def test_token_numbers_that_are_none_are_refused_by_their_field() -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        FUNCTIONS["read_content"](content_pb2.Content(token_ids=content_pb2.TokenIds()), at("contents", 0))

    assert str(caught.value.field) == "contents[0].token_ids.ids"


def test_token_numbers_are_refused_where_more_than_one_space_would_read_them() -> None:
    content = content_pb2.Content(token_ids=content_pb2.TokenIds(ids=[101, 102]))
    item = content_pb2.Item(id="a", sections=[content_pb2.Section(content=content)])
    query = answer_pb2.RetrieveRequest(query=[answer_pb2.QueryPart(content=content)])

    with pytest.raises(errors.InvalidInput, match="send the text") as ingested:
        FUNCTIONS["read_item"](item, at("items", 0))
    with pytest.raises(errors.InvalidInput, match="send the text") as asked:
        FUNCTIONS["read_retrieval"](query)

    assert str(ingested.value.field) == "items[0].sections[0].content"
    assert str(asked.value.field) == "query[0].content"


def test_a_cache_policy_of_a_newer_contract_is_refused_by_its_field() -> None:
    assert FUNCTIONS["read_cache"](0, at("cache")) is CachePolicy.USE
    with pytest.raises(errors.InvalidInput) as caught:
        FUNCTIONS["read_cache"](99, at("cache"))

    assert str(caught.value.field) == "cache"


@each(
    "field, vector, regions",
    [
        ("vector.space.name", None, REGIONS),
        ("regions.values", VECTOR, dataclasses.replace(REGIONS, values=np.full((2, 3), np.nan, np.float32))),
        ("regions.boxes", VECTOR, dataclasses.replace(REGIONS, locators=REGIONS.locators.take(slice(1)))),
        (
            "regions.boxes[1]",
            VECTOR,
            dataclasses.replace(
                REGIONS, locators=Locators.of(LocatorKind.BOX, [(0, 0, 1, 1), (0.5, 0, 0.6, 1)])
            ),
        ),
        ("regions.space.name", VECTOR, dataclasses.replace(REGIONS, space=SpaceRef("", "", ""))),
    ],
)
def test_regions_that_are_malformed_or_have_no_whole_are_refused_by_their_field(
    field: str, vector: Vector | None, regions: MultiVector
) -> None:
    message = FUNCTIONS["write_indexed_item"](
        IndexedItem(ITEM, [IndexedSection(vector or VECTOR, "a cup", Modality.IMAGE, regions)])
    )
    if vector is None:
        message.sections[0].ClearField("vector")

    with pytest.raises(errors.InvalidInput) as caught:
        FUNCTIONS["read_indexed_item"](message, at("items", 0))

    assert str(caught.value.field) == f"items[0].sections[0].{field}"
