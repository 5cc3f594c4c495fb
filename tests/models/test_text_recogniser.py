"""What is drawn into a picture is read again, with the place of each line."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from support.lab import lab as lab
from tieback.catalog.catalog import Catalog
from tieback.core.errors import InvalidInput
from tieback.core.recognised import region_of
from tieback.core.types.content import Content
from tieback.methods.recognition_fusion import recognition_fusions
from tieback.models.loading import load_recogniser
from tieback.models.pictures.text_recogniser import decoded
from tieback.models.pictures.written_lines import in_reading_order, written_lines
from tieback.models.recognition_search import Fusing, FusingRecogniserModel, RecogniserModel
from tieback.models.store import Store
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.recognition import RecognisedText
from tieback_lab.methods.recognition_fusion._reading import Reading

SIZE = (480, 240)


@pytest.fixture(scope="module")
def reader(store: Store) -> RecogniserModel:
    card = next(one for one in Catalog.load().recognisers() if one.name == "pp-ocr-v6-small")
    return load_recogniser(card, store)


def content_of(picture: Image.Image) -> Content:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return Content(Modality.IMAGE, buffer.getvalue())


def read(reader: RecogniserModel, picture: Image.Image) -> RecognisedText:
    content, limits = content_of(picture), Limits()
    prepared = reader.prepare(content, limits)
    assert prepared.tokens <= reader.weigh(content, limits).tokens
    assert prepared.size <= reader.weigh(content, limits).size
    return reader.run(prepared)


def drawn(*lines: tuple[int, int, str], angle: float = 0.0) -> Image.Image:
    """Lines of text at places in pixels, the whole turned by degrees."""
    picture = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(picture)
    for left, top, text in lines:
        pen.text((left, top), text, "black", ImageFont.load_default(28))
    return picture.rotate(angle, Image.Resampling.BICUBIC, fillcolor="white")


def test_drawn_lines_are_read_row_by_row_with_their_boxes(reader: RecogniserModel) -> None:
    found = read(reader, drawn((30, 150, "Total"), (340, 152, "9.00"), (30, 40, "HARBOUR CAFE")))

    assert found.text == "HARBOUR CAFE\n\nTotal 9.00"
    begin = found.text.index("9.00")
    box = region_of(found.segments, (begin, begin + 4))
    assert box is not None
    left, top, width, height = (number * side for number, side in zip(box, SIZE * 2, strict=True))
    assert left < 345 < 395 < left + width
    assert top < 162 < 172 < top + height
    assert width < 110
    assert height < 60


class NothingKnown:
    """A language model that says nothing; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def read(self, texts: Sequence[bytes]) -> list[Reading]:
        self.asked += texts
        return [Reading((), (), ()) for _ in texts]


def test_with_a_language_model_that_says_nothing_it_is_read_as_alone(reader: RecogniserModel) -> None:
    assert isinstance(reader, FusingRecogniserModel)
    partner = NothingKnown()
    picture = drawn((30, 150, "Total"), (340, 152, "9.00"), (30, 40, "HARBOUR CAFE"))
    prepared = reader.prepare(content_of(picture), Limits())

    alone = reader.run(prepared)
    fused = reader.run_with(prepared, Fusing(recognition_fusions.configure("gfd"), lambda *_: partner))

    assert fused.text == alone.text
    assert [one.place for one in fused.segments] == [one.place for one in alone.segments]
    assert b"HARBOUR CAF" in partner.asked


def test_a_slanted_line_is_read_too(reader: RecogniserModel) -> None:
    found = read(reader, drawn((120, 100, "Open on Sunday"), angle=12.0))

    assert found.text == "Open on Sunday"


def test_a_picture_without_writing_has_no_text(reader: RecogniserModel) -> None:
    found = read(reader, Image.new("RGB", (90, 200), "grey"))

    assert (found.text, list(found.segments)) == ("", [])


def test_what_is_no_picture_is_refused(reader: RecogniserModel) -> None:
    with pytest.raises(InvalidInput, match="not a picture"):
        reader.weigh(Content(Modality.IMAGE, b"no picture"), Limits())


def test_repeats_of_a_character_are_one_unless_none_is_between() -> None:
    steps = [1, 1, 0, 1, 2, 2, 0, 0]
    scores = np.zeros((2, len(steps), 3), np.float32)
    scores[0, np.arange(len(steps)), steps] = 0.5
    scores[1, :, 0] = 1.0

    assert list(decoded(scores, ["a", "b"])) == [("aab", 0.5), ("", 0.0)]


def test_a_core_grows_to_its_line_and_thin_or_improbable_ones_are_left_out() -> None:
    probabilities = np.zeros((64, 96))
    probabilities[20:28, 10:60] = 0.9
    probabilities[40:48, 10:60] = 0.35
    probabilities[60, 10:60] = 0.9

    [line] = written_lines(probabilities, 192.0, 128.0)

    left, top, right, bottom = line.bounds
    assert 0 <= left < 20 <= 118 < right <= 192
    assert 20 < top < 40 <= 54 < bottom < 72
    assert list(in_reading_order([line])) == [[0]]
