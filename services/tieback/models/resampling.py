"""Changing the rate of a sound by a rational factor: a windowed-sinc filter, one branch a phase.

The Kaiser window gives some 80 dB of attenuation above the lower of the two Nyquist frequencies (Crochiere
and Rabiner, Multirate Digital Signal Processing, 1983, chapter 4). Branches are kept, as rates come in few
pairs.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tieback.core.types import Array

ZERO_CROSSINGS = 16
KAISER_BETA = 8.0
PASSBAND = 0.95


def resample(samples: Array, rate: int, target: int) -> Array:
    """`[n]` float32 at `rate` Hz as `[⌈n · target / rate⌉]` at `target` Hz, in phase with the original."""
    if rate == target:
        return samples
    up, down = target // math.gcd(rate, target), rate // math.gcd(rate, target)
    branches, half = _branches(up, down)
    count = -(-len(samples) * up // down)
    out = np.empty(count, np.float32)
    windows = sliding_window_view(np.pad(samples, (half, half + 1)), branches.shape[1])
    for phase in range(min(up, count)):
        # Output phase + up·k lies at input `first` + down·k and a fraction, for which the branch is made.
        first = phase * down // up
        places = out[phase::up]
        places[:] = windows[first::down][: len(places)] @ branches[phase]
    return out


@functools.lru_cache(maxsize=8)
def _branches(up: int, down: int) -> tuple[Array, int]:
    """The filter's taps at each phase, `[up, 2 · half + 2]`, and `half`, its reach in input samples."""
    cutoff = PASSBAND * min(1.0, up / down)
    half = math.ceil(ZERO_CROSSINGS / cutoff)
    fractions = (np.arange(up) * down % up / up)[:, None]
    distance = np.arange(-half, half + 2)[None, :] - fractions
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (distance / (half + 1)) ** 2, 0, None)))
    taps = cutoff * np.sinc(cutoff * distance) * window / np.i0(KAISER_BETA)
    return (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32), half
