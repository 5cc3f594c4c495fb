"""Bytes to samples, for bytes that nobody vouches for.

Only the formats that the contract names are read, known by their bytes: libsndfile reads two dozen more, and
some of its decoders write to the process's standard error.

A WAV's chunks are read before the decoder sees them, because decoders forgive a header that promises more
than there is. Samples are read a block at a time and counted, because a compressed file may hold far more
than its size tells.
"""

from __future__ import annotations

import functools
import io
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import soundfile
from numpy.lib.stride_tricks import sliding_window_view
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content
from tieback.models.content import looks_like, read_bytes

RATES = range(1_000, 384_001)
MOST_CHANNELS = 32
COUNTED_RATE = 48_000  # the limit in seconds is one in samples too, at this rate
BLOCK = 65_536
BYTES_PER_SAMPLE = 12  # before and after the change of rate each; 11 were measured
LOUDEST = 1_000.0  # times full scale
STREAMED = 0xFFFFFFFF  # the size that a writer leaves which cannot go back to fill it in
WAV_HEADER, CHUNK_HEADER = 12, 8
WAV_KINDS, EXTENSIBLE, SUBFORMAT = (1, 3), 0xFFFE, 24  # PCM and float; told further on where extensible
PAGE_HEADER = 27  # bytes of an Ogg page before the lengths of its segments, whose number is the last of them
MOST_FRAMES = 1 << 40
LARGEST_PLACE = (1 << 63) - 1
FORMATS = "send WAV (PCM or float), FLAC or Ogg Vorbis"


def samples_of(content: Content, limits: Limits, *, rate: int) -> Array:
    """The sound mixed to one channel, `[samples]` float32 at `rate` Hz.

    InvalidInput for what is no sound, has none in it, is longer than the limit, lies in its header or holds
    values that are no numbers.
    """
    with _opened(content, limits) as file:
        samples, original = _read(file, limits), file.samplerate
    if not len(samples):
        raise _bad("the sound has no samples; send some", "EMPTY_AUDIO")
    if not np.isfinite(samples).all():
        raise _bad("the sound has samples that are not numbers (NaN or infinite); write it again as integers")
    if np.abs(samples).max() > LOUDEST:
        raise _bad(f"the sound goes beyond {LOUDEST:.0f} times full scale; scale its samples to -1 … 1")
    return resample(samples, original, rate)


def weight_of(content: Content, limits: Limits, *, rate: int) -> tuple[float, int]:
    """Seconds of a sound, and the bytes that it takes at most until it is features of samples at `rate` Hz.

    By its header, or else by the limit. InvalidInput as in `samples_of`, as far as the header shows.
    """
    with _opened(content, limits) as file:
        known = _is_known(file.frames)
        frames = file.frames if known else int(limits.audio_seconds * COUNTED_RATE)
        seconds = file.frames / file.samplerate if known else limits.audio_seconds
        block = BLOCK * file.channels * BYTES_PER_SAMPLE
        taps = bytes_of_filters(file.samplerate, rate)
    return seconds, int(BYTES_PER_SAMPLE * (frames + seconds * rate)) + block + taps


@contextmanager
def _opened(content: Content, limits: Limits) -> Iterator[soundfile.SoundFile]:
    """The sound with its header checked; faults become InvalidInput."""
    data = read_bytes(content, Modality.AUDIO)
    _check_kind(data)
    try:
        with soundfile.SoundFile(_Bytes(data)) as file:
            _check_header(file, limits)
            yield file
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise _bad(f"the sound is damaged or cut off: {_in_words(error)}; send the whole file") from None


class _Bytes(io.BytesIO):
    """Bytes in which a place before their beginning is the beginning.

    A damaged header sends the decoder there, and what is raised within its callback is printed and lost.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As of files, without an error."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: len(self.getbuffer())}[whence]
        return super().seek(min(max(base + offset, 0), LARGEST_PLACE))


def _check_kind(data: bytes) -> None:
    """Raises InvalidInput for what is none of the formats, or one of them with other codes within."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        _check_wav(data)
    elif data[:4] == b"OggS":
        packet = PAGE_HEADER + data[PAGE_HEADER - 1] if len(data) >= PAGE_HEADER else len(data)
        if not data.startswith(b"\x01vorbis", packet):
            raise _bad(f"this Ogg holds something else than Vorbis; {FORMATS}")
    elif data[:4] != b"fLaC":
        raise _bad(f"the bytes are not a sound in a format that is read{looks_like(data)}; {FORMATS}")


