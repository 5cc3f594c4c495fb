"""Binds classifiers to text spaces: the names of their classes, encoded (the class-name method)."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from tieback.artifacts import stored
from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.audio_classifier import AudioClassifier
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.core.errors import ArtifactError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.encoder_model import EncoderModel, read_class_names
from tieback.models.joint.bridges import ClassNameBridge
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.training.digests import made_by

BATCH = 32


def bind_class_names(
    cards: Iterable[EncoderCard], store: Store, report: Callable[[str], None]
) -> list[ClassNameBridge]:
    """Makes the bindings that are missing between the stored cards, and saves them; returns the new ones.

    One that cannot be used is removed, and made again where it is needed.
    """
    ready = [card for card in cards if store.is_ready(card)]
    sources = [card for card in ready if card.unbound_joint == "class_names"]
    targets = [
        card.at(precision)
        for card in ready
        if card.unbound_joint == "component"
        for precision in card.offered_precisions
    ]
    there = {(binding.source, binding.target) for binding in _usable(store)}
    made = []
    for target in targets:
        missing = [source for source in sources if (source.space, target.space) not in there]
        if not missing:
            continue
        encoder = load_encoder(target, store)
        for source in missing:
            names = _class_names(source, store)
            report(f"{source.name} → {target.name} in {target.precision}: {len(names)} class names")
            begin = time.monotonic()
            vectors = encode_names(encoder, names)
            provenance = made_by(bind_class_names, seconds=time.monotonic() - begin)
            binding = ClassNameBridge(source.space, target.space, names, vectors, provenance)
            binding.save(store.bindings)
            made.append(binding)
    return made


def _usable(store: Store) -> list[ClassNameBridge]:
    found = []
    for folder in stored(store.bindings):
        try:
            found.append(ClassNameBridge.load(folder))
        except ArtifactError:
            shutil.rmtree(folder)
    return found


def encode_names(encoder: EncoderModel, names: Sequence[str]) -> Array:
    """The names' vectors, `[names, width]`, of length 1. Short names go first, so that little is padded."""
    prepared = [
        encoder.prepare(Content(Modality.TEXT, name), EncodePlan(truncation=Truncation.END), Limits())
        for name in names
    ]
    order = np.argsort([one.tokens for one in prepared], kind="stable")
    vectors = np.empty((len(names), encoder.card.width), np.float32)
    for begin in range(0, len(order), BATCH):
        rows = order[begin : begin + BATCH]
        found = encoder.run([prepared[row] for row in rows], EncodePlan())
        vectors[rows] = np.stack([encoding.dense for encoding in found if encoding.dense is not None])
    return vectors


def _class_names(card: EncoderCard, store: Store) -> tuple[str, ...]:
    options = card.options
    if not isinstance(options, ImageClassifier | AudioClassifier):
        raise TypeError(f"{card.name} has no classes")
    return read_class_names(store.folder(card) / options.class_names)
