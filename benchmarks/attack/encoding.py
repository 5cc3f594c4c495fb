"""Attacks on Encode and SplitTexts: counts, compression, preparation, decoding, values."""

from __future__ import annotations

import asyncio
import dataclasses
import io
from collections.abc import Sequence

import numpy as np
import soundfile
from PIL import Image
from tieback.v1 import content_pb2, encoder_pb2, vector_pb2

from benchmarks.attack import statuses
from benchmarks.attack.attack import FAULT, Attack, Outcome, Scene, at_once
from benchmarks.load.tieback import PHOTO_SPACE, TEXT_SPACE

ENCODE = "EncoderService/Encode"
SPLIT = "EncoderService/SplitTexts"
SOUND_SPACE = "yamnet"
STATIC_SPACE = "wordllama-256"
EMPTY_CONTENT = b"\x12\x00"
"""`contents` with no content in it."""

NEW_WORDS = 6_500
REPEATED = "the lamp was lit at dusk and ships saw it far off. "

TINY_FIELD = b"\x98\x06\x01"
"""Field 99 with the number 1: unknown to every method, which a reader must skip."""


async def contents(scene: Scene) -> Sequence[Outcome]:
    request = encoder_pb2.EncodeRequest(space=TEXT_SPACE).SerializeToString() + EMPTY_CONTENT * 4_000_000
    return [await scene.call(ENCODE, request, gzip=gzip) for gzip in (True, False)]


async def tiny_fields(scene: Scene) -> Sequence[Outcome]:
    good = encoder_pb2.EncodeRequest(space=STATIC_SPACE, contents=[content_pb2.Content(text="a text")])
    request = good.SerializeToString() + TINY_FIELD * (4_000_000 // len(TINY_FIELD))
    return [await scene.call(ENCODE, request)]


async def space_name(scene: Scene) -> Sequence[Outcome]:
    request = encoder_pb2.EncodeRequest(space="a" * 8_000_000, contents=[content_pb2.Content(text="a")])
    return [await scene.call(ENCODE, request.SerializeToString())]


async def long_texts(scene: Scene) -> Sequence[Outcome]:
    """Two requests of some 350 kB (gzip) with 30 texts of 1 MB each, of which a model reads 256 tokens.

    Each is a little less than 100 times as large as it is sent, so that a server decompresses it.
    """
    rng = np.random.default_rng(0)
    words = np.array(["".join(map(chr, rng.integers(97, 123, 5))) for _ in range(40)])

    def text(place: int) -> str:
        new = " ".join(rng.choice(words, NEW_WORDS))  # no other text has them
        return f"{place} {new} {REPEATED * ((1_000_000 - len(new)) // len(REPEATED))}"

    request = encoder_pb2.EncodeRequest(
        space=TEXT_SPACE,
        contents=[content_pb2.Content(text=text(place)) for place in range(30)],
        truncation=encoder_pb2.TRUNCATION_END,
    ).SerializeToString()
    outcomes = await at_once(
        scene.call(ENCODE, request, gzip=True, first_error=statuses.of_encode) for _ in range(2)
    )
    unread = "decompressed"  # what was refused for that would attack nothing
    return [dataclasses.replace(one, code=FAULT) if unread in one.message else one for one in outcomes]


async def splits(scene: Scene) -> Sequence[Outcome]:
    """Requests of 30 texts of 1 MB each, a token to a character, to be cut into pieces of one token.

    Two go at once. Two more are of words of 1 MB and of empty texts. They are sent as they are: a server
    refuses what gzip makes so much smaller, and would split nothing.
    """
    dense = encoder_pb2.SplitTextsRequest(
        space=TEXT_SPACE,
        texts=[f"{place} {'.,' * 500_000}" for place in range(30)],
        max_tokens=1,
        overlap=0.5,
    )
    word = encoder_pb2.SplitTextsRequest(space=TEXT_SPACE, texts=["x" * 1_000_000] * 30)
    empty = encoder_pb2.SplitTextsRequest(space=TEXT_SPACE).SerializeToString() + b"\x12\x00" * 4_000_000
    requests = [dense.SerializeToString()] * 2 + [word.SerializeToString(), empty]
    return await at_once(scene.call(SPLIT, request, first_error=statuses.of_split) for request in requests)


async def pictures(scene: Scene) -> Sequence[Outcome]:
    """200 pictures of 29 kB each, which decode to 30 million pixels, all at once."""
    file = io.BytesIO()
    Image.new("L", (5477, 5477), 9).save(file, "PNG", compress_level=9)

    async def one(place: int) -> Outcome:
        # Bytes behind a PNG's end change nothing but what a cache would know it by.
        photo = file.getvalue() + str(place).encode()
        request = encoder_pb2.EncodeRequest(space=PHOTO_SPACE, contents=[content_pb2.Content(image=photo)])
        return await scene.call(ENCODE, request.SerializeToString(), first_error=statuses.of_encode)

    return list(await asyncio.gather(*(one(place) for place in range(200))))


async def sounds(scene: Scene) -> Sequence[Outcome]:
    """Two requests of some 40 kB, each of two sounds of ten minutes of silence."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(16_000 * 599, np.float32), 16_000, format="FLAC")
    sound = content_pb2.Content(audio=file.getvalue())
    request = encoder_pb2.EncodeRequest(space=SOUND_SPACE, contents=[sound] * 2).SerializeToString()
    return await at_once(scene.call(ENCODE, request, first_error=statuses.of_encode) for _ in range(2))


async def all_bad_halves(scene: Scene) -> Sequence[Outcome]:
    request = encoder_pb2.EncodeRequest(
        space=PHOTO_SPACE,
        contents=[content_pb2.Content(image=f"no picture {place}".encode()) for place in range(3)],
        output=vector_pb2.OutputSpec(dtype=vector_pb2.DATA_TYPE_FLOAT16),
    )
    return [await scene.call(ENCODE, request.SerializeToString(), first_error=statuses.of_encode)]


ATTACKS = (
    Attack("contents", "Encode of 4,000,000 empty contents, 8 kB by gzip and 8 MB without", contents),
    Attack("tiny fields", "Encode with 4 MB of tiny unknown fields", tiny_fields, may_answer=True),
    Attack("space name", "Encode of a space whose name has 8 MB", space_name),
    Attack(
        "long texts",
        "two Encodes of 30 texts of 1 MB, an 85th of that by gzip",
        long_texts,
        may_answer=True,
        good_seconds=2.0,
    ),
    Attack(
        "splits",
        "four SplitTexts at once: 30 texts of 1 MB twice, 30 words of 1 MB, 4,000,000 empty texts",
        splits,
        may_answer=True,
        good_seconds=2.0,
    ),
    Attack(
        "sounds",
        "two Encodes of two FLAC files of ten minutes of silence each",
        sounds,
        may_answer=True,
        good_seconds=2.0,
    ),
    Attack(
        "pictures",
        "200 Encodes at once, of pictures of 29 kB with 30 million pixels",
        pictures,
        may_answer=True,
        good_seconds=2.0,
    ),
    Attack(
        "all bad halves",
        "Encode of three unreadable pictures as FLOAT16",
        all_bad_halves,
        limit=False,
    ),
)
