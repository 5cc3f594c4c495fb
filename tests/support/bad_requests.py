"""Requests that the SDK would not let out, and what the platform answers them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image
from tieback.v1 import (
    catalog_pb2,
    catalog_pb2_grpc,
    content_pb2,
    encoder_pb2,
    encoder_pb2_grpc,
    vector_pb2,
)

from support.statuses import Failure

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
    ref: vector_pb2.SpaceRef = stub.GetSpace(catalog_pb2.GetSpaceRequest(name=name)).space.ref
    return ref
