"""A learned feature table as a model of its own: a folder with the table, and a card.

The card is like those of other folders (docs/own-models.md). Its space has contents that are categorical
features, and vectors of the rows of all values: as they are, or multiplied by a projection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors.numpy import save
from tieback.artifacts import Artifact, Kind, file_digest
from tieback.catalog.base_card import NAME
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.core.durable_files import write_durably
from tieback.core.errors import AlreadyExists, InvalidInput
from tieback.models.store import Store
from tieback.recipes.adapt.cards import write_card
from tieback_contract.field_path import at
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from tieback_lab.catalog.runtimes.feature_table import FeatureTable
from tieback_lab.models.feature_table import PROJECTION, TABLE, WEIGHTS

FEATURE_TABLE = Kind("feature-table", "feature table", 2, "make it again with `tieback train`")


def check_name(space: str, *, field: str) -> None:
    """InvalidInput where a space cannot have that name."""
    if not re.match(NAME, space):
        raise InvalidInput(
            f"a space is named by small letters, digits, dots and dashes, not {space!r}",
            field=at("parameters", field),
        )


def adapt(
    artifact: Artifact,
    cards: Mapping[str, EncoderCard],
    store: Store,  # noqa: ARG001 - of those that write models; there is no base to read
    output: Path,
    say: Callable[[str], None],
) -> Path:
    """Writes the model and its card into `output`, and returns the card's file.

    AlreadyExists where `output` has another card of that name, or the name is another encoder's.
    """
    facts, arrays = artifact.facts, artifact.arrays
    name, path = facts["space"], output / f"{facts['space']}.yaml"
    is_own = path.exists() and isinstance(getattr(read_card(path), "options", None), FeatureTable)
    other = cards.get(name)
    if (path.exists() and not is_own) or (other and not isinstance(other.options, FeatureTable)):
        raise AlreadyExists("card", name, f"there is another model {name!r}; choose a name: --set space=NAME")
    say(f"writing the model {name}")
    folder = output / f"{name}-{artifact.revision}"
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / WEIGHTS, save({key: arrays[key] for key in (TABLE, PROJECTION) if key in arrays}))
    parameters = facts["parameters"]
    own = parameters.get("lookups_of", {})
    lookups = {feature: own.get(feature, parameters["lookups"]) for feature in facts["features"]}
    concatenated = sum(lookups.values()) * arrays[TABLE].shape[1]
    trained = "learned" if facts.get("trained", True) else "not trained: equal values meet, and no others do"
    fields = {
        "name": name,
        "role": "encoder",
        "runtime": "feature_table",
        "description": f"Categorical features by one table that all share, {trained}.",
        "license": "LicenseRef-own-data",
        "upstream": f"tieback train {facts['recipe']}",
        "directory": folder.name,
        "hashes": {WEIGHTS: file_digest(folder / WEIGHTS)},
        "modality": Modality.FEATURES.value,
        "width": len(arrays[PROJECTION]) if PROJECTION in arrays else concatenated,
        "kinds": [VectorKind.DENSE.value],
        "options": {"features": lookups, "seed": parameters["seed"]},
    }
    return write_card(path, fields)
