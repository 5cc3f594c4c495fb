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
from tieback_contract.arrays import Array

ZERO_CROSSINGS = 16
KAISER_BETA = 8.0
PASSBAND = 0.95
PHASES_AT_ONCE = 512


def resample(samples: Array, rate: int, target: int) -> Array:
    """`[n]` float32 at `rate` Hz as `[⌈n · target / rate⌉]` at `target` Hz, in phase with the original."""
    if rate == target:
        return samples
    up, down = _ratio(rate, target)
    half = _reach(up, down)
    count = -(-len(samples) * up // down)
    out = np.empty(count, np.float32)
    windows = sliding_window_view(np.pad(samples, (half, half + 1)), 2 * half + 2)
    phases = min(up, count)
    for begin in range(0, phases, PHASES_AT_ONCE):
        end = min(begin + PHASES_AT_ONCE, phases)
        # Few filters recur and are kept; those of rates without a common factor are many, and made each time.
        branches = _branches(up, down, 0, up) if up <= PHASES_AT_ONCE else _made(up, down, begin, end)
        for phase, branch in enumerate(branches[: end - begin], begin):
            # Output phase + up·k lies at input `first` + down·k and a fraction, for which the branch is made.
            first = phase * down // up
            places = out[phase::up]
            places[:] = windows[first::down][: len(places)] @ branch
    return out


def bytes_of_filters(rate: int, target: int) -> int:
    """About what the filters of a change of rate would take if they were made at once."""
    if rate == target:
        return 0
    up, down = _ratio(rate, target)
    return up * (2 * _reach(up, down) + 2) * np.dtype(np.float64).itemsize


def _ratio(rate: int, target: int) -> tuple[int, int]:
    common = math.gcd(rate, target)
    return target // common, rate // common


def _cutoff(up: int, down: int) -> float:
    return PASSBAND * min(1.0, up / down)


def _reach(up: int, down: int) -> int:
    """How far a filter reaches, in input samples."""
    return math.ceil(ZERO_CROSSINGS / _cutoff(up, down))


def _made(up: int, down: int, begin: int, end: int) -> Array:
    """The filter's taps at the phases from `begin` to `end`, `[end - begin, 2 · reach + 2]`."""
    cutoff, half = _cutoff(up, down), _reach(up, down)
    fractions = (np.arange(begin, end) * down % up / up)[:, None]
    distance = np.arange(-half, half + 2)[None, :] - fractions
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (distance / (half + 1)) ** 2, 0, None)))
    taps = cutoff * np.sinc(cutoff * distance) * window / np.i0(KAISER_BETA)
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), np.float32)


_branches = functools.lru_cache(maxsize=8)(_made)
