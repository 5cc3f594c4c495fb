"""Front ends of networks of transformers: a window of samples to what the network reads.

Each follows a feature extractor of transformers, by the numbers of the `preprocessor_config.json` beside the
weights, and makes what that one makes of the same samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from tieback_contract.arrays import Array

from tieback.core.errors import StartupError
from tieback.models.preprocessor import read_preprocessor
from tieback.models.sounds.log_mel import (
    SMALLEST,
    FrameNumbers,
    LogMelFrames,
    htk_mel_matrix,
    periodic_hann,
    slaney_mel_matrix,
)

FrontEndName = Literal["samples", "fbank", "log_mel", "clap"]
TYPE, NESTED = "feature_extractor_type", "feature_extractor"
RATES = range(1_000, 96_001)
SPEECH_RATE = 16_000
LONGEST = 60
"""Seconds of a window."""

MOST_BANDS = 512
MOST_SAMPLES = 16_384
"""Of a frame."""


class FrontEnd(Protocol):
    """Makes what a network reads of the samples of a window."""

    @property
    def rate(self) -> int:
        """Samples a second."""
        ...

    @property
    def longest(self) -> int:
        """Samples of a window, at most."""
        ...

    @property
    def fills(self) -> bool:
        """True where every window is filled up to the longest, so that all are of one shape."""
        ...

    def __call__(self, samples: Array) -> Array:
        """Make of `[samples]` float32, at least one and at most `longest`, an array in float32."""
        ...


@dataclass(frozen=True)
class Waveform:
    """The samples themselves (`Wav2Vec2FeatureExtractor`), of mean 0 and variance 1 where `normalizes`.

    `masks` says that the network was trained with a mask where sounds of a batch are filled up.
    """

    rate: int
    longest: int
    normalizes: bool
    masks: bool
    fills = False

    def __call__(self, samples: Array) -> Array:
        """`[samples]`; silence is put behind fewer than the networks read at all."""
        if self.normalizes:
            samples = (samples - samples.mean()) / np.sqrt(samples.var() + LEAST_VARIANCE)
        return np.pad(samples, (0, max(0, SHORTEST - len(samples)))).astype(np.float32, copy=False)


LEAST_VARIANCE = 1e-7
SHORTEST = 400
"""Samples of which the convolutions of wav2vec 2.0 make a state: 25 ms."""


@dataclass(frozen=True)
class FilterBanks:
    """Kaldi's log-mel filter banks (`ASTFeatureExtractor`), less a mean and divided by a scale."""

    frames: int
    bands: int
    mean: float
    scale: float
    rate = SPEECH_RATE
    fills = True

    @property
    def longest(self) -> int:
        """Those of all frames."""
        return BANK_WINDOW + (self.frames - 1) * BANK_HOP

    def __call__(self, samples: Array) -> Array:
        """`[frames, bands]`; zeros, before mean and scale, stand where there is no sound."""
        banks = np.zeros((self.frames, self.bands))
        if len(samples) >= BANK_WINDOW:
            found = self._log_mel(sliding_window_view(samples.astype(np.float64), BANK_WINDOW)[::BANK_HOP])
            banks[: len(found)] = found
        return ((banks - self.mean) / self.scale).astype(np.float32)

    def _log_mel(self, frames: Array) -> Array:
        frames = frames - frames.mean(axis=1, keepdims=True)
        before = np.concatenate((frames[:, :1], frames[:, :-1]), axis=1)
        windows = (frames - PREEMPHASIS * before) * np.hanning(BANK_WINDOW)
        power = np.abs(np.fft.rfft(windows, BANK_TRANSFORM)) ** 2
        return np.asarray(np.log(np.maximum(power @ self._mel, LEAST_POWER)))

    @cached_property
    def _mel(self) -> Array:
        return htk_mel_matrix(self.rate, BANK_TRANSFORM, self.bands, low=LOWEST, high=self.rate / 2)


