"""A picture as regions: the whole and nine windows of half its size."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest
from tieback.encoder import Encoder
from tieback.models.encoder_model import EncoderModel, RawEncoding
from tieback.models.pictures.classifier import REGIONS, ImageClassifierModel
from tieback_contract.encodings import Encoding
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

Loaded = Callable[[str], EncoderModel]
WITH_REGIONS = frozenset({VectorKind.DENSE, VectorKind.MULTI_VECTOR})
PARTS = EncodePlan(kinds=WITH_REGIONS)
NAME = "efficientnet-lite0"


@pytest.fixture(scope="module")
def model(encoder: Loaded) -> ImageClassifierModel:
    loaded = encoder(NAME)
    assert isinstance(loaded, ImageClassifierModel)
    return loaded


def written(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def regions_of(model: ImageClassifierModel, data: bytes) -> RawEncoding:
    content = Content(Modality.IMAGE, data)
    prepared = model.prepare(content, PARTS, Limits())
    return model.run([prepared], PARTS)[0]


def view_of(model: ImageClassifierModel, data: bytes) -> np.ndarray:
    content = Content(Modality.IMAGE, data)
    prepared = model.prepare(content, EncodePlan(), Limits())
    dense = model.run([prepared], EncodePlan())[0].dense
    assert dense is not None
    return dense


def test_the_regions_are_the_picture_and_three_by_three_windows_of_half_its_sides() -> None:
    whole, *windows = REGIONS

    assert whole == (0, 0, 1, 1)
    assert len(windows) == 9
    assert {window[2:] for window in windows} == {(0.5, 0.5)}
    assert {window[:2] for window in windows} == {(x / 4, y / 4) for x in range(3) for y in range(3)}


async def test_a_picture_is_answered_with_its_regions_and_where_they_are(
    model: ImageClassifierModel, photo: Callable[[str], bytes]
) -> None:
    encoder = Encoder([model])

    reply = await encoder.encode(
        EncodeRequest(NAME, [Content(Modality.IMAGE, photo("coffee.png"))], PARTS), NO_CALL
    )
    await encoder.close()

    (encoding,) = reply.results
    assert isinstance(encoding, Encoding)
    assert encoding.multi_vector is not None
    assert encoding.vector is not None
    assert encoding.multi_vector.values.shape == (10, 1280)
    np.testing.assert_allclose(np.linalg.norm(encoding.multi_vector.values, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(encoding.multi_vector.values[0], encoding.vector.values)
    np.testing.assert_array_equal(encoding.multi_vector.locators.places, np.array(REGIONS, np.float32))


async def test_regions_cost_ten_times_as_much_and_nothing_where_they_are_not_asked_for(
    model: ImageClassifierModel, photo: Callable[[str], bytes]
) -> None:
    encoder = Encoder([model])
    contents = [Content(Modality.IMAGE, photo("rocket.jpg"))]

    plain = await encoder.encode(EncodeRequest(NAME, contents), NO_CALL)
    with_regions = await encoder.encode(EncodeRequest(NAME, contents, PARTS), NO_CALL)
    await encoder.close()

    assert plain.cost.tokens == 49
    assert with_regions.cost.tokens == 490
    (encoding,) = plain.results
    assert isinstance(encoding, Encoding)
    assert encoding.multi_vector is None


def test_a_region_is_encoded_as_a_picture_of_its_own_would_be(
    model: ImageClassifierModel, photo: Callable[[str], bytes]
) -> None:
    with Image.open(io.BytesIO(photo("coffee.png"))) as image:
        picture = image.convert("RGB").resize((640, 480))
    found = regions_of(model, written(picture)).rows
    assert found is not None

    for row, (x, y, width, height) in zip(found, REGIONS, strict=True):
        window = (640 * x, 480 * y, 640 * (x + width), 480 * (y + height))
        alone = view_of(model, written(picture.crop(window)))
        assert row @ alone > 0.99


def test_the_upper_left_of_a_picture_is_its_second_region(
    model: ImageClassifierModel, photo: Callable[[str], bytes]
) -> None:
    with Image.open(io.BytesIO(photo("chelsea.png"))) as image:
        cat = image.convert("RGB").resize((200, 200))
    collage = Image.new("RGB", (400, 400), "white")
    collage.paste(cat, (0, 0))
    alone = view_of(model, written(cat))

    found = regions_of(model, written(collage)).rows

    assert found is not None
    assert int((found @ alone).argmax()) == 1


def test_the_whole_picture_looks_the_same_with_and_without_regions(
    model: ImageClassifierModel, photo: Callable[[str], bytes]
) -> None:
    for name in ("coffee.png", "china.jpg", "rocket.jpg"):
        dense = regions_of(model, photo(name)).dense
        assert dense is not None
        assert dense @ view_of(model, photo(name)) > 0.99


def test_pictures_with_and_without_regions_share_a_batch(
    model: ImageClassifierModel, photo: Callable[[str], bytes]
) -> None:
    coffee, rocket = (Content(Modality.IMAGE, photo(name)) for name in ("coffee.png", "rocket.jpg"))
    plan = EncodePlan(kinds=WITH_REGIONS | {VectorKind.LABELS})

    several, one = model.run(
        [model.prepare(coffee, plan, Limits()), model.prepare(rocket, EncodePlan(), Limits())], plan
    )

    assert several.rows is not None
    assert one.rows is not None
    assert (len(several.rows), len(one.rows)) == (10, 1)
    assert one.labels[0].name == "missile"
    assert several.labels[0].name == "espresso"


def test_a_limit_holds_for_regions_too(model: ImageClassifierModel) -> None:
    content = Content(Modality.IMAGE, written(Image.new("RGB", (300, 300))))

    with pytest.raises(InvalidInput, match="300 × 300 pixels"):
        model.prepare(content, PARTS, Limits(image_pixels=80_000))


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 700), (3000, 2)])
def test_a_picture_too_small_for_windows_has_regions_all_the_same(
    model: ImageClassifierModel, size: tuple[int, int]
) -> None:
    found = regions_of(model, written(Image.new("RGB", size, "red"))).rows

    assert found is not None
    assert np.isfinite(found).all()
    assert len(found) == 10
