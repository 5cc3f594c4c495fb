"""A pooling of an image network's maps by which a photo is found by a part of it, with the regions' vectors
(DOLG).

DOLG (Yang et al., 2021, arXiv:2108.02927) adds to a global descriptor what local features have that is
orthogonal to it. Here the network stays as it is, and the pooling of its maps is learned from photos without
labels: views of one photo (crops of it, and parts of it that are turned and pasted into another photo) are to
be nearer to it than to other photos. The loss is the paper's angular margin, with the other photos of a batch
in the place of classes. Every fifth photo is a background alone. Training starts at whitened halves.

The result is an encoder of its own, named by the network and the pooling. It gives a picture's vector and, in
the same run, those of nine regions, which a reranker compares. No weights come with the server: name a folder
of your photos by --data. `pooling=gem` leaves the local half out, to see what it adds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from tieback.artifacts import file_digest
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.state import State
from tieback.models.pictures.regions import View
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.digests import digest
from tieback.training.splits import split
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.methods import map_pooling
from tieback_lab.methods.map_pooling import GRAPH, map_poolings
from tieback_lab.recipes.adapt.map_pooling import MAP_POOLING, adapt, network_of, weights_of
from tieback_lab.recipes.train.photo_views import photo_files, read_photo

if TYPE_CHECKING:
    from PIL import Image

    from tieback_lab.recipes.train.photo_maps import PhotoMaps

MAKES = "an encoder of photos and their regions"

FEWEST_PHOTOS = 16
"""Of fewer, hardly any is left to compare with."""

FINER = 1.5
"""Times the side that a photo's longer side has at most, so that crops are not blown up."""

TOLD = 5
"""Photos that were left out are named up to this number."""


@recipes.method
def dolg(
    run: TrainingRun,
    *,
    space: str = "efficientnet-lite0",
    pooling: str = "dolg",
    width: Annotated[int, Field(ge=2)] = 512,
    photos: Annotated[int, Field(ge=FEWEST_PHOTOS)] = 500,
    views: Annotated[int, Field(ge=1)] = 3,
    side: Annotated[int, Field(ge=128, le=512, multiple_of=128)] = 256,
    steps: Annotated[int, Field(ge=0)] = 200,
    batch: Annotated[int, Field(ge=2)] = 32,
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4,
    temperature: Annotated[float, Field(gt=0)] = 1 / 30,
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.15,
    patience: Annotated[int, Field(ge=0)] = 3,
    seed: int = 0,
) -> Learned:
    """The state of a map pooling of the network of `space`, learned from at most `photos` photos.

    A photo is seen by itself and in so many `views`, of each its central square as the network's own encoder
    sees it, `side` pixels a side, which take 0.2 MB each at 256. A
    step separates `batch` photos; scale (1 / `temperature`) and `margin` are the paper's. Training ends
    early where `patience` validations in a row were not better than the best; 0 never ends it early.
    """
    from tieback.training.loop import Plan

    from tieback_lab.recipes.train import photo_maps

    card = _card(run, space)
    own = network_of(card, field=at("parameters", "space"))
    view = own.crop / own.size
    map_poolings.get(pooling)
    known, left_out = _photos(run, photos, side, seed)
    inputs: dict[str, Any] = {
        "space": f"{card.space} {card.space.fingerprint}", "photos": list(known), "views": views,
        "side": side, "view": view, "seed": seed,
    }  # fmt: skip
    maps = _maps(run, card, [image for _, image in known.values()], inputs)
    parts = split(len(maps), seed)
    plan = Plan(steps, learning_rate, weight_decay=0.0, patience=patience, seed=seed)

    def make() -> dict[str, Array]:
        seen = np.concatenate([parts.training, parts.validation])
        flat = [one[seen].reshape(-1, *one.shape[2:]) for one in (maps.local, maps.deep)]
        try:
            start = map_pooling.fit(pooling, flat[0], flat[1], width=width, seed=seed)
        except InvalidInput as error:
            raise error.within(at("parameters")) from None
        run.say(f"learning to find {len(parts.training)} photos by {views} views of each")
        state, history = photo_maps.learn_pooling(
            maps,
            parts,
            start,
            map_poolings.form(GRAPH, pooling),
            photo_maps.Choices(batch, temperature, margin),
            plan,
            run.attempt(
                f"{pooling}-{card.name}",
                digest(inputs, pooling, width, batch, temperature, margin),
                every=plan.look_every,
            ),
        )
        return {
            **{f"state.{name}": array for name, array in state.items()},
            **{f"start.{name}": array for name, array in start.items()},
            "losses": np.array(history.losses, np.float64).reshape(-1, 2),
            "validations": np.array(history.validations, np.float64).reshape(-1, 2),
        }

    settings = {
        "pooling": pooling, "width": width, "batch": batch, "temperature": temperature, "margin": margin,
        "steps": steps, "learning_rate": learning_rate, "patience": patience,
    }  # fmt: skip
    step = run.steps.arrays(
        f"{pooling} of {card.name}",
        photo_maps.learn_pooling,
        inputs | settings,
        make,
        beside=(map_poolings.get(pooling),),
    )
    facts = {"pooling": pooling, "space": card.name, "width": width, "side": side, "view": view}
    metrics, report = _measured(maps, step, pooling, parts.held_out)
    metrics["photos"] = {
        "training": len(parts.training),
        "validation": len(parts.validation),
        "held_out": len(parts.held_out),
        "backgrounds": len(known) - len(maps),
        "left_out": len(left_out),
    }
    if left_out:
        report["Photos that were left out"] = left_out
    files = [path for path, _ in known.values()]
    return Learned(
        MAP_POOLING, _under(step, "state."), (card.space,), files, facts, metrics, report, adapt=adapt
    )


