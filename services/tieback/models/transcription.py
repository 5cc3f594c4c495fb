"""A sound of any length to what is said in it, with times.

A window of 30 s is heard at a time; the next begins where the last whole segment of it ended. A window in
which the recogniser hears silence, or is unsure of its words and rather hears none, has none. A text that
compresses as only repetition does is written again without the repetition.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array

from tieback.methods.recognition_fusion import RecognitionFusion
from tieback.models.recognition_search import Found, Reader, search
from tieback.models.speech_decoder import SECONDS_PER_MARK, Heard, SpeechDecoder

MOST_TOKENS = 220  # of a window: the half of the decoder's positions
SILENT = 0.6  # of a window with words that are unsure
SURELY_SILENT = 0.8  # of any; of eleven clips of speech the most was 0.55; digital silence has 0.95
UNSURE = -1.0  # mean log-probability a token
REPEATED = 2.4  # times smaller when compressed
REPEATS = 4  # tokens that come once
SHORTEST = 0.1  # seconds of a window that are heard


@dataclass(frozen=True, slots=True)
class Said:
    """A segment: seconds from and to, its text, and the geometric mean of its tokens' probabilities."""

    begin: float
    end: float
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Manner:
    """How a sound is written down: `width` 1 is greedy. `reader` makes a new one for each window."""

    width: int
    fusion: RecognitionFusion
    reader: Callable[[], Reader] | None = None


def transcribe(
    samples: Array, decoder: SpeechDecoder, frames_of: Callable[[Array], Array], manner: Manner, *, rate: int,
    seconds: int,
) -> Iterator[Said]:  # fmt: skip
    """The segments of a sound `[samples]`, in order. `frames_of` makes a window's frames of its samples."""
    begin = 0
    while len(samples) - begin > SHORTEST * rate:
        window = samples[begin : begin + seconds * rate]
        length = len(window) / rate
        heard = decoder.hear(frames_of(window))
        found = write_down(heard, manner)
        limit = SILENT if found.mean_log_probability < UNSURE else SURELY_SILENT
        if heard.silence > limit:
            begin += len(window)
            continue
        segments, gone = _segments(found, decoder, length)
        for one in segments:
            if one.text.strip():
                yield Said(begin / rate + one.begin, begin / rate + one.end, one.text.strip(), one.score)
        begin += max(int(gone * rate), 1) if gone > 0 else len(window)


def write_down(heard: Heard, manner: Manner) -> Found:
    """The best text of a window; again without repetition where it repeats itself."""
    for repeats in (0, REPEATS):
        reader = manner.reader() if manner.reader is not None else None
        steps = heard.steps(repeats=repeats)
        (found, *_) = search(steps, manner.fusion, width=manner.width, most=MOST_TOKENS, reader=reader)
        text = steps.text_of(found.tokens)
        if len(text) <= REPEATED * len(zlib.compress(text)):
            break
    return found


def _segments(found: Found, decoder: SpeechDecoder, length: float) -> tuple[list[Said], float]:
    """The segments of a window, and its seconds that are done with."""
    marks = decoder.vocabulary.marks
    tokens, chances = found.tokens, found.log_probabilities
    is_mark = [token >= marks for token in tokens]
    ends = [place for place in range(1, len(tokens)) if is_mark[place - 1] and is_mark[place]]
    whole_at_end = len(tokens) > 1 and is_mark[-1] and not is_mark[-2]
    if whole_at_end:
        ends.append(len(tokens))
    segments, last = [], 0
    for end in ends:
        part = tokens[last:end]
        begins, finishes = _time(part[0], marks, length), _time(part[-1], marks, length)
        segments.append(_said(decoder, part, chances[last:end], begins, finishes))
        last = end
    if ends and not whole_at_end:
        gone = (tokens[last - 1] - marks) * SECONDS_PER_MARK
        return segments, min(gone, length)
    if not ends and tokens:
        begins = _time(tokens[0], marks, length) if is_mark[0] else 0.0
        segments.append(_said(decoder, tokens, chances, begins, length))
    return segments, length


def _time(mark: int, marks: int, length: float) -> float:
    return min((mark - marks) * SECONDS_PER_MARK, length)


def _said(
    decoder: SpeechDecoder, tokens: Sequence[int], chances: Sequence[float], begin: float, end: float
) -> Said:
    spoken = [
        chance for token, chance in zip(tokens, chances, strict=False) if token < decoder.vocabulary.end
    ]
    score = float(np.exp(np.mean(spoken))) if spoken else 0.0
    text = decoder.vocabulary.text_of(tokens).decode(errors="ignore")
    return Said(begin, max(begin, end), text, score)
