"""A bound joint space as an artifact: blocks, the paths into them, the routers, and what was measured of it.

A joint vector is blocks side by side (docs/decisions/0003). Each block belongs to one space; paths lead the
vectors of that space and of others into it. A folder holds `bound.json`, which says what is what, and
`state.safetensors`, which holds every array. Its name is a hash over both, so one byte that differs is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tieback.core.errors import StartupError
from tieback.core.types import Array, Modality, SpaceRef

HEADER, STATE = "bound.json", "state.safetensors"
FORMAT = 1
NATIVE = "native"
"""The method of a path whose vectors are the block's own, unchanged."""

REMEDY = "bind again: tieback bind"


@dataclass(frozen=True, slots=True)
class Block:
    """A block of the joint vector, named by the space it belongs to; `width` may be less than the space's."""

    space: SpaceRef
    modality: Modality
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class BoundPath:
    """How dense vectors of `source` (`source_width` wide) enter the block of the space named `block`.

    `method` is of the family projection, or NATIVE; `parameters` are the method's and `state` its arrays.
    """

    source: SpaceRef
    source_width: int
    block: str
    method: str = NATIVE
    parameters: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Array] = field(default_factory=dict)


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
class BoundStandIn:
    """What is done about the blocks of spaces that a query lost.

    `method` is of the family missing, `state` its arrays, in which blocks are named by their places; they may
    be of half precision. `losses` are those of `BoundSpace`, with this method in place.
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
    Of the `stand_ins` the first is what is done where a request says nothing, and `losses` are its own;
    where there are none, silent blocks are left out.
    """

    blocks: tuple[Block, ...]
    paths: tuple[BoundPath, ...]
    routers: tuple[BoundRouter, ...] = ()
    losses: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    stand_ins: tuple[BoundStandIn, ...] = ()

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

    def check(self, served: Iterable[SpaceRef]) -> None:
        """StartupError where the spaces that are served are not those that were bound."""
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

    def save(self, root: Path) -> Path:
        """Writes the binding into a folder of its revision's name, and returns that."""
        header, state = self._files()
        folder = root / _revision(header, state)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / STATE, state)
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
            return cls._read(json.loads(header), load(state))
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
            Block(SpaceRef(**one["space"]), Modality(one["modality"]), one["width"]) for one in said["blocks"]
        ]
        stand_ins = [
            BoundStandIn(
                one["method"], one["parameters"], _under(f"stand_ins.{number}", arrays), one["losses"]
            )
            for number, one in enumerate(said.get("stand_ins", ()))
        ]
        bound = cls(
            tuple(blocks),
            tuple(paths),
            tuple(routers),
            said["losses"],
            said["metrics"],
            said["provenance"],
            tuple(stand_ins),
        )
        bound._check_paths()
        return bound

    def _check_paths(self) -> None:
        widths = {block.space.name: block.width for block in self.blocks}
        for path in self.paths:
            if path.block not in widths:
                raise ValueError(f"a path of {path.source.name} leads to {path.block!r}, which is no block")
            if path.method == NATIVE and path.source_width != widths[path.block]:
                raise ValueError(
                    f"{path.source.name} has width {path.source_width} and its block {widths[path.block]}"
                )

    def _files(self) -> tuple[bytes, bytes]:
        header: dict[str, Any] = {
            "format": FORMAT,
            "blocks": [asdict(block) for block in self.blocks],
            "paths": [
                {
                    "source": asdict(path.source),
                    "source_width": path.source_width,
                    "block": path.block,
                    "method": path.method,
                    "parameters": dict(path.parameters),
                }
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
        if self.stand_ins:  # a binding from before there were any keeps its revision
            header["stand_ins"] = [
                {
                    "method": one.method,
                    "parameters": dict(one.parameters),
                    "losses": _plain(one.losses),
                }
                for one in self.stand_ins
            ]
        arrays = {
            f"{kind}.{number}.{name}": np.ascontiguousarray(array)
            for kind, states in (
                ("paths", [path.state for path in self.paths]),
                ("routers", [router.state for router in self.routers]),
                ("stand_ins", [one.state for one in self.stand_ins]),
            )
            for number, state in enumerate(states)
            for name, array in state.items()
        }
        return json.dumps(header, indent=1).encode(), save(arrays)


def _plain(losses: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    return {modality: dict(of_space) for modality, of_space in losses.items()}


def _under(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {
        name.removeprefix(f"{prefix}."): array
        for name, array in arrays.items()
        if name.startswith(f"{prefix}.")
    }


def _revision(header: bytes, state: bytes) -> str:
    return hashlib.sha256(hashlib.sha256(header).digest() + hashlib.sha256(state).digest()).hexdigest()[:12]


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)
