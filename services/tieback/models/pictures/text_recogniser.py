"""Recognisers of writing in pictures: one network finds lines, another reads each (PP-OCR).

The reader is trained by Connectionist Temporal Classification (Graves et al., 2006): for each step along a
line it gives a score for each character and for none; of the best at each step, repeats are one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.recognition import RecognisedText

from tieback.catalog.card import RecogniserCard
from tieback.catalog.runtimes.text_recogniser import TextRecogniser
from tieback.core.recognised import Part, joined
from tieback.core.types.content import Content
from tieback.models.encoder_model import Prepared, Weight
from tieback.models.pictures.decoding import decoded_bytes, made_of_picture, size_of
from tieback.models.pictures.written_lines import WrittenLine, in_reading_order, written_lines
from tieback.models.recognition_search import Fusing, search
from tieback.models.session import PROCESSOR, Hardware, open_graph
from tieback.models.store import ServedModel

Alternatives = Sequence[tuple[str, float]]
"""What a place of the line may be, with probabilities: characters, or nothing."""


class CharacterAlternatives:
    """`Steps` of a line, one for each place. A token is the number of an alternative; the last is the end."""

    def __init__(self, places: Sequence[Alternatives]) -> None:
        self._places = places
        self.end = max(map(len, places), default=0)
        self._done = 0

    def first(self) -> Array:
        """As of `Steps`."""
        self._done = 0
        return self._row()[None]

    def after(self, parents: Sequence[int], tokens: Sequence[int]) -> Array:  # noqa: ARG002 - places do not depend on each other
        """As of `Steps`."""
        self._done += 1
        return np.tile(self._row(), (len(parents), 1))

    def text_of(self, tokens: Sequence[int]) -> bytes:
        """As of `Steps`."""
        places = zip(self._places, tokens, strict=False)
        return "".join(place[token][0] for place, token in places).encode()

    def _row(self) -> Array:
        row = np.full(self.end + 1, -np.inf)
        if self._done == len(self._places):
            row[self.end] = 0.0
        else:
            chances = [chance for _, chance in self._places[self._done]]
            row[: len(chances)] = np.log(np.maximum(chances, 1e-12))
        return row


def of_scores(scores: Array, characters: Sequence[str], *, most: int) -> list[Alternatives]:
    """A place for each character read in `scores` `[steps, 1 + characters]`, with `most` alternatives.

    The first score of a step is that of no character, which is an alternative as well. Steps in a row of
    which the same character is the best are one place, and their means its probabilities (Connectionist
    Temporal Classification: Graves et al., 2006).
    """
    best = scores.argmax(axis=1)
    begins = np.flatnonzero(np.append(True, best[1:] != best[:-1]))
    ends = np.append(begins[1:], len(best))
    places: list[Alternatives] = []
    for begin, end in zip(begins, ends, strict=True):
        if best[begin] != 0:
            chances = scores[begin:end].mean(axis=0)
            likely = np.argpartition(-chances, min(most, len(chances)) - 1)[:most]
            order = likely[np.argsort(-chances[likely], kind="stable")]
            places.append([(characters[one - 1] if one else "", float(chances[one])) for one in order])
    return places


DETECTOR, READER, CHARACTERS = "detector.onnx", "reader.onnx", "characters.json"
STEP = 32
"""The detector takes sides that are multiples of this, in pixels; a square of it is the unit of cost."""

LINE_HEIGHT, NARROWEST, WIDEST = 48, 320, 3200
"""Pixels of a line as the reader takes it: lines are padded to the narrowest, and pressed into the widest."""

LINES_AT_ONCE = 6
FOLLOWED = 5
"""Texts of a line, and alternatives of a character, that a language model decides between."""

PROMPT = "The following is a line of printed text: "
UPRIGHT = 1.5
"""A line so many times as high as it is wide is turned by a quarter before it is read."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A picture, RGB, and the size at which the detector sees it."""

    image: Image.Image
    seen: tuple[int, int]


