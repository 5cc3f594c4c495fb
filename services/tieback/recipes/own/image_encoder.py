"""A folder of an encoder of pictures, or of a classifier of them, whose backbone is taken."""

from __future__ import annotations

import inspect
from typing import Any

from tieback.catalog.own_directory import LARGEST_JSON, own_file
from tieback.models.pictures.fitting import PictureFitting
from tieback.recipes.export.image_encoder import describe
from tieback.recipes.graphs.backbone import find_class, read_config
from tieback.recipes.graphs.checkpoint import Checkpoint
from tieback.recipes.own.folder import CONFIG, OwnFolder

PREPROCESSORS = ("preprocessor_config.json", "processor_config.json")
"""The second is that of a picture's or a sound's and a text's processor together."""


def is_image_encoder(folder: OwnFolder) -> bool:
    """Tell whether there are weights of a class that reads pictures and nothing else."""
    of = find_class(folder.config.get("model_type")) if folder.find_weights() else None
    if of is None or of.main_input_name != "pixel_values":
        return False
    return "input_ids" not in inspect.signature(of.forward).parameters


def image_encoder_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card. StartupError where the class gives no vector, or the parts contradict each other."""
    weights, config = folder.weights(), read_config(folder.directory, CONFIG)
    folder.found.facts |= {
        "kind": "folder of an encoder of pictures",
        "architecture": str(config.model_type),
        "weights": folder.sized(weights),
    }
    card: dict[str, Any] = {"runtime": "image_encoder", "modality": "image", "kinds": ["dense"]}
    fitting, names = report_fitting(folder)
    if fitting is not None:
        shapes = Checkpoint.open(folder.directory, weights).shapes
        pooled, width = describe(config, CONFIG, shapes, fitting)
        folder.found.facts |= {"width": str(width), "pooling": pooled}
        card["width"] = width
    if options := folder.weights_option | names:
        card["options"] = options
    return [card]


def report_fitting(folder: OwnFolder) -> tuple[PictureFitting | None, dict[str, Any]]:
    """Adds how pictures are made to fit to the facts; returns it, and the card's option for its file."""
    name, names = find_preprocessor(folder, "how pictures are made to fit")
    if name is None:
        return None, {}
    fitting = PictureFitting.read(own_file(folder.directory, name, largest=LARGEST_JSON))
    shown = f"{fitting.height} × {fitting.width}, {fitting.resampling.name.lower()}"
    folder.found.facts["pictures"] = shown
    return fitting, names


def find_preprocessor(folder: OwnFolder, says: str) -> tuple[str | None, dict[str, Any]]:
    """The file that says what a network reads, and the card's option for it; adds it to the missing ones."""
    name = next((one for one in PREPROCESSORS if one in folder.files), None)
    if name is None:
        said = f"{PREPROCESSORS[0]}, which says {says}; it comes from where the weights do"
        folder.found.missing.append(said)
    return name, {"preprocessor": name} if name not in (None, PREPROCESSORS[0]) else {}
