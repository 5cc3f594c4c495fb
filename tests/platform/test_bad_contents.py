"""A content that is damaged, too large or of the wrong kind fails alone, whatever it is."""

from __future__ import annotations

import io
import zipfile

import grpc
import pytest
from support.bad_requests import (
    AUDIO_SPACE,
    GOOD_PICTURE,
    GOOD_SOUND,
    IMAGE_SPACE,
    INVALID,
    TEXT_SPACE,
    bad_item,
    encode,
    picture,
    png_that_says,
    text,
    wav,
)
from support.each import each
from tieback.v1 import (
    content_pb2,
    encoder_pb2,
    vector_pb2,
)

# Pictures


@each(
    "name, data",
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
