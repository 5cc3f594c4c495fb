"""The adapters of a merged model: which experts there are, and which are in memory.

All experts run in one graph, whose inputs are what an expert has of its own (`recipes/graphs/adapters.py`).
An adapter is read when it is first asked for, checked against its hash, and kept within a limit of bytes: the
least recently used makes room. A run holds what it reads, so it does not matter to it what is evicted
meanwhile, and what was evicted while a request waited is read again.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, load_file
from tieback_contract.arrays import Array

from tieback.catalog.card import EncoderCard
from tieback.core.errors import Unavailable
from tieback.core.types.encoding import MIXED
from tieback.methods.heads import probabilities
from tieback.methods.merging import FACTORS, RESTORE, Weights, mergings
from tieback.models.session import Hardware, Session, open_graph
from tieback.models.store import ServedModel

ADAPTED, SHARED = "model.adapted.onnx", "shared.safetensors"
ROUTER, ROUTER_HEAD = "router.safetensors", "logistic"
"""The file of the router, which is a head over the vectors of the merged weights, and its method."""
OF_BASE, OF_SHARED = "base ", "shared "
"""Before the names of the tensors in `SHARED`."""


@dataclass(frozen=True, slots=True)
class AdapterState:
    """How many adapters are in memory and their bytes, and since the start how many were read and evicted."""

    loaded: int = 0
    bytes: int = 0
    loads: int = 0
    evictions: int = 0


class Adapters:
    """The experts of one merged model. `run` is for one thread at a time, all else for any."""

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware) -> None:
        if card.merge is None:
            raise TypeError(f"{card.name} is no merged card")
        self._method, self._served, self._hardware = card.merge.method, served, hardware
        self._name = card.name
        self._limit = hardware.adapter_bytes
        self._experts = card.merge.kept
        self.hashes: Mapping[str, str] = {
            name: served.manifest.served[ROUTER if name == MIXED else adapter_file(name)].sha256
            for name in card.adapters
        }
        """The SHA-256 of each adapter's file, by its name; for a mixture, of the router's."""
        for file in (ADAPTED, SHARED):
            served.path(file)  # refuses a store that lacks them
        self._router = load_file(served.path(ROUTER)) if ROUTER in served.manifest.served else None
        self._session: Session | None = None
        self._kept: OrderedDict[str, Weights] = OrderedDict()
        self._bytes = self._loads = self._evictions = 0
        self._lock = threading.Lock()

    @property
    def state(self) -> AdapterState:
        """What is in memory, and how much was read for it."""
        with self._lock:
            return AdapterState(len(self._kept), self._bytes, self._loads, self._evictions)

    @property
    def has_router(self) -> bool:
        """Whether there is a router, which can choose one for a content."""
        return self._router is not None

    def routed(self, vectors: Array) -> list[dict[str, float]]:
        """The weight of each expert, for vectors `[n, width]` of the merged weights; each row's sum is 1."""
        if self._router is None:
            raise ValueError(f"{self._name} has no router")
        rows = probabilities(ROUTER_HEAD, vectors, self._router)
        return [dict(zip(self._experts, row, strict=True)) for row in rows.tolist()]

    def run(
        self,
        adapter: str,
        outputs: Sequence[str],
        inputs: Mapping[str, Array],
        mixture: Sequence[float] = (),
    ) -> list[Any]:
        """As `Session.run`, by the weights of that expert, or of all by a `mixture`.

        Unavailable where a file cannot be read.
        """
        if self._session is None:
            self._session = open_graph(self._served, ADAPTED, self._hardware)
        session = self._session
        own = self._mixed(mixture, session) if mixture else self._inputs(adapter, session)
        return session.run(outputs, {**inputs, **own})

    def _mixed(self, mixture: Sequence[float], session: Session) -> Weights:
        """Inputs for all experts by weights that sum to 1: means of tensors, factors side by side."""
        weighed = [
            (weight, self._inputs(name, session))
            for name, weight in zip(self._experts, mixture, strict=True)
            if weight
        ]
        made: dict[str, Array] = {}
        for name in weighed[0][1]:
            if name.endswith(RIGHT):
                made[name] = np.concatenate([one[name] for _, one in weighed])
                continue
            parts = [np.float32(weight) * one[name] for weight, one in weighed]
            made[name] = np.concatenate(parts, 1) if name.endswith(LEFT) else np.sum(parts, axis=0)
        return made

    def _inputs(self, adapter: str, session: Session) -> Weights:
        with self._lock:
            if (known := self._kept.get(adapter)) is not None:
                self._kept.move_to_end(adapter)
                return known
        made = self._read(adapter, session)
        size = sum(array.nbytes for array in made.values())
        with self._lock:
            self._kept[adapter] = made
            self._bytes += size
            self._loads += 1
            while self._bytes > self._limit and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= sum(array.nbytes for array in oldest.values())
                self._evictions += 1
        return made

    def _read(self, adapter: str, session: Session) -> Weights:
        """What is fed for an expert: its tensors and factors, zeros for what it does not change."""
        try:
            data = (self._served.folder / adapter_file(adapter)).read_bytes()
            if hashlib.sha256(data).hexdigest() != self.hashes[adapter]:
                raise OSError("it is not what was written")
            kept = load(data)
            base, shared = self._read_shared()
        except (OSError, SafetensorError, KeyError) as error:
            raise Unavailable(
                f"the adapter {adapter!r} of {self._name!r} cannot be read from the store any more; "
                f"it has to be made again: tieback models pull {self._name}"
            ) from error
        made = dict(mergings.form(RESTORE, self._method)(base, shared, kept))
        if mergings.has(FACTORS, self._method):
            for name, pair in mergings.form(FACTORS, self._method)(kept).items():
                made |= dict(zip(factor_inputs(name), pair, strict=True))
        for name in session.inputs:
            if name.endswith(LEFT) and name not in made:
                left, right = factor_inputs(name.removesuffix(LEFT))
                made[left] = np.zeros((session.heights[left], 1), np.float32)
                made[right] = np.zeros((1, session.widths[right]), np.float32)
        return {name: np.ascontiguousarray(made[name]) for name in session.inputs if name in made}

    def _read_shared(self) -> tuple[Weights, Weights]:
        """Of the tensors in which experts differ, those of the base, and what is shared."""
        base: dict[str, Array] = {}
        shared: dict[str, Array] = {}
        with safe_open(self._served.folder / SHARED, "numpy") as file:
            for key in file.keys():  # noqa: SIM118 - it is no mapping
                part, prefix = (base, OF_BASE) if key.startswith(OF_BASE) else (shared, OF_SHARED)
                part[key.removeprefix(prefix)] = file.get_tensor(key)
        return base, shared


LEFT, RIGHT = " left", " right"


def factor_inputs(weight: str) -> tuple[str, str]:
    """The inputs that take the factors of a matrix."""
    return weight + LEFT, weight + RIGHT


def adapter_file(expert: str) -> str:
    """The file of an expert's adapter."""
    return f"adapter.{expert}.safetensors"
