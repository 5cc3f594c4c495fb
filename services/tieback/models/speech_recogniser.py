"""Recognisers of speech: sounds to transcripts with times."""

from __future__ import annotations

import functools

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.recognition import RecognisedText

from tieback.catalog.card import RecogniserCard
from tieback.catalog.options import SpeechRecogniser
from tieback.core.recognised import joined
from tieback.core.types.content import Content
from tieback.methods.recognition_fusion import recognition_fusions
from tieback.models.audio_decoding import samples_of, weight_of
from tieback.models.encoder_model import Prepared, Weight
from tieback.models.log_mel_frames import LogMelFrames
from tieback.models.recogniser_model import Fusing
from tieback.models.session import PROCESSOR, Hardware
from tieback.models.speech_decoder import SpeechDecoder
from tieback.models.store import ServedModel
from tieback.models.transcription import Manner, transcribe

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
