"""Scores of texts by strategies, all from the same logits; sharpness, and temperatures that match it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback.generator.writing import StrategyStreams
from tieback.generator.writing.engine import READ_TOKENS
from tieback.generator.writing.prompting import messages
from tieback.methods.decoding import EXCLUDED, PromptRequest, Step, Stream
from tieback.models.language.model import LanguageModel
from tieback_contract.arrays import Array
from tieback_contract.field_path import ROOT

LADDER = tuple(2.0 ** (step / 4) for step in range(-12, 5))
"""Temperatures of plain decoding, from an eighth to 2."""


@dataclass(frozen=True)
class Variant:
    """A strategy as it is tried, with the streams that it reads: without its mask, and as served."""

    name: str
    streams: Sequence[Stream]
    score: Callable[[Step], Array]
    served: Callable[[Step], Array]


class StreamReader:
    """Logits of the model, by stream, before each token of an answer to one request.

    A prompt is read once, and once for all forms that make the same of it: what an answer leaves in its
    cache, the next one writes over.
    """

    def __init__(
        self, model: LanguageModel, asked: PromptRequest, streams: Sequence[Stream], *, room: int
    ) -> None:
        by_prompt: dict[tuple[int, ...], list[Stream]] = {}
        for stream in streams:
            by_prompt.setdefault(tuple(model.prompt(messages(stream.prompt(asked)))), []).append(stream)
        self._rows = []
        for prompt, own in by_prompt.items():
            read = StrategyStreams.of(own, model.layers, ROOT)
            opened = model.open({"": prompt}, layers=read.layers, room=room)
            while not opened.read(READ_TOKENS):
                pass
            self._rows.append((read, opened, np.array([len(prompt)])))

    def logits(self, tokens: Sequence[int]) -> list[dict[Stream, Array]]:
        """The logits before each token."""
        steps: list[dict[Stream, Array]] = [{} for _ in tokens]
        before, places = np.array([tokens[:-1]], np.int64), np.arange(len(tokens) - 1)[None]
        for read, opened, past in self._rows:
            said = opened.logits[""][None]
            if before.size:
                after = opened.run(slice(0, 1), before, past=past, places=places)[0]
                said = np.concatenate([said, after])
            for step, of_layers in zip(steps, said, strict=True):
                step.update(read.logits(dict.fromkeys(read.forms, of_layers)))
        return steps


def log_probability(scores: Array, token: int, temperature: float = 1.0) -> float:
    """Of a token, under the softmax of the scores at a temperature."""
    shifted = (scores - scores.max()) / np.float32(temperature)
    return float(shifted[token]) - math.log(float(np.exp(shifted).sum()))


def entropy(scores: Array, temperature: float = 1.0) -> float:
    """Of the softmax of the scores at a temperature, in nats."""
    shifted = (scores[scores > EXCLUDED] - scores.max()) / np.float32(temperature)
    weights = np.exp(shifted)
    total = float(weights.sum())
    return math.log(total) - float(weights @ shifted) / total


def matched(entropy: float, ladder: Mapping[float, float]) -> float:
    """The temperature whose entropy is nearest; `ladder` has entropies by temperature."""
    return min(ladder, key=lambda temperature: abs(ladder[temperature] - entropy))
