"""Names of what is in a picture or a sound, region by region and window by window, from a classifier.

A classifier knows one set of classes. That it names one is evidence that it is there; that it does not name
one is none that it is not: it looks at a picture and nine half-size parts of it, and knows no other names.

A label's likelihood is that of all classes that it is true of: a dog is likely where one of many breeds is.
Of views that overlap, a single one may be mistaken for anything, so a label counts as its second best view
says, or as the picture as a whole does. `scripts/bench object_questions` measures how often labels are right,
by their score.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.recognition import RecognisedText

from tieback.catalog.card import RecogniserCard
from tieback.catalog.runtimes.audio_classifier import AudioClassifier
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.catalog.runtimes.label_recogniser import LabelRecogniser
from tieback.core.recognised import Part, labelled
from tieback.core.types.content import Content
from tieback.models.encoder_model import Prepared, Weight, read_class_names
from tieback.models.pictures.classifier import CELL, GRAPH, PIXELS, PROBABILITIES, REGIONS
from tieback.models.pictures.decoding import central_squares, decoded_bytes, finest_of
from tieback.models.recognition_search import RecogniserModel
from tieback.models.session import PROCESSOR, Hardware, open_graph
from tieback.models.sounds.classifier import GRAPH as SOUND_GRAPH
from tieback.models.sounds.classifier import PATCHES, PATCHES_AT_ONCE, SCORES
from tieback.models.sounds.decoding import samples_of, weight_of
from tieback.models.sounds.log_mel import LogMelPatches
from tieback.models.store import ServedModel


@dataclass(frozen=True)
class LabelTable:
    """Labels, and the classes that each is true of: the more special ones first."""

    texts: Sequence[str]
    classes: Sequence[Sequence[int]]

    def likelihoods(self, probabilities: Array) -> Array:
        """Of labels `[views, labels]`, by probabilities of classes, one of which it is `[views, classes]`."""
        summed = [probabilities[:, numbers].sum(axis=1) for numbers in self.classes]
        return np.asarray(np.minimum(np.stack(summed, axis=1), 1.0))


@cache
def label_table(name: str) -> LabelTable:
    """One of `label_tables/`, made by `recipes/label_table.py`."""
    text = files(__package__).joinpath("label_tables", f"{name}.json").read_text(encoding="utf-8")
    rows = json.loads(text)["labels"]
    return LabelTable([text for text, _ in rows], [tuple(numbers) for _, numbers in rows])


def own_names(names: Sequence[str]) -> LabelTable:
    """Each class under its own name, with a small letter."""
    return LabelTable([name[:1].lower() + name[1:] for name in names], [(n,) for n in range(len(names))])


def scores_of_views(likelihoods: Array) -> Array:
    """How likely each label is in a picture `[labels]`, by its views `[views, labels]`, the whole first."""
    if len(likelihoods) == 1:
        return np.asarray(likelihoods[0])
    return np.asarray(np.maximum(likelihoods[0], np.sort(likelihoods, axis=0)[-2]))


def scores_of_windows(likelihoods: Array) -> Array:
    """The same of a sound `[labels]`, by its windows `[windows, labels]`."""
    return np.asarray(np.sort(likelihoods, axis=0)[-2:][0])


def chosen(table: LabelTable, scores: Array, options: LabelRecogniser) -> list[int]:
    """The labels to name: the special before the general, the likelier before others."""
    likely = [int(one) for one in np.argsort(-scores, kind="stable")[: options.most]]
    kept = [one for one in likely if scores[one] >= options.least_score]
    return sorted(kept, key=lambda one: (len(table.classes[one]), -scores[one]))


class ImageLabelsModel:
    """Names what is in a picture and in its nine half-size regions, all in one run of the network."""

    def __init__(
        self,
        card: RecogniserCard,
        classifier: ImageClassifier,
        served: ServedModel,
        hardware: Hardware = PROCESSOR,
    ) -> None:
        self.card = card
        self._options = card.options_for(LabelRecogniser)
        self._classifier = classifier
        self._table = _table(self._options, served)
        self._session = open_graph(served, GRAPH, hardware)
        self._cells = (self._classifier.crop // CELL) ** 2 * len(REGIONS)

    @property
    def _view(self) -> float:
        return self._classifier.crop / self._classifier.size

    def weigh(self, content: Content, limits: Limits) -> Weight:
        """By the picture's header."""
        finest = finest_of(REGIONS, field_of_view=self._view, side=self._classifier.crop)
        return Weight(self._cells, decoded_bytes(content, limits, finest=finest))

    def prepare(self, content: Content, limits: Limits) -> Prepared:
        """Decodes a picture into its views, `[views, crop, crop, 3]`."""
        side = self._classifier.crop
        pixels = central_squares(content, limits, REGIONS, field_of_view=self._view, side=side)
        return Prepared(self._cells, pixels, size=pixels.nbytes)

    def run(self, prepared: Prepared) -> RecognisedText:
        """The labels, each with the view that shows it best."""
        likelihoods = self._table.likelihoods(self.probabilities(prepared))
        scores, best = scores_of_views(likelihoods), likelihoods.argmax(axis=0)
        parts: list[Part] = [
            (self._table.texts[one], Locator(LocatorKind.BOX, REGIONS[best[one]]), float(scores[one]))
            for one in chosen(self._table, scores, self._options)
        ]
        return labelled(parts, self.card.name)

    def probabilities(self, prepared: Prepared) -> Array:
        """Of the classes, by view `[views, classes]`."""
        classifier = self._classifier
        pixels = prepared.payload.transpose(0, 3, 1, 2).astype(np.float32)
        scaled = (pixels - classifier.mean) / classifier.scale
        (probabilities,) = self._session.run([PROBABILITIES], {PIXELS: scaled})
        return np.asarray(probabilities)

    def warm_up(self) -> None:
        """Names a black picture."""
        side = self._classifier.crop
        self.run(Prepared(self._cells, np.zeros((len(REGIONS), side, side, 3), np.uint8)))


