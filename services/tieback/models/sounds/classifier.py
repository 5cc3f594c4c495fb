"""Audio encoders: an embedding and classes from the log-mel patches of a sound.

Each patch is a window of the sound with a vector of its own: these are the rows of the multi-vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.encodings import Label
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.vectors import VectorKind

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.audio_classifier import AudioClassifier
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import Prepared, RawEncoding, Weight, likeliest, read_class_names, unit_rows
from tieback.models.session import PROCESSOR, Hardware, open_graph
from tieback.models.sounds.decoding import samples_of, weight_of
from tieback.models.sounds.log_mel import LogMelPatches
from tieback.models.store import ServedModel

GRAPH = "model.onnx"
PATCHES, EMBEDDINGS, SCORES = "patches", "embeddings", "scores"
PATCHES_AT_ONCE = 32  # bounds the memory of a long sound, whose patches are independent
SIZES = (1, 8, PATCHES_AT_ONCE)


class Patches(NamedTuple):
    """The patches of a sound, uint8 `[n, 1, patch, bands]`, and how long it is."""

    codes: Array
    seconds: float


class AudioClassifierModel:
    """Runs `GRAPH`: `PATCHES` uint8 `[n, 1, patch, bands]` to `EMBEDDINGS` `[n, width]` and `SCORES`."""

    pads = False

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:
        self.card = card
        self._options = card.options_for(AudioClassifier)
        self._names = read_class_names(served.path(self._options.class_names))
        self._front_end = LogMelPatches(self._options)
        self._session = open_graph(served, GRAPH, hardware)

    @property
    def sizes(self) -> Sequence[int]:
        """Up to the patches that are run at once; a longer sound costs as much a patch."""
        return SIZES

    def sample(self, tokens: int) -> Prepared:
        """Silence of that many patches."""
        codes = np.zeros((tokens, 1, self._options.patch, self._options.bands), np.uint8)
        return Prepared(tokens, Patches(codes, float(self._front_end.ends(tokens)[-1])))

    def weigh(self, content: Content, plan: EncodePlan, limits: Limits) -> Weight:  # noqa: ARG002 - all kinds come from the same patches
        """By the sound's header."""
        options = self._options
        seconds, size = weight_of(content, limits, rate=options.sample_rate)
        return Weight(1 + int(seconds * options.sample_rate) // (options.hop * options.patch_hop), size)

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:  # noqa: ARG002 - sounds of any length are read whole
        """Decodes a sound into patches, which wait in the network's own code of a byte a value."""
        options = self._options
        samples = samples_of(content, limits, rate=options.sample_rate)
        coded = self._front_end.codes(samples)
        payload = Patches(coded, len(samples) / options.sample_rate)
        return Prepared(len(coded), payload, size=coded.nbytes)

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Encodes the patches of all sounds together, and averages each sound's own."""
        sounds: list[Patches] = [prepared.payload for prepared in batch]
        patches = np.concatenate([sound.codes for sound in sounds])
        found = [
            self._session.run([EMBEDDINGS, SCORES], {PATCHES: patches[begin : begin + PATCHES_AT_ONCE]})
            for begin in range(0, len(patches), PATCHES_AT_ONCE)
        ]
        embeddings, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        ends = np.cumsum([len(sound.codes) for sound in sounds])[:-1]
        windows = VectorKind.MULTI_VECTOR in plan.kinds
        return [
            RawEncoding(
                unit_rows(embedding.mean(axis=0)) if VectorKind.DENSE in plan.kinds else None,
                unit_rows(embedding) if windows else None,
                self._times(sound) if windows else None,
                labels=self._labels(score.mean(axis=0)) if VectorKind.LABELS in plan.kinds else (),
            )
            for sound, embedding, score in zip(
                sounds, np.split(embeddings, ends), np.split(scores, ends), strict=True
            )
        ]

    def warm_up(self) -> None:
        """Encodes a patch of silence."""
        self.run([self.sample(1)], EncodePlan(kinds=self.card.kinds))

    def _times(self, sound: Patches) -> Locators:
        """When the patches are."""
        times = self._front_end.times(len(sound.codes), sound.seconds)
        return Locators.of(LocatorKind.TIME_RANGE, times)

    def _labels(self, scores: Array) -> list[Label]:
        """Sounds can be of several classes at once, so scores do not sum to 1; those of the labels do."""
        labels = likeliest(scores, self._names, self._options.top)
        total = sum(label.probability for label in labels)
        return [Label(label.name, label.index, label.probability / total) for label in labels]
