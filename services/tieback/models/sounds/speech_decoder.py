"""Whisper's graphs, and the tokens that may follow each other (Radford et al., 2022, arXiv:2212.04356).

A window of sound is heard once. Its transcript is text between marks of time: a mark begins and ends each
segment, marks never go back, and where all marks together are likelier than any text, one comes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tokenizers import Tokenizer

from tieback.core.errors import StartupError
from tieback.core.text.token_bytes import token_bytes
from tieback.models.session import PROCESSOR, Hardware, open_graph
from tieback.models.store import ServedModel

ENCODER, DECODER, TOKENIZER, SETTINGS = "encoder.onnx", "model.onnx", "tokenizer.json", "settings.json"
FRAMES, TOKENS, PAST, LOGITS, PRESENT = "frames", "tokens", "past", "logits", "present"
BARRED = ("suppress_ids", "suppress_ids_begin")  # what the settings hold: everywhere, and as the first token
SECONDS_PER_MARK = 0.02
LATEST_BEGINNING = 50  # marks: a window's first segment begins in its first second
CONTROL = {
    "start": "<|startoftranscript|>",
    "end": "<|endoftext|>",
    "silence": "<|nocaptions|>",
    "untimed": "<|notimestamps|>",
}
NEVER = -np.inf


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What tokens mean: control tokens, marks of time from `marks` on, and bytes of the text's tokens.

    `barred` are never written, `barred_first` not as the first token of a text.
    """

    start: int
    end: int
    silence: int
    untimed: int
    marks: int
    bytes_of: Mapping[int, bytes]
    barred: Array
    barred_first: Array

    @classmethod
    def read(cls, tokenizer: Path, settings: Path) -> Vocabulary:
        """Of the files of an exported model. StartupError where a control token is missing."""
        read = Tokenizer.from_file(str(tokenizer))
        every = read.get_vocab()
        if missing := sorted(text for text in CONTROL.values() if text not in every):
            raise StartupError(f"{tokenizer.name} has no {missing[0]}: it is not that of an English Whisper")
        numbers = {name: every[text] for name, text in CONTROL.items()}
        special = {token.content for token in read.get_added_tokens_decoder().values()}
        plain = {text: token for text, token in every.items() if text not in special}
        said = json.loads(settings.read_text(encoding="utf-8"))
        everywhere, first = (np.array(said[name], np.int64) for name in BARRED)
        return cls(
            **numbers,
            marks=numbers["untimed"] + 1,
            bytes_of=token_bytes(plain, byte_level=True),
            barred=everywhere,
            barred_first=first,
        )

    def text_of(self, tokens: Sequence[int]) -> bytes:
        """The bytes of the tokens that are text."""
        return b"".join(self.bytes_of.get(token, b"") for token in tokens)

    def allowed(self, logits: Array, before: Sequence[int]) -> Array:
        """Log-probabilities `[tokens]` of what may come after `before`; `-inf` of the rest."""
        scores = logits.astype(np.float64)
        scores[self.barred] = NEVER
        scores[self.untimed] = NEVER
        if not before:
            scores[self.barred_first] = NEVER
            scores[: self.marks] = NEVER
            scores[self.marks + LATEST_BEGINNING + 1 :] = NEVER
            return _log_softmax(scores)
        marks = [token for token in before if token >= self.marks]
        after_mark = before[-1] >= self.marks
        after_pair = len(before) < 2 or before[-2] >= self.marks
        if after_mark:
            if after_pair:
                scores[self.marks :] = NEVER
            else:
                scores[: self.end] = NEVER
        if marks:
            least = marks[-1] if after_mark and not after_pair else marks[-1] + 1
            scores[self.marks : least] = NEVER
        chances = _log_softmax(scores)
        timed = chances[self.marks :]
        if _log_sum(timed) > chances[: self.marks].max():
            scores[: self.marks] = NEVER
            return _log_softmax(scores)
        return chances


