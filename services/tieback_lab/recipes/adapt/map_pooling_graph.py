"""The graph of an image network whose maps are pooled: pixels to the vectors of a picture and its regions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from tieback.models.pictures.classifier import PIXELS, REGIONS
from tieback.models.pictures.regions import PARTS, VECTOR
from tieback.recipes.export.image_classifier import load_network
from tieback.recipes.graphs.torch_export import check, export_module
from tieback.recipes.networks.efficientnet_lite import EfficientNetLite0, random_pixels
from tieback_contract.arrays import Array
from torch import Tensor

from tieback_lab.methods.map_pooling import GRAPH, map_poolings, part

OUTPUTS = (VECTOR, PARTS)


class PictureAndRegions(torch.nn.Module):
    """A network and the state of a map pooling. A region is pooled as the part of the maps that it covers."""

    def __init__(self, network: EfficientNetLite0, pooling: str, state: Mapping[str, Array]) -> None:
        super().__init__()
        self.network = network
        self._pool = map_poolings.form(GRAPH, pooling)
        self._names = list(state)
        for name, array in state.items():
            self.register_buffer(f"state_{name}", torch.from_numpy(array.copy()))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """`[batch, 3, side, side]` to unit rows `[batch, width]` and `[batch, regions, width]`."""
        state = {name: self.get_buffer(f"state_{name}") for name in self._names}
        local, deep = self.network.maps(pixels)
        vectors = self._pool(local, deep, state)
        windows = REGIONS[1:]  # the first is the whole picture
        local, deep = (
            torch.stack([part(maps, box) for box in windows], dim=1).flatten(0, 1) for maps in (local, deep)
        )
        regions = self._pool(local, deep, state)
        return vectors, regions.reshape(-1, len(windows), int(vectors.shape[-1]))


def write_graph(weights: Path, state: Mapping[str, Array], pooling: str, side: int, path: Path) -> None:
    """Writes the graph for pictures of `side` × `side` pixels. StartupError where it differs from torch."""
    torch.set_num_threads(1)  # two threads on two shared cores were 28 times slower
    module = PictureAndRegions(load_network(weights), pooling, state).eval()
    batch = {name: {0: "batch"} for name in (PIXELS, *OUTPUTS)}
    pixels = random_pixels(3, side)
    export_module(module, [pixels[:1]], path, inputs=[PIXELS], outputs=OUTPUTS, dynamic=batch)
    check(module, path, [{PIXELS: pixels}], OUTPUTS)
