"""What a hostile or mistaken request gets from the whole platform, past the checks of the SDK."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image
from support.statuses import Failure
from tieback.v1 import (
    answer_pb2,
    answer_pb2_grpc,
    catalog_pb2,
    catalog_pb2_grpc,
    content_pb2,
    encoder_pb2,
    encoder_pb2_grpc,
    generator_pb2,
    generator_pb2_grpc,
    index_pb2,
    index_pb2_grpc,
    report_pb2,
    reranker_pb2,
    reranker_pb2_grpc,
    router_pb2,
    router_pb2_grpc,
    vector_pb2,
)

TEXT_SPACE = "all-minilm-l6-v2"
IMAGE_SPACE = "efficientnet-lite0"
AUDIO_SPACE = "yamnet"
INVALID = grpc.StatusCode.INVALID_ARGUMENT
INSIDE = (
    "Traceback",
    str(Path.home()),
    str(Path.cwd()),
    ".py",
    "127.0.0.1",
    "onnxruntime",
    "lancedb",
    "ValueError",
)


def fails(call: Callable[[], Any]) -> Failure:
    with pytest.raises(grpc.RpcError) as caught:
        result = call()
        if hasattr(result, "__iter__"):
            for _ in result:
                pass
    failure = Failure.of(caught.value)
    assert not [word for word in INSIDE if word in failure.message]
    assert failure.message
    return failure


def encode(channel: grpc.Channel, space: str, *contents: content_pb2.Content, **more: Any) -> Any:
    request = encoder_pb2.EncodeRequest(space=space, contents=contents, **more)
    return encoder_pb2_grpc.EncoderServiceStub(channel).Encode(request, timeout=30)


def bad_item(
    channel: grpc.Channel, space: str, content: content_pb2.Content, good: content_pb2.Content
) -> Failure:
    """The bad item's failure; the good one beside it succeeds."""
    response = encode(channel, space, good, content)
    assert response.results[0].WhichOneof("outcome") == "encoding"
    assert response.results[1].WhichOneof("outcome") == "error"
    failure = Failure(response.results[1].error)
    assert not [word for word in INSIDE if word in failure.message]
    return failure


def text(value: str) -> content_pb2.Content:
    return content_pb2.Content(text=value)


