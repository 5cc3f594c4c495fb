"""Networks of transformers that read sounds: windows of a sound to vectors, and their mean.

A sound within the longest window is one window, and its vector is what transformers computes of it. A longer
one is cut into as few windows of one length as there can be. Its vector depends on no other sound of a batch:
windows of different lengths run together only where the network is told their lengths, and unseen of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.audio_transformer import AudioTransformer
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import Prepared, RawEncoding, Weight, unit_rows
from tieback.models.reference import DENSE
from tieback.models.session import PROCESSOR, Hardware, open_graph
from tieback.models.sounds.decoding import samples_of, weight_of
from tieback.models.sounds.front_ends import FrontEnd, read_front_end
from tieback.models.store import ServedModel

GRAPH, PREPROCESSOR = "model.onnx", "preprocessor_config.json"
SOUND, LENGTHS = "sound", "lengths"
TOKENS_PER_SECOND = 50  # states of wav2vec 2.0 and of Whisper, and the unit of cost
TOKENS_AT_ONCE = 1500  # bounds the memory of attention, which grows with the square of a window's length


@dataclass(frozen=True, slots=True)
class SoundWindow:
    """A window of a sound as the network reads it, of so many samples."""

    features: Array
    samples: int


class AudioTransformerModel:
    """Runs `GRAPH`: `SOUND` `[n, …]` as the front end makes it to `DENSE` `[n, width]`, of length 1.

    Where the graph takes `LENGTHS` `[n]`, they are the samples of each that are of the sound.
    """

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        options = card.options
        path = served.path(PREPROCESSOR)
        self._front_end: FrontEnd = (
            read_front_end(path, options.front_end, seconds=options.seconds)
            if isinstance(options, AudioTransformer)
            else read_front_end(path, "clap")
        )
        self._session = open_graph(served, GRAPH, hardware)
        self._is_told_lengths = LENGTHS in self._session.inputs
        self.pads = self._is_told_lengths and not self._front_end.fills

    @property
    def sizes(self) -> Sequence[int]:
        """A second, a third of a window and a whole one; the last alone where all are filled up."""
        longest = self._tokens(self._front_end.longest)
        if self._front_end.fills:
            return [longest]
        return sorted({min(TOKENS_PER_SECOND, longest), max(1, longest // 3), longest})

    def sample(self, tokens: int) -> Prepared:
        """Silence of that many tokens."""
        return self._prepared(np.zeros(tokens * self._front_end.rate // TOKENS_PER_SECOND, np.float32))

    def weigh(self, content: Content, plan: EncodePlan, limits: Limits) -> Weight:  # noqa: ARG002 - there is one kind
        """By the sound's header; what fills up its windows included."""
        seconds, size = weight_of(content, limits, rate=self._front_end.rate)
        samples = int((seconds + 1) * self._front_end.rate)
        return Weight(self._windows(samples) * self._tokens(min(samples, self._front_end.longest)), size)

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:  # noqa: ARG002 - sounds of any length are read whole
        """Decodes a sound into windows."""
        return self._prepared(samples_of(content, limits, rate=self._front_end.rate))

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:  # noqa: ARG002 - there is one kind
        """Encodes the windows of all sounds."""
        windows: list[SoundWindow] = [window for prepared in batch for window in prepared.payload]
        vectors = np.empty((len(windows), self.card.width), np.float32)
        for places in self._together(windows):
            vectors[places] = self._vectors([windows[place] for place in places])
        ends = np.cumsum([len(prepared.payload) for prepared in batch])
        return [RawEncoding(unit_rows(rows.mean(axis=0))) for rows in np.split(vectors, ends[:-1])]

    def warm_up(self) -> None:
        """Encodes a second of silence."""
        self.run([self.sample(self.sizes[0])], EncodePlan(kinds=self.card.kinds))

    def _prepared(self, samples: Array) -> Prepared:
        parts = np.array_split(samples, self._windows(len(samples)))
        windows = [SoundWindow(self._front_end(part), len(part)) for part in parts]
        size = sum(window.features.nbytes for window in windows)
        return Prepared(sum(self._tokens(len(part)) for part in parts), windows, size=size)

    def _windows(self, samples: int) -> int:
        return -(-samples // self._front_end.longest)

    def _tokens(self, samples: int) -> int:
        """The cost of a window of so many samples."""
        counted = self._front_end.longest if self._front_end.fills else samples
        return -(-counted * TOKENS_PER_SECOND // self._front_end.rate)

    def _together(self, windows: Sequence[SoundWindow]) -> Iterator[list[int]]:
        """Places of windows that run together: of one shape, or filled up where that is not seen."""
        places: list[int] = []
        for place in sorted(range(len(windows)), key=lambda one: windows[one].features.shape):
            window = windows[place]
            alike = self.pads or not places or windows[places[0]].features.shape == window.features.shape
            if not alike or (len(places) + 1) * self._tokens(window.samples) > TOKENS_AT_ONCE:
                if places:
                    yield places
                places = []
            places.append(place)
        yield places

    def _vectors(self, windows: Sequence[SoundWindow]) -> Array:
        features = [window.features for window in windows]
        if self.pads:
            longest = max(map(len, features))
            lengths = [len(one) for one in features]
            features = [np.pad(one, (0, longest - len(one))) for one in features]
        else:
            lengths = [window.samples for window in windows]
        inputs = {SOUND: np.stack(features)}
        if self._is_told_lengths:
            inputs[LENGTHS] = np.array(lengths, np.int64)
        return np.asarray(self._session.run([DENSE], inputs)[0])
