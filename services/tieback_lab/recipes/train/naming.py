"""The names of what the encoders of parts can tell apart: entities of WordNet, and attributes.

A classifier has names for its classes, and its last layer's rows are what it holds them to look or sound
like. A text encoder has the names of the entities themselves. Nothing is trained. The tree is that of the
label table of ImageNet: its classes and what WordNet calls several of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.audio_classifier import AudioClassifier
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.core.errors import InvalidInput
from tieback.methods.projection import unit_rows
from tieback.models.encoder_model import read_class_names
from tieback.models.label_recogniser import label_table
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.class_prototypes import class_prototypes
from tieback.recipes.train.encoding import encode_texts
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.modality import Modality

from tieback_lab.methods.fusion import Names

TREE = "imagenet-1k"


@dataclass(frozen=True, slots=True, eq=False)
class Naming:
    """The `names`, and how the `entities` and, part after part, `names` of parts are said."""

    names: Names
    entities: Sequence[str]
    said: Sequence[str]


def naming(cards: Sequence[EncoderCard], text: EncoderCard, labels: Sequence[str], store: Store) -> Naming:
    """Of the encoders of parts, in the space of the `text` encoder. InvalidInput for one without names."""
    table = label_table(TREE)
    entities = [one.split(",")[0] for one in table.texts]
    near, told = shared_meaning(table.classes)
    numbers: dict[str, int] = {}
    for number, one in enumerate(table.texts):
        for term in _terms(one):
            numbers.setdefault(term, number)
    called = _vectors(text, entities, store)
    said, anchors, vectors, which = list[str](), list[Array](), list[Array](), list[Array]()
    for card in cards:
        own: Sequence[str] = entities
        if card.modality is Modality.TEXT:
            rows, entity = _vectors(card, entities, store), np.arange(len(entities))
        else:
            own = _class_names(card, store)
            rows = class_prototypes(card, store, len(own))
            found = [[numbers[term] for term in _terms(one) if term in numbers] for one in own]
            entity = np.array([one[0] if one else -1 for one in found])
        known = np.flatnonzero(np.linalg.norm(rows, axis=1) > 0)
        kept = [own[int(place)] for place in known]
        if not kept:
            raise InvalidInput(f"{card.name} knows no name of an entity", field=at("parameters", "encoders"))
        rows = rows[known]
        anchors.append(unit_rows(rows - rows.mean(axis=0)))
        said += kept
        vectors.append(_vectors(text, kept, store))
        which.append(entity[known])
    seen = _vectors(text, labels, store)
    return Naming(Names(anchors, vectors, which, called, near, told, seen), entities, said)


def shared_meaning(classes: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    """Nearness `[entities, entities]` and speciality `[entities]` of entities, by the classes below each.

    An entity tells −log of its share of all classes. Two share twice what the most special entity above both
    tells, of what they tell together (Lin, 1998).
    """
    count = 1 + max(max(own) for own in classes)
    below = np.zeros((len(classes), count), bool)
    for place, own in enumerate(classes):
        below[place, list(own)] = True
    sizes = below.sum(axis=1)
    told = np.log(count / sizes)
    shared = np.zeros((len(classes), len(classes)))
    for place in np.argsort(-sizes, kind="stable"):
        under = np.flatnonzero(~(below & ~below[place]).any(axis=1))
        shared[np.ix_(under, under)] = told[place]
    both = told[:, None] + told
    near = np.divide(2 * shared, both, out=np.zeros_like(shared), where=both > 0)
    return near.astype(np.float32), (told / max(told.max(), 1e-9)).astype(np.float32)


def _terms(name: str) -> list[str]:
    plain = re.sub(r"\(.*?\)", "", name)
    return [term for one in plain.split(",") if (term := one.strip().lower())]


def _class_names(card: EncoderCard, store: Store) -> Sequence[str]:
    options = card.options
    if not isinstance(options, ImageClassifier | AudioClassifier):
        raise InvalidInput(
            f"{card.name} has no names of what it sees or hears: take a classifier or a text encoder",
            field=at("parameters", "encoders"),
        )
    return read_class_names(store.folder(card) / options.class_names)


def _vectors(card: EncoderCard, names: Sequence[str], store: Store) -> Array:
    """Vectors `[names, width]`; zeros for a name of which the encoder knows no word."""
    if not names:
        return np.zeros((0, card.width), np.float32)
    return encode_texts(load_encoder(card, store), names)
