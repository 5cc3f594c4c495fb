"""Photos and views of them as the maps of a network, and the training of a map pooling on these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from tieback.core.state import State
from tieback.methods.projection import unit_rows
from tieback.models.pictures.regions import View
from tieback.recipes.networks.efficientnet_lite import EfficientNetLite0
from tieback.training.loop import Attempt, History, Plan, angular_contrast, batch, train
from tieback.training.ranks import ranks
from tieback.training.splits import Split
from tieback_contract.arrays import Array
from torch import Tensor

from tieback_lab.methods.map_pooling import AT_ONCE, Graph
from tieback_lab.recipes.train.photo_views import compressed, cropped, pasted

BACKGROUNDS = 5
"""Of so many photos, one is no photo to be found: views of others are pasted into it."""

SHOWN_EVERY = 50
"""After so many photos it is said how far the work is."""


@dataclass(frozen=True, slots=True, eq=False)
class PhotoMaps:
    """Maps `[photos, 1 + views, channels, rows, columns]`, float16: those of the photo itself come first."""

    local: Array
    deep: Array

    def __len__(self) -> int:
        return len(self.local)

    @property
    def views(self) -> int:
        """Views of each photo."""
        return int(self.local.shape[1]) - 1

    def take(self, photos: Array, view: int | Array) -> tuple[Array, Array]:
        """The maps `[n, channels, rows, columns]` of these photos (view 0), or of a view of each, from 1."""
        return self.local[photos, view], self.deep[photos, view]


@dataclass(frozen=True, slots=True)
class Choices:
    """Photos in a batch, and how sharply and by which margin a photo is separated from others."""

    photos: int
    temperature: float
    margin: float


class Pooled(torch.nn.Module):
    """The graph of a map pooling whose state is trained."""

    def __init__(self, graph: Graph, start: State) -> None:
        super().__init__()
        self._graph = graph
        self.state = torch.nn.ParameterDict(
            {name: torch.nn.Parameter(torch.from_numpy(array.copy())) for name, array in start.items()}
        )

    def forward(self, local: Tensor, deep: Tensor) -> Tensor:
        """Unit rows `[n, width]`."""
        return self._graph(local, deep, dict(self.state.items()))

    def of(self, local: Array, deep: Array) -> Array:
        """Unit rows `[n, width]` of arrays, without what training needs."""
        with torch.no_grad():
            parts = [
                self(_tensor(local[begin : begin + AT_ONCE]), _tensor(deep[begin : begin + AT_ONCE])).numpy()
                for begin in range(0, len(local), AT_ONCE)
            ]
        return np.concatenate(parts)

    def learned(self) -> State:
        """The state as it is now."""
        return {name: one.detach().numpy().copy() for name, one in self.state.items()}


def is_background(photos: int) -> Array:
    """Which of so many photos `[photos]` are backgrounds alone."""
    return np.asarray(np.arange(photos) % BACKGROUNDS == 0)


def view_maps(
    photos: Sequence[Image.Image],
    network: EfficientNetLite0,
    view: View,
    *,
    views: int,
    seed: int,
    say: Callable[[str], None],
) -> dict[str, Array]:
    """The arrays of `PhotoMaps` of the photos that are no backgrounds, in order.

    Every other view is a crop, and those between are pasted into a background.
    """
    torch.set_num_threads(1)
    draw = np.random.default_rng(seed)
    aside = is_background(len(photos))
    backgrounds = [photo for photo, is_aside in zip(photos, aside, strict=True) if is_aside]
    shown = [photo for photo, is_aside in zip(photos, aside, strict=True) if not is_aside]
    local, deep = list[Array](), list[Array]()
    for number, photo in enumerate(shown):
        if number % SHOWN_EVERY == 0:
            say(f"views of {number} of {len(shown)} photos")
        seen = [photo, *(_view(photo, backgrounds, place, draw) for place in range(views))]
        pixels = view.scaled(np.stack([view.pixels(one) for one in seen]))
        with torch.no_grad():
            maps = network.maps(torch.from_numpy(pixels))
        local.append(maps[0].numpy().astype(np.float16))
        deep.append(maps[1].numpy().astype(np.float16))
    return {"local": np.stack(local), "deep": np.stack(deep)}


def learn_pooling(
    maps: PhotoMaps,
    parts: Split,
    start: State,
    graph: Graph,
    choices: Choices,
    plan: Plan,
    attempt: Attempt,
) -> tuple[State, History]:
    """The state with which a photo and its views are separated from other photos, and how it was found."""
    module = Pooled(graph, start)

    def loss(draw: torch.Generator) -> Tensor:
        photos = parts.training[batch(len(parts.training), choices.photos, draw).numpy()]
        views = 1 + torch.randint(maps.views, (len(photos),), generator=draw).numpy()
        left, right = (module(*map(_tensor, maps.take(photos, view))) for view in (0, views))
        return angular_contrast(left, right, temperature=choices.temperature, margin=choices.margin)

    def validate() -> float:
        return found(maps, module.of, parts.validation)["mean_average_precision"]

    history = train(module, loss, plan, attempt, validate=validate if len(parts.validation) else None)
    return module.learned(), history


def found(maps: PhotoMaps, vectors: Callable[[Array, Array], Array], photos: Array) -> Mapping[str, float]:
    """How the views of these photos find them among all photos: recall@1 and mean average precision."""
    library = vectors(*maps.take(np.arange(len(maps)), 0))
    places = np.concatenate(
        [ranks(vectors(*maps.take(photos, view)) @ library.T, photos) for view in range(1, 1 + maps.views)]
    )
    return {
        "recall_at_1": float((places == 1).mean()),
        "mean_average_precision": float((1 / places).mean()),
    }


def global_average(_local: Array, deep: Array) -> Array:
    """The mean of the deep map's cells, of length 1: what the network's own encoder gives."""
    return unit_rows(deep.astype(np.float32).mean(axis=(2, 3)))


def _view(
    photo: Image.Image, backgrounds: Sequence[Image.Image], place: int, draw: np.random.Generator
) -> Image.Image:
    if place % 2:
        return compressed(cropped(photo, draw), draw)
    return pasted(photo, backgrounds[int(draw.integers(len(backgrounds)))], draw)


def _tensor(maps: Array) -> Tensor:
    return torch.from_numpy(maps).float()