def _measured(
    maps: PhotoMaps, step: Mapping[str, Array], pooling: str, held_out: Array
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What views of photos find that no step has seen."""
    from tieback_lab.recipes.train import photo_maps

    graph = map_poolings.form(GRAPH, pooling)
    ways: dict[str, Callable[[Array, Array], Array]] = {
        "global average": photo_maps.global_average,
        "before training": photo_maps.Pooled(graph, _under(step, "start.")).of,
        "learned": photo_maps.Pooled(graph, _under(step, "state.")).of,
    }
    found = {name: photo_maps.found(maps, vectors, held_out) for name, vectors in ways.items()}
    metrics = {
        "found": {
            name: {measure: round(value, 4) for measure, value in one.items()} for name, one in found.items()
        },
        "losses": step["losses"].tolist(),
        "validations": step["validations"].tolist(),
    }
    title = f"Views of {len(held_out)} held-out photos, looked for among {len(maps)}"
    report = {
        title: [{"vectors": name, **one} for name, one in found.items()],
        "Training": [{"step": int(number), "loss": value} for number, value in step["losses"]],
    }
    return metrics, report


def _photos(
    run: TrainingRun, most: int, side: int, seed: int
) -> tuple[dict[str, tuple[Path, Image.Image]], list[dict[str, str]]]:
    """Photos by the hashes of their files, each once, and those that cannot be read, with the reason.

    InvalidInput where there are too few.
    """
    files = photo_files(run.data)
    order = np.random.default_rng(seed).permutation(len(files)).tolist()
    found: dict[str, tuple[Path, Image.Image]] = {}
    left_out: list[dict[str, str]] = []
    for path in (files[place] for place in order):
        if len(found) == most:
            break
        try:
            if (key := file_digest(path)) not in found:
                found[key] = path, read_photo(path.read_bytes(), longest=round(FINER * side))
        except (InvalidInput, OSError) as error:
            why = error.message if isinstance(error, InvalidInput) else str(error.strerror)
            left_out.append({"photo": path.name, "why": why})
    for one in left_out[:TOLD]:
        run.say(f"left out {one['photo']}: {one['why']}")
    if len(left_out) > TOLD:
        run.say(f"left out {len(left_out) - TOLD} more; the report names them")
    if len(found) < FEWEST_PHOTOS:
        raise InvalidInput(
            f"there are {len(found)} different photos to learn from, and it takes {FEWEST_PHOTOS}"
            + (f"; {len(left_out)} could not be read" if left_out else ""),
            field="data",
        )
    return found, left_out


def _maps(
    run: TrainingRun, card: EncoderCard, photos: list[Image.Image], inputs: Mapping[str, Any]
) -> PhotoMaps:
    """The maps of the photos and their views."""
    from tieback.recipes.export.image_classifier import load_network

    from tieback_lab.recipes.train import photo_maps

    options = network_of(card, field=at("parameters", "space"))

    def make() -> dict[str, Array]:
        view = View(inputs["side"], inputs["view"], options.mean, options.scale)
        network = load_network(weights_of(card, run.store))
        views, seed = inputs["views"], inputs["seed"]
        return photo_maps.view_maps(photos, network, view, views=views, seed=seed, say=run.say)

    step = f"maps of photos by {card.name}"
    arrays = run.steps.arrays(step, photo_maps.view_maps, inputs, make, beside=(View, load_network))
    return photo_maps.PhotoMaps(arrays["local"], arrays["deep"])


def _card(run: TrainingRun, space: str) -> EncoderCard:
    if space not in run.cards:
        raise NotFound("space", space, run.cards)
    network_of(run.cards[space], field=at("parameters", "space"))
    return run.cards[space]


def _under(arrays: Mapping[str, Array], prefix: str) -> State:
    return {name.removeprefix(prefix): one for name, one in arrays.items() if name.startswith(prefix)}
