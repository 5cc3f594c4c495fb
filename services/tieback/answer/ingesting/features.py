"""What else categorical features of an item are: metadata that filters reach, and words."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tieback_contract.encodings import Label
from tieback_contract.field_path import at
from tieback_contract.metadata import MetadataValue

from tieback.answer.ingesting.drafts import Draft
from tieback.core.alone import Alone
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.content import CategoricalFeatures, Item


def filtered_by_features(items: Sequence[Item]) -> tuple[list[Item], dict[int, TiebackError]]:
    """The items with the features of their sections as metadata of the same names; errors by their places.

    A feature of several values, in one section or in all together, becomes a list. An item whose own metadata
    says something else by such a name is refused: a filter would not find what the vector stands for.
    """
    found: list[Item] = []
    errors: dict[int, TiebackError] = {}
    for number, item in enumerate(items):
        with Alone(at("items", number)) as alone:
            found.append(_filtered(item))
        if alone.error is not None:
            errors[number] = alone.error
            found.append(item)
    return found, errors


def words_of_features(features: CategoricalFeatures) -> str:
    """The features in words, for full text and for people: "colour: blue, red; size: 42"."""
    return "; ".join(f"{name}: {', '.join(values)}" for name, values in features.values)


def _filtered(item: Item) -> Item:
    values: dict[str, set[str]] = {}
    for section in item.sections:
        if section.content is not None and isinstance(section.content.data, CategoricalFeatures):
            for name, own in section.content.data.values:
                values.setdefault(name, set()).update(own)
    if not values:
        return item
    metadata = dict(item.metadata)
    for name, every in values.items():
        value: MetadataValue = tuple(sorted(every)) if len(every) > 1 else next(iter(every))
        if name in metadata and _as_set(metadata[name]) != every:
            raise InvalidInput(
                f"the metadata {name!r} is not the feature {name!r}; leave it out: features become metadata "
                "of their names, which filters find",
                field=at("metadata").key(name),
            )
        metadata[name] = value
    return dataclasses.replace(item, metadata=metadata)


def _as_set(value: MetadataValue) -> set[object]:
    return set(value) if isinstance(value, list | tuple) else {value}


LEAST_PROBABILITY = 0.05
"""A class of at least this probability is among the words that a picture or a sound is found by."""


def words_of_no_text(draft: Draft, title: str) -> str:
    """Its title, and its features, or what a classifier took it for."""
    data = draft.content.data
    if isinstance(data, CategoricalFeatures):
        return ": ".join(part for part in (title, words_of_features(data)) if part)
    return describe(draft.labels, title)


def describe(labels: Sequence[Label], title: str = "") -> str:
    """The words for a picture or a sound: its title, and what a classifier took it for."""
    likely = [label.name for label in labels if label.probability >= LEAST_PROBABILITY]
    seen = dict.fromkeys(likely or [label.name for label in labels[:1]])  # two classes may share a name
    return ": ".join(part for part in (title, ", ".join(seen)) if part)
