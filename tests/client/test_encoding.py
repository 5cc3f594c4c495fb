"""Content goes out and vectors come back, whatever their type."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.canned.contents import values_of
from support.each import each
from tieback.v1 import content_pb2
from tieback_client import (
    AsyncClient,
    Audio,
    Client,
    Encoding,
    FusePart,
    IgnoredDimensions,
    Image,
    InvalidArgument,
    Locator,
    LocatorKind,
    Modality,
    Points,
    Reduction,
    SpaceRef,
    SparseVector,
    Text,
    Vector,
)
from tieback_client.values.content import content_of

SPACE = SpaceRef("tiny", "r1", "f1")
TEXTS = ["a", "bb", "cccc"]


def test_vectors_are_one_array_in_the_order_of_the_texts(client: Client) -> None:
    result = client.encode(TEXTS, space="tiny")

    assert result.vectors.shape == (3, 8)
    assert result.vectors.dtype == np.float32
    np.testing.assert_array_equal(result.vectors, [values_of(one) for one in TEXTS])
    assert result.space == SPACE
    assert (result.timing.compute, result.cost.tokens) == (0.003, 9)


def test_a_vector_is_a_view_of_the_bytes_that_came_and_cannot_be_written(client: Client) -> None:
    vector = client.encode("a", space="tiny")[0].vector

    assert vector is not None
    assert isinstance(vector.values.base, np.ndarray | bytes)
    assert not vector.values.flags.writeable


@pytest.mark.parametrize(
    ("dtype", "codes", "tolerance"),
    [("float32", "float32", 0), ("float16", "float16", 1e-3), ("int8", "int8", 4e-3)],
)
def test_quantised_vectors_stand_for_the_same_numbers(
    client: Client, dtype: str, codes: str, tolerance: float
) -> None:
    result = client.encode(TEXTS, space="tiny", dtype=dtype)

    assert result.codes.dtype == codes
    np.testing.assert_allclose(result.vectors, [values_of(one) for one in TEXTS], atol=tolerance)


def test_binary_vectors_are_the_signs(client: Client) -> None:
    result = client.encode(["cccc"], space="tiny", dtype="binary")

    assert result.codes.tolist() == [[0b11110000]]
    assert result.vectors.tolist() == [[1, 1, 1, 1, -1, -1, -1, -1]]
    vector = result[0].vector
    assert vector is not None
    assert vector.width == 8


def test_one_bad_text_fails_alone_and_its_row_is_not_a_number(client: Client) -> None:
    result = client.encode(["a", "bad", "bb"], space="tiny")

    assert np.isnan(result.vectors[1]).all()
    assert not np.isnan(result.vectors[[0, 2]]).any()
    assert list(result.errors) == [1]
    with pytest.raises(InvalidArgument, match="900 tokens") as caught:
        result.raise_for_errors()
    assert caught.value.field == "contents[1].text"
    assert caught.value.reason == "TOO_LONG"


@pytest.mark.parametrize(("empty", "kind"), [(Image(b""), "image"), (Audio(b""), "audio")])
def test_an_empty_picture_or_sound_fails_alone_by_its_place_among_all(
    client: Client, empty: Any, kind: str
) -> None:
    contents = ["a", "bb", empty, "ccc"]

    by_call = client.encode(contents, space="tiny", batch=2)
    by_stream = client.encode_stream(contents, space="tiny", batch=2).collect()

    for result in (by_call, by_stream):
        assert list(result.errors) == [2]
        error = result.errors[2]
        assert isinstance(error, InvalidArgument)
        assert (error.field, "no bytes" in error.message) == (f"contents[2].{kind}", True)
        assert not np.isnan(result.vectors[[0, 1, 3]]).any()


def test_many_texts_go_in_several_calls_and_come_back_as_one(client: Client, served: Any) -> None:
    result = client.encode(["a"] * 10, space="tiny", batch=4)

    assert served.log.calls.count("Encode") == 3
    assert result.vectors.shape == (10, 8)
    assert (result.cost.tokens, result.cost.batch_size) == (30, 4)


def test_tokens_and_labels_come_with_the_dense_vector_where_asked_for(client: Client) -> None:
    one = client.encode("a", space="tiny", kinds=["dense", "multi_vector", "labels"], width=4)[0]

    assert one.vector is not None
    assert one.vector.width == 4
    assert one.multi_vector is not None
    assert one.multi_vector.values.shape == (2, 8)
    assert one.multi_vector.locators.kind is LocatorKind.BYTE_SPAN
    assert one.multi_vector.locators.places.tolist() == [[0, 2], [2, 4]]
    assert [(label.name, label.index) for label in one.labels] == [("cat", 3)]


def test_sparse_vectors_come_as_numbers_or_with_their_names(client: Client) -> None:
    numbered = client.encode(["cab", "ac"], space="tiny", kinds=["sparse"])
    named = client.encode("cab", space="tiny", kinds=["sparse"], terms=True)[0].sparse

    first, second = (one.sparse for one in numbered)
    assert first is not None
    assert second is not None
    assert numbered[0].vector is None
    assert (first.indices.dtype, first.weights.dtype, first.space) == (
        np.dtype(np.int32),
        np.dtype(np.float32),
        SPACE,
    )
    assert (first.indices.tolist(), first.weights.tolist()) == ([97, 98, 99], [2, 3, 1])
    assert first.terms == []
    assert first @ second == 2 * 1 + 1 * 2
    assert named is not None
    assert named.terms == ["a", "b", "c"]


def test_sparse_vectors_of_two_spaces_do_not_compare() -> None:
    one, other = (
        SparseVector(np.array([1], np.int32), np.ones(1, np.float32), SpaceRef(name)) for name in "ab"
    )

    with pytest.raises(ValueError, match="of a does not compare with one of b"):
        one @ other


def test_all_sparse_vectors_are_one_matrix_in_which_failed_inputs_are_empty_rows(client: Client) -> None:
    weights, indices, begins = client.encode(["cab", "bad", "aa"], space="tiny", kinds=["sparse"]).sparse

    assert weights.tolist() == [2, 3, 1, 1]
    assert indices.tolist() == [97, 98, 99, 97]
    assert begins.tolist() == [0, 3, 3, 4]


@pytest.mark.parametrize(
    ("content", "kind", "places"),
    [
        ("text", LocatorKind.BYTE_SPAN, [[0, 2], [2, 4]]),
        (Image(b"x"), LocatorKind.BOX, [[0, 0, 1, 1], [0.5, 0, 0.5, 1]]),
        (Audio(b"x"), LocatorKind.TIME_RANGE, [[0, 1], [0.5, 1.5]]),
    ],
)
def test_every_row_of_a_multi_vector_comes_with_what_it_is_of(
    client: Client, content: Any, kind: LocatorKind, places: list[list[float]]
) -> None:
    found = client.encode(content, space="tiny", kinds=["multi_vector"])[0].multi_vector

    assert found is not None
    assert (found.values.shape, found.space, len(found)) == ((2, 8), SPACE, 2)
    assert (found.locators.kind, found.locators.places.tolist()) == (kind, places)
    assert found.locators[1] == Locator(kind, tuple(places[1]))


def test_all_that_an_encoding_holds_is_sent_to_be_fused(client: Client, served: Any) -> None:
    encoding = client.encode("cab", space="tiny", kinds=["dense", "sparse", "multi_vector"], terms=True)[0]

    client.fuse([encoding])

    (sent,) = served.log.fused[0].inputs[0].parts
    assert encoding.sparse is not None
    assert list(sent.encoding.sparse.indices) == [97, 98, 99]
    assert list(sent.encoding.sparse.terms) == ["a", "b", "c"]
    np.testing.assert_array_equal(np.frombuffer(sent.encoding.sparse.weights.data, "<f4"), [2, 3, 1])
    assert list(sent.encoding.multi_vector.byte_spans.end_bytes) == [2, 4]
    assert list(sent.encoding.multi_vector.values.shape) == [2, 8]


async def test_the_asynchronous_client_returns_the_same(aclient: AsyncClient, client: Client) -> None:
    ours = await aclient.encode(TEXTS, space="tiny", dtype="int8")

    np.testing.assert_array_equal(ours.vectors, client.encode(TEXTS, space="tiny", dtype="int8").vectors)


def test_encodings_are_fused_with_weights(client: Client) -> None:
    encodings = client.encode(["a", "bb"], space="tiny")

    result = client.fuse([encodings[0], [FusePart(encodings[1], weight=2.0)]], weights={"tiny": 1})

    assert len(result) == 2
    assert result[0].routing.policy == "explicit"
    np.testing.assert_array_equal(result[1].vector.values, encodings.vectors[1])


def test_a_policy_weights_by_its_name_and_parameters(client: Client, served: Any) -> None:
    encodings = client.encode(["a"], space="tiny")

    client.fuse(encodings, weights="uniform")
    client.fuse(encodings, weights=("top_k", {"k": 1}))

    named, with_parameters = (request.routing for request in served.log.fused[-2:])
    assert (named.policy, dict(named.weights)) == ("uniform", {})
    assert (with_parameters.policy, with_parameters.parameters["k"]) == ("top_k", 1)


def test_an_imputation_method_goes_with_any_weights(client: Client, served: Any) -> None:
    encodings = client.encode(["a"], space="tiny")

    client.fuse(encodings, imputation="skip")
    client.fuse(encodings, weights={"tiny": 1}, imputation=("nearest_neighbours", {"k": 3}))
    client.fuse(encodings)

    alone, weighted, unsaid = (request.routing for request in served.log.fused[-3:])
    assert (alone.policy, alone.imputation.name) == ("", "skip")
    assert (weighted.policy, weighted.imputation.name, weighted.imputation.parameters["k"]) == (
        "explicit",
        "nearest_neighbours",
        3,
    )
    assert not unsaid.HasField("imputation")


def test_a_path_is_told_by_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "a.JPG").write_bytes(b"\xff\xd8\xffpicture")
    (tmp_path / "a.flac").write_bytes(b"fLaCsound")
    (tmp_path / "a.md").write_text("\ufefftext", encoding="utf-8")

    assert content_of(tmp_path / "a.JPG") == Image(b"\xff\xd8\xffpicture")
    assert content_of(tmp_path / "a.flac") == Audio(b"fLaCsound")
    assert content_of(tmp_path / "a.md") == Text("text")


def test_a_picture_of_pil_is_taken_as_it_is() -> None:
    from PIL import Image as Pictures

    content = content_of(Pictures.new("CMYK", (3, 2)))

    assert isinstance(content, Image)
    assert Pictures.open(io.BytesIO(content.data)).size == (3, 2)


@each(
    "value, message",
    [
        ("half a \ud800 pair", "character 7 is '.ud800', half of a surrogate pair"),
        ("nul \0", "character 4 is NUL"),
        (Path("no-such-file.png"), "cannot read no-such-file.png: No such file"),
        (Path("table.xlsx"), "cannot tell what table.xlsx holds by its suffix '.xlsx'; known are .bmp"),
        (b"bytes", "pass Image"),
        (np.zeros(3), "a bare array has no space"),
        (3, "a int is no content"),
        (Points(np.zeros((3, 2))), "points have the shape"),
        (Vector(np.array([1.0, np.nan], np.float32), SPACE), "not finite"),
        (Vector(np.zeros((2, 2), np.float32), SPACE), "a vector has one axis"),
        (Vector(np.zeros(2), SPACE, dtype="int8"), "int8 values come as an array of int8"),  # type: ignore[arg-type]  # the mistake is meant
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_field_before_anything_is_sent(
    client: Client, served: Any, value: Any, message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message) as caught:
        client.encode(["fine", value], space="tiny")

    assert caught.value.field.startswith("contents[1]")
    assert served.log.calls == []


def test_a_layer_is_asked_for_by_its_number(client: Client, served: Any) -> None:
    client.encode("a", space="tiny", layer=3)
    client.encode_stream(["a"], space="tiny", layer=2).collect()

    assert [one.output.layer for one in served.log.requests] == [3, 2]
    with pytest.raises(InvalidArgument, match="counted from 1") as caught:
        client.encode("a", space="tiny", layer=0)
    assert caught.value.field == "output.layer"


def test_the_earliest_layer_that_a_deadline_may_choose_is_asked_for_by_its_number(
    client: Client, served: Any
) -> None:
    client.encode("a", space="tiny", earliest_layer=3)
    client.encode_stream(["a"], space="tiny", earliest_layer=2).collect()

    assert [one.output.earliest_layer for one in served.log.requests] == [3, 2]
    with pytest.raises(InvalidArgument, match="counted from 1") as caught:
        client.encode("a", space="tiny", earliest_layer=0)
    assert caught.value.field == "output.earliest_layer"


def test_a_token_reduction_is_asked_for_by_name_or_with_its_ratio(client: Client, served: Any) -> None:
    named = client.encode("a", space="tiny", reduction="pitome")[0]
    client.encode("a", space="tiny", reduction=("pitome", {"ratio": 0.75}))

    sent = [(one.output.reduction.method, one.output.reduction.ratio) for one in served.log.requests]
    assert sent == [("pitome", 0), ("pitome", 0.75)]
    assert named.reduction == Reduction("pitome", 0.9)
    assert client.encode("a", space="tiny")[0].reduction is None
    with pytest.raises(InvalidArgument, match="a name and a ratio") as caught:
        client.encode("a", space="tiny", reduction=("pitome", {"share": 0.75}))
    assert caught.value.field == "output.reduction"


def test_an_unknown_kind_or_type_names_the_choices(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="the choices are: dense, multi_vector, labels, sparse"):
        client.encode("a", space="tiny", kinds=["spares"])
    with pytest.raises(InvalidArgument, match="the choices are: float32, float16, int8, binary"):
        client.encode("a", space="tiny", dtype="float64")


def test_a_message_over_the_servers_limit_is_refused_before_it_is_sent(client: Client, served: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"7,000,0.. bytes and the server takes 6,291,456") as caught:
        client.encode(Image(bytes([1]) * 7_000_000), space="tiny")

    assert caught.value.reason == "MESSAGE_TOO_LARGE"
    assert served.log.calls == ["GetServerInfo"]


def test_a_large_message_within_the_servers_limit_is_sent(client: Client, served: Any) -> None:
    client.encode(Image(bytes([1]) * 5_000_000), space="tiny")

    assert served.log.calls == ["GetServerInfo", "Encode"]


def test_every_result_says_how_its_call_went(client: Client) -> None:
    call = client.encode("a", space="tiny").call

    assert call.method == "Encode"
    assert len(call.request_id) == 16
    assert call.metadata["x-request-id"] == call.request_id
    assert (call.retries, call.seconds > 0) == (0, True)


def test_encodings_can_be_iterated(client: Client) -> None:
    assert all(isinstance(one, Encoding) for one in client.encode(TEXTS, space="tiny"))


def test_a_picture_is_fused_region_by_region_where_it_is_to_be_stored(client: Client, served: Any) -> None:
    encoding = client.encode(Image(b"x"), space="tiny", kinds=["dense", "multi_vector"])[0]

    regions = client.fuse([encoding], role="document", per_region=True)[0].regions
    together = client.fuse([encoding], role="document")[0].regions

    assert [one.per_region for one in served.log.fused[-2:]] == [True, False]
    assert regions is not None
    assert regions.values.shape == (2, 8)
    assert regions.locators.places.tolist() == [[0, 0, 1, 1], [0.5, 0, 0.5, 1]]
    assert together is None


def test_a_fused_query_is_searched_with_as_it_is(client: Client, served: Any) -> None:
    fused = client.fuse(client.encode("cab", space="tiny"))[0]

    client.search("notes", vector=fused)
    client.search("notes", vector=fused.vector)

    whole, bare = served.log.searches[-2:]
    (ignored,) = whole.ignored
    assert fused.ignored == [IgnoredDimensions(Modality.TEXT, 2, 4)]
    assert (ignored.modality, ignored.begin, ignored.end) == (content_pb2.MODALITY_TEXT, 2, 4)
    assert whole.vector == bare.vector
    assert not bare.ignored
