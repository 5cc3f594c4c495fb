"""Multi-vectors of real encoders: regions of photos and windows of sounds, compared row by row."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
import soundfile
from PIL import Image
from tieback.core.call import NO_CALL
from tieback.core.errors import SpaceMismatch
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest
from tieback.core.types.rerank import RerankCandidate, RerankRequest, RerankSource
from tieback.encoder import Encoder
from tieback.methods.reranking import rerankings
from tieback.models.encoder_model import EncoderModel
from tieback.models.sounds.decoding import samples_of
from tieback.reranker import Reranker
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.limits import Limits
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import MultiVector, VectorKind

PHOTOS, SOUNDS, SPEECH, TEXTS = "efficientnet-lite0", "yamnet", "whisper-tiny-en", "wordllama-256"
RATE = 16_000
UPPER_LEFT, WHOLE = (0.0, 0.0, 0.5, 0.5), (0.0, 0.0, 1.0, 1.0)


@pytest.fixture
async def served(encoder: Callable[[str], EncoderModel]) -> AsyncIterator[Encoder]:
    made = Encoder([encoder(name) for name in (PHOTOS, SOUNDS, SPEECH, TEXTS)])
    yield made
    await made.close()


@pytest.fixture
async def reranker(served: Encoder) -> AsyncIterator[Reranker]:
    made = Reranker(served, space=TEXTS)
    yield made
    await made.close()


async def rows_of(served: Encoder, space: str, content: Content) -> MultiVector:
    reply = await served.encode(
        EncodeRequest(space, [content], EncodePlan(kinds=frozenset({VectorKind.MULTI_VECTOR}))), NO_CALL
    )
    (found,) = reply.results
    assert isinstance(found, Encoding), found
    assert found.multi_vector is not None
    return found.multi_vector


def picture(image: Image.Image) -> Content:
    file = io.BytesIO()
    image.save(file, "PNG")
    return Content(Modality.IMAGE, file.getvalue())


def sound(samples: Array) -> Content:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV")
    return Content(Modality.AUDIO, file.getvalue())


def tone(seconds: float, hertz: float = 440.0) -> Array:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(RATE * seconds)) / RATE)).astype(np.float32)


@pytest.fixture
def cat(photo: Callable[[str], bytes]) -> Image.Image:
    with Image.open(io.BytesIO(photo("chelsea.png"))) as image:
        return image.convert("RGB").resize((200, 200))


@pytest.fixture
def album(photo: Callable[[str], bytes], cat: Image.Image) -> list[Content]:
    """Three photos, and a cup of coffee with the cat in its upper left corner."""
    with Image.open(io.BytesIO(photo("coffee.png"))) as image:
        collage = image.convert("RGB").resize((400, 400))
    collage.paste(cat, (0, 0))
    others = [Content(Modality.IMAGE, photo(name)) for name in ("coffee.png", "rocket.jpg", "china.jpg")]
    return [*others, picture(collage)]


def candidates(*sources: RerankSource) -> list[RerankCandidate]:
    return [RerankCandidate(str(place), source) for place, source in enumerate(sources)]


@pytest.mark.parametrize("method", rerankings.names())
async def test_a_photo_finds_the_photo_that_shows_it_in_a_corner_and_is_told_which(
    reranker: Reranker, album: list[Content], cat: Image.Image, method: str
) -> None:
    query = picture(cat)

    reply = await reranker.rerank(
        RerankRequest(query, candidates(*album), method=MethodChoice(method), space=PHOTOS, explain=True),
        NO_CALL,
    )

    assert reply.results[0].id == "3"
    assert reply.results[0].alignment is not None
    best = max(reply.results[0].alignment.pairs, key=lambda pair: pair.similarity)
    assert best.query == Locator(LocatorKind.BOX, WHOLE)
    assert best.candidate == Locator(LocatorKind.BOX, UPPER_LEFT)
    assert best.similarity > 0.99


async def test_regions_that_were_made_before_are_compared_as_the_photos_are(
    served: Encoder, reranker: Reranker, album: list[Content], cat: Image.Image
) -> None:
    query = picture(cat)
    made = [await rows_of(served, PHOTOS, one) for one in album]

    of_photos = await reranker.rerank(RerankRequest(query, candidates(*album), space=PHOTOS), NO_CALL)
    of_regions = await reranker.rerank(
        RerankRequest(await rows_of(served, PHOTOS, query), candidates(*made)), NO_CALL
    )
    mixed = await reranker.rerank(
        RerankRequest(query, candidates(*made)), NO_CALL
    )  # in the space of the vectors

    for reply in (of_regions, mixed):
        assert [one.id for one in reply.results] == [one.id for one in of_photos.results]
        assert [one.score for one in reply.results] == pytest.approx(
            [one.score for one in of_photos.results], abs=1e-5
        )


async def test_words_are_not_compared_with_regions(
    served: Encoder, reranker: Reranker, album: list[Content]
) -> None:
    words = Content(Modality.TEXT, "a cat")
    regions = candidates(await rows_of(served, PHOTOS, album[0]))

    named = await reranker.rerank(RerankRequest(words, regions, space=TEXTS), NO_CALL)
    given = await reranker.rerank(RerankRequest(await rows_of(served, TEXTS, words), regions), NO_CALL)
    with pytest.raises(SpaceMismatch, match="in which no text is encoded") as refused:
        await reranker.rerank(RerankRequest(words, regions), NO_CALL)

    for reply in (named, given):
        assert not reply.results
        [failure] = reply.failures
        assert isinstance(failure.error, SpaceMismatch)
        assert re.search(rf"{PHOTOS}@.* {TEXTS}@", failure.error.message)
        assert str(failure.error.field) == "candidates[0].source.multi_vector"
    assert str(refused.value.field) == "query.content"


async def test_the_windows_of_a_sound_say_when_they_are(served: Encoder) -> None:
    windows = await rows_of(served, SOUNDS, sound(tone(2.0)))
    short = await rows_of(served, SOUNDS, sound(tone(0.3)))

    begins, ends = windows.locators.places.T
    assert begins == pytest.approx([0, 0.48, 0.96])
    assert ends == pytest.approx(begins + 0.975)  # 96 frames every 10 ms, the last of 25 ms
    assert short.locators.places.tolist() == [pytest.approx([0, 0.3])]


async def test_a_long_speech_has_a_window_for_every_thirty_seconds(served: Encoder) -> None:
    windows = await rows_of(served, SPEECH, sound(np.tile(tone(1.0), 40)))

    assert windows.locators.places.tolist() == [[0, 30], [30, 40]]
    assert np.linalg.norm(windows.values, axis=1) == pytest.approx(1, abs=1e-5)


async def test_a_sound_finds_the_recording_that_holds_it_and_is_told_when(
    reranker: Reranker, clip: Callable[[str], bytes]
) -> None:
    speech = samples_of(Content(Modality.AUDIO, clip("two_cities.wav")), Limits(), rate=RATE)
    words = speech[RATE : RATE + round(1.92 * RATE)]
    silence = np.zeros(round(1.92 * RATE), np.float32)
    recording, other = np.concatenate((silence, words)), np.concatenate((silence, tone(1.92)))

    reply = await reranker.rerank(
        RerankRequest(sound(words), candidates(sound(other), sound(recording)), space=SOUNDS, explain=True),
        NO_CALL,
    )

    assert reply.results[0].id == "1"
    assert reply.results[0].alignment is not None
    best = max(reply.results[0].alignment.pairs, key=lambda pair: pair.similarity)
    assert best.candidate.kind is LocatorKind.TIME_RANGE
    assert best.candidate.place[0] - best.query.place[0] == pytest.approx(1.92, abs=1e-3)