class SpeechDecoder:
    """Runs the graphs that `recipes/export/speech_recogniser.py` writes. Any number of threads may use it."""

    def __init__(self, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.vocabulary = Vocabulary.read(served.path(TOKENIZER), served.path(SETTINGS))
        self._encoder = open_graph(served, ENCODER, hardware)
        self._decoder = open_graph(served, DECODER, hardware)
        self._cross = self._encoder.outputs

    def hear(self, frames: Array) -> Heard:
        """A window of log-mel `frames` `[bands, n]`, ready to be written down."""
        cross = self._encoder.run(self._cross, {FRAMES: frames[None]})
        return Heard(self, dict(zip(self._cross, cross, strict=True)))

    def step(self, cross: Mapping[str, Array], tokens: Array, past: Array) -> tuple[Array, Array]:
        """Logits `[rows, tokens]` after `tokens` `[rows, n]`, and the cache."""
        logits, present = self._decoder.run([LOGITS, PRESENT], {TOKENS: tokens, PAST: past, **cross})
        return logits, present


class Heard:
    """A window that was heard. `silence` is the probability that nothing is said in it."""

    def __init__(self, decoder: SpeechDecoder, cross: Mapping[str, Array]) -> None:
        self._decoder, self._cross = decoder, cross
        vocabulary = decoder.vocabulary
        start = np.array([[vocabulary.start]], np.int64)
        heads, head, _ = next(iter(cross.values())).shape  # of the first layer's keys
        empty = np.zeros((len(cross) // 2, 2, 1, heads, 0, head), np.float32)
        self._logits, self._cache = decoder.step(cross, start, empty)
        self.silence = float(np.exp(_log_softmax(self._logits[0].astype(np.float64))[vocabulary.silence]))

    def steps(self, *, repeats: int = 0) -> Transcript:
        """What may have been said, token by token.

        With `repeats`, no run of so many tokens of text comes twice.
        """
        return Transcript(self._decoder, self._cross, self._logits, self._cache, repeats)


class Transcript:
    """`models.recognition_search.Steps` of a window."""

    def __init__(
        self,
        decoder: SpeechDecoder,
        cross: Mapping[str, Array],
        logits: Array,
        cache: Array,
        repeats: int,
    ) -> None:
        self._decoder, self._cross, self._logits, self._cache = decoder, cross, logits, cache
        self._repeats = repeats
        self._sequences: list[tuple[int, ...]] = [()]
        self.end = decoder.vocabulary.end

    def first(self) -> Array:
        """As of `Steps`."""
        return self._allowed()

    def after(self, parents: Sequence[int], tokens: Sequence[int]) -> Array:
        """As of `Steps`."""
        self._sequences = [
            (*self._sequences[parent], token) for parent, token in zip(parents, tokens, strict=True)
        ]
        if list(parents) != list(range(self._cache.shape[2])):
            self._cache = self._cache[:, :, list(parents)]
        rows = np.array(tokens, np.int64)[:, None]
        self._logits, self._cache = self._decoder.step(self._cross, rows, self._cache)
        return self._allowed()

    def text_of(self, tokens: Sequence[int]) -> bytes:
        """As of `Steps`."""
        return self._decoder.vocabulary.text_of(tokens)

    def _allowed(self) -> Array:
        vocabulary = self._decoder.vocabulary
        rows = [
            vocabulary.allowed(logits, sequence)
            for logits, sequence in zip(self._logits, self._sequences, strict=True)
        ]
        if self._repeats:
            for row, sequence in zip(rows, self._sequences, strict=True):
                row[_repeating(sequence, self._repeats, vocabulary.end)] = NEVER
        return np.stack(rows)


def _repeating(sequence: Sequence[int], length: int, end: int) -> list[int]:
    """The tokens that would write a run of text again that is there already."""
    text = [token for token in sequence if token < end]
    last = tuple(text[len(text) - length + 1 :])
    if len(last) < length - 1:
        return []
    runs = zip(*(text[place:] for place in range(length)), strict=False)
    return [run[-1] for run in runs if run[:-1] == last]


def _log_softmax(scores: Array) -> Array:
    return np.asarray(scores - _log_sum(scores))


def _log_sum(scores: Array) -> float:
    most = scores.max()
    return float(most + np.log(np.exp(scores - most).sum())) if most > NEVER else NEVER
