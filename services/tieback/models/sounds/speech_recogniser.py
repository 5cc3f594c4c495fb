"""Recognisers of speech: sounds to transcripts with times."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.recognition import RecognisedText

from tieback.catalog.card import RecogniserCard
from tieback.catalog.runtimes.speech_recogniser import SpeechRecogniser
from tieback.core.recognised import joined
from tieback.core.types.content import Content
from tieback.methods.recognition_fusion import RecognitionFusion, recognition_fusions
from tieback.models.encoder_model import Prepared, Weight
from tieback.models.recognition_search import Found, Fusing, Reader, search
from tieback.models.session import PROCESSOR, Hardware
from tieback.models.sounds.decoding import samples_of, weight_of
from tieback.models.sounds.log_mel import LogMelFrames
from tieback.models.sounds.speech_decoder import SECONDS_PER_MARK, Heard, SpeechDecoder
from tieback.models.store import ServedModel

PROMPT = "The following is a transcription of a spoken sentence:"  # of the paper's authors
TOKENS_PER_SECOND = 50  # states of the encoder: what a sound is admitted by


class SpeechRecogniserModel:
    """A `RecogniserModel` of sounds. A segment's score is its tokens' geometric mean."""

    def __init__(self, card: RecogniserCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        self.options = card.options_for(SpeechRecogniser)
        self.decoder = SpeechDecoder(served, hardware)
        self._front_end = LogMelFrames(self.options)
        self._alone = Manner(self.options.width, recognition_fusions.configure("none"))

    def weigh(self, content: Content, limits: Limits) -> Weight:
        """By the sound's header: whole windows."""
        seconds, size = weight_of(content, limits, rate=self.options.sample_rate)
        return Weight(self._tokens(seconds), size)

    def prepare(self, content: Content, limits: Limits) -> Prepared:
        """Decodes a sound to its samples."""
        samples = samples_of(content, limits, rate=self.options.sample_rate)
        return Prepared(self._tokens(len(samples) / self.options.sample_rate), samples, size=samples.nbytes)

    def run(self, prepared: Prepared) -> RecognisedText:
        """The transcript: segments as the recogniser marks them, a space between."""
        return self.transcript(prepared.payload, self._alone)

    def run_with(self, prepared: Prepared, fusing: Fusing) -> RecognisedText:
        """The transcript that recogniser and language model make together."""
        reader = functools.partial(fusing.reader, PROMPT, self.options.width)
        return self.transcript(prepared.payload, Manner(self.options.width, fusing.method, reader))

    def transcript(self, samples: Array, manner: Manner) -> RecognisedText:
        """What is said in samples at the card's rate."""
        said = transcribe(
            samples,
            self.decoder,
            self.frames,
            manner,
            rate=self.options.sample_rate,
            seconds=self.options.seconds,
        )
        parts = [(one.text, Locator(LocatorKind.TIME_RANGE, (one.begin, one.end)), one.score) for one in said]
        return joined([parts] if parts else [], self.card.name)

    def frames(self, samples: Array) -> Array:
        """Log-mel frames `[bands, n]` of a window's samples, filled up with silence."""
        return self._front_end(samples, self.options.seconds * self.options.sample_rate // self.options.hop)

    def warm_up(self) -> None:
        """Hears a window of silence."""
        self.decoder.hear(self.frames(np.zeros(self.options.sample_rate, np.float32)))

    def _tokens(self, seconds: float) -> int:
        windows = int(seconds // self.options.seconds) + 1
        return windows * self.options.seconds * TOKENS_PER_SECOND


# A sound of any length to what is said in it, with times.
#
# A window of 30 s is heard at a time; the next begins where the last whole segment of it ended. A window in
# which the recogniser hears silence, or is unsure of its words and rather hears none, has none. A text that
# compresses as only repetition does is written again without the repetition.
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
