"""A bound joint space as an artifact: blocks, the paths into them, the routers, and what was measured of it.

A joint vector is blocks side by side (docs/decisions/0003). Each block belongs to one space; paths lead the
vectors of that space and of others into it. A folder holds `bound.json`, which says what is what,
`state.safetensors`, which holds every array (`packed_arrays.py`), and graphs of what paths and routers
compute. Its name is a hash over all of it, so one byte that differs is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tieback.core.errors import StartupError
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.core.types.vectors import SpaceRef
from tieback.models.packed_arrays import Packed, pack

HEADER, STATE = "bound.json", "state.safetensors"
FORMAT = 2
NATIVE = "native"
"""The method of a path whose vectors are the block's own, unchanged."""

DENSE, SPARSE = "dense", "sparse"
"""What a path reads of an encoding."""

REMEDY = "bind again: tieback bind"


@dataclass(frozen=True, slots=True)
class Block:
    """A block of the joint vector, named by the space it belongs to; `width` may be less than the space's.

    `modality` is what is found in the block. Where several encoders share the space, `encodes` are the
    modalities of those that were bound; empty where there is one encoder, of `modality`.
    """

    space: SpaceRef
    modality: Modality
    width: int
    encodes: tuple[Modality, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class BoundPath:
    """How encodings of `source` (`source_width` wide) enter the block of the space named `block`.

    `reads` is DENSE, and `method` then of the family projection or NATIVE; or SPARSE, and `method` of the
    family binding, over the terms that the state names. `parameters` are the method's and `state` its arrays.
    A path that `stands_in` is heard only of contents that the block's own space says nothing of.
    """

    source: SpaceRef
    source_width: int
    block: str
    method: str = NATIVE
    parameters: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Array] = field(default_factory=dict)
    reads: str = DENSE
    stands_in: bool = False

    @property
    def in_graphs(self) -> bool:
        """Whether a graph can have it, which reads dense vectors and hears every path."""
        return self.reads == DENSE and not self.stands_in