class TextRecogniserModel:
    """Runs `DETECTOR`, pixels `[1, 3, height, width]` to probabilities, and `READER` on lines.

    `READER` takes `[batch, 3, LINE_HEIGHT, width]` and gives scores `[batch, steps, characters]`.
    """

    def __init__(self, card: RecogniserCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        self._options = card.options_for(TextRecogniser)
        self._detector = open_graph(served, DETECTOR, hardware)
        self._reader = open_graph(served, READER, hardware)
        self._characters: list[str] = json.loads(served.path(CHARACTERS).read_text(encoding="utf-8"))

    def weigh(self, content: Content, limits: Limits) -> Weight:
        """By the picture's header."""
        width, height = self._seen(*size_of(content, limits))
        return Weight(_cells(width, height), decoded_bytes(content, limits, finest=self._finest))

    def prepare(self, content: Content, limits: Limits) -> Prepared:
        """Decodes a picture; what is finer than the detector's longest side is made coarser."""
        pictures: list[_Picture] = []

        def kept(image: Image.Image) -> Array:
            seen = self._seen(*image.size)
            finest = max(seen) / max(image.size)
            if finest < 1.0:
                image = image.resize(seen, Image.Resampling.LANCZOS, reducing_gap=3.0)
            pictures.append(_Picture(image.copy(), seen))
            return np.empty(0)

        made_of_picture(content, limits, kept, finest=self._finest)
        (picture,) = pictures
        width, height = picture.image.size
        return Prepared(_cells(*picture.seen), picture, size=3 * width * height)

    def run(self, prepared: Prepared) -> RecognisedText:
        """What is written in the picture, row by row."""
        return self._recognised(prepared, None)

    def run_with(self, prepared: Prepared, fusing: Fusing) -> RecognisedText:
        """As `run`; each line is what reader and language model make of it together."""
        return self._recognised(prepared, fusing)

    def _recognised(self, prepared: Prepared, fusing: Fusing | None) -> RecognisedText:
        picture: _Picture = prepared.payload
        image = picture.image
        pixels = _scaled(image.resize(picture.seen, Image.Resampling.BILINEAR))[None]
        (maps,) = self._detector.run(self._detector.outputs[:1], {self._detector.inputs[0]: pixels})
        lines = written_lines(maps[0, 0], *image.size)
        read = self._read([_cut_out(image, line) for line in lines], fusing)
        rows: list[list[Part]] = []
        for row in in_reading_order(lines):
            parts = [
                (text, Locator(LocatorKind.BOX, lines[place].box(*image.size)), score)
                for place in row
                for text, score in (read[place],)
                if text and score >= self._options.least_score
            ]
            rows += [parts] if parts else []
        return joined(rows, self.card.name)

    def warm_up(self) -> None:
        """Reads a white picture and a white line."""
        white = Image.new("RGB", (4 * LINE_HEIGHT, LINE_HEIGHT), "white")
        self.run(Prepared(1, _Picture(white, (4 * STEP, STEP))))
        self._read([white])

    @property
    def _finest(self) -> int:
        return self._options.longest

    def _seen(self, width: int, height: int) -> tuple[int, int]:
        """The size at which the detector sees a picture of that size."""
        options = self._options
        scale = max(1.0, options.shortest / min(width, height))
        scale = min(scale, options.longest / max(width, height))
        seen = [max(STEP, round(side * scale / STEP) * STEP) for side in (width, height)]
        return seen[0], seen[1]

    def _read(self, lines: Sequence[Image.Image], fusing: Fusing | None = None) -> list[tuple[str, float]]:
        """The text and the mean score of each line. Those of about one width are read together."""
        found: list[tuple[str, float]] = [("", 0.0)] * len(lines)
        order = sorted(range(len(lines)), key=lambda place: lines[place].width / lines[place].height)
        for begin in range(0, len(order), LINES_AT_ONCE):
            places = order[begin : begin + LINES_AT_ONCE]
            widths = [_width(lines[place]) for place in places]
            batch = np.zeros((len(places), 3, LINE_HEIGHT, max(NARROWEST, *widths)), np.float32)
            for row, (place, width) in enumerate(zip(places, widths, strict=True)):
                line = lines[place].resize((width, LINE_HEIGHT), Image.Resampling.BILINEAR)
                batch[row, :, :, :width] = _scaled(line)
            (scores,) = self._reader.run(self._reader.outputs[:1], {self._reader.inputs[0]: batch})
            if fusing is None:
                texts = list(decoded(scores, self._characters))
            else:
                texts = [self._fused(of_line, fusing) for of_line in scores]
            for place, text in zip(places, texts, strict=True):
                found[place] = text
        return found

    def _fused(self, scores: Array, fusing: Fusing) -> tuple[str, float]:
        """The text of a line's scores `[steps, 1 + characters]` by recogniser and language model together."""
        places = of_scores(scores, self._characters, most=FOLLOWED)
        if not places:
            return "", 0.0
        steps = CharacterAlternatives(places)
        reader = fusing.reader(PROMPT, FOLLOWED)
        best, *_ = search(steps, fusing.method, width=FOLLOWED, most=len(places) + 1, reader=reader)
        return steps.text_of(best.tokens).decode().strip(), math.exp(best.mean_log_probability)


def decoded(scores: Array, characters: Sequence[str]) -> Iterator[tuple[str, float]]:
    """The best text of each line and its mean score, of scores `[lines, steps, 1 + characters]`.

    The first score of a step is that of no character. The text is empty, and its score 0, where none is read.
    """
    for best, of_line in zip(scores.argmax(axis=2), scores, strict=True):
        kept = (best != 0) & np.append(True, best[1:] != best[:-1])
        if not kept.any():
            yield "", 0.0
            continue
        values = of_line[kept, best[kept]]
        yield "".join(characters[number - 1] for number in best[kept]).strip(), float(values.mean())


def _cut_out(image: Image.Image, line: WrittenLine) -> Image.Image:
    """A line as an upright picture of its own."""
    width, height = (max(1, round(side)) for side in line.size)
    first, second, third, fourth = line.corners.tolist()
    corners = (*first, *fourth, *third, *second)
    cut = image.transform((width, height), Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    return cut.transpose(Image.Transpose.ROTATE_90) if height >= UPRIGHT * width else cut


def _width(line: Image.Image) -> int:
    return min(max(1, math.ceil(LINE_HEIGHT * line.width / line.height)), WIDEST)


def _scaled(image: Image.Image) -> Array:
    """An RGB picture as the networks take it: blue, green, red `[3, height, width]`, -1 to 1."""
    values = np.asarray(image, np.float32) / 127.5 - 1.0
    return np.ascontiguousarray(values.transpose(2, 0, 1)[::-1])


def _cells(width: int, height: int) -> int:
    return max(1, width * height // STEP**2)