def picture(width: int = 64, height: int = 64, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(out, form)
    return out.getvalue()


def png_that_says(width: int, height: int) -> bytes:
    """A PNG whose header promises a size that its few bytes inflate to."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def wav(frames: int, *, says: int | None = None, rate: int = 16_000) -> bytes:
    data = (np.sin(np.arange(frames) / 20) * 8000).astype("<i2").tobytes()
    size = len(data) if says is None else says
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + size,
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        rate,
        rate * 2,
        2,
        16,
        b"data",
        size,
    )
    return head + data


GOOD_PICTURE = content_pb2.Content(image=picture())
GOOD_SOUND = content_pb2.Content(audio=wav(16_000))


def vector(values: list[float], *, space: vector_pb2.SpaceRef) -> vector_pb2.Vector:
    array = np.array(values, "<f4")
    tensor = vector_pb2.Tensor(dtype=vector_pb2.DATA_TYPE_FLOAT32, shape=[len(array)], data=array.tobytes())
    return vector_pb2.Vector(space=space, values=tensor)


def space_ref(channel: grpc.Channel, name: str) -> vector_pb2.SpaceRef:
    stub = catalog_pb2_grpc.CatalogServiceStub(channel)
    return stub.GetSpace(catalog_pb2.GetSpaceRequest(name=name)).space.ref


@pytest.fixture(scope="module")
def collection(local_platform: Any) -> str:
    with grpc.insecure_channel(local_platform.address) as channel:
        stub = index_pb2_grpc.IndexServiceStub(channel)
        stub.CreateCollection(
            index_pb2.CreateCollectionRequest(
                name="bad-input", space=space_ref(channel, TEXT_SPACE), width=384
            )
        )
    return "bad-input"


# Names that do not exist


def test_an_unknown_space_is_not_found_with_the_choices(local_channel: grpc.Channel) -> None:
    failure = fails(lambda: encode(local_channel, "all-minilm", text("hello")))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert failure.resource == ("space", "all-minilm")
    assert TEXT_SPACE in failure.message


def test_an_unknown_model_is_not_found_with_the_choices(local_channel: grpc.Channel) -> None:
    request = generator_pb2.GenerateRequest(model="gpt", prompt="hello")
    failure = fails(lambda: generator_pb2_grpc.GeneratorServiceStub(local_channel).Generate(request))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert "smollm2-135m-instruct" in failure.message


def to_rerank(text: str) -> reranker_pb2.RerankSource:
    return reranker_pb2.RerankSource(content=content_pb2.Content(text=text))


def test_an_unknown_method_is_not_found_with_the_choices(local_channel: grpc.Channel) -> None:
    request = reranker_pb2.RerankRequest(
        query=to_rerank("a"),
        candidates=[reranker_pb2.RerankCandidate(id="1", source=to_rerank("b"))],
        method=report_pb2.Method(name="magic"),
    )
    failure = fails(lambda: reranker_pb2_grpc.RerankerServiceStub(local_channel).Rerank(request))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert "optimal_transport" in failure.message


def test_an_unknown_parameter_of_a_method_is_named(local_channel: grpc.Channel) -> None:
    method = report_pb2.Method(name="optimal_transport")
    method.parameters.update({"bet": 0.5})
    request = reranker_pb2.RerankRequest(
        query=to_rerank("a"),
        candidates=[reranker_pb2.RerankCandidate(id="1", source=to_rerank("b"))],
        method=method,
    )
    failure = fails(lambda: reranker_pb2_grpc.RerankerServiceStub(local_channel).Rerank(request))

    assert failure.code is INVALID
    assert failure.field == "method.parameters.bet"
    assert "beta" in failure.message


def test_an_unknown_collection_is_not_found_with_the_choices(
    local_channel: grpc.Channel, collection: str
) -> None:
    request = index_pb2.SearchRequest(collection="bad-inputs", text="x")
    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).Search(request))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert collection in failure.message


@pytest.mark.parametrize(
    ("ignored", "field"),
    [
        ({"begin": 0, "end": 1}, "modality"),
        ({"modality": 77, "begin": 0, "end": 1}, "modality"),
        ({"modality": content_pb2.MODALITY_TEXT, "begin": 0, "end": 385}, "end"),
        ({"modality": content_pb2.MODALITY_TEXT, "begin": 5, "end": 5}, "end"),
    ],
)
def test_ignored_dimensions_that_are_none_are_refused(
    local_channel: grpc.Channel, collection: str, ignored: dict[str, Any], field: str
) -> None:
    query = vector([0.1] * 384, space=space_ref(local_channel, TEXT_SPACE))
    request = index_pb2.SearchRequest(
        collection=collection, vector=query, ignored=[router_pb2.IgnoredDimensions(**ignored)]
    )

    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).Search(request))

    assert (failure.code, failure.field) == (INVALID, f"ignored[0].{field}")


def test_an_unknown_family_is_not_found(local_channel: grpc.Channel) -> None:
    request = catalog_pb2.ListMethodsRequest(family="magic")
    failure = fails(lambda: catalog_pb2_grpc.CatalogServiceStub(local_channel).ListMethods(request))

    assert failure.code is grpc.StatusCode.NOT_FOUND


# Shapes and vectors


def test_an_empty_batch_is_refused(local_channel: grpc.Channel) -> None:
    failure = fails(lambda: encode(local_channel, TEXT_SPACE))

    assert (failure.code, failure.field) == (INVALID, "contents")


def test_too_many_items_are_refused_with_the_limit(local_channel: grpc.Channel) -> None:
    failure = fails(lambda: encode(local_channel, TEXT_SPACE, *[text("a")] * 1025))

    assert (failure.code, failure.field) == (INVALID, "contents")
    assert "1024" in failure.message


def test_a_tensor_whose_data_does_not_fit_its_shape_is_refused(local_channel: grpc.Channel) -> None:
    broken = vector([0.0] * 384, space=space_ref(local_channel, TEXT_SPACE))
    broken.values.shape[0] = 385
    failure = bad_item(local_channel, TEXT_SPACE, content_pb2.Content(vector=broken), text("good"))

    assert (failure.code, failure.field) == (INVALID, "contents[1].vector.values.data")


def test_a_nan_vector_is_refused(local_channel: grpc.Channel) -> None:
    broken = vector([float("nan")] * 384, space=space_ref(local_channel, TEXT_SPACE))
    failure = bad_item(local_channel, TEXT_SPACE, content_pb2.Content(vector=broken), text("good"))

    assert (failure.code, failure.field) == (INVALID, "contents[1].vector.values")


def test_a_width_that_was_not_trained_is_refused_with_those_that_were(local_channel: grpc.Channel) -> None:
    failure = fails(
        lambda: encode(local_channel, TEXT_SPACE, text("a"), output=vector_pb2.OutputSpec(width=128))
    )
    assert (failure.code, failure.field) == (INVALID, "output.width")
    assert "384" in failure.message

    cut = encode(local_channel, "wordllama-256", text("a"), output=vector_pb2.OutputSpec(width=128))
    assert list(cut.results[0].encoding.dense.values.shape) == [128]


def test_a_layer_that_a_space_does_not_offer_is_refused(local_channel: grpc.Channel) -> None:
    failure = fails(
        lambda: encode(local_channel, TEXT_SPACE, text("a"), output=vector_pb2.OutputSpec(layer=3))
    )

    assert (failure.code, failure.field) == (INVALID, "output.layer")
    assert "its last, where none is named" in failure.message


def test_a_vector_of_another_space_is_a_mismatch_in_a_search(
    local_channel: grpc.Channel, collection: str
) -> None:
    other = vector([0.1] * 384, space=space_ref(local_channel, "paraphrase-minilm-l3-v2"))
    request = index_pb2.SearchRequest(collection=collection, vector=other)
    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).Search(request))

    assert (failure.code, failure.reason) == (INVALID, "SPACE_MISMATCH")
    assert "paraphrase-minilm-l3-v2" in failure.message


def test_a_vector_of_another_revision_is_a_mismatch(local_channel: grpc.Channel, collection: str) -> None:
    ref = space_ref(local_channel, TEXT_SPACE)
    ref.revision = "0ld"
    request = index_pb2.SearchRequest(collection=collection, vector=vector([0.1] * 384, space=ref))
    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).Search(request))

    assert failure.reason == "SPACE_MISMATCH"


def test_an_encoding_of_an_unbound_space_is_a_mismatch_in_the_router(local_channel: grpc.Channel) -> None:
    ref = vector_pb2.SpaceRef(name="mystery", revision="1", fingerprint="1")
    encoding = encoder_pb2.Encoding(
        space=ref, modality=content_pb2.MODALITY_TEXT, dense=vector([1.0, 0.0], space=ref)
    )
    request = router_pb2.FuseRequest(
        inputs=[router_pb2.FuseInput(parts=[router_pb2.FusePart(encoding=encoding)])]
    )
    response = router_pb2_grpc.RouterServiceStub(local_channel).Fuse(request)

    assert Failure(response.results[0].error).reason == "SPACE_MISMATCH"


@pytest.mark.parametrize(
    "filter_", ["modality =", "((((", "year > ", "a = 'b' AND", "\x00", "NOT " * 500 + "a = 1"]
)
def test_a_bad_filter_is_refused_with_its_place(
    local_channel: grpc.Channel, collection: str, filter_: str
) -> None:
    request = index_pb2.SearchRequest(collection=collection, text="x", filter=filter_)
    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).Search(request))

    assert (failure.code, failure.field) == (INVALID, "filter")


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "\u2603"])
def test_a_bad_page_token_is_refused(local_channel: grpc.Channel, collection: str, token: str) -> None:
    request = index_pb2.ListItemsRequest(collection=collection, page_token=token)
    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).ListItems(request))

    assert (failure.code, failure.field) == (INVALID, "page_token")


def test_a_search_for_nothing_is_refused(local_channel: grpc.Channel, collection: str) -> None:
    request = index_pb2.SearchRequest(collection=collection)
    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).Search(request))

    assert failure.code is INVALID


# Pictures


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("truncated JPEG", picture(256, 256, "JPEG")[:900]),
        ("decompression bomb", png_that_says(6_000, 6_000)),
        ("200 megapixels", png_that_says(20_000, 10_000)),
        ("zip named .png", b""),
        ("empty", b""),
        ("random bytes", bytes(range(256)) * 8),
    ],
)
def test_a_bad_picture_fails_alone(local_channel: grpc.Channel, name: str, data: bytes) -> None:
    if name == "zip named .png":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("picture.png", picture())
        data = out.getvalue()
    failure = bad_item(local_channel, IMAGE_SPACE, content_pb2.Content(image=data), GOOD_PICTURE)

    assert failure.code is INVALID
    assert failure.field == "contents[1].image"


def test_a_picture_of_200_megapixels_is_refused_with_the_limit(local_channel: grpc.Channel) -> None:
    huge = content_pb2.Content(image=png_that_says(20_000, 10_000))
    failure = bad_item(local_channel, IMAGE_SPACE, huge, GOOD_PICTURE)

    assert "200" in failure.message
    assert "40" in failure.message


# Sounds


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a header that promises more", wav(8_000, says=2_000_000_000)),
        ("no samples", wav(0)),
        ("no bytes", b""),
        ("a rate of nothing", wav(8_000, rate=0)),
        ("a picture", picture()),
    ],
)
def test_a_bad_sound_fails_alone(local_channel: grpc.Channel, name: str, data: bytes) -> None:
    failure = bad_item(local_channel, AUDIO_SPACE, content_pb2.Content(audio=data), GOOD_SOUND)

    assert failure.code is INVALID
    assert failure.field == "contents[1].audio"


# Texts


def test_a_text_with_nul_fails_alone(local_channel: grpc.Channel) -> None:
    failure = bad_item(local_channel, TEXT_SPACE, text("a\x00b"), text("good"))

    assert (failure.code, failure.field) == (INVALID, "contents[1].text")


def test_ten_megabytes_of_text_fail_alone_with_the_limit(local_channel: grpc.Channel) -> None:
    failure = bad_item(local_channel, TEXT_SPACE, text("word " * 2_000_000), text("good"))

    assert (failure.code, failure.field) == (INVALID, "contents[1].text")
    assert "1048576" in failure.message.replace(",", "") or "1 MiB" in failure.message


def test_a_text_that_is_too_long_is_cut_only_where_asked_and_says_so(local_channel: grpc.Channel) -> None:
    long = text("a word and another " * 400)
    failure = bad_item(local_channel, TEXT_SPACE, long, text("good"))
    assert (failure.code, failure.field) == (INVALID, "contents[1].text")

    response = encode(local_channel, TEXT_SPACE, long, truncation=encoder_pb2.TRUNCATION_END)
    assert response.results[0].encoding.truncated_tokens > 0


def test_a_content_of_the_wrong_modality_is_refused(local_channel: grpc.Channel) -> None:
    failure = bad_item(local_channel, TEXT_SPACE, GOOD_PICTURE, text("good"))

    assert failure.code is INVALID
    assert "text" in failure.message


def test_points_over_the_limit_and_points_that_no_space_takes_are_refused(
    local_channel: grpc.Channel,
) -> None:
    def cloud(points: int) -> content_pb2.Content:
        tensor = vector_pb2.Tensor(
            dtype=vector_pb2.DATA_TYPE_FLOAT32, shape=[points, 3], data=bytes(points * 12)
        )
        return content_pb2.Content(points=content_pb2.PointCloud(coordinates=tensor))

    assert bad_item(local_channel, TEXT_SPACE, cloud(10), text("good")).code is INVALID
    failure = bad_item(local_channel, TEXT_SPACE, cloud(200_001), text("good"))
    assert "200000" in failure.message.replace(",", "")


# The pipeline


def test_an_empty_query_is_refused(local_channel: grpc.Channel) -> None:
    request = answer_pb2.RetrieveRequest(collection="bad-input")
    failure = fails(lambda: answer_pb2_grpc.AnswerServiceStub(local_channel).Retrieve(request))

    assert (failure.code, failure.field) == (INVALID, "query")


def test_explicit_weights_of_an_unknown_space_are_refused_with_the_choices(
    local_channel: grpc.Channel,
) -> None:
    request = answer_pb2.RetrieveRequest(
        collection="bad-input",
        query=[answer_pb2.QueryPart(content=text("hello"))],
        routing=router_pb2.Routing(weights={"clip": 1.0}),
    )
    failure = fails(lambda: answer_pb2_grpc.AnswerServiceStub(local_channel).Retrieve(request))

    assert failure.code in (INVALID, grpc.StatusCode.NOT_FOUND)
    assert TEXT_SPACE in failure.message


@pytest.mark.parametrize(
    ("field", "decoding"),
    [
        ("decoding.temperature", generator_pb2.Decoding(temperature=-1)),
        ("decoding.temperature", generator_pb2.Decoding(temperature=float("nan"))),
        ("decoding.top_p", generator_pb2.Decoding(top_p=1.5)),
        ("decoding.strategy.parameters.alpha", None),
    ],
)
def test_bad_decoding_options_are_refused_by_name(
    local_channel: grpc.Channel, field: str, decoding: generator_pb2.Decoding | None
) -> None:
    if decoding is None:
        strategy = report_pb2.Method(name="context_aware")
        strategy.parameters.update({"alpha": "much"})
        decoding = generator_pb2.Decoding(strategy=strategy)
    request = generator_pb2.GenerateRequest(prompt="hello", decoding=decoding)
    failure = fails(lambda: generator_pb2_grpc.GeneratorServiceStub(local_channel).Generate(request))

    assert (failure.code, failure.field) == (INVALID, field)