@dataclass(frozen=True, slots=True, eq=False)
class BoundRouter:
    """What weights the blocks for queries of one modality, from the dense vectors of `inputs`, side by side.

    `method` is of the family routing; `state` holds its arrays. `usual` is, by block, the range in which the
    mean weight of a hundred queries was at binding, and `spoken` the mean weight.
    """

    modality: Modality
    inputs: tuple[str, ...]
    method: str
    parameters: Mapping[str, Any]
    state: Mapping[str, Array]
    usual: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    spoken: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class BoundImputation:
    """What is done about the blocks of spaces that a query lost.

    `method` is of the family imputation, `state` its arrays, in which blocks are named by their places; they
    may be of half precision. `losses` are those of `BoundSpace`, with this method in place.
    """

    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Array] = field(default_factory=dict)
    losses: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class BoundSpace:
    """The whole binding.

    `losses` are the points of recall that queries of a modality lost at binding without a space: by modality,
    then by space. `metrics` and `provenance` (data, seeds, seconds) are for reports; no server reads them.
    Of the `imputations` the first is what is done where a request says nothing, and `losses` are its own;
    where there are none, silent blocks are left out.
    `centres` are, by space and modality, what is taken off a dense vector before anything reads it: two
    encoders of one space hold the same thing a constant apart (Liang et al., 2022, arXiv:2203.02053).
    `graphs` are ONNX graphs by their names (`models/bound_graph.py`); what has none is left to its methods.
    """

    blocks: tuple[Block, ...]
    paths: tuple[BoundPath, ...]
    routers: tuple[BoundRouter, ...] = ()
    losses: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    centres: Mapping[str, Mapping[Modality, Array]] = field(default_factory=dict)
    graphs: Mapping[str, bytes] = field(default_factory=dict)
    imputations: tuple[BoundImputation, ...] = ()

    @property
    def revision(self) -> str:
        """Names the binding by its content."""
        return _revision(*self._files())

    @property
    def width(self) -> int:
        """Of a joint vector."""
        return sum(block.width for block in self.blocks)

    @property
    def spaces(self) -> dict[str, SpaceRef]:
        """Every space that takes part, by name."""
        return {path.source.name: path.source for path in self.paths}

    def takes(self, space: str, modality: Modality) -> bool:
        """Whether the modality enters by that space: of a shared one, an encoder may be left out."""
        encodes = next((block.encodes for block in self.blocks if block.space.name == space), ())
        return space in self.spaces and (not encodes or modality in encodes)

    def check(
        self, served: Iterable[SpaceRef], towers: Collection[tuple[SpaceRef, Modality]] | None = None
    ) -> None:
        """StartupError where the spaces that are served are not those that were bound.

        `towers` are the served spaces with what they encode; with them, a shared space is held to that too.
        """
        by_name = {space.name: space for space in served}
        for name, bound in self.spaces.items():
            if name not in by_name:
                raise StartupError(
                    f"the binding {self.revision} binds the space {name!r}, which is not served; "
                    f"serve it, or leave it out and {REMEDY}"
                )
            if by_name[name] != bound:
                raise StartupError(
                    f"the binding {self.revision} was made with {bound} (fingerprint {bound.fingerprint}), "
                    f"and {by_name[name]} (fingerprint {by_name[name].fingerprint}) is served: "
                    f"its vectors are others; {REMEDY}"
                )
        every = {(block.space, modality) for block in self.blocks for modality in block.encodes}
        for space, modality in sorted(every - set(towers), key=str) if towers is not None else ():
            raise StartupError(
                f"the binding {self.revision} binds the {modality} encoder of the space {space.name!r}, "
                f"which is not served; serve it, or leave it out and {REMEDY}"
            )

    def save(self, root: Path) -> Path:
        """Writes the binding into a folder of its revision's name, and returns that."""
        header, state = self._files()
        folder = root / _revision(header, state)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / STATE, state)
        for name, graph in self.graphs.items():
            _write(folder / _file_of(name), graph)
        _write(folder / HEADER, header)
        return folder

    @classmethod
    def load(cls, folder: Path) -> BoundSpace:
        """Reads a binding. StartupError where a file is missing, not what it was, or does not fit."""
        try:
            header, state = (folder / HEADER).read_bytes(), (folder / STATE).read_bytes()
        except OSError as error:
            raise StartupError(f"there is no binding at {folder} ({error.strerror}); {REMEDY}") from error
        if _revision(header, state) != folder.name:
            raise StartupError(
                f"the binding {folder} is corrupt: its content is not what was written; {REMEDY}"
            )
        try:
            said = json.loads(header)
            graphs = {name: _graph(folder, name, digest) for name, digest in said.get("graphs", {}).items()}
            packed = Packed(load(state), said.get("same", {}), tuple(said.get("halved", ())))
            return replace(cls._read(said, packed.unpacked()), graphs=graphs)
        except (ValueError, TypeError, KeyError, SafetensorError) as error:
            raise StartupError(f"the binding {folder} cannot be read: {error}; {REMEDY}") from error

    @classmethod
    def _read(cls, said: dict[str, Any], arrays: dict[str, Array]) -> BoundSpace:
        if said["format"] != FORMAT:
            raise ValueError(f"its format is {said['format']}, and this release reads {FORMAT}")
        paths = [
            BoundPath(
                SpaceRef(**one["source"]),
                one["source_width"],
                one["block"],
                one["method"],
                one["parameters"],
                _under(f"paths.{number}", arrays),
                one.get("reads", DENSE),
                one.get("stands_in", False),
            )
            for number, one in enumerate(said["paths"])
        ]
        routers = [
            BoundRouter(
                Modality(one["modality"]),
                tuple(one["inputs"]),
                one["method"],
                one["parameters"],
                _under(f"routers.{number}", arrays),
                {name: (low, high) for name, (low, high) in one["usual"].items()},
                one["spoken"],
            )
            for number, one in enumerate(said["routers"])
        ]
        blocks = [
            Block(
                SpaceRef(**one["space"]),
                Modality(one["modality"]),
                one["width"],
                tuple(Modality(modality) for modality in one.get("encodes", ())),
            )
            for one in said["blocks"]
        ]
        imputations = [
            BoundImputation(
                one["method"], one["parameters"], _under(f"imputations.{number}", arrays), one["losses"]
            )
            for number, one in enumerate(said.get("imputations", ()))
        ]
        centres = {
            space: {Modality(modality): arrays[f"centres.{space}.{modality}"] for modality in modalities}
            for space, modalities in said.get("centres", {}).items()
        }
        bound = cls(
            tuple(blocks),
            tuple(paths),
            tuple(routers),
            said["losses"],
            said["metrics"],
            said["provenance"],
            centres,
            imputations=tuple(imputations),
        )
        bound._check_paths()
        return bound

    def _check_paths(self) -> None:
        widths = {block.space.name: block.width for block in self.blocks}
        for path in self.paths:
            if path.block not in widths:
                raise ValueError(f"a path of {path.source.name} leads to {path.block!r}, which is no block")
            if path.reads not in (DENSE, SPARSE):
                raise ValueError(f"a path of {path.source.name} reads {path.reads!r}, which is unknown here")
            if path.method == NATIVE and path.source_width != widths[path.block]:
                raise ValueError(
                    f"{path.source.name} has width {path.source_width} and its block {widths[path.block]}"
                )

    def _files(self) -> tuple[bytes, bytes]:
        header: dict[str, Any] = {
            "format": FORMAT,
            # What is not said is left out, so that a binding of before it could be said keeps its revision.
            "blocks": [_without_empty(asdict(block), "encodes") for block in self.blocks],
            "paths": [
                {
                    "source": asdict(path.source),
                    "source_width": path.source_width,
                    "block": path.block,
                    "method": path.method,
                    "parameters": dict(path.parameters),
                }
                | ({"reads": path.reads} if path.reads != DENSE else {})
                | ({"stands_in": True} if path.stands_in else {})
                for path in self.paths
            ],
            "routers": [
                {
                    "modality": router.modality,
                    "inputs": router.inputs,
                    "method": router.method,
                    "parameters": dict(router.parameters),
                    "usual": dict(router.usual),
                    "spoken": dict(router.spoken),
                }
                for router in self.routers
            ],
            "losses": _plain(self.losses),
            "metrics": dict(self.metrics),
            "provenance": dict(self.provenance),
        }
        if self.imputations:  # a binding from before there were any keeps its revision
            header["imputations"] = [
                {
                    "method": one.method,
                    "parameters": dict(one.parameters),
                    "losses": _plain(one.losses),
                }
                for one in self.imputations
            ]
        if self.centres:
            header["centres"] = {space: sorted(known) for space, known in self.centres.items()}
        if self.graphs:  # artifacts from before there were any keep their revision
            header["graphs"] = {
                name: hashlib.sha256(graph).hexdigest() for name, graph in self.graphs.items()
            }
        arrays = {
            f"{kind}.{number}.{name}": array
            for kind, states in (
                ("paths", [path.state for path in self.paths]),
                ("routers", [router.state for router in self.routers]),
                ("imputations", [one.state for one in self.imputations]),
            )
            for number, state in enumerate(states)
            for name, array in state.items()
        } | {
            f"centres.{space}.{modality}": np.asarray(centre, np.float32)
            for space, known in self.centres.items()
            for modality, centre in known.items()
        }
        packed = pack(arrays)
        return json.dumps(header | packed.header(), indent=1).encode(), save(dict(packed.arrays))


def _plain(losses: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    return {modality: dict(of_space) for modality, of_space in losses.items()}


def _without_empty(facts: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key != name or value}


def _under(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {
        name.removeprefix(f"{prefix}."): array
        for name, array in arrays.items()
        if name.startswith(f"{prefix}.")
    }


def _file_of(graph: str) -> str:
    return f"{graph}.onnx"


def _graph(folder: Path, name: str, digest: str) -> bytes:
    """The graph's file, held against the header, which is held against the folder's name."""
    path = folder / _file_of(name)
    if path.parent != folder:
        raise ValueError(f"{name!r} is no name of a graph")
    try:
        graph = path.read_bytes()
    except OSError as error:
        raise StartupError(f"the binding {folder} lacks {path.name} ({error.strerror}); {REMEDY}") from error
    if hashlib.sha256(graph).hexdigest() != digest:
        raise StartupError(f"the binding {folder} is corrupt: {path.name} is not what was written; {REMEDY}")
    return graph


def _revision(header: bytes, state: bytes) -> str:
    return hashlib.sha256(hashlib.sha256(header).digest() + hashlib.sha256(state).digest()).hexdigest()[:12]


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)
