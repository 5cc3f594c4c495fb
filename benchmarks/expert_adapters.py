"""What a merged model serves by request: adapters of experts, fed to one graph, and a router.


Eight experts are needed to see what a mixed batch costs. Those that are missing are on the way from the base
to the others, half of it: what a run costs does not depend on the values."""

from __future__ import annotations

import functools
import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.artifacts import described
from tieback.catalog.card import EncoderCard
from tieback.catalog.merge import Merge
from tieback.core.types.arrays import Array
from tieback.methods.merging import Weights, merge
from tieback.models.adapters import Adapters
from tieback.models.manifest import Manifest, model
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.session import Hardware, Session
from tieback.models.store import ServedModel
from tieback.models.transformer_text import GRAPH, TOKENIZER, padded
from tieback.recipes.adapted_graph import write_adapters
from tieback.recipes.encoded_texts import encoded_texts
from tieback.recipes.expert_router import learn_router
from tieback.recipes.export_merged import write_with
from tieback.recipes.graph_edits import load_graph

EIGHT, TOGETHER, ROUNDS = 8, 32, 15
Texts = Sequence[Sequence[Array]]
"""The texts of each side of pairs, as token numbers."""


class Served:
    """The files of a merge of `experts` in a folder, as a store has them, and its adapters over them."""

    def __init__(
        self,
        method: str,
        parameters: Mapping[str, Any],
        base: EncoderCard,
        graph: Path,
        start: Weights,
        experts: Mapping[str, Weights],
        folder: Path,
        router: Mapping[str, Path] | None = None,
    ) -> None:
        folder.mkdir()
        recipe = Merge(method=method, base=base.name, experts=tuple(experts), adapters=dict(parameters))
        card = base.model_copy(update={"name": "merged", "merge": recipe}).made_of([base])
        read = load_graph(graph)
        write_with(read, merge(method, start, list(experts.values())), folder / GRAPH)
        shutil.copyfile(graph.with_name(TOKENIZER), folder / TOKENIZER)
        write_adapters(method, recipe.split_parameters, start, experts, read, folder)
        self.right = learn_router(card, router, folder)["right"] if router else 0.0
        self.merged = Session(folder / GRAPH)
        manifest = Manifest(model("merged"), "merged", "r", "f", served=described(folder))
        self.adapters = Adapters(card, ServedModel(folder, manifest), Hardware(adapter_bytes=4 << 30))
        self.names = list(card.adapters)

    def expert(self, name: str) -> Any:
        """What runs by that expert, as a session does."""
        return Expert(self.adapters, name)

    def routed_right(self, texts: Mapping[str, Texts]) -> float:
        """How often the router is right on texts, by the names of their experts."""
        shares = []
        for name, sides in texts.items():
            vectors = encoded_texts(self.merged, [text for side in sides for text in side])
            chosen = [max(own, key=own.__getitem__) for own in self.adapters.routed(vectors)]
            shares.append(float(np.mean([one == name for one in chosen])))
        return float(np.mean(shares))


class Expert:
    """An expert that runs as a session does."""

    def __init__(self, adapters: Adapters, name: str) -> None:
        self.run = functools.partial(adapters.run, name)


def eight(base: Weights, experts: Mapping[str, Weights]) -> dict[str, Weights]:
    """Experts, and as many on the way to them as are missing."""
    found = dict(experts)
    for name, weights in list(experts.items())[: EIGHT - len(experts)]:
        found[f"half-{name}"] = {key: (base[key] + weights[key]) / 2 for key in base}
    return found


def costs(served: Served, texts: Sequence[Array]) -> dict[str, float]:
    """Processor seconds of a batch: by one expert, mixed, by the merged weights; and of a first run."""
    chosen = list(texts[:TOGETHER])
    share = len(chosen) // len(served.names)
    parts = [padded(chosen[begin : begin + share]) for begin in range(0, len(chosen), share)]
    whole = padded(chosen)
    begin = time.process_time()
    for name in served.names:
        served.adapters.run(name, [DENSE], inputs(parts[0]))
    ready = (time.process_time() - begin) / len(served.names)
    first = served.names[0]

    def mixed() -> None:
        for name, part in zip(served.names, parts, strict=True):
            served.adapters.run(name, [DENSE], inputs(part))

    ways: dict[str, Callable[[], object]] = {
        "merged": lambda: served.merged.run([DENSE], inputs(whole)),
        "one": lambda: served.adapters.run(first, [DENSE], inputs(whole)),
        "mixed": mixed,
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):  # in turn, so that what else runs on the machine slows all alike
        for name, way in ways.items():
            begin = time.process_time()
            way()
            seconds[name].append(time.process_time() - begin)
    state = served.adapters.state
    return {name: statistics.median(one) for name, one in seconds.items()} | {
        "ready": ready,
        "bytes": state.bytes / state.loaded,
    }


def inputs(batch: tuple[Array, Array]) -> dict[str, Array]:
    """A padded batch as a graph takes it."""
    return {IDS: batch[0], MASK: batch[1]}