BANK_WINDOW, BANK_HOP, BANK_TRANSFORM = 400, 160, 512
PREEMPHASIS, LOWEST = 0.97, 20.0
LEAST_POWER = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class WholeLogMel:
    """Log-mel frames of a window that silence fills up (`WhisperFeatureExtractor`)."""

    longest: int
    numbers: FrameNumbers
    fills = True

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.numbers.sample_rate

    def __call__(self, samples: Array) -> Array:
        """`[bands, frames]`."""
        return self._frames(samples, self.longest // self.numbers.hop)

    @cached_property
    def _frames(self) -> LogMelFrames:
        return LogMelFrames(self.numbers)


@dataclass(frozen=True)
class RepeatedLogMel:
    """Log-mel frames in decibels of a window that the sound fills by being repeated (`ClapFeatureExtractor`).

    With the padding `repeatpad` as often as it fits whole, and silence behind; with `repeat` to the end; with
    `pad` there is silence alone.
    """

    longest: int
    numbers: FrameNumbers
    low: float
    high: float
    padding: str
    fills = True

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.numbers.sample_rate

    def __call__(self, samples: Array) -> Array:
        """`[1, frames, bands]`."""
        window, half = self.numbers.window, self.numbers.window // 2
        centred = np.pad(self._filled(samples.astype(np.float64)), half, mode="reflect")
        frames = sliding_window_view(centred, window)[:: self.numbers.hop]
        power = np.abs(np.fft.rfft(frames * periodic_hann(window))) ** 2
        decibels = 10 * np.log10(np.maximum(power @ self._mel, SMALLEST))
        return np.asarray(decibels[None], np.float32)

    def _filled(self, samples: Array) -> Array:
        if self.padding == "repeat":
            return np.resize(samples, self.longest)
        if self.padding == "repeatpad":
            samples = np.tile(samples, self.longest // len(samples))
        return np.pad(samples, (0, self.longest - len(samples)))

    @cached_property
    def _mel(self) -> Array:
        numbers = self.numbers
        return slaney_mel_matrix(
            numbers.sample_rate, numbers.window, numbers.bands, low=self.low, high=self.high
        )


PADDINGS = ("repeatpad", "repeat", "pad")


@dataclass(frozen=True)
class Numbers:
    """Fields of a feature extractor's file; StartupError names the one that is wrong."""

    name: str
    fields: Mapping[str, Any]

    def whole(self, key: str, default: int, among: range) -> int:
        """A whole number in a range."""
        value = self.fields.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value not in among:
            raise self.wrong(key, f"a whole number from {among.start} to {among.stop - 1}")
        return value

    def number(self, key: str, default: float) -> float:
        """A number."""
        value = self.fields.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.wrong(key, "a number")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.fields.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def wrong(self, key: str, wanted: str) -> StartupError:
        """Says what a field has to be."""
        return StartupError(f"{self.name}: {key} is {wanted}, not {self.fields.get(key)!r:.80}")


def read_front_end(path: Path, kind: FrontEndName, *, seconds: int = LONGEST) -> FrontEnd:
    """The front end of a file of transformers. `seconds` are the longest window of one without an own limit.

    StartupError where the file is of another one, or asks for what is not done here.
    """
    numbers = Numbers(path.name, read_preprocessor(path, NESTED))
    of, read = EXTRACTORS[kind]
    named = numbers.fields.get(TYPE, of)
    if named != of:
        raise StartupError(
            f"{path.name} is for {named}, and the network reads what {of} makes; they are not of one model"
        )
    return read(numbers, seconds)


def _waveform(numbers: Numbers, seconds: int) -> FrontEnd:
    if numbers.fields.get("feature_size", 1) != 1:
        raise numbers.wrong("feature_size", "1, of one channel")
    rate = numbers.whole("sampling_rate", SPEECH_RATE, RATES)
    normalizes = numbers.flag("do_normalize", True)
    return Waveform(rate, seconds * rate, normalizes, numbers.flag("return_attention_mask", False))


def _filter_banks(numbers: Numbers, seconds: int) -> FrontEnd:  # noqa: ARG001 - has a limit of its own
    _of_speech(numbers)
    bands = numbers.whole("num_mel_bins", 128, range(1, MOST_BANDS + 1))
    frames = numbers.whole("max_length", 1024, range(1, LONGEST * SPEECH_RATE // BANK_HOP))
    if not numbers.flag("do_normalize", True):
        return FilterBanks(frames, bands, 0.0, 1.0)
    deviation = numbers.number("std", 4.5689974)
    if deviation <= 0:
        raise numbers.wrong("std", "above 0")
    return FilterBanks(frames, bands, numbers.number("mean", -4.2677393), 2 * deviation)


def _whole_log_mel(numbers: Numbers, seconds: int) -> FrontEnd:  # noqa: ARG001 - as above
    _of_speech(numbers)
    if numbers.number("dither", 0.0):
        raise numbers.wrong("dither", "0: with noise a sound has another vector each time")
    length = numbers.whole("chunk_length", 30, range(1, LONGEST + 1)) * SPEECH_RATE
    return WholeLogMel(length, _frames(numbers, bands=80, hop=160, window=("n_fft", 400)))


def _repeated_log_mel(numbers: Numbers, seconds: int) -> FrontEnd:  # noqa: ARG001 - as above
    if numbers.fields.get("truncation") != "rand_trunc":
        raise numbers.wrong("truncation", "'rand_trunc': parts of a sound fused at random are not served")
    padding = numbers.fields.get("padding", PADDINGS[0])
    if padding not in PADDINGS:
        raise numbers.wrong("padding", f"one of {', '.join(PADDINGS)}")
    frames = _frames(numbers, bands=64, hop=480, window=("fft_window_size", 1024), rate=48_000)
    low, high = numbers.number("frequency_min", 0.0), numbers.number("frequency_max", 14_000.0)
    if not 0 <= low < high <= frames.sample_rate / 2:
        raise numbers.wrong("frequency_max", "above frequency_min, and at most half of sampling_rate")
    length = numbers.whole("max_length_s", 10, range(1, LONGEST + 1)) * frames.sample_rate
    return RepeatedLogMel(length, frames, low, high, padding)


def _frames(
    numbers: Numbers, *, bands: int, hop: int, window: tuple[str, int], rate: int = SPEECH_RATE
) -> FrameNumbers:
    """Numbers of log-mel frames, with the extractor's own defaults."""
    size = numbers.whole(*window, range(2, MOST_SAMPLES + 1))
    return FrameNumbers(
        numbers.whole("sampling_rate", rate, RATES),
        size,
        numbers.whole("hop_length", hop, range(1, size + 1)),
        numbers.whole("feature_size", bands, range(1, MOST_BANDS + 1)),
    )


def _of_speech(numbers: Numbers) -> None:
    if numbers.fields.get("sampling_rate", SPEECH_RATE) != SPEECH_RATE:
        raise numbers.wrong("sampling_rate", f"{SPEECH_RATE}")


EXTRACTORS: Mapping[FrontEndName, tuple[str, Callable[[Numbers, int], FrontEnd]]] = {
    "samples": ("Wav2Vec2FeatureExtractor", _waveform),
    "fbank": ("ASTFeatureExtractor", _filter_banks),
    "log_mel": ("WhisperFeatureExtractor", _whole_log_mel),
    "clap": ("ClapFeatureExtractor", _repeated_log_mel),
}
"""Each with the extractor of transformers that it follows."""
