"""The weights of a folder that is not to be trusted: one safetensors file, or several and an index of them.

An index (`model.safetensors.index.json`) has which file holds which tensor. What it names is looked up among
the folder's own files, and it is believed only as far as the files' headers agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from tieback.catalog.own_directory import own_file, own_files, read_object
from tieback.core.errors import StartupError

INDEX = ".safetensors.index.json"
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Tensors by name: their `shapes`, and the `files` that they lie in. `name` is what the card calls it."""

    name: str
    shapes: Mapping[str, tuple[int, ...]]
    files: Mapping[str, Path]

    @classmethod
    def open(cls, folder: Path, weights: str) -> Checkpoint:
        """Reads the headers, and no values.

        StartupError where a file is missing or none that can be read, and where an index and the files that
        it names do not agree.
        """
        if weights.endswith(INDEX):
            return cls._of_parts(folder, weights)
        if weights not in (there := own_files(folder)):
            index = f"{weights.removesuffix('.safetensors')}{INDEX}"
            if index in there:
                raise StartupError(
                    f"{folder.name} has no file {weights}, and its weights in parts: write weights: {index} "
                    "in the card's options"
                )
        path = own_file(folder, weights)
        shapes = read_shapes(path)
        return cls(path.name, shapes, dict.fromkeys(shapes, path))

    @classmethod
    def _of_parts(cls, folder: Path, index: str) -> Checkpoint:
        said = _weight_map(folder, index)
        beside = PurePosixPath(index).parent
        shapes: dict[str, tuple[int, ...]] = {}
        files: dict[str, Path] = {}
        for part in sorted(set(said.values())):
            path = own_file(folder, (beside / part).as_posix())
            there = read_shapes(path)
            wanted = {name for name, file in said.items() if file == part}
            if missing := sorted(wanted - set(there)):
                raise StartupError(
                    f"{index} says that {part} holds {missing[:SHOWN]}, and it does not; "
                    "take the folder anew from where it came from"
                )
            if unknown := sorted(set(there) - wanted):
                raise StartupError(
                    f"{part} holds {unknown[:SHOWN]}, which {index} does not say; "
                    "take the folder anew from where it came from"
                )
            shapes |= there
            files |= dict.fromkeys(there, path)
        return cls(PurePosixPath(index).name, shapes, files)

    @property
    def bytes(self) -> int:
        """Of all its files together."""
        return sum(path.stat().st_size for path in set(self.files.values()))

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """The tensors of these names in float32, each file opened once."""
        wanted = set(names)
        for path in dict.fromkeys(self.files[name] for name in self.files if name in wanted):
            with safe_open(path, framework="pt") as file:
                for name in self.files:
                    if name in wanted and self.files[name] == path:
                        yield name, file.get_tensor(name).float()


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """What a safetensors file holds, by its header. StartupError where it is none."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no dict
    except (SafetensorError, OSError) as error:
        raise StartupError(f"{path.name} is not a safetensors file that can be read: {error}") from None


def _weight_map(folder: Path, index: str) -> dict[str, str]:
    said: Any = read_object(folder, index).get("weight_map")
    if not isinstance(said, dict) or not said or not all(isinstance(file, str) for file in said.values()):
        raise StartupError(f"{index} has no weight_map, which says what file each tensor is in")
    for file in said.values():
        if "/" in file or "\\" in file or not file.endswith(".safetensors"):
            raise StartupError(
                f"{index} names {file!r}, which is no safetensors file beside it; others are not opened"
            )
    return said