def _check_wav(data: bytes) -> None:
    """Walks the chunks: the format makes sense, and the samples that are promised are there."""
    place, described = WAV_HEADER, False
    while place + CHUNK_HEADER <= len(data):
        kind, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        body = place + CHUNK_HEADER
        if kind == b"fmt ":
            _check_format(data[body : body + size])
            described = True
        if kind == b"data":
            if not described:
                raise _bad("the WAV has samples before the chunk that describes them; write it again")
            there = len(data) - body
            if size > there and size != STREAMED:
                raise _bad(
                    f"the WAV's header promises {size} bytes of samples and {there} are there; "
                    "send the whole file"
                )
            return
        place = body + size + size % 2
    raise _bad("the WAV has no samples in it; send the whole file", "EMPTY_AUDIO")


def _check_format(chunk: bytes) -> None:
    try:
        kind, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", chunk)
        if kind == EXTENSIBLE:
            (kind,) = struct.unpack_from("<H", chunk, SUBFORMAT)
    except struct.error:
        raise _bad("the WAV's header is cut off; send the whole file") from None
    if kind not in WAV_KINDS:
        raise _bad(f"this WAV holds codes of the kind {kind} and not PCM or float; {FORMATS}")
    _check_rate_and_channels(rate, channels)
    if align * 8 < bits * channels:
        raise _bad(f"the WAV's header contradicts itself: {channels} × {bits} bits in {align} bytes")


def _check_rate_and_channels(rate: int, channels: int) -> None:
    if rate not in RATES:
        raise _bad(
            f"the sound says it has {rate} samples a second; {RATES.start} to {RATES.stop - 1} are read"
        )
    if not 0 < channels <= MOST_CHANNELS:
        raise _bad(f"the sound says it has {channels} channels; 1 to {MOST_CHANNELS} are read")


def _check_header(file: soundfile.SoundFile, limits: Limits) -> None:
    _check_rate_and_channels(file.samplerate, file.channels)
    # Some files do not know their length and state a huge number; those are counted while reading.
    if limits.audio_seconds and _is_known(file.frames):
        _check_length(file.frames, file.samplerate, limits)


def _is_known(frames: int) -> bool:
    return 0 < frames < MOST_FRAMES


def _check_length(frames: int, rate: int, limits: Limits) -> None:
    seconds = frames / rate
    if seconds > limits.audio_seconds or frames > limits.audio_seconds * COUNTED_RATE:
        raise _bad(
            f"the sound is {seconds:.0f} s or longer, and this server takes {limits.audio_seconds:g} s at "
            f"{COUNTED_RATE} samples a second; send it in parts",
            "AUDIO_TOO_LONG",
        )


def _read(file: soundfile.SoundFile, limits: Limits) -> Array:
    blocks: list[Array] = []
    frames = 0
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
        frames += len(block)
        if limits.audio_seconds:
            _check_length(frames, file.samplerate, limits)
        with np.errstate(invalid="ignore", over="ignore"):  # samples that are no numbers are refused later
            blocks.append(block.mean(axis=1))
    return np.concatenate(blocks) if blocks else np.empty(0, np.float32)


def _bad(message: str, reason: str = "BAD_AUDIO") -> InvalidInput:
    return InvalidInput(message, field="audio", reason=reason)


def _in_words(error: BaseException) -> str:
    """The decoder's own words, without the name of the Python object that it read from."""
    return str(error).rpartition(": ")[2].strip().rstrip(".").lower() or "it cannot be decoded"


# Changing the rate of a sound by a rational factor: a windowed-sinc filter, one branch a phase.
#
# The Kaiser window gives some 80 dB of attenuation above the lower of the two Nyquist frequencies
# (Crochiere and Rabiner, Multirate Digital Signal Processing, 1983, chapter 4). Branches are kept, as rates
# come in few pairs.
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
