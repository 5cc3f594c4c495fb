"""What the services know survives the wire, both ways, and what does not fit is refused by its field."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from tieback.core import errors
from tieback.core.field_path import at
from tieback.core.tenant import Access, CollectionKey, Principal, Quota, Share, Usage
from tieback.core.types.collection import Collection, IndexedItem, IndexedSection, Source
from tieback.core.types.content import Content, Item, Modality, Section, TokenIds
from tieback.core.types.encoding import (
    CachePolicy,
    EncodePlan,
    EncodeReply,
    Encoding,
    EncodingSource,
    Label,
    SplitReply,
    TextPiece,
    Truncated,
    Truncation,
)
from tieback.core.types.fusion import (
    Fused,
    FusePart,
    FuseReply,
    IgnoredDimensions,
    Role,
    Routing,
    RoutingExplanation,
)
from tieback.core.types.generation import (
    Abstention,
    AbstentionReason,
    Citation,
    Claim,
    Decoding,
    Evidence,
    Finish,
    FinishReason,
    Grounding,
    TextDelta,
    Verdict,
    VerdictLabel,
)
from tieback.core.types.ingestion import LongTexts
from tieback.core.types.locators import Locator, LocatorKind, Locators
from tieback.core.types.method_choice import MethodChoice
from tieback.core.types.reindexing import PendingItem, ReindexedItem, ReindexedPiece, ReindexState
from tieback.core.types.report import Cost, Stage, Timing
from tieback.core.types.rerank import AlignedPair, Alignment, RerankCandidate, RerankReply, RerankResult
from tieback.core.types.retrieval import QueryPart, Retrieval, RetrievalPlan, RetrievedHit, RetrieveReply
from tieback.core.types.search import FoundPiece, Hit, SearchReply
from tieback.core.types.vectors import DType, MultiVector, SpaceRef, SparseVector, Vector, VectorKind
from tieback.serving import conversions
from tieback.v1 import answer_pb2, content_pb2, reranker_pb2, vector_pb2

SPACE = SpaceRef("minilm", "abc123", "def456")
VECTOR = Vector(SPACE, np.array([0.25, -0.5, 1.0], np.float32), normalized=False)
TOKENS = MultiVector(
    SPACE, np.eye(2, 3, dtype=np.float32), Locators.of(LocatorKind.BYTE_SPAN, [(0, 2), (3, 2**32 - 1)])
)
LABELS = [Label("espresso", 967, 0.5)]
SPARSE = SparseVector(SPACE, np.array([3, 40_000], np.int32), np.array([0.5, 2], np.float32), ["a", "b"])
REGIONS = MultiVector(
    SPACE,
    np.eye(2, 3, dtype=np.float32),
    Locators.of(LocatorKind.BOX, [(0, 0, 1, 1), (0.25, 0.5, 0.75, 0.5)]),
)
WINDOWS = MultiVector(
    SPACE, np.eye(2, 3, dtype=np.float32), Locators.of(LocatorKind.TIME_RANGE, [(0, 0.96), (0.48, 1.44)])
)
NO_ROWS = MultiVector(SPACE, np.zeros((0, 3), np.float32), Locators.of(LocatorKind.BYTE_SPAN, []))
TIMING = Timing(0.001, 0.002, 0.003, 0.006, [Stage("search", 0.001, 0.002)])
COST = Cost(8, 100, 20, 3, 2)
PLAN = RetrievalPlan(
    True, False, MethodChoice("reciprocal_rank"), MethodChoice("late_interaction"), 40, 0.25, True
)

ROUTING = RoutingExplanation(
    "explicit",
    {"a": 0.25, "b": 0.75},
    0.56,
    ["c"],
    True,
    ["x -> a (class names)"],
    {"c": "late"},
    2.5,
    "0123456789ab",
    "image+text",
    "no router knows image",
    {"c": "substitute"},
)
ENCODING = Encoding(SPACE, Modality.TEXT, VECTOR, TOKENS, LABELS, 12, 3, EncodingSource.DISK)
TEXT = Content(Modality.TEXT, "Grüße, 世界")
ITEM = Item(
    "one",
    [Section("s", TEXT, "Title", "file:a", (7, 22)), Section("t", TEXT, continues=True)],
    "Book",
    {"year": 1990.0, "new": True, "by": "me"},
)
HIT = Hit("one", "Book", "s", "Title", Modality.IMAGE, "a cup", "file:a", {"year": 1.0}, 0.5, 0.25, None)
SHOWN = dataclasses.replace(
    HIT,
    part=(0.25, 0.5, 0.75, 0.5),
    span=(0, 5),
    pieces=[FoundPiece("s-2", "and a saucer", 0.25, (5, 17)), FoundPiece("s-3", "", 0.0)],
    multi_vector=REGIONS,
)
LOCATORS = [
    Locator(LocatorKind.BYTE_SPAN, (0, 2)),
    Locator(LocatorKind.BOX, (0.25, 0.5, 0.75, 0.5)),
    Locator(LocatorKind.TIME_RANGE, (0.0, 0.5)),
]
ALIGNMENT = Alignment(
    [AlignedPair(LOCATORS[0], LOCATORS[1], 0.5, 0.25), AlignedPair(LOCATORS[2], LOCATORS[0], 0.5, 0.25)],
    np.full((2, 2), 0.25, np.float32),
)

SOURCE = Source("docs", "laptop", "/home/me/docs", 1_700_000_000.5, 3)

SAMPLES: dict[str, list[Any]] = {
    "indexed_section": [IndexedSection(VECTOR, "words", Modality.IMAGE, REGIONS)],
    "pending": [PendingItem(7, ITEM)],
    "reindexed": [
        ReindexedItem("one", 7, [IndexedSection(VECTOR, "", Modality.TEXT)]),
        ReindexedItem(
            "one",
            7,
            [IndexedSection(VECTOR, "", Modality.TEXT)] * 2,
            [ReindexedPiece(0, "s", (0, 5)), ReindexedPiece(1, "t")],
        ),
    ],
    "state": [ReindexState(SPACE, 10, 3)],
    "alignment": [ALIGNMENT, Alignment([])],
    "box": [(0.25, 0.5, 0.75, 0.5)],
    "cache": list(CachePolicy),
    "candidate": [RerankCandidate("1", TEXT, 0.5), RerankCandidate("2", TOKENS)],
    "collection": [
        Collection("books", SPACE, 384, 10, 20, 1_700_000_000.0),
        Collection("books", SPACE, 384, 10, 20, 1_700_000_000.0, Routing("top_k", {}, {"k": 3.0}), 200),
        Collection(
            "books", SPACE, 384, 10, 20, 1_700_000_000.0, Routing(missing=MethodChoice("pool", {"k": 3}))
        ),
        Collection("books", SPACE, 384, 0, 0, 1_700_000_000.0, damage="its files are gone", sources=[SOURCE]),
        Collection("books", SPACE, 384, 0, 0, 1_700_000_000.0, stale="another revision is served"),
    ],
    "collection_source": [SOURCE],
    "content": [
        TEXT,
        Content(Modality.IMAGE, b"\x89PNG"),
        Content(Modality.AUDIO, b"RIFF"),
        Content(Modality.POINTS, np.ones((4, 3), np.float32)),
        Content(None, VECTOR),
        Content(Modality.TEXT, TokenIds(np.array([101, 2**32 - 1, 102], np.int64))),
    ],
    "cost": [COST],
    "decoding": [
        Decoding(),
        Decoding(9, 0.5, 0.25, 40, 0, ["END"], MethodChoice("context_aware", {"alpha": 0.5})),
    ],
    "encode_reply": [
        EncodeReply([ENCODING, errors.InvalidInput("bad", field=at("contents", 1))], TIMING, COST)
    ],
    "encoding": [
        ENCODING,
        Encoding(SPACE, Modality.AUDIO),
        Encoding(SPACE, Modality.IMAGE, sparse=SPARSE, multi_vector=REGIONS),
    ],
    "event": [
        TextDelta("hé"),
        Claim(1, (0, 4), "text"),
        Citation(1, "2", "one", "s", (3, 9), 0.5),
        Citation(1, "2", "one", "s", None, 0.5),
        Citation(1, "2", "one", "s", (3, 9), 0.5, (0.25, 0.5, 0.75, 0.5)),
        *[Verdict(1, label, 0.5, "lexical") for label in VerdictLabel],
        *[Abstention(reason, 0.25, 0.5, "no") for reason in AbstentionReason],
        *[Finish(reason, "m", 10, 5, 1, TIMING, 0.25) for reason in FinishReason],
    ],
    "evidence": [
        Evidence("1", "text", "Title", "one", "s", "file:a", Modality.AUDIO, 0.5),
        Evidence("1", "text", "Title", "one", "s", "file:a", Modality.IMAGE, 0.5, (0.25, 0.5, 0.75, 0.5)),
    ],
    "explanation": [ROUTING],
    "fuse_input": [[FusePart(ENCODING, 0.5, 2)]],
    "fuse_reply": [
        FuseReply([Fused(VECTOR, ROUTING, LABELS), errors.SpaceMismatch("no")], TIMING),
        FuseReply([Fused(VECTOR, ROUTING, LABELS, REGIONS)], TIMING),
        FuseReply([Fused(VECTOR, ROUTING, ignored=[IgnoredDimensions(Modality.TEXT, 4, 9)])], TIMING),
    ],
    "grounding": [Grounding(), Grounding(MethodChoice("lexical_embedding"), 0.0, True)],
    "hit": [HIT, SHOWN],
    "ignored": [[], [IgnoredDimensions(one, 0, 2**31) for one in Modality]],
    "indexed_item": [
        IndexedItem(ITEM, [IndexedSection(VECTOR, "words", Modality.TEXT)]),
        IndexedItem(ITEM, [IndexedSection(VECTOR, "words", Modality.IMAGE, REGIONS)]),
    ],
    "item": [ITEM],
    "labels": [LABELS],
    "metadata": [
        {"a": 1.0, "b": True, "c": "d", "day": date(2024, 3, 1), "tags": ("a", 1.0, True, date(1, 1, 1))},
        {"at": datetime(2024, 3, 1, 10, 30, 0, 123456, tzinfo=UTC), "none": ()},
    ],
    "locator": LOCATORS,
    "long_texts": list(LongTexts),
    "method": [MethodChoice("power", {"exponent": 3, "strict": True, "name": "x", "part": 0.5})],
    "modality": list(Modality),
    "multi_vector": [TOKENS, REGIONS, WINDOWS, NO_ROWS],
    "output": [
        EncodePlan(),
        EncodePlan(batch_invariant=True, layer=3),
        EncodePlan(kinds=frozenset({VectorKind.SPARSE, VectorKind.MULTI_VECTOR}), terms=True),
        *[EncodePlan(128, dtype, frozenset({VectorKind.DENSE, VectorKind.MULTI_VECTOR})) for dtype in DType],
    ],
    "plan": [PLAN, RetrievalPlan(False, False, None, MethodChoice("none"), 0, 0.0, False)],
    "rerank_reply": [RerankReply([RerankResult("1", 0.5, 0.25, 3, ALIGNMENT)], TIMING, COST)],
    "rerank_source": [TEXT, Content(Modality.IMAGE, b"\x89PNG"), TOKENS, REGIONS, WINDOWS],
    "retrieval": [
        Retrieval(
            "books",
            [QueryPart(TEXT, -0.5)],
            5,
            "a = 1",
            Routing("explicit", {"a": 1.0}),
            40,
            MethodChoice("optimal_transport"),
            True,
            False,
            True,
            MethodChoice("reciprocal_rank"),
            0.25,
        ),
        Retrieval("books", [QueryPart(TEXT)]),
    ],
    "retrieve_reply": [
        RetrieveReply(
            [RetrievedHit(SHOWN, 0.5, 3, 0.25, ALIGNMENT, 0.125, True), RetrievedHit(HIT, 0.5, 0)],
            ROUTING,
            LABELS,
            TIMING,
            PLAN,
        )
    ],
    "role": list(Role),
    "routing": [
        Routing(),
        Routing("explicit", {"a": 0.5}),
        Routing("top_k", {}, {"k": 3.0}),
        Routing(missing=MethodChoice("skip")),
    ],
    "search_reply": [SearchReply([HIT], TIMING)],
    "source": list(EncodingSource),
    "sparse": [SPARSE, SparseVector(SPACE, np.zeros(0, np.int32), np.zeros(0, np.float32), [])],
    "space": [SPACE],
    "timing": [TIMING],
    "split_reply": [
        SplitReply([[TextPiece((0, 9), 3), TextPiece((5, 12), 4)], errors.InvalidInput("bad")], 126, TIMING)
    ],
    "truncated": [[Truncated("minilm", 2, 300, 128)]],
    "truncation": list(Truncation),
    "usage": [
        Usage(Principal(), 1, 2, 3),
        Usage(Principal("acme", Access.READ, Quota(1, 2, 3, 4.5)), 0, 0, 0),
        Usage(
            Principal("acme", shared={CollectionKey("globex", "docs"): Share(Access.WRITE, Quota())}), 0, 0, 0
        ),
    ],
    "vector": [
        VECTOR,
        Vector(SPACE, np.array([1, -2], np.float16), DType.FLOAT16),
        Vector(SPACE, np.array([1, -2], np.int8), DType.INT8, True, 0.5),
        Vector(SPACE, np.array([255, 1], np.uint8), DType.BINARY),
    ],
}
# Half pairs: only requests or only parts of others have these.
ALONE = {"dtype", "tensor", "span", "kinds", "weight"}


def functions() -> dict[str, Any]:
    found = {}
    for module in pkgutil.iter_modules(conversions.__path__):
        loaded = importlib.import_module(f"{conversions.__name__}.{module.name}")
        found.update(
            {name: value for name, value in vars(loaded).items() if name.startswith(("read_", "write_"))}
        )
    return found


FUNCTIONS = functions()
NAMES = {name.partition("_")[2] for name in FUNCTIONS} - ALONE


def plain(value: Any) -> Any:
    """Something that compares: arrays as lists, errors as what they say."""
    if isinstance(value, np.ndarray):
        return (value.dtype.kind, value.shape, value.astype(float).round(6).tolist())
    if isinstance(value, errors.TiebackError):
        return (type(value), value.message, value.reason, getattr(value, "field", ""))
    if dataclasses.is_dataclass(value):
        return (
            type(value),
            {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)},
        )
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return value


def test_every_conversion_has_a_sample_and_both_directions() -> None:
    assert {name for name, samples in SAMPLES.items() if samples} == NAMES
    assert all(f"read_{name}" in FUNCTIONS and f"write_{name}" in FUNCTIONS for name in NAMES)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, samples in SAMPLES.items() for value in samples]
)
def test_what_is_written_is_read_again(name: str, value: Any) -> None:
    message = FUNCTIONS[f"write_{name}"](value)
    if hasattr(message, "SerializeToString"):
        message = type(message).FromString(message.SerializeToString())

    read = FUNCTIONS[f"read_{name}"]
    again = read(message, *([at("field")] if "field" in inspect.signature(read).parameters else []))

    assert plain(again) == plain(value)


def test_a_tensor_is_read_without_a_copy() -> None:
    data = np.arange(6, dtype="<f4").tobytes()
    tensor = vector_pb2.Tensor(dtype=vector_pb2.DATA_TYPE_FLOAT32, shape=[2, 3], data=data)

    array = FUNCTIONS["read_tensor"](tensor, at("t"), rank=2)

    assert not array.flags.owndata
    assert not array.flags.writeable


@pytest.mark.parametrize(
    ("field", "message"),
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


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("s.space.name", {"space": None}),
        ("s.weights", {"weights": floats(1)}),
        ("s.weights", {"weights": floats(1, float("nan"))}),
        ("s.weights", {"weights": floats(1, float("inf"))}),
        ("s.weights", {"weights": floats(1, 0)}),
        ("s.weights", {"weights": floats(1, -1)}),
        ("s.weights.shape", {"weights": floats(1, 1, shape=[1, 2])}),
        ("s.weights.dtype", {"weights": vector_pb2.Tensor(dtype=3, shape=[2], data=b"ab")}),  # type: ignore[arg-type]
        ("s.weights.data", {"weights": vector_pb2.Tensor(shape=[2_000_000_000], data=b"")}),
        ("s.indices", {"indices": [7, 3]}),
        ("s.indices", {"indices": [3, 3]}),
        ("s.indices", {"indices": [3, 2**32 - 1]}),
        ("s.terms", {"terms": ["a"]}),
    ],
)
def test_a_malformed_sparse_vector_is_refused_by_its_field(field: str, changes: dict[str, Any]) -> None:
    good = {"space": vector_pb2.SpaceRef(name="a"), "indices": [3, 7], "weights": floats(1, 2)}
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


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("m.space.name", SPANS | {"space": None}),
        ("m.values.shape", SPANS | {"values": floats(1, 0)}),
        ("m.values.dtype", SPANS | {"values": vector_pb2.Tensor(dtype=3, shape=[1, 2], data=b"ab")}),  # type: ignore[arg-type]
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
        SPACE,
        np.zeros((128, 1), np.float32),
        Locators.of(LocatorKind.BYTE_SPAN, np.stack((begins, begins + 4), axis=1)),
    )

    message = FUNCTIONS["write_multi_vector"](tokens)

    assert message.byte_spans.ByteSize() < 4 * 128  # a message for each row took 6 to 8 bytes


def test_a_source_to_rerank_that_is_neither_a_content_nor_vectors_is_refused() -> None:
    with pytest.raises(errors.InvalidInput, match="set content or multi_vector") as caught:
        FUNCTIONS["read_rerank_source"](reranker_pb2.RerankSource(), at("query"))

    assert str(caught.value.field) == "query"


def test_an_empty_content_is_refused_with_what_it_may_be() -> None:
    with pytest.raises(errors.InvalidInput, match="text, image, audio, points, vector or token_ids"):
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


def test_a_source_that_is_not_said_or_not_known_here_is_that_it_was_computed() -> None:
    assert FUNCTIONS["read_source"](0) is EncodingSource.COMPUTED
    assert FUNCTIONS["read_source"](99) is EncodingSource.COMPUTED


def test_a_cache_policy_of_a_newer_contract_is_refused_by_its_field() -> None:
    assert FUNCTIONS["read_cache"](0, at("cache")) is CachePolicy.USE
    with pytest.raises(errors.InvalidInput) as caught:
        FUNCTIONS["read_cache"](99, at("cache"))

    assert str(caught.value.field) == "cache"


def test_the_vectors_of_a_reply_are_the_bytes_of_the_rows_of_one_array() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    encodings = [Encoding(SPACE, Modality.TEXT, Vector(SPACE, row)) for row in rows]

    message = FUNCTIONS["write_encode_reply"](EncodeReply(encodings, TIMING, COST))

    assert b"".join(one.encoding.dense.values.data for one in message.results) == rows.tobytes()
    read = FUNCTIONS["read_encode_reply"](message).results
    assert not any(one.dense.values.flags.owndata for one in read)


@pytest.mark.parametrize(
    ("field", "vector", "parts"),
    [
        ("vector.space.name", None, REGIONS),
        ("parts.values", VECTOR, dataclasses.replace(REGIONS, values=np.full((2, 3), np.nan, np.float32))),
        ("parts.boxes", VECTOR, dataclasses.replace(REGIONS, locators=REGIONS.locators.take(slice(1)))),
        (
            "parts.boxes[1]",
            VECTOR,
            dataclasses.replace(
                REGIONS, locators=Locators.of(LocatorKind.BOX, [(0, 0, 1, 1), (0.5, 0, 0.6, 1)])
            ),
        ),
        ("parts.space.name", VECTOR, dataclasses.replace(REGIONS, space=SpaceRef("", "", ""))),
    ],
)
def test_parts_that_are_malformed_or_have_no_whole_are_refused_by_their_field(
    field: str, vector: Vector | None, parts: MultiVector
) -> None:
    message = FUNCTIONS["write_indexed_item"](
        IndexedItem(ITEM, [IndexedSection(vector or VECTOR, "a cup", Modality.IMAGE, parts)])
    )
    if vector is None:
        message.sections[0].ClearField("vector")

    with pytest.raises(errors.InvalidInput) as caught:
        FUNCTIONS["read_indexed_item"](message, at("items", 0))

    assert str(caught.value.field) == f"items[0].sections[0].{field}"