@dataclass(frozen=True, slots=True)
class _Sound:
    """Windows as the network takes them, uint8 `[n, 1, patch, bands]`, and how long the sound is."""

    codes: Array
    seconds: float


class SoundLabelsModel:
    """Names what is heard in a sound, and from when to when: in windows of a second, half overlapping."""

    def __init__(
        self,
        card: RecogniserCard,
        classifier: AudioClassifier,
        served: ServedModel,
        hardware: Hardware = PROCESSOR,
    ) -> None:
        self.card = card
        self._options = card.options_for(LabelRecogniser)
        self._classifier = classifier
        self._table = _table(self._options, served)
        self._front_end = LogMelPatches(self._classifier)
        self._session = open_graph(served, SOUND_GRAPH, hardware)

    def weigh(self, content: Content, limits: Limits) -> Weight:
        """By the sound's header."""
        options = self._classifier
        seconds, size = weight_of(content, limits, rate=options.sample_rate)
        return Weight(1 + int(seconds * options.sample_rate) // (options.hop * options.patch_hop), size)

    def prepare(self, content: Content, limits: Limits) -> Prepared:
        """Decodes a sound into its windows."""
        options = self._classifier
        samples = samples_of(content, limits, rate=options.sample_rate)
        codes = self._front_end.codes(samples)
        return Prepared(len(codes), _Sound(codes, len(samples) / options.sample_rate), size=codes.nbytes)

    def run(self, prepared: Prepared) -> RecognisedText:
        """The labels, each from the first to the last of the windows around the best that are likely too."""
        sound: _Sound = prepared.payload
        parts_of = [
            self._session.run([SCORES], {PATCHES: sound.codes[begin : begin + PATCHES_AT_ONCE]})[0]
            for begin in range(0, len(sound.codes), PATCHES_AT_ONCE)
        ]
        likelihoods = np.concatenate(parts_of)
        scores = scores_of_windows(likelihoods)
        times = self._front_end.times(len(sound.codes), sound.seconds)
        parts: list[Part] = []
        for one in chosen(self._table, scores, self._options):
            first, last = run_around(likelihoods[:, one], self._options.least_score)
            place = Locator(LocatorKind.TIME_RANGE, (float(times[first, 0]), float(times[last, 1])))
            parts.append((self._table.texts[one], place, float(scores[one])))
        return labelled(parts, self.card.name)

    def warm_up(self) -> None:
        """Names silence."""
        options = self._classifier
        self.run(Prepared(1, _Sound(np.zeros((1, 1, options.patch, options.bands), np.uint8), 1.0)))


def run_around(values: Array, least: float) -> tuple[int, int]:
    """The first and the last place around the highest of `[n]` values at which all are at least `least`."""
    first = last = int(values.argmax())
    while first > 0 and values[first - 1] >= least:
        first -= 1
    while last + 1 < len(values) and values[last + 1] >= least:
        last += 1
    return first, last


def load_labels(card: RecogniserCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> RecogniserModel:
    """The model of the card's classifier."""
    classifier = card.options_for(LabelRecogniser).classifier
    if isinstance(classifier, ImageClassifier):
        return ImageLabelsModel(card, classifier, served, hardware)
    return SoundLabelsModel(card, classifier, served, hardware)


def _table(options: LabelRecogniser, served: ServedModel) -> LabelTable:
    if options.labels:
        return label_table(options.labels)
    return own_names(read_class_names(served.path(options.classifier.class_names)))
