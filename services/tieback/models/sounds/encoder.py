"""Audio encoders: the mean of a transformer's states over the part of a sound that is sound.

Whisper was trained on windows of 30 s, filled up with silence. Here a window ends `silence` seconds after its
sound, because the whole costs 30 s of computing however short the sound is. What that moves, on speech: the
cosine of the vector to that of the full window, and in brackets after the mean of all was taken away.

    sound      no silence     3 s, as served   10 s
    1 s        0.933 (0.85)   0.978 (0.95)     0.992 (0.98)
    5 s        0.990 (0.96)   0.995 (0.98)     0.998 (0.99)
    12 s       0.996 (0.99)   0.998 (1.00)     0.999 (1.00)

In all of them the nearest full-window vector was that of the same sound. `silence: 30` in the card gives the
full windows. The rows of the multi-vector are the windows' own means.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.vectors import VectorKind

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.audio_encoder import AudioEncoder
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import Prepared, RawEncoding, Weight, unit_rows
from tieback.models.session import PROCESSOR, Hardware, open_graph
from tieback.models.sounds.decoding import samples_of, weight_of
from tieback.models.sounds.log_mel import LogMelFrames
from tieback.models.store import ServedModel

GRAPH = "model.onnx"
FRAMES, SOUND, MEANS = "frames", "sound", "means"
FRAMES_PER_STATE = 2
STATES_AT_ONCE = 1500  # bounds the memory of attention, which grows with the square of a window's length


@dataclass(frozen=True, slots=True)
class Window:
    """Log-mel `frames` `[bands, 2 · states]`, of whose states the first `sound` are of sound."""

    frames: Array
    sound: int

    @property
    def states(self) -> int:
        """What the network makes of it."""
        return int(self.frames.shape[1]) // FRAMES_PER_STATE


class AudioEncoderModel:
    """Runs `GRAPH`: `FRAMES` `[n, bands, 2 · states]` to `MEANS` `[n, width]`.

    `SOUND` `[n, states]` is 1 where there is sound and 0 elsewhere. A sound of several windows is the mean of
    all their states.
    """

    pads = False

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        self._options = card.options_for(AudioEncoder)
        self._front_end = LogMelFrames(self._options)
        self._session = open_graph(served, GRAPH, hardware)
        self._per_state = self._options.hop * FRAMES_PER_STATE  # samples
        self._per_second = self._options.sample_rate // self._per_state  # states
        self._longest = self._options.seconds * self._per_second

    @property
    def sizes(self) -> Sequence[int]:
        """States of a short sound and of a third of a window, which is about as dear a state as the whole."""
        least = min(self._longest, (self._options.silence + 1) * self._per_second)
        return sorted({least, max(least, self._longest // 3)})

    def sample(self, tokens: int) -> Prepared:
        """Silence of that many states."""
        counts = [self._longest] * (tokens // self._longest) + [tokens % self._longest]
        frames = [np.zeros((self._options.bands, FRAMES_PER_STATE * count), np.float32) for count in counts]
        return Prepared(tokens, [Window(one, one.shape[1] // FRAMES_PER_STATE) for one in frames if one.size])

    def weigh(self, content: Content, plan: EncodePlan, limits: Limits) -> Weight:  # noqa: ARG002 - there is one kind
        """By the sound's header; the last window's silence included."""
        seconds, size = weight_of(content, limits, rate=self._options.sample_rate)
        return Weight(int(seconds + 1 + self._options.silence) * self._per_second, size)

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:  # noqa: ARG002 - sounds of any length are read whole
        """Decodes a sound into windows of frames; it costs their states, silence included."""
        samples = samples_of(content, limits, rate=self._options.sample_rate)
        length = self._longest * self._per_state
        windows = [self._window(samples[begin : begin + length]) for begin in range(0, len(samples), length)]
        size = sum(window.frames.nbytes for window in windows)
        return Prepared(sum(window.states for window in windows), windows, size=size)

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Encodes the windows of all sounds, those of one length together."""
        windows: list[Window] = [window for prepared in batch for window in prepared.payload]
        alike: dict[int, list[int]] = defaultdict(list)
        for index, window in enumerate(windows):
            alike[window.states].append(index)
        means = np.empty((len(windows), self.card.width), np.float32)
        for states, places in alike.items():
            count = max(1, STATES_AT_ONCE // states)
            for begin in range(0, len(places), count):
                some = places[begin : begin + count]
                means[some] = self._means([windows[index] for index in some], states)
        encodings, begin = [], 0
        for prepared in batch:
            end = begin + len(prepared.payload)
            weights = np.array([window.sound for window in windows[begin:end]], np.float32)
            dense = unit_rows(weights @ means[begin:end]) if VectorKind.DENSE in plan.kinds else None
            if VectorKind.MULTI_VECTOR in plan.kinds:
                encodings.append(RawEncoding(dense, unit_rows(means[begin:end]), self._times(weights)))
            else:
                encodings.append(RawEncoding(dense))
            begin = end
        return encodings

    def warm_up(self) -> None:
        """Encodes a second of silence."""
        self.run([self.sample(self.sizes[0])], EncodePlan(kinds=self.card.kinds))

    def _times(self, states: Array) -> Locators:
        """When windows are that have so many states of sound `[windows]`, to a state's 20 ms."""
        begins = np.arange(len(states)) * self._options.seconds
        ends = begins + states / self._per_second
        return Locators.of(LocatorKind.TIME_RANGE, np.stack((begins, ends), axis=1))

    def _means(self, windows: Sequence[Window], states: int) -> Array:
        sound = np.array([window.sound for window in windows])
        inputs = {
            FRAMES: np.stack([window.frames for window in windows]),
            SOUND: (np.arange(states) < sound[:, None]).astype(np.float32),
        }
        return np.asarray(self._session.run([MEANS], inputs)[0])

    def _window(self, samples: Array) -> Window:
        sound = -(-len(samples) // self._per_state)
        # Whole seconds, so that sounds of about one length are of exactly one and run together.
        seconds = -(-sound // self._per_second) + self._options.silence
        states = min(self._longest, seconds * self._per_second)
        return Window(self._front_end(samples, FRAMES_PER_STATE * states), sound)
