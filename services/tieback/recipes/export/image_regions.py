"""Networks of pictures and their regions: the graph as it is, after its inputs and outputs were checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.image_regions import ImageRegions
from tieback.core.errors import StartupError
from tieback.models.pictures.classifier import PIXELS, REGIONS
from tieback.models.pictures.regions import GRAPH, PARTS, VECTOR
from tieback.models.session import Session
from tieback.recipes.graphs.edits import compare, load_graph
from tieback.recipes.graphs.external_data import save_graph
from tieback.recipes.networks.efficientnet_lite import random_pixels

OUTPUTS = (VECTOR, PARTS)
TRIED = 2  # pictures in a batch: a graph that takes one alone is of no use


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph; returns its parity with the folder's. StartupError where it is no such network."""
    options = card.options_for(ImageRegions)
    source = weights / options.weights
    report("checking the graph")
    model = load_graph(source)
    given = [entry.name for entry in model.graph.input]
    made = [entry.name for entry in model.graph.output]
    if given != [PIXELS] or not set(OUTPUTS) <= set(made):
        raise StartupError(
            f"{source.name} takes {', '.join(given)} and gives {', '.join(made)}; a network of regions takes "
            f"{PIXELS} and gives {' and '.join(OUTPUTS)}"
        )
    save_graph(model, out / GRAPH)
    pixels = {PIXELS: random_pixels(TRIED, options.side).numpy()}
    expected, found = (Session(path).run(OUTPUTS, pixels) for path in (source, out / GRAPH))
    _check_shapes(card, found)
    return compare(expected, found, OUTPUTS)


def _check_shapes(card: EncoderCard, found: list[Any]) -> None:
    wanted = {VECTOR: (TRIED, card.width), PARTS: (TRIED, len(REGIONS) - 1, card.width)}
    for (name, shape), values in zip(wanted.items(), found, strict=True):
        if values.shape != shape:
            raise StartupError(
                f"{card.name}: the graph's {name} is {list(values.shape)} for {TRIED} pictures; "
                f"it should be {list(shape)}"
            )
        if not np.isfinite(values).all():
            raise StartupError(f"{card.name}: the graph's {name} holds NaN or infinity")
