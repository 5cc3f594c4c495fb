"""Log-mel frames, as Whisper's training made them (Radford et al., 2022, arXiv:2212.04356).

Power spectra of Hann windows that are centred on their frames, in Slaney's mel bands, as a logarithm whose
quietest values are `FLOOR` below the loudest of the window: so a frame depends on the window that it is in.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from tieback_contract.arrays import Array

from tieback.catalog.options import AudioEncoder, SpeechRecogniser

SMALLEST = 1e-10
FLOOR = 8.0  # powers of ten
FRAMES_AT_ONCE = 1024
LINEAR_TO, BANDS_TO, STEP = 1000.0, 15.0, 27.0 / np.log(6.4)  # Slaney: linear to 1 kHz, logarithmic above


class LogMelFrames:
    """Samples of a window to log-mel frames."""

    def __init__(self, options: AudioEncoder | SpeechRecogniser) -> None:
        self._options = options
        periodic = np.arange(options.window) / options.window
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * periodic)).astype(np.float32)
        self._mel = _mel_matrix(options.sample_rate, options.window, options.bands)

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


def _mel_matrix(rate: int, window: int, bands: int) -> Array:
    """Triangles `[window / 2 + 1, bands]` of equal area, from 0 Hz to half of the rate."""
    bins = np.linspace(0, rate / 2, window // 2 + 1)
    edges = _hertz(np.linspace(0, _mel(rate / 2), bands + 2))
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    triangles = np.clip(np.minimum(rising, falling), 0, None)
    return np.asarray(triangles * 2.0 / (edges[2:] - edges[:-2]), np.float32)


def _mel(hertz: float) -> float:
    linear = hertz * BANDS_TO / LINEAR_TO
    return linear if hertz < LINEAR_TO else float(BANDS_TO + np.log(hertz / LINEAR_TO) * STEP)


def _hertz(mel: Array) -> Array:
    linear = mel * LINEAR_TO / BANDS_TO
    return np.asarray(np.where(mel < BANDS_TO, linear, LINEAR_TO * np.exp((mel - BANDS_TO) / STEP)))
