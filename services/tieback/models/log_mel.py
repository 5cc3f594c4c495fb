"""Log-mel patches, as YAMNet's training made them (Google's AudioSet front end)."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from tieback_contract.arrays import Array

from tieback.catalog.options import AudioClassifier

HTK_BREAK, HTK_SCALE = 700.0, 1127.0


class LogMelPatches:
    """Samples to patches of log-mel frames."""

    def __init__(self, options: AudioClassifier) -> None:
        self._options = options
        periodic = np.arange(options.window) / options.window
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * periodic)).astype(np.float32)
        self._mel = _mel_matrix(options)

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


def _mel_matrix(options: AudioClassifier) -> Array:
    """Triangles `[transform / 2 + 1, bands]` over the HTK mel scale; the constant bin has no part."""
    bins = _mel(np.linspace(0, options.sample_rate / 2, options.transform // 2 + 1))
    edges = np.linspace(_mel(options.low), _mel(options.high), options.bands + 2)
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    triangles = np.clip(np.minimum(rising, falling), 0, None)
    triangles[0] = 0
    return triangles.astype(np.float32)


def _mel(hertz: Array | float) -> Array:
    return np.asarray(HTK_SCALE * np.log1p(np.asarray(hertz) / HTK_BREAK))
