"""A learned map pooling of an image network, and the network with it as a model of its own.

The new model gives vectors of pictures and of their regions, in a space of its own. It is a folder with a
graph, and a card like those of other folders (docs/own-models.md): the network that it was made of is served
beside it as before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tieback.artifacts import Artifact, Kind, file_digest
from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.core.errors import InvalidInput, StartupError
from tieback.models.pictures.regions import GRAPH
from tieback.models.store import Store
from tieback.recipes.adapt.cards import base_of, places, write_card
from tieback_contract.field_path import FieldPath, at
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

MAP_POOLING = Kind("map_pooling", "map pooling", 1, "train it again: tieback train dolg")
RUNTIME = "image_regions"
NETWORK = "efficientnet_lite0"


def network_of(card: EncoderCard, *, field: FieldPath) -> ImageClassifier:
    """The options of the network whose maps are pooled. InvalidInput where the card is of no such network."""
    options = card.options
    if not isinstance(options, ImageClassifier) or options.network != NETWORK:
        raise InvalidInput(
            f"the maps of {card.name} cannot be pooled: its card names no network {NETWORK}", field=field
        )
    return options


def weights_of(card: EncoderCard, store: Store) -> Path:
    """The file of the network's weights. StartupError where it is not in the store."""
    if not store.has_weights(card):
        raise StartupError(
            f"the weights of {card.name} are not in the store; run: tieback models pull {card.name}"
        )
    return store.weights(card) / card.options_for(ImageClassifier).weights


def adapt(
    artifact: Artifact,
    cards: Mapping[str, EncoderCard],
    store: Store,
    output: Path,
    say: Callable[[str], None],
) -> Path:
    """Writes the model and its card into `output`, and returns the card's file.

    OtherWeights where the network is not the one that the pooling was learned for; AlreadyExists where
    `output` has another card of that name.
    """
    from tieback_lab.recipes.adapt.map_pooling_graph import write_graph

    card = base_of(artifact, cards)
    options, facts = network_of(card, field=at("space")), artifact.facts
    name = f"{card.name}-{facts['pooling'].replace('_', '-')}"
    path, folder = places(artifact, name, output, is_ours=lambda one: getattr(one, "runtime", "") == RUNTIME)
    say(f"putting the pooling into the graph of {card.name}")
    write_graph(weights_of(card, store), artifact.arrays, facts["pooling"], facts["side"], folder / GRAPH)
    return write_card(path, _card(name, card, options, folder, facts))


def _card(
    name: str, card: EncoderCard, options: ImageClassifier, folder: Path, facts: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "role": "encoder",
        "runtime": RUNTIME,
        "description": f"Pictures and their regions: maps of {card.name}, pooled by {facts['pooling']}.",
        "license": card.license,
        "upstream": card.upstream,
        "directory": folder.name,
        "hashes": {GRAPH: file_digest(folder / GRAPH)},
        "modality": Modality.IMAGE.value,
        "width": facts["width"],
        "kinds": [VectorKind.DENSE.value, VectorKind.MULTI_VECTOR.value],
        "options": {
            "weights": GRAPH,
            "side": facts["side"],
            "view": facts["view"],
            "mean": options.mean,
            "scale": options.scale,
        },
    }
