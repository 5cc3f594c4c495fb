"""Log-mel features of sounds: patches as YAMNet's training made them, frames as Whisper's did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from tieback_contract.arrays import Array

from tieback.catalog.runtimes.audio_classifier import AudioClassifier
from tieback.catalog.runtimes.audio_encoder import AudioEncoder
from tieback.catalog.runtimes.speech_recogniser import SpeechRecogniser

HTK_BREAK, HTK_SCALE = 700.0, 1127.0


class LogMelPatches:
    """Samples to patches of log-mel frames."""

    def __init__(self, options: AudioClassifier) -> None:
        self._options = options
        self._window = periodic_hann(options.window).astype(np.float32)
        self._mel = htk_mel_matrix(
            options.sample_rate, options.transform, options.bands, low=options.low, high=options.high
        ).astype(np.float32)

    def __call__(self, samples: Array) -> Array:
        """`[samples]` float32 to `[patches, patch, bands]`; less than a patch is padded with silence."""
        options = self._options
        least = options.window + (options.patch - 1) * options.hop
        if len(samples) < least:
            samples = np.pad(samples, (0, least - len(samples)))
        frames = sliding_window_view(samples, options.window)[:: options.hop]
        mel = np.concatenate(
            [self._log_mel(frames[begin : begin + 1024]) for begin in range(0, len(frames), 1024)]
        )
        patches = sliding_window_view(mel, options.patch, axis=0)[:: options.patch_hop]
        return np.ascontiguousarray(patches.transpose(0, 2, 1))

    def codes(self, samples: Array) -> Array:
        """The patches of samples in the network's own code, uint8 `[patches, 1, patch, bands]`."""
        coded = np.round(self(samples) / self._options.quantum) + self._options.zero
        return np.clip(coded, 0, 255).astype(np.uint8)[:, None]

    def ends(self, patches: int) -> Array:
        """When so many patches end, in seconds `[patches]`."""
        options = self._options
        first = options.window + (options.patch - 1) * options.hop
        return (first + options.patch_hop * options.hop * np.arange(patches)) / options.sample_rate

    def times(self, patches: int, seconds: float) -> Array:
        """When patches begin and end `[patches, 2]`; that of a sound shorter than a patch ends with it."""
        ends = self.ends(patches)
        return np.stack((ends - ends[0], np.minimum(ends, seconds)), axis=1)

    def _log_mel(self, frames: Array) -> Array:
        options = self._options
        # The window lies centred in the transform, which moves the phase and leaves the magnitude.
        magnitude = np.abs(np.fft.rfft(frames * self._window, options.transform)).astype(np.float32)
        return np.asarray(np.log(magnitude @ self._mel + options.offset), np.float32)


def periodic_hann(window: int) -> Array:
    """A Hann window `[window]` whose end meets its beginning."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window))


def htk_mel_matrix(rate: int, transform: int, bands: int, *, low: float, high: float) -> Array:
    """Triangles `[transform / 2 + 1, bands]` over the HTK mel scale; the constant bin has no part."""
    bins = _mel(np.linspace(0, rate / 2, transform // 2 + 1))
    triangles = _triangles(bins, np.linspace(_mel(low), _mel(high), bands + 2))
    triangles[0] = 0
    return triangles


def _triangles(bins: Array, edges: Array) -> Array:
    """Triangles `[bins, bands]`, each from an edge over the next, its peak, to the one after that."""
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None))


def _mel(hertz: Array | float) -> Array:
    return np.asarray(HTK_SCALE * np.log1p(np.asarray(hertz) / HTK_BREAK))


# Log-mel frames, as Whisper's training made them (Radford et al., 2022, arXiv:2212.04356).
#
# Power spectra of Hann windows that are centred on their frames, in Slaney's mel bands, as a logarithm
# whose quietest values are `FLOOR` below the loudest of the window: so a frame depends on the window that
# it is in.
SMALLEST = 1e-10
FLOOR = 8.0  # powers of ten
FRAMES_AT_ONCE = 1024
LINEAR_TO, BANDS_TO, STEP = 1000.0, 15.0, 27.0 / np.log(6.4)  # Slaney: linear to 1 kHz, logarithmic above


@dataclass(frozen=True, slots=True)
class FrameNumbers:
    """Samples a second, samples of a frame and from one to the next, and mel bands."""

    sample_rate: int
    window: int
    hop: int
    bands: int


class LogMelFrames:
    """Samples of a window to log-mel frames."""

    def __init__(self, options: AudioEncoder | SpeechRecogniser | FrameNumbers) -> None:
        self._options = options
        self._window = periodic_hann(options.window).astype(np.float32)
        rate = options.sample_rate
        mel = slaney_mel_matrix(rate, options.window, options.bands, low=0, high=rate / 2)
        self._mel = mel.astype(np.float32)

    def __call__(self, samples: Array, frames: int) -> Array:
        """`[samples]` float32, with silence after them, to `[bands, frames]` float32 of about -1 to 1.5."""
        options = self._options
        half = options.window // 2
        length = frames * options.hop
        # The ends are mirrored, as they were in training; silence that fills a window lies within them.
        padded = np.pad(np.pad(samples, (0, max(0, length - len(samples))))[:length], half, mode="reflect")
        windows = sliding_window_view(padded, options.window)[:: options.hop][:frames]
        parts = [self._power(windows[at : at + FRAMES_AT_ONCE]) for at in range(0, frames, FRAMES_AT_ONCE)]
        logarithm = np.log10(np.maximum(np.concatenate(parts), SMALLEST))
        audible = np.maximum(logarithm, logarithm.max() - FLOOR)
        return np.ascontiguousarray(((audible + 4.0) / 4.0).T, np.float32)

    def _power(self, windows: Array) -> Array:
        spectra = np.fft.rfft(windows * self._window)
        return np.asarray((spectra.real**2 + spectra.imag**2).astype(np.float32) @ self._mel)


def slaney_mel_matrix(rate: int, window: int, bands: int, *, low: float, high: float) -> Array:
    """Triangles `[window / 2 + 1, bands]` of equal area over Slaney's mel scale."""
    bins = np.linspace(0, rate / 2, window // 2 + 1)
    edges = _hertz(np.linspace(_slaney_mel(low), _slaney_mel(high), bands + 2))
    return np.asarray(_triangles(bins, edges) * 2.0 / (edges[2:] - edges[:-2]))


def _slaney_mel(hertz: float) -> float:
    linear = hertz * BANDS_TO / LINEAR_TO
    return linear if hertz < LINEAR_TO else float(BANDS_TO + np.log(hertz / LINEAR_TO) * STEP)


def _hertz(mel: Array) -> Array:
    linear = mel * LINEAR_TO / BANDS_TO
    return np.asarray(np.where(mel < BANDS_TO, linear, LINEAR_TO * np.exp((mel - BANDS_TO) / STEP)))
